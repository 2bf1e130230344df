package ssh

import (
	"context"
	"errors"
	"io"
	"slices"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// upload follows files to the target.
func (x *scp) upload(ctx context.Context) error {
	if a, err := x.fromTarget(); err != nil || a.kind != scpOK {
		return err
	}
	top, looked := x.operands[0].look(ctx, &x.names)
	if errors.Is(looked, errOver) {
		return looked
	}
	for {
		rec, err := readRecord(x.client, maxClientLine)
		if err != nil {
			return ofClient(err)
		}
		if err := x.ch.r.s.Wait(ctx); err != nil {
			return err
		}
		more := true
		switch rec.kind {
		case scpFile, scpDir:
			more, err = x.put(ctx, rec, top.directory)
		case scpWarning:
			err = x.say(x.toTarget, rec.raw)
		case scpFatal:
			more, err = false, x.say(x.toTarget, rec.raw)
		case scpEnd, scpTimes:
			if rec.kind == scpEnd {
				if len(x.dirs) == 0 {
					return errClient
				}
				x.dirs = x.dirs[:len(x.dirs)-1]
			}
			more, err = x.told(rec)
		}
		if err != nil || !more {
			return err
		}
	}
}

// told passes a record on to which scp never says no, but to one before it: then the conversation is over.
func (x *scp) told(rec scpRecord) (bool, error) {
	if err := x.say(x.toTarget, rec.raw); err != nil {
		return false, err
	}
	a, err := x.fromTarget()
	return a.kind == scpOK, err
}

// destination is where the target puts what it is told now: as its sink does, into a directory or, at the
// beginning, under the name that it was given.
func (x *scp) destination(rec scpRecord, into bool) operand {
	o := x.operands[0]
	switch {
	case len(x.dirs) > 0:
		o = x.dirs[len(x.dirs)-1]
	case !into:
		return o
	}
	return o.within(rec.name)
}

// put decides about a file or directory for the target and, if it may be, passes it on. more is false when the conversation
// cannot go on.
func (x *scp) put(ctx context.Context, rec scpRecord, into bool) (more bool, err error) {
	if rec.name == "." {
		return false, errClient
	}
	o := x.destination(rec, into)
	at, looked := o.look(ctx, &x.names)
	if errors.Is(looked, errOver) {
		return false, looked
	}
	began := x.ch.r.s.Now().UnixNano()
	ops, refusal, err := x.allowed(ctx, at, looked, rec)
	if err != nil {
		return false, err
	}
	if refusal != nil {
		return true, x.say(x.toClient, scpRefusal(o.path, refusalText(refusal)))
	}
	if err := x.say(x.toTarget, rec.raw); err != nil {
		return false, err
	}
	a, err := x.fromTarget()
	if err != nil {
		return false, err
	}
	more = a.kind == scpOK || a.kind == scpWarning && a.about(o.base())
	switch {
	case a.kind != scpOK:
	case rec.kind == scpDir:
		x.dirs = append(x.dirs, o)
	default:
		x.file = x.ch.newOpenFile(at.path, ops[0], began)
		if a, err = x.receive(ctx, rec.size); err != nil {
			return false, err
		}
		ops, more = ops[1:], a.kind != scpFatal
	}
	for _, op := range ops {
		if err := x.done(op.number, began, a); err != nil {
			return false, err
		}
	}
	return more, nil
}

// allowed asks for all that a record does: it makes a file or directory, and sets its mode and times if the client
// wants them kept. The first of the operations is a file's own.
func (x *scp) allowed(ctx context.Context, at place, looked error, rec scpRecord) (ops []judged, refusal *schemas.Error, err error) {
	var wanted []*schemas.FileOperation
	switch {
	case rec.kind == scpFile:
		wanted = append(wanted, &schemas.FileOperation{Operation: "open", Writes: true})
	case !at.directory:
		wanted = append(wanted, &schemas.FileOperation{Operation: "mkdir"})
	}
	if x.c.moves.Preserve {
		wanted = append(wanted, &schemas.FileOperation{Operation: "setstat", Detail: "permissions, times"})
	}
	for _, op := range wanted {
		is, err := x.judge(ctx, at, looked, op)
		if err != nil {
			return nil, nil, err
		}
		if is.refusal != nil { // what was allowed of it is not done either
			for _, before := range ops {
				if err := x.ch.r.s.Result(&schemas.Result{Command: before.number, Refused: true, Error: failure(is.refusal)}); err != nil {
					return nil, nil, err
				}
			}
			return nil, is.refusal, nil
		}
		ops = append(ops, is)
	}
	return ops, nil, nil
}

// receive passes a file's data on to the target, recorded first, and returns what the target makes of it.
func (x *scp) receive(ctx context.Context, size uint64) (scpAnswer, error) {
	f := newForwarder(x.ch.r.s, x.c, x.toTarget)
	if err := errors.Join(x.data(ctx, f, size), f.wait()); err != nil {
		return scpAnswer{}, err
	}
	sent, err := x.fromClient()
	if err != nil {
		return sent, err
	}
	a, err := x.fromTarget()
	if err != nil {
		return a, err
	}
	var why *schemas.Failure
	switch {
	case sent.kind != scpOK:
		why = refusedFile(sent)
	case a.kind != scpOK:
		why = refusedFile(a)
	}
	return a, x.close(why)
}

// data reads and records a file's data, which f passes on.
func (x *scp) data(ctx context.Context, f *forwarder, size uint64) error {
	for left := size; left > 0; {
		most := int(min(left, session.MaxMoved))
		buf := slices.Grow(f.buffer(), most)[:most]
		n, err := io.ReadAtLeast(x.client, buf, 1)
		if err != nil {
			return ofClient(err)
		}
		left -= uint64(n)
		if err := x.ch.r.s.Wait(ctx); err != nil {
			return err
		}
		offset := x.file.in.bytes
		x.file.went(&x.file.in, offset, buf[:n])
		number, err := x.file.sent.add(ctx, offset, buf[:n])
		if err != nil {
			return err
		}
		f.recorded = max(f.recorded, number)
		if err := f.pass(ctx, buf[:n]); err != nil {
			return err
		}
	}
	return nil
}
