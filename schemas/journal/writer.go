package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"sallyport/schemas"
)

// Writer writes one session. Methods may be called from several goroutines; entries are numbered
// in the order of the calls. Entries are encoded before a call returns: the caller keeps them and
// their buffers. Number is set in the entry passed, At too unless it is already set.
type Writer struct {
	log     *Log
	lease   *Lease
	session schemas.SessionID
	room    int

	mu     sync.Mutex
	number uint64        // last assigned
	ripe   time.Duration // when Hasten may publish again, on the log's clock
	facts  lane
	frames lane
	closed bool
	err    error
	failed chan struct{}
	onFail func()
}

// NewWriter returns the writer of a new session. It does no I/O.
func (l *Log) NewWriter(lease *Lease, id schemas.SessionID) *Writer {
	w := &Writer{
		log: l, lease: lease, session: id, failed: make(chan struct{}),
		room: roomFor(string(lease.id), string(id)),
		facts: lane{stream: schemas.Facts, subject: schemas.FactSubject(id),
			full: wholeFact, ripe: wholeFact / 2, pool: &l.small},
		frames: lane{stream: schemas.Frames, subject: schemas.FrameSubject(id),
			full: wholeFrame, ripe: ripeFrames, pool: &l.large},
	}
	if !id.Valid() {
		w.fail(fmt.Errorf("open session: %q is not a session id", id))
	} else if err := lease.add(w); err != nil {
		w.fail(err)
	}
	return w
}

// Fact adds a fact that travels with the next Commit, or after FlushEvery. It does not block.
func (w *Writer) Fact(e *schemas.Entry) (number uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.add(&w.facts, e); err != nil {
		return 0, err
	}
	w.schedule(&w.facts)
	return e.Number, nil
}

// Commit adds facts and returns once they and every fact before them are acknowledged. Text
// frames that belong to them must have been flushed before. When ctx ends first, Commit returns
// its error, and the facts are stored or not, as those of a Fact.
func (w *Writer) Commit(ctx context.Context, es ...*schemas.Entry) error {
	w.log.committed()
	w.mu.Lock()
	for _, e := range es {
		if err := w.add(&w.facts, e); err != nil {
			w.mu.Unlock()
			return err
		}
	}
	if err := w.usable(); err != nil {
		w.mu.Unlock()
		return err
	}
	return w.settle(ctx, &w.facts)
}

// Frame adds a frame. It blocks while MaxPending bytes, or anything older than MaxAge, is
// unacknowledged. A frame's payload is at most 256 KiB; larger is the caller's to split.
func (w *Writer) Frame(ctx context.Context, e *schemas.Entry) (number uint64, err error) {
	size := e.SizeVT()
	w.log.framed(size)
	w.mu.Lock()
	for w.crowded(size) {
		if err := w.usable(); err != nil {
			w.mu.Unlock()
			return 0, err
		}
		if err := w.wait(ctx, &w.frames, w.frames.head.last); err != nil {
			return 0, err
		}
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	if err := w.add(&w.frames, e); err != nil {
		return 0, err
	}
	w.schedule(&w.frames)
	return e.Number, nil
}

// Ahead is Frame for what its caller acts on only after Await, and has little of in that state: it does not block.
func (w *Writer) Ahead(e *schemas.Entry) (number uint64, err error) {
	w.log.framed(e.SizeVT())
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.add(&w.frames, e); err != nil {
		return 0, err
	}
	w.schedule(&w.frames)
	return e.Number, nil
}

// Await returns once the frame of that number, and every frame before it, is acknowledged.
func (w *Writer) Await(ctx context.Context, number uint64) error {
	w.mu.Lock()
	if err := w.usable(); err != nil || w.frames.number >= number {
		w.mu.Unlock()
		return err
	}
	return w.wait(ctx, &w.frames, number)
}

// Hasten publishes what is pending without waiting for FlushEvery, unless the time before it did so less
// than FlushEvery ago: what comes after a rest goes at once, and what follows closely in groups. It
// does not block. It is for frames that somebody who watches wants to see as they come.
func (w *Writer) Hasten() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.log.elapsed()
	if now < w.ripe {
		return
	}
	w.ripe = now + w.log.config.FlushEvery
	for _, ln := range []*lane{&w.frames, &w.facts} { // readers put both in order, and wait for the lower number
		ln.due = ln.head != nil
		w.schedule(ln)
	}
}

