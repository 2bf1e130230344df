package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestHasten: what comes after a rest, and the facts before it, are published long before FlushEvery has
// passed; what follows closely waits for it.
func TestHasten(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	l := journaltest.OpenConfig(t, journal.Config{URL: journaltest.Server(t), FlushEvery: time.Hour})
	w := journaltest.Start(t, l, "orders")
	if _, err := w.Fact(journaltest.Command("SELECT 1")); err != nil {
		t.Fatal(err)
	}
	w.Frames(1, 10)
	w.Hasten()
	awaitEntries(ctx, t, l, w, 3)
	w.Frames(1, 10)
	w.Hasten()
	w.Commits(journaltest.Command("SELECT 2")) // behind the frame: by now it would be there
	entries := journaltest.Entries(t, l, w.ID)
	if len(entries) != 4 || entries[3].GetNumber() != 5 {
		t.Errorf("stored are %v: entry 4 came too soon after entry 3", entries)
	}
	w.Closes()
	journaltest.Check(t, l)
}

// TestHastenInTurns: with a short FlushEvery, every output of many is published by itself.
func TestHastenInTurns(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	l := journaltest.Open(t)
	w := journaltest.Start(t, l, "orders")
	for n := 1; n <= 50; n++ {
		w.Frames(1, 10)
		w.Hasten()
		awaitEntries(ctx, t, l, w, n+1)
	}
	w.Closes()
	journaltest.Check(t, l)
}

func awaitEntries(ctx context.Context, t *testing.T, l *journal.Log, w *journaltest.Session, n int) {
	t.Helper()
	seen := 0
	err := l.ReadSession(ctx, w.ID, journal.ReadOptions{Follow: true}, func(journal.Located) error {
		if seen++; seen == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("read %d of %d entries: %v", seen, n, err)
	}
}
