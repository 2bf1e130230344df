package ssh

import (
	"bytes"
	"context"
	"sync"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
)

// forwarder passes what a client uploads on to the target, in order, each batch once what is recorded of it is acknowledged.
// While one waits for that and goes out, the next is read and recorded:
//
//	who reads           forwarder           log           target
//	  | record 1 --------------------------->|              |
//	  |-- batch 1 ------->| Acknowledged     |              |
//	  | record 2 --------------------------->|              |
//	  |                   |<------------ ack |              |
//	  |-- batch 2 ------> |-- batch 1 --------------------->|
//
// What is passed while a batch waits joins it, as far as there is room. At most one batch goes out, one waits, and one is
// read. The methods belong to who reads; what forwards is there only while there is a batch.
type forwarder struct {
	s        *session.Session
	c        *command
	to       xssh.Channel
	recorded uint64 // number of what was recorded last

	mu      sync.Mutex
	moved   sync.Cond // a batch has become one that goes out, or went
	waiting batch
	running bool
	err     error // the first
	free    [][]byte
}

// batch is data for the target, and the number of what must be acknowledged before it is passed on.
type batch struct {
	data     []byte
	recorded uint64
}

func newForwarder(s *session.Session, c *command, to xssh.Channel) *forwarder {
	f := &forwarder{s: s, c: c, to: to}
	f.moved.L = &f.mu
	return f
}

// pass passes data on after what was recorded until now, once there is room. It belongs to f then. The error is of
// what was passed before.
func (f *forwarder) pass(ctx context.Context, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting.data) > 0 && len(f.waiting.data)+len(data) > gathered {
		f.moved.Wait()
	}
	switch {
	case len(data) == 0 || f.err != nil:
		return f.err
	case len(f.waiting.data) == 0:
		f.waiting.data = data
	default:
		f.waiting.data = append(f.waiting.data, data...)
		f.free = append(f.free, data)
	}
	f.waiting.recorded = f.recorded
	if !f.running {
		f.running = true
		go f.run(ctx)
	}
	return nil
}

// clear passes what is in data before start on, and returns the rest, alone, when that has been done.
func (f *forwarder) clear(ctx context.Context, data []byte, start int) ([]byte, error) {
	if start > 0 {
		rest := bytes.Clone(data[start:])
		if err := f.pass(ctx, data[:start]); err != nil {
			return nil, err
		}
		data = append(f.buffer(), rest...)
	}
	return data, f.wait()
}

// wait returns when all was passed on.
func (f *forwarder) wait() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.running {
		f.moved.Wait()
	}
	return f.err
}

// buffer returns an empty one for data.
func (f *forwarder) buffer() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.free)
	if n == 0 {
		return nil
	}
	b := f.free[n-1]
	f.free = f.free[:n-1]
	return b[:0]
}

// run forwards until nothing waits.
func (f *forwarder) run(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting.data) > 0 {
		b := f.waiting
		f.waiting = batch{}
		f.moved.Signal()
		f.mu.Unlock()
		err := f.forward(ctx, b)
		f.mu.Lock()
		f.free = append(f.free, b.data)
		if err != nil {
			f.err, f.waiting = err, batch{}
		}
	}
	f.running = false
	f.moved.Signal()
}

func (f *forwarder) forward(ctx context.Context, b batch) error {
	if err := f.s.Acknowledged(ctx, b.recorded); err != nil {
		f.c.fail(err, f.to)
		return err
	}
	if _, err := f.to.Write(b.data); err != nil {
		return errOver
	}
	return nil
}
