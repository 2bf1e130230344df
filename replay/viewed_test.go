package replay_test

import (
	"context"
	"testing"

	"sallyport/replay"
	"sallyport/schemas"
)

// TestFoundIsWatching: whoever reads an open session through hits of search is told of as one who watches,
// once, and it is a fact; hits in what is closed are neither.
func TestFoundIsWatching(t *testing.T) {
	w := newWorld(t)
	w.gateway.Open(first)
	w.listed(first)
	w.gateway.Story(second).Close(&schemas.Closed{Reason: "client"})
	w.settled(second)
	gateway := w.answer(first, "")
	s := replay.New(replay.Config{Log: w.log, Sessions: w.sessions, Who: func(context.Context) string { return "carol" }})
	for range 2 {
		if err := s.Found(t.Context(), []schemas.SessionID{first, second}); err != nil {
			t.Fatal(err)
		}
	}
	if got := gateway.all(); got != "WATCHED by carol: " {
		t.Errorf("asked %q", got)
	}
	views := 0
	for _, c := range controls(t, w.log) {
		v := c.GetViewed()
		if v == nil {
			continue
		}
		views++
		if v.GetSession() != string(first) || v.GetHow() != "search" || c.GetBy() != "carol" {
			t.Errorf("recorded as viewed: %v", c)
		}
	}
	if views != 1 {
		t.Errorf("%d views are on the log", views)
	}
}

// TestFoundBeforeListed: a session that search knows and the list does not yet is open.
func TestFoundBeforeListed(t *testing.T) {
	w := newWorld(t)
	gateway := w.answer(second, "")
	s := replay.New(replay.Config{Log: w.log, Sessions: w.sessions, Who: func(context.Context) string { return "carol" }})
	if err := s.Found(t.Context(), []schemas.SessionID{second}); err != nil {
		t.Fatal(err)
	}
	if got := gateway.all(); got != "WATCHED by carol: " {
		t.Errorf("asked %q", got)
	}
}
