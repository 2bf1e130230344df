package journaltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Check fails the test unless every session of the log is whole: an opened for every closed,
// nothing after closed, numbers whole up to the acknowledged heads, declared losses only above
// them, chains whole. Sessions may be open.
func Check(t testing.TB, l *journal.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	facts := Sessions(t, l, schemas.Facts)
	for id := range Sessions(t, l, schemas.Frames) {
		if !facts[id] {
			t.Errorf("session %s has frames, but was never opened", id)
		}
	}
	for id := range facts {
		r, err := l.Verify(ctx, id)
		if err != nil {
			t.Errorf("verify session: %v", err)
			continue
		}
		for _, p := range r.Problems {
			t.Errorf("session %s: %s", id, p)
		}
	}
}

var errEnough = errors.New("enough")

// Sessions returns the sessions that have a message on FACTS or FRAMES.
func Sessions(t testing.TB, l *journal.Log, s schemas.Stream) map[schemas.SessionID]bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sessions := map[schemas.SessionID]bool{}
	err := l.Consume(ctx, journal.ConsumeConfig{Stream: s}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if id, ok := schemas.SessionOf(m.Subject); ok {
				sessions[id] = true
			}
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("read %s: %v", s, errors.Join(err, ctx.Err()))
	}
	return sessions
}

// Entries returns what is there of a session.
func Entries(t testing.TB, l *journal.Log, id schemas.SessionID) []*schemas.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var entries []*schemas.Entry
	err := l.ReadSession(ctx, id, journal.ReadOptions{}, func(e journal.Located) error {
		entries = append(entries, e.Entry)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
