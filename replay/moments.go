package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Moment is what a player lists beside the recording: a command with what became of it, or
// something that happened between commands. Its number is that of its first entry.
type Moment struct {
	Number     uint64   `json:"number"`
	AtMS       float64  `json:"at_ms"` // since the first entry
	Kind       string   `json:"kind"`  // command, observed, file, notice, terminal, closed, lost
	Command    uint64   `json:"command,omitempty"`
	Word       string   `json:"word,omitempty"` // command_kind, notice_kind, or why it was closed
	Text       string   `json:"text,omitempty"` // its beginning
	Outcome    string   `json:"outcome,omitempty"`
	Policies   []string `json:"policies,omitempty"`
	Approval   string   `json:"approval,omitempty"`
	Decision   string   `json:"decision,omitempty"`
	By         []string `json:"by,omitempty"`
	Done       bool     `json:"done,omitempty"` // it has a result, or an end
	Rows       uint64   `json:"rows,omitempty"`
	Bytes      uint64   `json:"bytes,omitempty"`
	DurationMS float64  `json:"duration_ms,omitempty"`
	Error      string   `json:"error,omitempty"`
	Refused    bool     `json:"refused,omitempty"`
	Masked     uint64   `json:"masked,omitempty"`   // values
	Revealed   uint64   `json:"revealed,omitempty"` // of these, shown to the client: the recording conceals them
	Conceals   bool     `json:"conceals,omitempty"` // the recording conceals something of it, however much
	Status     *int32   `json:"status,omitempty"`   // exit status of what was observed
}

const (
	momentText = 300  // bytes of a text
	lookAhead  = 4000 // facts that are read on for the results of commands
)

// moments folds facts into what a list shows.
type moments struct {
	first  int64 // time of the session's first entry
	most   int
	before uint64 // number that is not wanted any more; 0: none
	list   []*Moment
	open   map[uint64]*Moment // commands without a result
	all    map[uint64]*Moment
	next   uint64 // number of the first moment that was not taken; 0: none
	ahead  int
}

// momentsFrom reads moments from number on. next is where to go on, 0 at the end of what is there.
func momentsFrom(ctx context.Context, log *journal.Log, id schemas.SessionID, first int64, from, before uint64, most int) (list []*Moment, next uint64, err error) {
	m := &moments{first: first, most: most, before: before, open: map[uint64]*Moment{}, all: map[uint64]*Moment{}}
	err = log.ReadSession(ctx, id, journal.ReadOptions{From: from, Facts: true}, m.fold)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, 0, fmt.Errorf("read moments: %w", err)
	}
	return m.list, m.next, nil
}

func (m *moments) fold(l journal.Located) error {
	e := l.Entry
	full := m.next != 0 || m.before != 0 && e.GetNumber() >= m.before
	if full {
		if m.ahead++; len(m.open) == 0 || m.ahead > lookAhead {
			return errEnough
		}
	}
	if one := m.moment(e); one != nil {
		switch {
		case full:
		case len(m.list) == m.most:
			m.next = e.GetNumber()
			if len(m.open) == 0 {
				return errEnough
			}
		default:
			one.Number, one.AtMS = e.GetNumber(), milliseconds(max(0, at(l).UnixNano()-m.first))
			m.list = append(m.list, one)
			if one.Kind == "command" {
				m.all[one.Number] = one
				if one.Word != "prepare" {
					m.open[one.Number] = one
				}
			}
		}
		return nil
	}
	m.part(e)
	return nil
}

