package ssh

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// chunk is how much is read, recorded and forwarded at once. It fits a frame.
const chunk = 64 << 10

// buffers are for streams that are busy. An idle one holds none.
var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// first is what is waited for with no more than a little memory.
const first = 512

// copier reads a stream in large pieces while it is busy, and waits with little memory while it is
// not. It belongs to one goroutine.
type copier struct {
	from  io.Reader
	small [first]byte
	large *[chunk]byte
}

// next returns what came, valid until the next call.
func (c *copier) next() ([]byte, error) {
	if c.large == nil {
		n, err := c.from.Read(c.small[:])
		if n == len(c.small) {
			c.large = buffers.Get().(*[chunk]byte)
		}
		return c.small[:n], err
	}
	n, err := c.from.Read(c.large[:])
	if n < first {
		b := c.small[:copy(c.small[:], c.large[:n])]
		c.free()
		return b, err
	}
	return c.large[:n], err
}

func (c *copier) free() {
	if c.large != nil {
		buffers.Put(c.large)
		c.large = nil
	}
}

// input is what a client sends on a channel, read ahead up to a bound, so that its end and an
// interrupt are noticed while nothing may be forwarded.
type input struct {
	limit int

	mu        sync.Mutex
	data      []byte
	err       error         // what ended it
	ready     chan struct{} // holds a token when there may be something to take
	room      chan struct{} // holds a token when there may be room
	interrupt func()        // called when an interrupt character comes; nil: it is data like any other
	serve     func() bool   // see feed
	serving   bool
}

var errOver = errors.New("the channel is over")

func newInput() *input {
	return &input{limit: 2 * chunk, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// run reads from until its end.
func (in *input) run(from io.Reader, over <-chan struct{}) {
	c := copier{from: from}
	defer c.free()
	for {
		b, err := c.next()
		for !in.put(b, err) {
			select {
			case <-in.room:
			case <-over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// put adds what was read, if there is room.
func (in *input) put(b []byte, err error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.data) > 0 && len(in.data)+len(b) > in.limit {
		return false
	}
	if in.interrupt != nil {
		if i := bytes.IndexByte(b, 0x03); i >= 0 {
			in.interrupt()
			b = nil
		}
	}
	in.data = append(in.data, b...)
	in.err = err
	signal(in.ready)
	in.wake()
	return true
}

// feed has serve called whenever there is something to take, or the input has ended, by a goroutine that is there only
// then: until it returns false, or feed is called with nil.
func (in *input) feed(serve func() bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.serve = serve
	in.wake()
}

func (in *input) wake() {
	if in.serve != nil && !in.serving && (len(in.data) > 0 || in.err != nil) {
		in.serving = true
		go in.hand()
	}
}

func (in *input) hand() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.serve != nil && (len(in.data) > 0 || in.err != nil) {
		serve := in.serve
		in.mu.Unlock()
		more := serve()
		in.mu.Lock()
		if !more {
			in.serve = nil
		}
	}
	in.serving = false
}

// wait returns once there is something to take; after the last it returns what ended the input, or
// errOver.
func (in *input) wait(over <-chan struct{}) error {
	for {
		in.mu.Lock()
		n, err := len(in.data), in.err
		in.mu.Unlock()
		switch {
		case n > 0:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-in.ready:
		case <-over:
			return errOver
		}
	}
}

// take moves up to len(dst) bytes into dst.
func (in *input) take(dst []byte) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := copy(dst, in.data)
	in.data = in.data[:copy(in.data, in.data[n:])]
	if len(in.data) == 0 && cap(in.data) > first {
		in.data = nil
	}
	signal(in.room)
	return n
}

// inputReader is an input for who decodes it. It ends with errOver when over is closed.
type inputReader struct {
	in   *input
	over <-chan struct{}
}

func (r inputReader) Read(dst []byte) (int, error) {
	if err := r.in.wait(r.over); err != nil {
		return 0, err
	}
	return r.in.take(dst), nil
}

// ahead sets how much is read ahead.
func (in *input) ahead(limit int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.limit = limit
	signal(in.room)
}

// onInterrupt sets what an interrupt character does.
func (in *input) onInterrupt(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt = f
	if i := bytes.IndexByte(in.data, 0x03); f != nil && i >= 0 {
		f()
		in.data = nil
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
