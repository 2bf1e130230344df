package postgres

import (
	"context"
	"errors"
	"io"

	"sallyport/schemas"
)

// back is the target's half: it matches answers with what was forwarded, records them, and passes
// them on. What it holds belongs to its goroutine.
type back struct {
	out  *buffer
	from int    // start of what was handled and not passed on
	sent []byte // what goes before it: replaced messages and what came before them
	want int    // size of the message that is not whole yet

	cur  item // the head of the queue, once looked at
	have bool

	res      result
	cells    []byte // of rows not handed to the recorder yet
	rows     uint32
	width    int
	data     []byte // COPY data not handed to the recorder yet
	fatal    bool   // the target has said why it ends
	failed   bool   // an error was reported in this unit
	lastT    []byte // the last RowDescription
	lastCols []*schemas.Column
	last     uint64 // number of the last command that was answered

	masking masking
}

// result is what is known of how the current command ends.
type result struct {
	rows, bytes uint64
	tags        []byte
	failure     *schemas.Failure
	refused     bool
	suspended   bool
	described   bool   // its columns are recorded
	format      string // of COPY data
}

// readTarget handles messages until the target closes the connection or something breaks.
func (r *relay) readTarget(ctx context.Context) error {
	b := &r.back
	for {
		if err := b.out.fill(b.want); err != nil {
			if r.s.Err() != nil {
				return r.s.Err()
			}
			if errors.Is(err, io.EOF) || gone(err) {
				return errTarget
			}
			return err
		}
		if err := r.walk(ctx); err != nil {
			return err
		}
	}
}

// walk handles the whole messages in the buffer where they are, and passes them on in one write.
func (r *relay) walk(ctx context.Context) error {
	b := &r.back
	b.from, b.want = b.out.start, 0
	for {
		typ, size, ok, err := b.out.head()
		if err != nil {
			return errOutOfStep
		}
		if !ok {
			break
		}
		if b.out.end-b.out.start < size {
			if done, err := r.partial(ctx, typ, size); err != nil {
				return err
			} else if done {
				continue
			}
			break
		}
		raw := b.out.b[b.out.start : b.out.start+size]
		if err := r.targetMessage(ctx, raw); err != nil {
			return err
		}
		b.out.start += size
	}
	if err := r.deliver(ctx); err != nil {
		return err
	}
	r.delivered()
	return nil
}

// partial deals with a message that is not whole: one that carries data and is large is passed
// through in pieces (done), any other is waited for.
func (r *relay) partial(ctx context.Context, typ byte, size int) (done bool, err error) {
	b := &r.back
	payload := typ == backRow || typ == copyData
	if limit := min(maxAnswer, r.limits.TargetMessage); !payload && size > limit || size > r.limits.TargetMessage {
		return false, errTooLarge
	}
	if !payload || size <= largeBuf {
		b.want = size
		return false, nil
	}
	if whole, err := r.maskedWhole(ctx, typ, size); whole || err != nil {
		return false, err
	}
	if err := r.deliver(ctx); err != nil {
		return false, err
	}
	err = r.stream(ctx, typ, size)
	b.from = b.out.start
	return true, err
}

// deliver hands rows and data to the recorder, and then passes on what was handled.
func (r *relay) deliver(ctx context.Context) error {
	b := &r.back
	if err := r.flushRows(ctx); err != nil {
		return err
	}
	if err := r.flushData(ctx); err != nil {
		return err
	}
	if err := r.s.Unveiled(ctx, &b.masking.veil); err != nil {
		return err
	}
	if r.s.Strict && (len(b.sent) > 0 || b.out.start > b.from) {
		if err := r.s.Flush(ctx); err != nil {
			return err
		}
	}
	raw := b.out.b[b.from:b.out.start]
	b.from = b.out.start
	if len(b.sent) > 0 {
		raw = append(b.sent, raw...)
		b.sent = raw[:0]
		if cap(raw) > 4*largeBuf || b.out.end == b.out.start && !b.out.full { // little is coming
			b.sent = nil
		}
	}
	if len(raw) == 0 {
		return nil
	}
	return r.toClient(raw)
}

