package journaltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (s *suite) sessionReadsBack() {
	w := Start(s, s.log, "orders")
	s.write(w, 50)
	w.Closes()
	s.wantNumbers(Entries(s, s.log, w.ID), 1, 152)
	s.wantNumbersOf(w.ID, journal.ReadOptions{Follow: true}, 1, 152)
	facts := 0
	s.must(s.log.ReadSession(s.ctx, w.ID, journal.ReadOptions{Facts: true}, func(e journal.Located) error {
		facts++
		if e.Stream != schemas.Facts || e.Sequence == 0 || e.Time.IsZero() || e.Entry.At == 0 {
			s.Errorf("entry %d is located at %+v", e.Entry.Number, e)
		}
		return nil
	}))
	if facts != 102 {
		s.Errorf("%d facts, want 102", facts)
	}
	r, err := s.log.Verify(s.ctx, w.ID)
	s.must(err)
	if !r.Closed || r.Entries != 152 || len(r.Lost) > 0 {
		s.Errorf("verify says %+v", r)
	}
	err = s.log.ReadSession(s.ctx, schemas.NewSessionID(), journal.ReadOptions{}, nil)
	if !errors.Is(err, journal.ErrNotFound) {
		s.Errorf("read a session that is not there: %v", err)
	}
	if _, err := s.log.Verify(s.ctx, schemas.NewSessionID()); !errors.Is(err, journal.ErrNotFound) {
		s.Errorf("verify a session that is not there: %v", err)
	}
	stop := errors.New("stop")
	if err := s.log.ReadSession(s.ctx, w.ID, journal.ReadOptions{}, func(journal.Located) error { return stop }); !errors.Is(err, stop) {
		s.Errorf("read with a function that fails: %v", err)
	}
	Check(s, s.log)
}

// write adds n turns of two facts and a frame each.
func (s *suite) write(w *Session, n int) {
	for i := range n {
		w.Commits(Command(fmt.Sprintf("SELECT %d", i)))
		w.Frames(1, 100*i)
		if _, err := w.Fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Tag: "SELECT 1"}}}); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *suite) wantNumbers(entries []*schemas.Entry, first, last uint64) {
	s.Helper()
	for i, e := range entries {
		if e.Number != first+uint64(i) {
			s.Fatalf("entry %d has number %d, want %d", i, e.Number, first+uint64(i))
		}
	}
	if got := first + uint64(len(entries)) - 1; got != last {
		s.Fatalf("entries end at %d, want %d", got, last)
	}
}

func (s *suite) wantNumbersOf(id schemas.SessionID, o journal.ReadOptions, first, last uint64) {
	s.Helper()
	var entries []*schemas.Entry
	s.must(s.log.ReadSession(s.ctx, id, o, func(e journal.Located) error {
		entries = append(entries, e.Entry)
		return nil
	}))
	s.wantNumbers(entries, first, last)
}

func (s *suite) commitsFromMany() {
	w := Start(s, s.log, "orders")
	var all sync.WaitGroup
	seen := sync.Map{}
	for range 8 {
		all.Go(func() {
			for range 50 {
				c := Command("SELECT 1")
				if err := w.Commit(s.ctx, c); err != nil {
					s.Error(err)
					return
				}
				if _, twice := seen.LoadOrStore(c.Number, true); twice {
					s.Errorf("number %d twice", c.Number)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				if _, err := w.Frame(s.ctx, Bytes(make([]byte, 5000))); err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	w.Closes()
	s.wantNumbers(Entries(s, s.log, w.ID), 1, 802)
	Check(s, s.log)
}

func (s *suite) largeEntries() {
	w := Start(s, s.log, "orders")
	w.Frames(10, 256<<10)
	for range 20 {
		w.Commits(Command(strings.Repeat("x", 64<<10)), Command(strings.Repeat("y", 60<<10)))
	}
	w.Closes()
	s.wantNumbers(Entries(s, s.log, w.ID), 1, 52)
	Check(s, s.log)

	w = Start(s, s.log, "orders")
	if _, err := w.Frame(s.ctx, Bytes(make([]byte, 600<<10))); err == nil {
		s.Error("a frame larger than a message was taken")
	}
	if err := w.Commit(s.ctx, Command("SELECT 1")); err == nil {
		s.Error("the writer went on after it could not record")
	}
	select {
	case <-w.Failed():
	default:
		s.Error("the writer has not failed")
	}
}

func (s *suite) closedWriter() {
	w := Start(s, s.log, "orders")
	w.Closes()
	if err := w.Commit(s.ctx, Command("SELECT 1")); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("commit after close: %v", err)
	}
	if _, err := w.Fact(Command("SELECT 1")); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("fact after close: %v", err)
	}
	if _, err := w.Frame(s.ctx, Bytes(nil)); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("frame after close: %v", err)
	}
	if err := w.Close(s.ctx, &schemas.Closed{}); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("close after close: %v", err)
	}
	if err := w.Err(); err != nil {
		s.Errorf("a closed writer has the error %v", err)
	}
	// The session exists: a second writer of the same id is fenced by its first append.
	again := s.log.NewWriter(w.Lease, w.ID)
	if err := again.Commit(s.ctx, Opened("orders", w.Lease)); !errors.Is(err, journal.ErrFenced) {
		s.Errorf("a second writer of a session: %v", err)
	}
	Check(s, s.log)
}

func (s *suite) abandonedCommit() {
	w := Start(s, s.log, "orders")
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := w.Commit(ctx, Command("SELECT 1")); !errors.Is(err, context.Canceled) {
		// It may have been acknowledged at once.
		s.must(err)
	}
	w.Commits(Command("SELECT 2"))
	w.Closes()
	s.wantNumbers(Entries(s, s.log, w.ID), 1, 4)
	Check(s, s.log)
}

func (s *suite) followUntilClosed() {
	w := Start(s, s.log, "orders")
	got := make(chan uint64, 1000)
	done := make(chan error, 1)
	go func() {
		done <- s.log.ReadSession(s.ctx, w.ID, journal.ReadOptions{Follow: true}, func(e journal.Located) error {
			got <- e.Entry.Number
			return nil
		})
	}()
	next := uint64(1)
	take := func(until uint64) {
		for ; next <= until; next++ {
			select {
			case n := <-got:
				if n != next {
					s.Fatalf("got entry %d, want %d", n, next)
				}
			case <-s.ctx.Done():
				s.Fatalf("waited in vain for entry %d", next)
			}
		}
	}
	take(1)
	for range 20 {
		w.Frames(1, 1000) // arrives after FlushEvery by itself
		take(next)
		w.Commits(Command("SELECT 1"))
		take(next)
	}
	w.Closes()
	take(42)
	s.must(<-done)
}

func (s *suite) readFromTheMiddle() {
	w := Start(s, s.log, "orders")
	other := Start(s, s.log, "orders")
	for range 30 {
		s.write(w, 3)
		s.write(other, 1)
		s.must(w.Flush(s.ctx))
	}
	w.Closes()
	for _, from := range []uint64{1, 2, 3, 100, 101, 102, 270, 271, 272} {
		s.wantNumbersOf(w.ID, journal.ReadOptions{From: from, Follow: from%2 == 0}, from, 272)
	}
	s.wantNumbersOf(w.ID, journal.ReadOptions{From: 1000}, 1000, 999)
	s.wantNumbersOf(w.ID, journal.ReadOptions{From: 1000, Follow: true}, 1000, 999)
	other.Closes()
	Check(s, s.log)
}
