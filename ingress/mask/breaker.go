package mask

import (
	"sync"
	"time"
)

// breaker keeps a dead detector from costing its deadline for each value. After limit failures in
// a row nobody passes for the cooldown; then one does, and what becomes of that decides.
type breaker struct {
	limit    int
	cooldown time.Duration
	now      func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time
	trying   bool
}

// ready reports whether it is worth waiting for a place.
func (b *breaker) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed()
}

func (b *breaker) closed() bool {
	return b.failures < b.limit || !b.trying && !b.now().Before(b.until)
}

// enter reports whether the caller may ask; if so it calls leave or abandon.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed() {
		return false
	}
	b.trying = b.failures >= b.limit
	return true
}

func (b *breaker) leave(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if ok {
		b.failures = 0
		return
	}
	b.failures++
	b.until = b.now().Add(b.cooldown)
}

// abandon is leave when nothing was learnt.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
