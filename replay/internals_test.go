package replay

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// EventOf returns the event that the last of a session's facts is, for goldens: as it is stored.
func EventOf(id schemas.SessionID, facts ...journal.Located) (data []byte, subject schemas.Subject, err error) {
	t := newTold(id)
	var last *event
	for _, l := range facts {
		last = t.fold(l)
	}
	data, err = last.encode("/sallyport")
	return data, last.subject(), err
}

// EventOfControl does so for a control fact.
func EventOfControl(sequence uint64, c *schemas.Control, opened *schemas.Opened) (data []byte, subject schemas.Subject, err error) {
	e, err := controlEvent(sequence, c, func(string) (*schemas.Opened, error) { return opened, nil })
	if err != nil {
		return nil, "", err
	}
	data, err = e.encode("/sallyport")
	return data, e.subject(), err
}

// EventOfApproval does so for the last of the facts about a request, a second apart.
func EventOfApproval(facts ...*schemas.Control) (data []byte, subject schemas.Subject, err error) {
	var e *event
	var state approval.State
	for i, c := range facts {
		after := state.Fold(approval.Fact{Sequence: uint64(40 + i), Time: nanos(c.GetAt()), Control: c})
		e, state = approvalEvent(uint64(40+i), c, state, after), after
	}
	data, err = e.encode("/sallyport")
	return data, e.subject(), err
}

// Stored hands on what EVENTS holds now.
func Stored(ctx context.Context, log *journal.Log, f func(journal.Message)) error {
	head, err := log.Head(ctx, schemas.Events)
	if err != nil {
		return err
	}
	return (&Events{log: log}).upTo(ctx, schemas.Events, head, func(uint64) {}, func(m journal.Message) error { f(m); return nil })
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "orders", "a.b c", "=", "=2E", "ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := untoken(schemas.Token(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
		area, target := areaAndTarget(schemas.EventSubject("command", "denied", "postgres", s))
		if area != "command" || target != s {
			t.Errorf("%q became %q of %q", s, target, area)
		}
		_ = untoken(s) // whatever a subject holds
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(writeCursor(&Session{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}))
	f.Add("LnguLg")
	f.Fuzz(func(t *testing.T, s string) {
		one, err := readCursor(s)
		if err != nil || one == nil {
			return
		}
		again, err := readCursor(writeCursor(one))
		if err != nil || older(one, again) != 0 {
			t.Errorf("%q: %v became %v, %v", s, one, again, err)
		}
	})
}

func FuzzEventFilter(f *testing.F) {
	for _, s := range []string{"", "sallyport.event.>", "sallyport.event.command.*.postgres.=2E", "sallyport.session.>", "sallyport.event.a b", ">"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if subject, err := eventFilter(s); err == nil && !strings.HasPrefix(string(subject), "sallyport.event.") {
			t.Errorf("%q leads out of EVENTS", subject)
		}
	})
}

// TestUnreadableFacts passes over what cannot be read, and tells it.
func TestUnreadableFacts(t *testing.T) {
	var said strings.Builder
	logger := slog.New(slog.NewTextHandler(&said, nil))
	bad := journal.Message{Stream: schemas.Controls, Sequence: 7, Data: []byte{0xff}}
	if e, err := eventOf(t.Context(), nil, newRequests(nil, logger), bad); e != nil || err != nil {
		t.Errorf("an event: %+v, %v", e, err)
	}
	if prompt, one := NewRuns(nil, logger).readRun(bad); prompt != "" || one != nil {
		t.Errorf("a run: %q %+v", prompt, one)
	}
	if got := strings.Count(said.String(), "sequence=7"); got != 2 {
		t.Errorf("told %d times: %s", got, said.String())
	}
}
