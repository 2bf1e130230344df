package journal

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"sallyport/schemas"
)

// lane is one of the two subjects of a session, as its writer sees it. The writer's lock guards
// it. While something is due, one goroutine flies the lane's chunks, one at a time; an
// idle lane has no goroutine and no buffer.
type lane struct {
	stream  schemas.Stream
	subject schemas.Subject
	full    int // payload that a chunk is not filled beyond
	ripe    int // payload at which a chunk is published at once
	pool    *chunkPool

	// What is acknowledged.
	sequence uint64
	number   uint64
	hash     [sha256.Size]byte

	// What is not.
	head, tail *chunk
	bytes      int
	flying     bool
	sealed     bool        // flight is made
	flight     addition    // of head
	urgent     uint64      // numbers up to this one are waited for
	due        bool        // FlushEvery has passed for what is pending
	timer      *time.Timer // sets due; made at the first need
	armed      bool
	waiters    []*waiter
}

// waiter waits for an acknowledgement.
type waiter struct {
	number uint64
	result chan error
}

// waiterPool keeps waiters that were served.
type waiterPool struct{ pool sync.Pool }

func (p *waiterPool) get(number uint64) *waiter {
	w, _ := p.pool.Get().(*waiter)
	if w == nil {
		w = &waiter{result: make(chan error, 1)}
	}
	w.number = number
	return w
}

func (p *waiterPool) put(w *waiter) { p.pool.Put(w) }

// oldest returns when the oldest unacknowledged entry came, and whether there is one.
func (ln *lane) oldest() (time.Duration, bool) {
	if ln.head == nil {
		return 0, false
	}
	return ln.head.born, true
}

// put encodes e behind what is pending.
func (ln *lane) put(e *schemas.Entry, size, room int, now time.Duration) error {
	c := ln.tail
	// A sealed head is on its way: it takes nothing more.
	if c == nil || c.size()+size+16 > ln.full || ln.sealed && c == ln.head {
		c = ln.pool.get(room, now)
		if ln.tail == nil {
			ln.head = c
		} else {
			ln.tail.next = c
		}
		ln.tail = c
	}
	before := c.size()
	if err := c.add(e, size); err != nil {
		return err
	}
	ln.bytes += c.size() - before
	return nil
}

// next returns the chunk that is due, or nil.
func (ln *lane) next() *chunk {
	c := ln.head
	if c == nil || c.count == 0 {
		return nil
	}
	if ln.sealed || ln.due || c.next != nil || c.first <= ln.urgent || c.size() >= ln.ripe {
		return c
	}
	return nil
}

// landed notes that the head chunk is acknowledged.
func (ln *lane) landed(sequence uint64, hash [sha256.Size]byte) {
	c := ln.head
	ln.sequence, ln.number, ln.hash = sequence, c.last, hash
	ln.bytes -= c.size()
	ln.head, ln.sealed = c.next, false
	ln.flight.data = nil
	if ln.head == nil {
		ln.tail = nil
		ln.due = false
	}
	ln.pool.put(c)
	ln.waiters = slices.DeleteFunc(ln.waiters, func(w *waiter) bool {
		if w.number > ln.number {
			return false
		}
		w.result <- nil
		return true
	})
}

// fail gives up what is pending; everybody who waits gets err. A chunk in flight is left to its
// flight.
func (ln *lane) fail(err error) {
	for _, w := range ln.waiters {
		w.result <- err
	}
	ln.waiters = nil
	if !ln.flying {
		ln.head, ln.tail, ln.bytes = nil, nil, 0
	}
	if ln.timer != nil {
		ln.timer.Stop()
	}
}

func (ln *lane) previous() []byte {
	if ln.sequence == 0 {
		return nil
	}
	return ln.hash[:]
}
