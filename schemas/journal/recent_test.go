package journal_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestRecent: a reader that takes facts from memory gets what the log holds, each message once and in
// order: history, what several sessions append at once, more than is kept, and what a reaper appends.
func TestRecent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context30(t))
	l := journaltest.Open(t, func(c *journal.Config) { c.LeaseTTL = time.Second })
	lease, err := l.Lease(ctx, "gone")
	if err != nil {
		t.Fatal(err)
	}
	abandoned := l.NewWriter(lease, schemas.NewSessionID())
	if err := abandoned.Commit(ctx, journaltest.Command("SELECT 0")); err != nil {
		t.Fatal(err)
	}
	var got []journal.Message
	read := make(chan error, 1)
	closed := 0
	go func() {
		c := journal.ConsumeConfig{Stream: schemas.Facts, Linger: time.Millisecond, Batch: 100, Recent: true}
		read <- l.Consume(ctx, c, func(ms []journal.Message, _ bool) error {
			got = append(got, ms...)
			for _, m := range ms {
				_, entries, err := journal.Decode(m)
				if err != nil {
					return err
				}
				if entries[len(entries)-1].Entry.GetClosed() != nil {
					closed++
				}
			}
			if closed == 5 {
				cancel()
			}
			if len(got)%3 == 0 { // fall behind
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		})
	}()
	var running sync.WaitGroup
	for i := range 4 {
		w := journaltest.Start(t, l, "orders")
		running.Go(func() {
			for range 150 {
				w.Commits(journaltest.Command("SELECT 1" + strings.Repeat(" ", i*12_000)))
			}
			w.Closes()
		})
	}
	running.Wait()
	if err := lease.Release(ctx); err != nil {
		t.Fatal(err)
	}
	reaping, stop := context.WithCancel(context30(t))
	reaped := make(chan error, 1)
	go func() { reaped <- l.Reap(reaping) }()
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-reaped; err != nil {
		t.Error(err)
	}
	var want []journal.Message
	all, done := context.WithCancel(context30(t))
	err = l.Consume(all, journal.ConsumeConfig{Stream: schemas.Facts}, func(ms []journal.Message, caughtUp bool) error {
		if want = append(want, ms...); caughtUp {
			done()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d messages were read, the log holds %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.Sequence != w.Sequence || g.Subject != w.Subject || !bytes.Equal(g.Data, w.Data) || len(g.Header) > 0 {
			t.Fatalf("message %d of %s, %d bytes, was read where the log holds %d of %s, %d bytes",
				g.Sequence, g.Subject, len(g.Data), w.Sequence, w.Subject, len(w.Data))
		}
	}
}