func (r *relay) toClient(raw []byte) error {
	if err := r.client.write(raw); err != nil {
		if r.s.Err() != nil {
			return r.s.Err()
		}
		return errGoodbye
	}
	return nil
}

// replace passes other bytes on instead of the message that is being handled, raw.
func (b *back) replace(raw, other []byte) {
	b.sent = append(append(b.sent, b.out.b[b.from:b.out.start]...), other...)
	b.from = b.out.start + len(raw)
}

// expected is the item that the target answers now; nil when none is.
func (r *relay) expected() *item {
	b := &r.back
	if !b.have {
		r.mu.Lock()
		if !r.queue.empty() {
			b.cur, b.have = *r.queue.head(), true
		}
		r.mu.Unlock()
		if !b.have {
			return nil
		}
	}
	return &b.cur
}

// answered takes the head off.
func (r *relay) answered() {
	r.mu.Lock()
	r.queue.pop()
	r.back.have = false
	r.notifyLocked()
	r.mu.Unlock()
}

// notifyLocked wakes the front if it waits. mu is held.
func (r *relay) notifyLocked() {
	if r.waiting {
		r.waiting = false
		r.signal()
	}
}

func (r *relay) targetMessage(ctx context.Context, raw []byte) error {
	body := raw[header:]
	switch raw[0] {
	case backRow:
		return r.row(ctx, raw)
	case copyData:
		return r.copyOut(ctx, raw)
	case backParameter, backNotice, backNotification:
		return r.aside(ctx, raw)
	case backError:
		return r.failure(ctx, raw)
	case backReady:
		return r.ready(ctx, body)
	}
	i := r.expected()
	if i == nil {
		return errOutOfStep
	}
	switch raw[0] {
	case backColumns, backNoData, backParameterTypes:
		return r.description(ctx, i, raw)
	case backComplete, backEmpty, backSuspended:
		return r.complete(ctx, i, raw)
	case backParsed, backBound, backClosed:
		return r.acknowledged(i, raw[0])
	case backCopyIn, backCopyOut:
		return r.copyBegins(i, raw)
	case backFunction:
		return r.called(ctx, i, raw)
	case copyDone:
		return r.copyOutEnds(ctx, raw)
	}
	return errOutOfStep
}

// aside handles what may come at any time.
func (r *relay) aside(ctx context.Context, raw []byte) error {
	body := raw[header:]
	switch raw[0] {
	case backParameter:
		name, value, ok := decodePair(body)
		if !ok {
			return errOutOfStep
		}
		return r.s.Reported(name, value)
	case backNotification:
		channel, payload, ok := decodeNotification(body)
		if !ok {
			return errOutOfStep
		}
		payload, err := r.maskNotification(ctx, raw, payload)
		if err != nil {
			return err
		}
		return r.s.Notification(channel, payload)
	}
	i := r.expected()
	f, err := r.maskMessage(ctx, i, raw)
	if err != nil {
		return err
	}
	var command uint64
	if i != nil {
		command = i.command
	}
	return r.s.Notice(command, "notice", f)
}

// acknowledged handles ParseComplete, BindComplete and CloseComplete.
func (r *relay) acknowledged(i *item, typ byte) error {
	if want := map[byte]itemKind{backParsed: itemParse, backBound: itemBind, backClosed: itemClose}[typ]; i.kind != want {
		return errOutOfStep
	}
	if i.stmt != nil {
		i.stmt.state.Store(confirmed)
	}
	if i.command != 0 {
		if err := r.s.Result(&schemas.Result{Command: i.command, Tag: "PREPARE", Duration: r.s.Elapsed(i.started)}); err != nil {
			return err
		}
		r.back.last = i.command
	}
	r.answered()
	return nil
}
