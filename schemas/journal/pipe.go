package journal

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// pipe carries appends to the embedded server, and their acknowledgements back: the few words of
// the NATS client protocol that this takes (see pipe_protocol.go). A query waits for an append, so
// the way there and back is what a session costs most. nats.go would write from a goroutine of its
// own, look up subscriptions, and make a message of each acknowledgement; here the caller's own
// goroutine writes, for others too if they have come meanwhile, and one goroutine reads and
// wakes the caller with the sequence. That takes an eighth off a commit's processor time, and a third off its latency.
//
// When the connection breaks, everybody who waits is told so, and it is made anew; who
// appends knows what to do with an append that may or may not be stored.
type pipe struct {
	dial     func() (net.Conn, error)
	patience time.Duration // for a handshake, and for a write
	logger   *slog.Logger
	start    time.Time
	inbox    string // what subjects for acknowledgements begin with; the receipt's number follows

	done  chan struct{} // closed by close
	ended chan struct{} // closed when nobody reads any more

	mu      sync.Mutex
	conn    net.Conn // nil: down
	out     []byte   // to be written
	spare   []byte   // the buffer that out becomes when this one has been written
	writing bool     // somebody writes, and will write what is added to out
	since   time.Duration
	waiting map[uint64]*receipt
	free    []*receipt
	last    uint64 // number of a receipt
	sweeper *time.Timer
	armed   bool
}

// receipt is where an acknowledgement comes to. Its number is part of the subject of the
// acknowledgement. One that was abandoned is not used again: its late acknowledgement must not be
// taken for another's.
type receipt struct {
	number  uint64
	subject []byte
	expires time.Duration
	outcome chan outcome // holds one
}

type outcome struct {
	sequence uint64
	err      error
	answered bool // by the server
}

// sweepEvery is how often receipts are looked through for those that have expired: one timer for
// all, where one for each would be set and stopped for each append.
const sweepEvery = 50 * time.Millisecond

func openPipe(dial func() (net.Conn, error), patience time.Duration, logger *slog.Logger) (*pipe, error) {
	p := &pipe{
		dial: dial, patience: patience, logger: logger, start: time.Now(), inbox: "_INBOX." + nuid.Next() + ".",
		done: make(chan struct{}), ended: make(chan struct{}), waiting: make(map[uint64]*receipt),
	}
	p.sweeper = time.AfterFunc(time.Hour, p.sweep)
	p.sweeper.Stop()
	in, err := p.connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded server: %w", err)
	}
	go p.run(in)
	return p, nil
}

// append sends a once, and waits for its acknowledgement.
func (p *pipe) append(ctx context.Context, a *addition, timeout time.Duration) (uint64, error) {
	if len(a.data) > maxPayload-maxHeaders {
		return 0, nats.ErrMaxPayload
	}
	r, err := p.send(a, timeout)
	if err != nil {
		return 0, err
	}
	a.digest()
	if ctx.Done() == nil { // a session's context has no end: a plain receive takes a third of a select's time
		return p.take(r, <-r.outcome)
	}
	select {
	case o := <-r.outcome:
		return p.take(r, o)
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiting, r.number)
		p.mu.Unlock()
		return 0, context.Cause(ctx)
	}
}

// take keeps the receipt for later.
func (p *pipe) take(r *receipt, o outcome) (uint64, error) {
	if o.answered {
		p.mu.Lock()
		if len(p.free) < maxFree {
			p.free = append(p.free, r)
		}
		p.mu.Unlock()
	}
	return o.sequence, o.err
}

// send writes a, or leaves it to who is writing.
func (p *pipe) send(a *addition, timeout time.Duration) (*receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return nil, p.because()
	}
	r := p.receipt()
	now := time.Since(p.start)
	r.expires = now + timeout
	p.waiting[r.number] = r
	if !p.armed {
		p.armed = true
		p.sweeper.Reset(sweepEvery)
	}
	p.out = appendPublish(p.out, a, r.subject)
	if !p.writing {
		p.since = now
		p.write()
	}
	return r, nil
}

func (p *pipe) receipt() *receipt {
	if n := len(p.free); n > 0 {
		r := p.free[n-1]
		p.free = p.free[:n-1]
		return r
	}
	p.last++
	return &receipt{number: p.last, subject: strconv.AppendUint([]byte(p.inbox), p.last, 10), outcome: make(chan outcome, 1)}
}

// write writes what there is to write, also what is added meanwhile. The lock is held, but not
// while writing.
func (p *pipe) write() {
	p.writing = true
	for len(p.out) > 0 && p.conn != nil {
		b, conn := p.out, p.conn
		p.out = p.spare[:0]
		p.mu.Unlock()
		_, err := conn.Write(b)
		p.mu.Lock()
		if p.spare = b; cap(b) > keepBuffer {
			p.spare = nil
		}
		if err != nil {
			_ = conn.Close() // who reads notices, and makes it anew
			if p.conn == conn {
				p.conn, p.out = nil, nil
			}
		}
		if len(p.out) > 0 {
			p.since = time.Since(p.start)
		}
	}
	p.writing = false
}

// because says why nothing can be sent.
func (p *pipe) because() error {
	select {
	case <-p.done:
		return ErrClosed
	default:
		return errReconnected
	}
}

// sweep tells those who have waited for too long, and gives up a connection that takes nothing.
func (p *pipe) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.start)
	for n, r := range p.waiting {
		if r.expires <= now {
			delete(p.waiting, n)
			r.outcome <- outcome{err: errTimeout}
		}
	}
	if p.writing && p.conn != nil && now-p.since > p.patience {
		_ = p.conn.Close()
	}
	if p.armed = len(p.waiting) > 0 || p.writing; p.armed {
		p.sweeper.Reset(sweepEvery)
	}
}

// run reads from one connection after another, until the pipe is closed.
func (p *pipe) run(in *inlet) {
	defer close(p.ended)
	for {
		err := in.read(p)
		p.lost(in.conn)
		for in = nil; in == nil; {
			select {
			case <-p.done:
				return
			default:
			}
			p.logger.Warn("connection to the embedded server", "error", err)
			if in, err = p.connect(); err == nil {
				break
			}
			select {
			case <-p.done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// lost tells everybody who waits that the connection is gone.
func (p *pipe) lost(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.out = nil, nil
	for n, r := range p.waiting {
		delete(p.waiting, n)
		r.outcome <- outcome{err: p.because()}
	}
}

// answer hands an acknowledgement to who waits for it, if anybody still does.
func (p *pipe) answer(number uint64, o outcome) {
	p.mu.Lock()
	r := p.waiting[number]
	delete(p.waiting, number)
	p.mu.Unlock()
	if r != nil {
		o.answered = true
		r.outcome <- o
	}
}

// close gives the connection up. Everybody who waits gets ErrClosed.
func (p *pipe) close() {
	close(p.done)
	p.mu.Lock()
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.mu.Unlock()
	<-p.ended
	p.sweeper.Stop()
}
