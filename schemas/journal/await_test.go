package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestAwait: what is written ahead blocks nobody while the log is away, whatever MaxPending says, and is
// not taken for acknowledged until the log has it.
func TestAwait(t *testing.T) {
	t.Parallel()
	f := openFaulty(t, func(c *journal.Config) {
		c.MaxPending, c.AckTimeout, c.LeaseTTL = 50_000, 2*time.Minute, 2*time.Minute
	})
	w := journaltest.Start(t, f.log, "orders")
	f.Hold()
	var last uint64
	for range 10 {
		n, err := w.Ahead(journaltest.Bytes(make([]byte, 20_000)))
		if err != nil || n <= last {
			t.Fatalf("entry %d after %d: %v", n, last, err)
		}
		last = n
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := w.Await(short, last); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("with the log away, an acknowledgement is awaited with %v", err)
	}
	f.Resume()
	ctx := context30(t)
	for _, n := range []uint64{last, last - 5, last} { // the first takes the others with it
		if err := w.Await(ctx, n); err != nil {
			t.Fatalf("entry %d: %v", n, err)
		}
	}
	head, err := f.direct.Last(ctx, schemas.Frames)
	if err != nil {
		t.Fatal(err)
	}
	if _, es, err := journal.Decode(head); err != nil || es[len(es)-1].Entry.Number != last {
		t.Errorf("the log's last frames are %v, not up to %d: %v", es, last, err)
	}
	w.Closes()
	if err := w.Await(ctx, last); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("of a closed session, an acknowledgement is awaited with %v", err)
	}
	journaltest.Check(t, f.direct)
}
