package journaltest

import (
	"errors"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (s *suite) lease() {
	w := Start(s, s.log, "orders")
	idle := s.log.NewWriter(w.Lease, schemas.NewSessionID())
	if !w.Lease.Valid() || w.Lease.ID() == "" {
		s.Error("a new lease is not valid")
	}
	other, err := s.log.Lease(s.ctx, "other")
	s.must(err)
	if other.ID() == w.Lease.ID() {
		s.Error("two leases are the same")
	}
	w.Closes()
	s.must(w.Lease.Release(s.ctx))
	if w.Lease.Valid() {
		s.Error("a released lease is valid")
	}
	select {
	case <-w.Lease.Lost():
	default:
		s.Error("a released lease is not lost")
	}
	<-idle.Failed()
	if err := idle.Commit(s.ctx, Opened("orders", w.Lease)); !errors.Is(err, journal.ErrLease) {
		s.Errorf("commit under a released lease: %v", err)
	}
	if err := s.log.NewWriter(w.Lease, schemas.NewSessionID()).Err(); !errors.Is(err, journal.ErrLease) {
		s.Errorf("a new writer under a released lease: %v", err)
	}
	s.must(other.Release(s.ctx))
}

// reap leaves sessions behind in several states.
func (s *suite) reap() {
	bare := Start(s, s.log, "orders")
	busy := Start(s, s.log, "orders")
	s.write(busy, 10)
	s.must(busy.Flush(s.ctx))
	closed := Start(s, s.log, "orders")
	closed.Closes()
	stop := s.reaping()
	defer stop()
	for _, w := range []*Session{bare, busy, closed} {
		s.must(w.Lease.Release(s.ctx))
	}
	s.until("both sessions are closed", func() bool { return s.gone(bare.ID) && s.gone(busy.ID) })
	s.wantNumbers(Entries(s, s.log, bare.ID), 1, 2)
	s.wantNumbers(Entries(s, s.log, busy.ID), 1, 32)
	s.wantNumbersOf(busy.ID, journal.ReadOptions{Follow: true}, 1, 32)
	if s.gone(closed.ID) {
		s.Error("a closed session was closed again")
	}
	Check(s, s.log)
}

// gone says whether a session was closed as gateway_lost.
func (s *suite) gone(id schemas.SessionID) bool {
	entries := Entries(s, s.log, id)
	return entries[len(entries)-1].GetClosed().GetReason() == "gateway_lost"
}

// reapWithLosses: what was numbered, but not acknowledged when the gateway went, is declared lost.
func (s *suite) reapWithLosses() {
	w := Start(s, s.log, "orders")
	s.write(w, 3)
	s.must(w.Flush(s.ctx))
	w.Frames(1, 10) // pending for FlushEvery
	w.Commits(Command("SELECT 1"))
	s.must(w.Lease.Release(s.ctx)) // the writer gives up what is pending
	if err := w.Commit(s.ctx, Command("SELECT 2")); !errors.Is(err, journal.ErrLease) {
		s.Errorf("commit after the lease: %v", err)
	}
	stop := s.reaping()
	defer stop()
	s.until("the session is closed", func() bool { return s.gone(w.ID) })
	r, err := s.log.Verify(s.ctx, w.ID)
	s.must(err)
	// The frame may have left in time; the command is there in any case.
	entries := Entries(s, s.log, w.ID)
	numbers := map[uint64]*schemas.Entry{}
	for _, e := range entries {
		numbers[e.Number] = e
	}
	if numbers[12].GetCommand() == nil {
		s.Errorf("the acknowledged command is not there: %v", numbers)
	}
	if (numbers[11] == nil) != (len(r.Lost) == 1 && r.Lost[0].First == 11 && r.Lost[0].Last == 11) {
		s.Errorf("entry 11 is there: %t, declared lost: %v", numbers[11] != nil, r.Lost)
	}
	Check(s, s.log)
}

func (s *suite) reapSparesTheLiving() {
	stop := s.reaping()
	defer stop()
	var living []*Session
	for range 5 {
		living = append(living, Start(s, s.log, "orders"))
		dead := Start(s, s.log, "orders")
		s.must(dead.Lease.Release(s.ctx))
		s.until("the dead one is closed", func() bool { return s.gone(dead.ID) })
	}
	for _, w := range living {
		w.Closes()
	}
	Check(s, s.log)
}

func (s *suite) reapersTogether() {
	var sessions []*Session
	for range 10 {
		w := Start(s, s.log, "orders")
		w.Frames(3, 1000)
		sessions = append(sessions, w)
	}
	for _, w := range sessions {
		s.must(w.Lease.Release(s.ctx))
	}
	for range 3 {
		defer s.reaping()()
	}
	for _, w := range sessions {
		s.until("the session is closed", func() bool { return s.gone(w.ID) })
	}
	Check(s, s.log)
}

func (s *suite) closeEndsEverything() {
	w := Start(s, s.log, "orders")
	idle := Start(s, s.log, "orders")
	done := make(chan error, 3)
	go func() {
		done <- s.log.Consume(s.ctx, journal.ConsumeConfig{Stream: schemas.Facts}, func([]journal.Message, bool) error { return nil })
	}()
	go func() {
		done <- s.log.ReadSession(s.ctx, w.ID, journal.ReadOptions{Follow: true}, func(journal.Located) error { return nil })
	}()
	go func() { done <- s.log.Reap(s.ctx) }()
	s.must(s.log.Close())
	for range cap(done) {
		select {
		case err := <-done:
			if !errors.Is(err, journal.ErrClosed) {
				s.Errorf("ended with %v", err)
			}
		case <-s.ctx.Done():
			s.Fatal("something goes on after Close")
		}
	}
	<-idle.Failed()
	if err := w.Commit(s.ctx, Command("SELECT 1")); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("commit after close: %v", err)
	}
	if _, err := s.log.Lease(s.ctx, "late"); err == nil {
		s.Error("a lease after close")
	}
	if err := s.log.Healthy(s.ctx); !errors.Is(err, journal.ErrClosed) {
		s.Errorf("healthy after close: %v", err)
	}
}
