package session

import (
	"strconv"
	"strings"
	"time"

	"sallyport/schemas"
)

const statementTimeout = "statement_timeout"

// setting follows the one setting that the gateway itself must keep to: while a command is held
// the target does not know of it, and cannot end it in time.
func (t *State) setting(e *schemas.StateEffect) {
	if e.Name != statementTimeout {
		return
	}
	value := first(e.Values)
	if len(e.Values) == 0 || strings.EqualFold(value, "default") {
		value = t.start.timeout
	}
	f := func(s *scope) { s.timeout, s.hasTimeout = value, true }
	if e.Local {
		f(&t.now.local)
		return
	}
	t.now.local.timeout, t.now.local.hasTimeout = "", false // SET overrides an earlier SET LOCAL
	f(&t.now.session)
}

// StartedTimeout takes the statement_timeout that the session starts with, once the target has told.
func (t *State) StartedTimeout(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.session.timeout, t.now.session.hasTimeout = value, true
	t.start.timeout = value
}

// StatementTimeout is how long a command of the session may take; 0: as long as it likes.
func (t *State) StatementTimeout() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, _ := parseTimeout(t.now.effective().timeout)
	return d
}

// timeoutUnits are PostgreSQL's units of time, longest names first.
var timeoutUnits = []struct {
	name string
	unit time.Duration
}{{"min", time.Minute}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"s", time.Second}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// parseTimeout reads a time as PostgreSQL does: a number, milliseconds without a unit.
func parseTimeout(value string) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	unit := time.Millisecond
	for _, u := range timeoutUnits {
		if number, ok := strings.CutSuffix(value, u.name); ok {
			value, unit = strings.TrimSpace(number), u.unit
			break
		}
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 || n*float64(unit) > float64(1<<62) {
		return 0, false
	}
	return time.Duration(n * float64(unit)).Round(time.Millisecond), true
}
