package ssh

import (
	"context"
	"errors"
	"io"

	"sallyport/schemas"
)

// download follows files from the target.
func (x *scp) download(ctx context.Context) error {
	if _, err := x.fromClient(); err != nil {
		return err
	}
	for {
		rec, err := readRecord(x.target, maxTargetLine)
		if err != nil {
			return err
		}
		if err := x.ch.r.s.Wait(ctx); err != nil {
			return err
		}
		switch rec.kind {
		case scpFile, scpDir:
			err = x.get(ctx, rec)
		case scpWarning, scpFatal:
			err = x.say(x.toClient, rec.raw)
		case scpEnd, scpTimes:
			if rec.kind == scpEnd {
				if len(x.dirs) == 0 {
					return errSCP
				}
				x.dirs = x.dirs[:len(x.dirs)-1]
			}
			_, err = x.offer(rec)
		}
		if err != nil || rec.kind == scpFatal {
			return err
		}
	}
}

// offer passes a record on, and returns the client's answer.
func (x *scp) offer(rec scpRecord) (scpAnswer, error) {
	if err := x.say(x.toClient, rec.raw); err != nil {
		return scpAnswer{}, err
	}
	return x.fromClient()
}

// source is where the target has what it offers now: in the directory that it is in or, at the beginning, what it was
// told to send. Which of several it is shows in the name.
func (x *scp) source(rec scpRecord) operand {
	if len(x.dirs) > 0 {
		return x.dirs[len(x.dirs)-1].within(rec.name)
	}
	var found []operand
	for _, o := range x.operands {
		switch {
		case o.unknown:
			return operand{path: "*", unknown: true}.within(rec.name)
		case o.pattern:
			found = append(found, o.within(rec.name))
		case o.base() == rec.name || len(x.operands) == 1 && o.nameless():
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		return operand{path: "*", unknown: true}.within(rec.name)
	}
	return found[0]
}

// get decides about a file or directory of the target and, if it may be, passes it on.
func (x *scp) get(ctx context.Context, rec scpRecord) error {
	o := x.source(rec)
	at, looked := o.look(ctx, &x.names)
	if errors.Is(looked, errOver) {
		return looked
	}
	began := x.ch.r.s.Now().UnixNano()
	op := &schemas.FileOperation{Operation: "open", Reads: true}
	if rec.kind == scpDir {
		op.Operation = "list"
	}
	is, err := x.judge(ctx, at, looked, op)
	if err != nil {
		return err
	}
	if is.refusal != nil {
		if err := x.say(x.toClient, scpRefusal(o.path, refusalText(is.refusal))); err != nil {
			return err
		}
		return x.say(x.toTarget, scpRefusal(o.base(), "refused by the gateway"))
	}
	a, err := x.offer(rec)
	switch {
	case err != nil:
		return err
	case a.kind == scpOK && rec.kind == scpDir:
		x.dirs = append(x.dirs, o)
	case a.kind == scpOK:
		x.file = x.ch.newOpenFile(at.path, is, began)
		return x.send(ctx, rec.size)
	}
	return x.done(is.number, began, a)
}

// send passes a file's data on to the client.
func (x *scp) send(ctx context.Context, size uint64) error {
	s := x.ch.r.s
	for left := size; left > 0; {
		n, err := io.ReadAtLeast(x.target, x.buf[:min(left, chunk)], 1)
		if err != nil {
			return err
		}
		left -= uint64(n)
		if err := x.content(ctx, x.buf[:n]); err != nil {
			return err
		}
		if s.Strict {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
		if err := x.say(x.toClient, x.buf[:n]); err != nil {
			return err
		}
	}
	sent, err := x.fromTarget()
	if err != nil {
		return err
	}
	a, err := x.fromClient()
	if err != nil {
		return err
	}
	switch {
	case sent.kind != scpOK:
		return x.close(refusedFile(sent))
	case a.kind != scpOK:
		return x.close(refusedFile(a))
	}
	return x.close(nil)
}
