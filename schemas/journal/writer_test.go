package journal_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestFrameBlocks: with the log away, a frame is refused room beyond MaxPending, or behind
// anything older than MaxAge, and gets it when the log is back.
func TestFrameBlocks(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*journal.Config){
		"bytes": func(c *journal.Config) { c.MaxPending, c.MaxAge = 50_000, time.Hour },
		"age":   func(c *journal.Config) { c.MaxPending, c.MaxAge = 1<<30, 50*time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openFaulty(t, limit)
			w := journaltest.Start(t, f.log, "orders")
			f.Hold()
			pending := 0
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				_, err := w.Frame(ctx, journaltest.Bytes(make([]byte, 10_000)))
				cancel()
				if errors.Is(err, context.DeadlineExceeded) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				pending += 10_000
				if name == "age" {
					time.Sleep(10 * time.Millisecond) // what is measured is age
				}
			}
			if name == "bytes" && (pending < 30_000 || pending > 50_000) {
				t.Errorf("%d bytes are pending, of 50000", pending)
			}
			f.Resume()
			w.Frames(20, 10_000)
			w.Closes()
			journaltest.Check(t, f.direct)
		})
	}
}

// TestFactsTravelAlone: a fact and a frame are published after FlushEvery without a Commit.
func TestFactsTravelAlone(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	l := journaltest.Open(t)
	w := journaltest.Start(t, l, "orders")
	if _, err := w.Fact(journaltest.Command("SELECT 1")); err != nil {
		t.Fatal(err)
	}
	w.Frames(1, 10)
	n := 0
	err := l.ReadSession(ctx, w.ID, journal.ReadOptions{Follow: true}, func(journal.Located) error {
		if n++; n == 3 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	journaltest.Check(t, l)
}

// TestIdleWriters: sessions that rest cost little and run nothing.
func TestIdleWriters(t *testing.T) {
	const sessions = 1000
	l := journaltest.Open(t)
	lease, err := l.Lease(context30(t), "idle")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	writers := make([]*journal.Writer, sessions)
	start := func(n int) {
		for i := range n {
			writers[i] = l.NewWriter(lease, schemas.NewSessionID())
			if err := writers[i].Commit(t.Context(), journaltest.Opened("orders", lease)); err != nil {
				t.Fatal(err)
			}
			if _, err := writers[i].Frame(t.Context(), journaltest.Bytes(make([]byte, 1000))); err != nil {
				t.Fatal(err)
			}
			if err := writers[i].Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	start(10) // what all share
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	start(sessions)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / sessions
	t.Logf("%d bytes of heap for each idle session, the server's share included", each)
	if each > 16<<10 {
		t.Errorf("an idle session takes %d bytes", each)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines+10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines for %d idle sessions", runtime.NumGoroutine()-goroutines, sessions)
		}
	}
	runtime.KeepAlive(writers)
}

// TestManyWriters writes large frames from many sessions at once, also to a server that turns
// away most of what comes at once.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { manyWriters(t, journaltest.Open(t)) })
	t.Run("turned away", func(t *testing.T) {
		url := journaltest.Server(t, func(o *server.Options) { o.StreamMaxBufferedMsgs = 2 })
		manyWriters(t, journaltest.OpenConfig(t, journal.Config{URL: url}))
	})
}

func manyWriters(t *testing.T, l *journal.Log) {
	t.Helper()
	ctx := context30(t)
	lease, err := l.Lease(ctx, "many")
	if err != nil {
		t.Fatal(err)
	}
	const writers = 50
	errs := make(chan error, writers)
	for range writers {
		go func() {
			w := l.NewWriter(lease, schemas.NewSessionID())
			err := w.Commit(ctx, journaltest.Opened("orders", lease))
			for i := 0; err == nil && i < 5; i++ {
				if _, err = w.Frame(ctx, journaltest.Bytes(make([]byte, 250<<10))); err == nil {
					err = w.Commit(ctx, journaltest.Command("SELECT 1"))
				}
			}
			if err == nil {
				err = w.Close(ctx, &schemas.Closed{Reason: "client"})
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	journaltest.Check(t, l)
}
