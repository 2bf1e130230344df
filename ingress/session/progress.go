package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/schemas"
)

// progress tells the log what went through a session while it is open, some time after something did. A session in which
// nothing goes by, or that is over by then, tells nothing; a timer runs only between the two.
type progress struct {
	out   atomic.Uint64 // bytes of output that were recorded
	armed atomic.Bool   // the timer runs, or will never again

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

// moved notes that bytes went by.
func (s *Session) moved(channel schemas.Channel, n int) {
	p := &s.progress
	if channel == schemas.Channel_CHANNEL_IN {
		s.Totals.BytesIn.Add(uint64(n))
	} else {
		p.out.Add(uint64(n))
	}
	if p.armed.Load() || p.armed.Swap(true) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.timer = time.AfterFunc(s.g.c.Progress, s.tellProgress)
	}
}

// tellProgress records how much went by until now. What cannot be recorded ends the session, as everywhere.
func (s *Session) tellProgress() {
	s.progress.armed.Store(false) // before the counts are read: what comes later arms it again
	fact := &schemas.Moved{BytesIn: s.Totals.BytesIn.Load(), BytesOut: max(s.progress.out.Load(), s.Totals.BytesOut.Load())}
	if s.Err() != nil {
		return
	}
	if _, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Moved{Moved: fact}}); err != nil {
		_ = s.fail(err)
		return
	}
	_ = s.Commit(context.Background()) // a failure stops the session by itself
}

// end stops the timer.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