// crowded says that a frame of size bytes must wait.
func (w *Writer) crowded(size int) bool {
	born, some := w.frames.oldest()
	return some && (w.frames.bytes+size > w.log.config.MaxPending || w.log.elapsed()-born > w.log.config.MaxAge)
}

// Flush returns once everything added so far is acknowledged.
func (w *Writer) Flush(ctx context.Context) error {
	for _, ln := range []*lane{&w.frames, &w.facts} {
		w.mu.Lock()
		if err := w.usable(); err != nil {
			w.mu.Unlock()
			return err
		}
		if err := w.settle(ctx, ln); err != nil {
			return err
		}
	}
	return nil
}

// Close flushes, appends closed as the last fact, and ends the writer. Later calls return
// ErrClosed.
func (w *Writer) Close(ctx context.Context, closed *schemas.Closed) error {
	w.mu.Lock()
	for w.frames.head != nil { // also what other goroutines add meanwhile
		w.mu.Unlock()
		if err := w.Flush(ctx); err != nil {
			return err
		}
		w.mu.Lock()
	}
	if err := w.add(&w.facts, &schemas.Entry{Kind: &schemas.Entry_Closed{Closed: closed}}); err != nil {
		w.mu.Unlock()
		return err
	}
	w.closed = true // nothing can be numbered behind Closed
	defer w.lease.remove(w)
	return w.settle(ctx, &w.facts)
}

// Failed is closed when the writer has failed; Err then says why.
func (w *Writer) Failed() <-chan struct{} { return w.failed }

// OnFail sets what is called, in a goroutine of its own, when the writer has failed, so that nobody has to wait for Failed: at
// once if it has. It replaces what was set before; nil: nothing is called.
func (w *Writer) OnFail(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onFail = f
	if f != nil && w.err != nil {
		go f()
	}
}

// Err returns the first error.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// usable returns why nothing can be written. The lock is held.
func (w *Writer) usable() error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return fmt.Errorf("write to session: %w", ErrClosed)
	case !w.lease.Valid():
		return w.failLocked(fmt.Errorf("write to session: %w", ErrLease))
	}
	return nil
}

// add numbers and encodes e. The lock is held.
func (w *Writer) add(ln *lane, e *schemas.Entry) error {
	if err := w.usable(); err != nil {
		return err
	}
	e.Number = w.number + 1
	if e.At == 0 {
		e.At = w.log.config.Now().UnixNano()
	}
	size := e.SizeVT()
	if size > maxEntry {
		return w.failLocked(fmt.Errorf("write to session: an entry of %d bytes exceeds %d", size, maxEntry))
	}
	if err := ln.put(e, size, w.room, w.log.elapsed()); err != nil {
		return w.failLocked(fmt.Errorf("encode entry: %w", err))
	}
	w.number++
	return nil
}

// settle waits until everything pending on ln is acknowledged. The lock is held, and released.
func (w *Writer) settle(ctx context.Context, ln *lane) error {
	if ln.tail == nil {
		w.mu.Unlock()
		return nil
	}
	return w.wait(ctx, ln, ln.tail.last)
}

