package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// faulty is a log that is reached through a proxy, and one that is not.
type faulty struct {
	*journaltest.Proxy
	log, direct *journal.Log
}

func openFaulty(t *testing.T, change ...func(*journal.Config)) faulty {
	t.Helper()
	url := journaltest.Server(t)
	p := journaltest.NewProxy(t, url)
	c := journal.Config{URL: p.URL(), LeaseTTL: 20 * time.Second, AckTimeout: 4 * time.Second}
	d := journal.Config{URL: url, LeaseTTL: 20 * time.Second}
	for _, f := range change {
		f(&c)
		f(&d)
	}
	return faulty{p, journaltest.OpenConfig(t, c), journaltest.OpenConfig(t, d)}
}

func context30(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestFaultPairs loses appends, or only their acknowledgements: either way each is stored once.
func TestFaultPairs(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(p *journaltest.Proxy, match string, n int){
		"append lost":                       (*journaltest.Proxy).LoseAppends,
		"append kept, acknowledgement lost": (*journaltest.Proxy).LoseAcks,
	}
	for name, lose := range kinds {
		for _, match := range []string{".fact", ".frame"} {
			for _, n := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s, %s, %d times", name, match, n), func(t *testing.T) {
					t.Parallel()
					f := openFaulty(t)
					w := journaltest.Start(t, f.log, "orders")
					lose(f.Proxy, match, n)
					for range 5 {
						w.Frames(1, 1000)
						w.Commits(journaltest.Command("SELECT 1"))
						if err := w.Flush(context30(t)); err != nil {
							t.Fatal(err)
						}
					}
					w.Closes()
					if f.Lost() != n {
						t.Fatalf("%d messages were lost, want %d", f.Lost(), n)
					}
					if got := journaltest.Entries(t, f.direct, w.ID); len(got) != 12 {
						t.Errorf("%d entries, want 12", len(got))
					}
					journaltest.Check(t, f.direct)
				})
			}
		}
	}
}

func TestFaultPairsOfControlAndEvents(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	f := openFaulty(t, func(c *journal.Config) { c.AckTimeout = time.Second })
	for i := range uint64(4) {
		if i < 2 {
			f.LoseAppends("sallyport.", 1)
		} else {
			f.LoseAcks("sallyport.", 1)
		}
		if i%2 == 0 {
			f.LoseAppends("sallyport.", 1)
		}
		sequence, err := f.log.AppendControl(ctx, schemas.AreaRun, "x", &schemas.Control{By: "alice"}, nil)
		if err != nil || sequence != i+1 {
			t.Fatalf("control %d: sequence %d, %v", i, sequence, err)
		}
		f.LoseAcks("sallyport.event", 1)
		sequence, err = f.log.AppendEvent(ctx, schemas.EventSubject("a", "b", "c", "d"), nil, []byte("{}"), i)
		if err != nil || sequence != i+1 {
			t.Fatalf("event %d: sequence %d, %v", i, sequence, err)
		}
	}
	for _, s := range []schemas.Stream{schemas.Controls, schemas.Events} {
		if head, err := f.direct.Head(ctx, s); err != nil || head != 4 {
			t.Errorf("%s ends at %d, %v", s, head, err)
		}
	}
}

// TestNoAcknowledgement: a writer that gets none in time fails for good.
func TestNoAcknowledgement(t *testing.T) {
	t.Parallel()
	f := openFaulty(t, func(c *journal.Config) { c.AckTimeout = 500 * time.Millisecond })
	w := journaltest.Start(t, f.log, "orders")
	f.LoseAppends(".fact", 1<<30)
	first := w.Commit(context30(t), journaltest.Command("SELECT 1"))
	if first == nil {
		t.Fatal("committed without an acknowledgement")
	}
	<-w.Failed()
	f.LoseAppends("", 0)
	if err := w.Commit(context30(t), journaltest.Command("SELECT 2")); !errors.Is(err, first) {
		t.Errorf("the next call returns %v, want the first error, %v", err, first)
	}
	if _, err := w.Frame(context30(t), journaltest.Bytes(nil)); !errors.Is(err, first) {
		t.Errorf("a frame returns %v, want the first error, %v", err, first)
	}
	if got := journaltest.Entries(t, f.direct, w.ID); len(got) != 1 {
		t.Errorf("%d entries, want 1", len(got))
	}
	journaltest.Check(t, f.direct)
}

