package journal

import (
	"context"
	"sync"
)

// Passed is how far a reader of a stream is, for others to wait for. The zero value is at the beginning. Its methods
// are safe for concurrent use.
type Passed struct {
	mu    sync.Mutex
	at    uint64
	moved chan struct{} // closed when at grows; nil: nobody waits
}

// Pass says that the reader has taken in everything up to sequence.
func (p *Passed) Pass(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sequence <= p.at {
		return
	}
	p.at = sequence
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// Await returns nil once the reader has passed sequence, or ctx's error.
func (p *Passed) Await(ctx context.Context, sequence uint64) error {
	for {
		p.mu.Lock()
		if p.at >= sequence {
			p.mu.Unlock()
			return nil
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