// wait waits until number is acknowledged on ln. The lock is held, and released. When nobody is
// flying the lane's chunks, the caller's own goroutine does.
func (w *Writer) wait(ctx context.Context, ln *lane, number uint64) error {
	ln.urgent = max(ln.urgent, number)
	if !ln.flying {
		ln.flying = true
		w.fly(ctx, ln, number)
		err, acknowledged := w.err, ln.number >= number
		w.mu.Unlock()
		switch {
		case acknowledged:
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("wait for acknowledgement: %w", context.Cause(ctx))
	}
	wt := w.log.waiters.get(number)
	ln.waiters = append(ln.waiters, wt)
	w.mu.Unlock()
	select {
	case err := <-wt.result:
		w.log.waiters.put(wt)
		return err
	case <-ctx.Done(): // the waiter stays until it is served, and is collected then
		return fmt.Errorf("wait for acknowledgement: %w", context.Cause(ctx))
	}
}

// schedule starts a flight if something is due, or else sees to it that it will be. The lock is
// held.
func (w *Writer) schedule(ln *lane) {
	if ln.flying || ln.head == nil || w.err != nil {
		return
	}
	if ln.next() != nil {
		ln.flying = true
		go w.flyOn(ln)
		return
	}
	if ln.armed {
		return
	}
	ln.armed = true
	if ln.timer == nil {
		ln.timer = time.AfterFunc(w.log.config.FlushEvery, func() { w.ring(ln) })
	} else {
		ln.timer.Reset(w.log.config.FlushEvery)
	}
}

func (w *Writer) ring(ln *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ln.armed = false
	ln.due = ln.head != nil
	if ln == &w.frames && ln.due {
		w.ripe = w.log.elapsed() + w.log.config.FlushEvery
	}
	w.schedule(ln)
}

func (w *Writer) flyOn(ln *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fly(context.Background(), ln, math.MaxUint64)
}

// fly publishes what is due, one chunk at a time, as long as it is not acknowledged up to until;
// another goroutine does the rest, also when ctx ends. The lock is held, but not while waiting.
func (w *Writer) fly(ctx context.Context, ln *lane, until uint64) {
	for w.err == nil {
		c := ln.next()
		if c == nil || ln.number >= until {
			ln.flying = false
			w.schedule(ln)
			return
		}
		if !ln.sealed {
			ln.due = ln.due && c.next != nil
			ln.sealed = true
			ln.flight = addition{
				stream: ln.stream, subject: ln.subject, last: ln.sequence,
				data: c.seal(ln.previous(), w.head(ln), string(w.lease.id), string(w.session)),
			}
		}
		w.mu.Unlock()
		sequence, hash, err := w.send(ctx, &ln.flight)
		w.mu.Lock()
		switch {
		case err == nil:
			ln.landed(sequence, hash)
		case ctx.Err() != nil && w.err == nil: // it may be stored: the same bytes go on
			go w.flyOn(ln)
			return
		default:
			_ = w.failLocked(err)
		}
	}
	ln.flying = false
	ln.head, ln.tail, ln.bytes = nil, nil, 0
}

// send appends, and then insists on the lease: what was acknowledged under a lapsed lease may not
// be acted on.
func (w *Writer) send(ctx context.Context, a *addition) (sequence uint64, hash [sha256.Size]byte, err error) {
	sequence, err = w.log.append(ctx, a)
	if errors.Is(err, ErrConflict) {
		return 0, hash, fmt.Errorf("append to session: %w", ErrFenced)
	}
	if err != nil {
		return 0, hash, fmt.Errorf("append to session: %w", err)
	}
	if !w.lease.Valid() && !w.lease.await(w.log.config.AckTimeout) {
		return 0, hash, fmt.Errorf("append to session: %w", ErrLease)
	}
	return sequence, a.digest(), nil
}

// head is what a fact message says of the frames. The lock is held.
func (w *Writer) head(ln *lane) *schemas.Head {
	if ln != &w.facts || w.frames.sequence == 0 {
		return nil
	}
	return &schemas.Head{Sequence: w.frames.sequence, Number: w.frames.number, Hash: w.frames.hash[:]}
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.failLocked(err)
}

// failLocked makes err the final one, unless there is one, and returns the final one.
func (w *Writer) failLocked(err error) error {
	if w.err != nil {
		return w.err
	}
	w.err = err
	close(w.failed)
	if w.onFail != nil {
		go w.onFail()
	}
	w.facts.fail(err)
	w.frames.fail(err)
	w.lease.remove(w)
	return err
}
