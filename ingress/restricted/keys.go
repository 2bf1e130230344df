package restricted

import (
	"bytes"
	"io"
	"sync"
)

// keyReader reads keys ahead, so that Ctrl-C is seen while a line runs. What else is typed then waits for the next line.
type keyReader struct {
	mu        sync.Mutex
	data      []byte
	err       error
	ready     chan struct{} // holds a token when there may be something
	room      chan struct{} // holds a token when there may be room
	done      chan struct{} // closed by stop
	interrupt func()        // nil: a line is edited
	ctrlC     bool
}

// mostAhead is how much is read ahead.
const mostAhead = 4 << 10

func newKeyReader(r io.Reader) *keyReader {
	k := &keyReader{ready: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{})}
	go k.run(r)
	return k
}

// run reads until r ends: its owner ends it.
func (k *keyReader) run(r io.Reader) {
	b := make([]byte, 512)
	for {
		n, err := r.Read(b)
		k.put(b[:n], err)
		if err != nil {
			return
		}
		for k.full() {
			select {
			case <-k.room:
			case <-k.done:
				return
			}
		}
	}
}

// stop says that nothing more will be read.
func (k *keyReader) stop() { close(k.done) }

func (k *keyReader) full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.data) > mostAhead
}

func (k *keyReader) put(b []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := bytes.LastIndexByte(b, 0x03); i >= 0 && k.interrupt != nil {
		k.interrupt()
		k.data, b = nil, b[i+1:]
	}
	k.data = append(k.data, b...)
	if err != nil {
		k.err = err
		if k.interrupt != nil {
			k.interrupt()
		}
	}
	token(k.ready)
}

// Read is for the editor. A Ctrl-C ends what it reads, as if the client had left; interrupted tells.
func (k *keyReader) Read(dst []byte) (int, error) {
	for {
		k.mu.Lock()
		if len(k.data) > 0 {
			n := copy(dst, k.data)
			if i := bytes.IndexByte(k.data[:n], 0x03); i == 0 {
				k.data, k.ctrlC = k.data[1:], true
				k.mu.Unlock()
				return 0, io.EOF
			} else if i > 0 {
				n = i
			}
			k.data = k.data[n:]
			token(k.room)
			k.mu.Unlock()
			return n, nil
		}
		err := k.err
		k.mu.Unlock()
		if err != nil {
			return 0, io.EOF
		}
		<-k.ready
	}
}

// interrupted reports, once, that Read ended for a Ctrl-C.
func (k *keyReader) interrupted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.ctrlC
	k.ctrlC = false
	return was
}

// onInterrupt has f called at a Ctrl-C, or when the client leaves, until undo is called.
func (k *keyReader) onInterrupt(f func()) (undo func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = f
	if k.err != nil {
		f()
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.interrupt = nil
	}
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
