package ssh

import "sync"

// backlog is what waits to be served, one after another, by a goroutine that is there only while something does:
// an idle session holds neither a goroutine nor a buffer for it. add and wait may be called from several goroutines.
type backlog[T any] struct {
	serve func(T)
	most  int // of what waits, what is being served among it

	mu      sync.Mutex
	moved   sync.Cond // something was served
	waiting []T       // the first is being served
}

func newBacklog[T any](most int, serve func(T)) *backlog[T] {
	b := &backlog[T]{serve: serve, most: most}
	b.moved.L = &b.mu
	return b
}

// add adds v if there is room, and reports how many come before it.
func (b *backlog[T]) add(v T) (before int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before = len(b.waiting)
	if before >= b.most {
		return before, false
	}
	b.push(v)
	return before, true
}

// put adds v once there is room.
func (b *backlog[T]) put(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) >= b.most {
		b.moved.Wait()
	}
	b.push(v)
}

func (b *backlog[T]) push(v T) {
	b.waiting = append(b.waiting, v)
	if len(b.waiting) == 1 {
		go b.run()
	}
}

func (b *backlog[T]) run() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		v := b.waiting[0]
		b.mu.Unlock()
		b.serve(v)
		b.mu.Lock()
		clear(b.waiting[:1])
		if b.waiting = b.waiting[1:]; len(b.waiting) == 0 {
			b.waiting = nil
		}
		b.moved.Broadcast()
	}
}

// wait returns when nothing waits and nothing is being served.
func (b *backlog[T]) wait() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		b.moved.Wait()
	}
}
