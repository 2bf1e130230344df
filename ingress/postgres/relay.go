package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// relay is the session proper: the front reads the client, the back reads the target. They share
// what is behind mu.
type relay struct {
	c      *conn
	s      *session.Session
	u      *upstream
	key    *key
	limits Limits
	client leg

	catalogue *catalogue

	front front
	back  back

	mu        sync.Mutex
	queue     queue
	discard   bool      // the target skips everything up to the next Sync
	copying   bool      // the target reads COPY data, and the client has not ended it
	copyMask  *copyMask // what of that is recorded; nil: it is as it is. The front's once copying is set
	ended     int       // times that the client has ended COPY data before the target asked for it,
	endedFor  uint64    // for this command
	stray     int       // Syncs sent while it did, which it ignores, or not
	waiting   bool      // the front waits for the back
	quiet     bool      // all answers that are expected were delivered
	uncertain []string
	unsure    bool // every name is uncertain

	wake      chan struct{}
	over      chan struct{} // closed when the back has ended
	backEnded atomic.Bool   // it is about to be
	settled   atomic.Uint64 // portals of units up to this one are gone
	once      sync.Once
	first     session.End
}

// leg is the client's connection, written by several.
type leg struct {
	mu   sync.Mutex
	conn net.Conn
	torn bool // a write did not complete: nothing can follow
}

func (l *leg) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeLocked(b)
}

func (l *leg) writeLocked(b []byte) error {
	if l.torn {
		return net.ErrClosed
	}
	_, err := l.conn.Write(b)
	l.torn = err != nil
	return err
}

func newRelay(c *conn, s *session.Session, u *upstream, k *key, of *catalogue) *relay {
	if !c.secure {
		c.c = c.net // without what gave the first byte back
	}
	return &relay{
		c: c, s: s, u: u, key: k, quiet: true, limits: c.srv.c.Limits, client: leg{conn: c.c}, catalogue: of,
		front: front{in: newBuffer(c.c), names: newStatements(), unit: 1, nowhere: schemas.NewID("refused-")},
		back:  back{out: newBuffer(u.conn)},
		wake:  make(chan struct{}, 1), over: make(chan struct{}),
	}
}

// Sentinels of the pumps. A client that says goodbye and one that vanishes end alike: what it had
// sent is still answered, into the log if not to it.
var (
	errGoodbye   = errors.New("the client has left")
	errTarget    = errors.New("the target has closed the connection")
	errOutOfStep = errors.New("the target's answers are out of step")
)

// run greets the client and relays until one side ends. It returns why.
func (r *relay) run(ctx context.Context) session.End {
	defer r.front.in.free()
	defer r.s.OnMessage(nil)
	if err := r.greet(); err != nil {
		return clientLeft()
	}
	_ = r.c.net.SetDeadline(time.Time{})
	_ = r.u.conn.SetDeadline(time.Time{})
	r.s.OnStop(r.interrupt)
	go r.runBack(ctx)
	err := r.runFront(ctx)
	r.leave(err)
	<-r.over
	return r.finish()
}

// greet lets the client in. Who sees that it is, may send it messages, which come after the greeting.
func (r *relay) greet() error {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	r.s.OnMessage(func(m string) { go func() { _ = r.client.write(notice{message: m}.encode(nil)) }() })
	return r.client.writeLocked(r.greeting(r.key))
}

func (r *relay) greeting(k *key) []byte {
	b := message(nil, backAuth, []byte{0, 0, 0, authOK})
	for _, p := range r.u.parameters {
		b = message(b, backParameter, []byte(p.name), []byte{0}, []byte(p.value), []byte{0})
	}
	for _, n := range r.u.notices {
		b = append(b, n...)
	}
	b = message(b, backKey, binary.BigEndian.AppendUint32(nil, k.pid), k.secret)
	return message(b, backReady, []byte{'I'})
}

func clientLeft() session.End {
	return session.End{Reason: session.ReasonClient, Message: "the client left"}
}

// note remembers the first reason.
func (r *relay) note(e session.End) { r.once.Do(func() { r.first = e }) }

