package query

import (
	"strconv"
	"strings"
	"time"

	"sallyport/search/internal/words"
)

// Parts of a session's record that field: chooses from.
const (
	Command   = "command"
	Parameter = "parameter"
	Failure   = "error"
	Rows      = "rows"
	Notice    = "notice"
	Screen    = "screen"   // lines that stood on a terminal
	Observed  = "observed" // command lines that were seen to be typed
	File      = "file"     // files that went by
)

// Parts are all values of field:.
var Parts = []string{Command, Parameter, Failure, Rows, Notice, Screen, Observed, File}

// value makes the current token a term of f.
func (p *parser) value(f Field) (Term, error) {
	t := Term{Field: f, Value: p.tok.text, Prefix: p.tok.star}
	if p.tok.kind != quoted {
		if err := p.stars(&t); err != nil {
			return t, err
		}
	}
	if err := p.check(&t); err != nil {
		return t, err
	}
	return t, nil
}

// stars takes the one star that may end a bare word.
func (p *parser) stars(t *Term) error {
	n := strings.IndexByte(t.Value, '*')
	if n < 0 {
		return nil
	}
	at := p.tok.at + n
	if n == 0 {
		return p.lex.fail(at, "a word cannot begin with *; only word* is possible. To search for the text, put it in quotes")
	}
	if n != len(t.Value)-1 {
		return p.lex.fail(at, "a * can only end a word, as in word*")
	}
	t.Value, t.Prefix = t.Value[:n], true
	return nil
}

func (p *parser) check(t *Term) error {
	switch t.Field {
	case Text, Prompt:
		return p.checkText(t)
	case Verdict:
		return p.oneOf(t, verdicts, "held, denied or allowed")
	case In:
		return p.oneOf(t, parts, strings.Join(Parts, ", "))
	case After, Before:
		if _, err := ParseTime(t.Value, p.now); err != nil || t.Prefix {
			return p.fail("%s: wants a time such as 2026-11-01, 2026-11-01T15:04, 2026-11-01T15:04:05Z (UTC unless it says otherwise), 90m, 2h, 7d, today or yesterday", t.Field)
		}
	default:
		if strings.TrimSpace(t.Value) == "" {
			return p.fail("%s: needs a value", t.Field)
		}
	}
	return nil
}

func (p *parser) checkText(t *Term) error {
	if !t.Prefix {
		if len(words.Phrase(t.Value)) == 0 {
			return p.fail("%q has no letters or digits to search for", t.Value)
		}
		return nil
	}
	w, ok := words.Prefix(t.Value)
	if !ok || len([]rune(w)) < 2 {
		return p.fail("at least two letters or digits are needed before *")
	}
	if strings.IndexFunc(t.Value, special) >= 0 {
		return p.fail("a * can follow a single word, not a phrase")
	}
	return nil
}

var verdicts = map[string]string{
	"allow": "allow", "allowed": "allow",
	"deny": "deny", "denied": "deny",
	"hold": "hold", "held": "hold",
}

var parts = map[string]string{
	Command: Command, "commands": Command,
	Parameter: Parameter, "parameters": Parameter,
	Failure: Failure, "errors": Failure,
	Rows: Rows, "row": Rows,
	Notice: Notice, "notices": Notice,
	Screen: Screen, "screens": Screen,
	Observed: Observed, File: File, "files": File,
}

func (p *parser) oneOf(t *Term, of map[string]string, want string) error {
	v, ok := of[strings.ToLower(t.Value)]
	if !ok || t.Prefix {
		return p.fail("%s: wants one of %s", t.Field, want)
	}
	t.Value = v
	return nil
}

// ParseTime reads a point in time: a date (its start), a date and time, now, today or yesterday
// (their start), or how long ago (s, m, h, d, w). Times without a zone are UTC.
func ParseTime(s string, now time.Time) (time.Time, error) {
	now = now.UTC()
	today := now.Truncate(24 * time.Hour)
	switch strings.ToLower(s) {
	case "now":
		return now, nil
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	if d, ok := ago(s); ok {
		return now.Add(-d), nil
	}
	var err error
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if t, e := time.ParseInLocation(layout, s, time.UTC); e == nil {
			return bounded(t)
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, err
	}
	return bounded(t)
}

// bounded refuses what does not fit nanoseconds since 1970.
func bounded(t time.Time) (time.Time, error) {
	if t.Year() < 1900 || t.Year() > 2200 {
		return time.Time{}, strconv.ErrRange
	}
	return t.UTC(), nil
}

func ago(s string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if len(s) < 2 {
		return 0, false
	}
	unit, ok := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !ok || err != nil || n > uint64(100*365*24*time.Hour/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
