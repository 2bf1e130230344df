package ssh

import (
	"bytes"
	"errors"
	"io"
	"slices"
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

// give hands the buffer that next has just read into to the caller.
func (c *copier) give() *[chunk]byte {
	b := c.large
	c.large = buffers.Get().(*[chunk]byte)
	return b
}

func (c *copier) free() {
	if c.large != nil {
		buffers.Put(c.large)
		c.large = nil
	}
}

// piece is a part of what was read and not taken yet.
type piece struct {
	data []byte
	of   *[chunk]byte // the buffer of the pool that data is in; nil: it has one of its own
}

// input is what a client sends on a channel, read ahead up to a bound, so that its end and an
// interrupt are noticed while nothing may be forwarded.
type input struct {
	limit int

	mu        sync.Mutex
	pieces    []piece
	size      int           // of all pieces
	err       error         // what ended it
	ready     chan struct{} // holds a token when there may be something to take
	room      chan struct{} // holds a token when there may be room
	interrupt func()        // called when an interrupt character comes; nil: it is data like any other
	serve     func() bool   // see feed
	serving   bool
}

var errOver = errors.New("the channel is over")

// ahead is how much is read ahead while nothing is held: the largest SFTP packet.
const ahead = 4 * chunk

// worth is how much of a buffer of the pool must be filled for it to be kept as it is. Less is copied, so that what is
// read ahead takes at most four times its size.
const worth = chunk / 4

func newInput() *input {
	return &input{limit: ahead, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// run reads from until its end.
func (in *input) run(from io.Reader, over <-chan struct{}) {
	c := copier{from: from}
	defer c.free()
	for {
		b, err := c.next()
		for !in.put(&c, b, err) {
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

// put adds what c read, if there is room.
func (in *input) put(c *copier, b []byte, err error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.size > 0 && in.size+len(b) > in.limit {
		return false
	}
	if in.interrupt != nil {
		if i := bytes.IndexByte(b, 0x03); i >= 0 {
			in.interrupt()
			b = nil
		}
	}
	in.add(c, b)
	in.err = err
	signal(in.ready)
	in.wake()
	return true
}

// add adds b, and the buffer that it is in when that is full enough.
func (in *input) add(c *copier, b []byte) {
	if len(b) == 0 {
		return
	}
	in.size += len(b)
	if len(b) >= worth {
		in.pieces = append(in.pieces, piece{b, c.give()})
		return
	}
	if n := len(in.pieces); n > 0 && in.pieces[n-1].of == nil {
		in.pieces[n-1].data = append(in.pieces[n-1].data, b...)
		return
	}
	in.pieces = append(in.pieces, piece{data: bytes.Clone(b)})
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
	if in.serve != nil && !in.serving && (in.size > 0 || in.err != nil) {
		in.serving = true
		go in.hand()
	}
}

func (in *input) hand() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.serve != nil && (in.size > 0 || in.err != nil) {
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
		n, err := in.size, in.err
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

// waits reports whether there is something to take.
func (in *input) waits() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.size > 0
}

// take moves up to len(dst) bytes into dst.
func (in *input) take(dst []byte) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.pieces) > 0 && n < len(dst) {
		p := &in.pieces[0]
		moved := copy(dst[n:], p.data)
		n += moved
		if p.data = p.data[moved:]; len(p.data) == 0 {
			in.drop(1)
		}
	}
	in.size -= n
	signal(in.room)
	return n
}

// drop gives up the first n pieces. The lock is held.
func (in *input) drop(n int) {
	for _, p := range in.pieces[:n] {
		if p.of != nil {
			buffers.Put(p.of)
		}
	}
	if in.pieces = slices.Delete(in.pieces, 0, n); len(in.pieces) == 0 {
		in.pieces = nil
	}
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

// bound sets how much is read ahead.
func (in *input) bound(limit int) {
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
	if f == nil || !slices.ContainsFunc(in.pieces, func(p piece) bool { return bytes.IndexByte(p.data, 0x03) >= 0 }) {
		return
	}
	f()
	in.drop(len(in.pieces))
	in.size = 0
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