// interrupt makes both pumps stop. It is called when the session must end.
func (r *relay) interrupt() {
	now := time.Now()
	_ = r.c.net.SetReadDeadline(now)
	_ = r.c.net.SetWriteDeadline(now.Add(r.limits.FinalNotice))
	_ = r.u.conn.SetDeadline(now)
}

func (r *relay) runFront(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.c.srv.log.Error("panic in the client's half", "panic", p, "stack", stack())
			err = failure("XX000", "internal error")
		}
	}()
	return r.readClient(ctx)
}

func (r *relay) runBack(ctx context.Context) {
	defer close(r.over)
	defer r.back.out.free()
	defer func() {
		if p := recover(); p != nil {
			r.c.srv.log.Error("panic in the target's half", "panic", p, "stack", stack())
			r.note(session.End{Reason: session.ReasonError, Message: "internal error"})
			r.interrupt()
		}
	}()
	err := r.readTarget(ctx)
	switch {
	case errors.Is(err, errTarget):
		r.note(session.End{Reason: session.ReasonTarget, Message: "the target closed the connection"})
	case errors.Is(err, errGoodbye):
		r.note(clientLeft())
	case r.s.Err() != nil: // said already
	default:
		r.c.srv.log.Error("relay from target", "session", r.s.ID, "err", err)
		r.note(session.End{Reason: session.ReasonError, Message: shown(err, "FATAL").message})
	}
	r.backEnded.Store(true)
	_ = r.c.net.SetReadDeadline(time.Now())
	r.signal()
}

// leave ends the target's half after the client's half has.
func (r *relay) leave(err error) {
	if errors.Is(err, errGoodbye) && r.s.Err() == nil {
		r.note(clientLeft())
		if w, ok := r.u.conn.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite()
		}
		_ = r.u.conn.SetReadDeadline(time.Now().Add(r.limits.DrainAfterGoodbye))
		return
	}
	if bad, ok := errors.AsType[*refusal](err); ok {
		r.note(session.End{Reason: session.ReasonError, Message: bad.message})
	} else if r.s.Err() == nil && !errors.Is(err, errTarget) { // what the target did, the back says
		r.note(session.End{Reason: session.ReasonError, Message: shown(err, "FATAL").message})
	}
	_ = r.u.conn.SetDeadline(time.Now())
}

// finish stops what is still running for nobody and tells the client why.
func (r *relay) finish() session.End {
	end := r.first
	if r.s.Err() != nil {
		end = r.s.End()
	}
	if r.unanswered() {
		r.u.abandon(r.limits.Dial)
	}
	if end.Reason != session.ReasonClient && !r.back.fatal {
		r.farewell(end)
	}
	return end
}

// unanswered gives the commands that the target has not answered a result that says so, and
// reports whether there are any.
func (r *relay) unanswered() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.queue.rest() {
		if i.command != 0 && r.s.Result(&schemas.Result{Command: i.command, Duration: r.s.Elapsed(i.started), Rows: r.back.partialRows(&i),
			Error: &schemas.Failure{Severity: "UNKNOWN", Message: "the session ended before the target had answered"}}) != nil {
			break
		}
	}
	return !r.queue.empty()
}

func (r *relay) farewell(e session.End) {
	bad := endOf(e)
	if e.Reason == session.ReasonError && r.s.Err() == nil {
		bad = fatal("08P01", e.Message)
	}
	_ = r.c.net.SetDeadline(time.Now().Add(r.limits.FinalNotice))
	_ = r.client.write(bad.encode(nil))
}

func (r *relay) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// await waits until done, which is called with mu held, says so.
func (r *relay) await(done func() bool) error {
	for {
		r.mu.Lock()
		if done() {
			r.waiting = false
			r.mu.Unlock()
			return nil
		}
		r.waiting = true
		r.mu.Unlock()
		select {
		case <-r.wake:
		case <-r.over:
			return errTarget
		case <-r.s.Done():
			return r.s.Err()
		}
	}
}