// moment returns what an entry is the beginning of, or nil.
func (m *moments) moment(e *schemas.Entry) *Moment {
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Command:
		return &Moment{Kind: "command", Word: commandKind(k.Command.GetKind()), Text: brief(describe(k.Command)), Command: k.Command.GetParent()}
	case *schemas.Entry_Observed:
		o := k.Observed
		one := &Moment{Kind: "observed", Word: o.GetSource(), Text: brief(o.GetText()), Command: o.GetCommand(), Done: o.GetEnded()}
		if o.GetEnded() {
			status := o.GetExitStatus()
			one.Status = &status
		}
		return one
	case *schemas.Entry_File:
		return &Moment{Kind: "file", Text: brief(k.File.GetPath()), Command: k.File.GetCommand(), Bytes: k.File.GetBytesIn() + k.File.GetBytesOut(), Done: true}
	case *schemas.Entry_Terminal:
		one := &Moment{Kind: "terminal", Command: k.Terminal.GetCommand(), Done: true}
		if k.Terminal.GetColumns() > 0 { // a client without a window says 0
			one.Text = fmt.Sprintf("%d×%d", k.Terminal.GetColumns(), k.Terminal.GetRows())
		}
		return one
	case *schemas.Entry_Notice:
		if k.Notice.GetKind() != "gateway" {
			return nil
		}
		return &Moment{Kind: "notice", Word: k.Notice.GetKind(), Text: brief(k.Notice.GetBody().GetMessage()), Done: true}
	case *schemas.Entry_Lost:
		return &Moment{Kind: "lost", Done: true}
	case *schemas.Entry_Closed:
		one := &Moment{Kind: "closed", Word: k.Closed.GetReason(), Text: brief(k.Closed.GetMessage()), Done: true}
		if k.Closed.GetBy() != "" {
			one.By = []string{k.Closed.GetBy()}
		}
		return one
	}
	return nil
}

// describe is what a command without a text of its own is called.
func describe(c *schemas.Command) string {
	switch {
	case c.GetText() != "":
		return c.GetText()
	case c.GetOperation() != nil:
		o := c.GetOperation()
		if o.GetTo() != "" {
			return o.GetOperation() + " " + o.GetPath() + " → " + o.GetTo()
		}
		return o.GetOperation() + " " + o.GetPath()
	case c.GetForward() != nil:
		f := c.GetForward()
		return fmt.Sprintf("%s forward to %s:%d", f.GetDirection(), f.GetHost(), f.GetPort())
	}
	return ""
}

// part adds what an entry tells of a command that is listed.
func (m *moments) part(e *schemas.Entry) {
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Verdict:
		if c := m.all[k.Verdict.GetCommand()]; c != nil {
			c.Outcome = outcome(k.Verdict.GetOutcome())
			for _, r := range k.Verdict.GetReasons() {
				c.Policies = append(c.Policies, r.GetPolicy())
			}
		}
	case *schemas.Entry_Held:
		if c := m.all[k.Held.GetCommand()]; c != nil {
			c.Approval = k.Held.GetApproval()
		}
	case *schemas.Entry_Decided:
		if c := m.all[k.Decided.GetCommand()]; c != nil {
			c.Decision, c.By = k.Decided.GetDecision(), k.Decided.GetBy()
		}
	case *schemas.Entry_Masked:
		if c := m.all[k.Masked.GetCommand()]; c != nil {
			for _, n := range k.Masked.GetCounts() {
				c.Masked += n.GetCount()
				if n.GetRevealed() {
					c.Revealed += n.GetCount()
				}
			}
		}
	case *schemas.Entry_Result:
		r := k.Result
		c := m.all[r.GetCommand()]
		if c == nil {
			return
		}
		delete(m.open, r.GetCommand())
		c.Done, c.Refused = true, r.GetRefused()
		c.Rows, c.Bytes, c.DurationMS = c.Rows+r.GetRows(), c.Bytes+r.GetBytes()+r.GetBytesIn(), c.DurationMS+milliseconds(r.GetDuration())
		if r.GetError() != nil {
			c.Error = brief(r.GetError().GetMessage())
		}
	}
}

// brief is the beginning of a text.
func brief(s string) string {
	if len(s) <= momentText {
		return s
	}
	n := momentText
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// since is a time of an index in the API's milliseconds.
func since(n int64) float64 { return float64(n) / float64(time.Millisecond) }
