package session_test

import (
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
)

// moved is the last that the log was told of what went through a session.
func moved(es []*schemas.Entry) (last *schemas.Moved) {
	for _, e := range es {
		if m := e.GetMoved(); m != nil {
			last = m
		}
	}
	return last
}

// What goes through an open session is told while it is open, each time something did, and no more once it is over.
func TestOpenSessionTellsWhatMoved(t *testing.T) {
	e := sessiontest.New(t, "test", func(c *session.Config) { c.Progress = 10 * time.Millisecond })
	s := open(t, e, alice())
	send := func(channel schemas.Channel, text string) {
		t.Helper()
		if err := s.Bytes(t.Context(), &schemas.Bytes{Command: 1, Channel: channel, Format: "text", Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	await := func(in, out uint64) {
		t.Helper()
		for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			m := moved(e.Entries(t, s.ID))
			if m.GetBytesIn() == in && m.GetBytesOut() == out {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("told: %v, want %d in and %d out", m, in, out)
			}
		}
	}
	send(schemas.Channel_CHANNEL_IN, "abc")
	send(schemas.Channel_CHANNEL_OUT, "0123456789")
	await(3, 10)
	send(schemas.Channel_CHANNEL_ERR, "01234")
	await(3, 15)
	send(schemas.Channel_CHANNEL_OUT, "x")
	if err := s.Close(t.Context(), session.End{Reason: session.ReasonClient}); err != nil {
		t.Fatal(err)
	}
	if es := e.Closed(t, s.ID); es[len(es)-1].GetClosed() == nil {
		t.Error("something follows the end")
	}
}
