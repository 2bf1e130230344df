package postgres

import (
	"bytes"
	"context"
	"encoding/binary"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// takeCopy records and forwards the COPY data in the client's buffer: whole messages and parts
// of one, as many as there are, acknowledged together.
func (r *relay) takeCopy(ctx context.Context) error {
	f := &r.front
	f.scratch = f.scratch[:0]
	from := f.in.start
	for f.in.start < f.in.end {
		if f.rest == 0 {
			typ, size, ok, err := f.in.head()
			if err != nil || ok && typ == copyData && size-1 > r.limits.ClientMessage {
				return fatal("08P01", "invalid message length")
			}
			if !ok || typ != copyData {
				break
			}
			f.rest = size - header
			f.in.start += header
			continue
		}
		n := min(f.rest, f.in.end-f.in.start)
		f.scratch = append(f.scratch, f.in.b[f.in.start:f.in.start+n]...)
		f.in.start += n
		f.rest -= n
	}
	if f.skip {
		return nil
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.s.Wait(ctx); err != nil {
		return err
	}
	if f.copyMasked {
		return r.takeMasked(ctx)
	}
	if err := r.recordIn(ctx, f.scratch); err != nil {
		return err
	}
	return r.forward(f.in.b[from:f.in.start])
}

func (r *relay) recordIn(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), session.MaxPayload)
		if err := r.s.Bytes(ctx, &schemas.Bytes{Command: r.front.last, Channel: schemas.Channel_CHANNEL_IN, Format: "copy", Data: data[:n]}); err != nil {
			return err
		}
		data = data[n:]
	}
	return r.s.Err()
}

// endCopy handles CopyDone and CopyFail.
func (r *relay) endCopy(ctx context.Context, typ byte, raw []byte) error {
	f := &r.front
	if err := r.flush(ctx); err != nil {
		return err
	}
	if typ == copyFail {
		if err := r.s.Notice(f.last, "copy-fail", &schemas.Failure{Message: valid(bytes.TrimRight(raw[header:], "\x00"))}); err != nil {
			return err
		}
		if err := r.s.Commit(ctx); err != nil {
			return err
		}
	}
	if f.copyMasked {
		if err := r.endMasked(ctx, typ); err != nil {
			return err
		}
	}
	f.copyIn, f.copyMasked = false, false
	r.mu.Lock()
	if !r.copying { // sent without waiting
		if r.endedFor != f.last {
			r.ended, r.endedFor = 0, f.last
		}
		r.ended++
	}
	r.copying = false
	r.mu.Unlock()
	f.scratch = nil
	return r.forward(raw)
}

// copyDecided waits until it is known whether the target reads COPY data now. If it does, then
// whatever else the client sent would be an error of the protocol in the middle of the data, and
// the answers would fall out of step.
func (r *relay) copyDecided() error {
	f := &r.front
	f.batch.out = append(f.batch.out, frontFlush, 0, 0, 0, 4)
	if err := r.flush(context.Background()); err != nil {
		return err
	}
	copying := false
	err := r.await(func() bool {
		copying = r.copying
		return copying || !r.pendingCommand()
	})
	if err != nil {
		return err
	}
	if copying {
		return fatal("08P01", "unexpected message type during COPY from stdin")
	}
	f.copyIn = false
	return nil
}

// pendingCommand reports whether a command waits for its answer. mu is held.
func (r *relay) pendingCommand() bool {
	for _, i := range r.queue.rest() {
		if i.kind == itemQuery || i.kind == itemExecute {
			return true
		}
	}
	return false
}