// TestConnectionsCut cuts every connection again and again under a writer, a reader and a consumer.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	f := openFaulty(t)
	w := journaltest.Start(t, f.log, "orders")
	read := make(chan error, 2)
	go func() {
		next := uint64(1)
		read <- f.log.ReadSession(ctx, w.ID, journal.ReadOptions{Follow: true}, func(e journal.Located) error {
			if e.Entry.Number != next {
				return fmt.Errorf("entry %d, want %d", e.Entry.Number, next)
			}
			next++
			return nil
		})
	}()
	consumed, last := errors.New("consumed"), uint64(0)
	go func() {
		read <- f.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Facts}, func(ms []journal.Message, _ bool) error {
			for _, m := range ms {
				if m.Sequence != last+1 {
					return fmt.Errorf("message %d after %d", m.Sequence, last)
				}
				last = m.Sequence
				_, entries, err := journal.Decode(m)
				if err != nil {
					return err
				}
				if entries[len(entries)-1].Entry.GetClosed() != nil {
					return consumed
				}
			}
			return nil
		})
	}()
	for range 4 {
		w.Frames(20, 20_000)
		w.Commits(journaltest.Command("SELECT 1"))
		f.Cut()
		w.Commits(journaltest.Command("SELECT 2"))
	}
	w.Closes()
	for range cap(read) {
		if err := <-read; err != nil && !errors.Is(err, consumed) {
			t.Error(err)
		}
	}
	journaltest.Check(t, f.direct)
}

// TestPausedWriter: an append leaves the gateway, and arrives after the reaper has ended the
// session. The writer is fenced.
func TestPausedWriter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context30(t))
	f := openFaulty(t, func(c *journal.Config) { c.LeaseTTL = time.Second })
	w := journaltest.Start(t, f.log, "orders")
	f.Hold()
	committed := make(chan error, 1)
	go func() { committed <- w.Commit(ctx, journaltest.Command("SELECT 1")) }()
	reaped := make(chan error, 1)
	go func() { reaped <- f.direct.Reap(ctx) }()
	follow := journal.ReadOptions{Follow: true} // until Closed
	if err := f.direct.ReadSession(ctx, w.ID, follow, func(journal.Located) error { return nil }); err != nil {
		t.Fatal(err)
	}
	f.Resume()
	if err := <-committed; !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrLease) {
		t.Errorf("the writer woke up to %v", err)
	}
	if err := w.Commit(ctx, journaltest.Command("SELECT 2")); err == nil {
		t.Error("the writer goes on")
	}
	<-w.Lease.Lost()
	entries := journaltest.Entries(t, f.direct, w.ID)
	if len(entries) != 2 || entries[1].GetClosed().GetReason() != "gateway_lost" {
		t.Errorf("the session holds %v", entries)
	}
	cancel()
	if err := <-reaped; err != nil {
		t.Error(err)
	}
	journaltest.Check(t, f.direct)
}

// TestFencedWriter: the session is ended under a writer whose lease looks good to itself.
func TestFencedWriter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context30(t))
	url := journaltest.Server(t)
	c := journal.Config{URL: url, LeaseTTL: 2 * time.Second, FlushEvery: time.Hour}
	l := journaltest.OpenConfig(t, c)
	w := journaltest.Start(t, l, "orders")
	w.Frames(3, 1000)
	other := c
	other.Dir, other.URL = "", url
	reaper := journaltest.OpenConfig(t, other)
	endLease(t, url, w.Lease.ID())
	done := make(chan error, 1)
	go func() { done <- reaper.Reap(ctx) }()
	if err := reaper.ReadSession(ctx, w.ID, journal.ReadOptions{Follow: true}, func(journal.Located) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(ctx); !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrLease) {
		t.Errorf("flush after the session was ended: %v", err)
	}
	<-w.Failed()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	journaltest.Check(t, reaper)
}

// TestLeaseLapses: without the log, a lease is not valid after half its time, and lost after all
// of it.
func TestLeaseLapses(t *testing.T) {
	t.Parallel()
	f := openFaulty(t, func(c *journal.Config) { c.LeaseTTL = time.Second })
	w := journaltest.Start(t, f.log, "orders")
	start := time.Now()
	f.Hold()
	defer f.Resume()
	for w.Lease.Valid() {
		time.Sleep(time.Millisecond)
	}
	if half := time.Since(start); half > 700*time.Millisecond {
		t.Errorf("valid for %s without renewal", half)
	}
	if err := w.Commit(context30(t), journaltest.Command("SELECT 1")); !errors.Is(err, journal.ErrLease) {
		t.Errorf("commit without a valid lease: %v", err)
	}
	<-w.Lease.Lost()
}