// copyBegins handles CopyInResponse and CopyOutResponse.
func (r *relay) copyBegins(i *item, raw []byte) error {
	binary, width, ok := decodeCopy(raw[header:])
	if !ok || i.kind != itemQuery && i.kind != itemExecute {
		return errOutOfStep
	}
	r.back.res.format = "text"
	if binary {
		r.back.res.format = "binary"
	}
	if raw[0] == backCopyOut {
		r.back.masking.copied = r.maskCopy(i, &r.back.masking.tally, binary, width)
		return nil
	}
	masked := r.maskCopy(i, new(session.Tally), binary, width)
	if masked != nil {
		masked.lenient = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.endedFor == i.command && r.ended > 0 {
		r.ended--
		return nil
	}
	r.copying, r.copyMask = true, masked
	r.queue.drop(func(i *item) bool { return i.kind == itemSync }) // the target ignores them now
	if len(r.queue.rest()) > 1 {
		return errOutOfStep // what follows is taken for COPY data, and refused
	}
	r.notifyLocked()
	return nil
}

func (r *relay) copyEnds() {
	r.mu.Lock()
	r.copying = false
	r.mu.Unlock()
}

// copyOut takes CopyData from the target.
func (r *relay) copyOut(ctx context.Context, raw []byte) error {
	b := &r.back
	i := r.expected()
	if i == nil || i.kind != itemQuery && i.kind != itemExecute {
		return errOutOfStep
	}
	if b.masking.copied != nil {
		return r.maskedCopy(ctx, i, raw)
	}
	return r.recordOut(ctx, raw[header:])
}

func (r *relay) recordOut(ctx context.Context, body []byte) error {
	b := &r.back
	b.res.bytes += uint64(len(body))
	for len(body) > session.MaxPayload {
		if err := r.flushData(ctx); err != nil {
			return err
		}
		b.data = append(b.data, body[:session.MaxPayload]...)
		body = body[session.MaxPayload:]
	}
	if len(b.data)+len(body) > session.MaxPayload {
		if err := r.flushData(ctx); err != nil {
			return err
		}
	}
	b.data = append(b.data, body...)
	return nil
}

func (r *relay) flushData(ctx context.Context) error {
	b := &r.back
	if len(b.data) == 0 {
		return nil
	}
	err := r.s.Bytes(ctx, &schemas.Bytes{Command: b.cur.command, Channel: schemas.Channel_CHANNEL_OUT, Format: b.res.format, Data: b.data})
	b.data = b.data[:0]
	if !b.out.full && b.out.end == b.out.start {
		b.data = nil
	}
	return err
}

// stream passes a large DataRow or CopyData through in pieces: each is recorded, then sent.
func (r *relay) stream(ctx context.Context, typ byte, size int) error {
	b := &r.back
	i := r.expected()
	if i == nil || i.kind != itemQuery && i.kind != itemExecute {
		return errOutOfStep
	}
	head := header
	if typ == backRow {
		head += 2
	}
	for b.out.end-b.out.start < head {
		if err := b.out.fill(0); err != nil {
			return err
		}
	}
	s := streamed{typ: typ, head: head, left: size}
	if typ == backRow {
		s.width = int(binary.BigEndian.Uint16(b.out.b[b.out.start+header:]))
		s.walker.cells = s.width
		if !b.res.described {
			if err := r.describeRows(ctx, i, s.width); err != nil {
				return err
			}
		}
		b.res.rows++
	}
	b.res.bytes += uint64(size - head)
	r.client.mu.Lock() // nothing may come between the pieces
	defer r.client.mu.Unlock()
	for s.left > 0 {
		if err := r.streamPiece(ctx, i, &s); err != nil {
			return err
		}
	}
	if typ == backRow && !s.walker.done() {
		return errOutOfStep
	}
	return nil
}

// streamed is a message that is being passed through.
type streamed struct {
	typ    byte
	head   int // bytes before the payload that are left
	left   int // bytes of the message that are left
	width  int
	walker cellWalker
}

func (r *relay) streamPiece(ctx context.Context, i *item, s *streamed) error {
	b := &r.back
	if b.out.end == b.out.start {
		if err := b.out.fill(largeBuf); err != nil {
			r.client.torn = true
			return errTarget
		}
	}
	chunk := b.out.b[b.out.start:min(b.out.end, b.out.start+s.left)]
	payload := chunk[min(s.head, len(chunk)):]
	s.head = 0
	s.left -= len(chunk)
	if err := r.recordPiece(ctx, i, s, payload); err != nil {
		r.client.torn = true
		return err
	}
	if r.s.Strict {
		if err := r.s.Flush(ctx); err != nil {
			r.client.torn = true
			return err
		}
	}
	if err := r.client.writeLocked(chunk); err != nil {
		return errGoodbye
	}
	b.out.start += len(chunk)
	return nil
}

func (r *relay) recordPiece(ctx context.Context, i *item, s *streamed, payload []byte) error {
	if s.typ == copyData {
		return r.s.Bytes(ctx, &schemas.Bytes{Command: i.command, Channel: schemas.Channel_CHANNEL_OUT, Format: r.back.res.format, Data: payload})
	}
	if !s.walker.feed(payload) {
		return errOutOfStep
	}
	rows := &schemas.Rows{Command: i.command, Columns: uint32(s.width), Cells: payload, More: s.left > 0}
	if s.left == 0 {
		rows.Count = 1
	}
	return r.s.Rows(ctx, rows)
}
