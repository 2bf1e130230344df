package ssh

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"sallyport/schemas"
)

// pumpOut reads the target's answers.
func (x *sftp) pumpOut(ctx context.Context) {
	err := x.back(ctx, bufio.NewReaderSize(x.to, chunk))
	x.abandon()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errOver):
	case errors.Is(err, errPacket):
		x.c.malformed(x.ch, "the target sent a malformed SFTP packet", x.to)
	default:
		x.c.fail(err, x.to)
	}
}

func (x *sftp) back(ctx context.Context, out *bufio.Reader) error {
	p, buf, err := readPacket(out, nil)
	if err != nil {
		return err
	}
	if p.typ != fxpVersion {
		return errPacket
	}
	version, err := decodeVersion(p)
	if err != nil {
		return err
	}
	x.c.bytesOut.Add(uint64(len(version)))
	if err := x.answer(version); err != nil {
		return err
	}
	for {
		if p, buf, err = readPacket(out, buf[:0]); err != nil {
			return err
		}
		pass, err := x.answered(ctx, p)
		if err != nil {
			return err
		}
		if !pass {
			continue
		}
		x.c.bytesOut.Add(uint64(len(p.raw)))
		if x.ch.r.s.Strict {
			if err := x.ch.r.s.Flush(ctx); err != nil {
				return err
			}
		}
		if err := x.answer(p.raw); err != nil {
			return err
		}
	}
}

// answered records what an answer says, and reports whether it is the client's.
func (x *sftp) answered(ctx context.Context, p packet) (pass bool, err error) {
	f := fields{b: p.body}
	id := f.uint32()
	x.mu.Lock()
	a, ok := x.pending[id]
	delete(x.pending, id)
	x.mu.Unlock()
	if !ok || f.bad {
		return false, errPacket
	}
	if a.own != nil {
		a.own <- packet{typ: p.typ, body: append([]byte(nil), p.body...)}
		return false, nil
	}
	switch p.typ {
	case fxpStatus:
		code, message := f.uint32(), clean(string(f.bytes()))
		if f.bad {
			return false, errPacket
		}
		return true, x.status(a, code, message)
	case fxpHandle:
		handle := f.path()
		if f.bad || a.typ != fxpOpen && a.typ != fxpOpendir {
			return false, errPacket
		}
		x.mu.Lock()
		x.files[handle] = x.ch.newOpenFile(a.path, a.op, a.began)
		x.files[handle].dir = a.typ == fxpOpendir
		x.mu.Unlock()
		return true, nil
	case fxpData:
		data := f.bytes()
		if f.bad || a.typ != fxpRead {
			return false, errPacket
		}
		return true, x.read(ctx, a, data)
	case fxpName, fxpAttrs, fxpExtendedReply:
		return true, x.status(a, fxOK, "")
	}
	return false, errPacket
}

// read records data on its way to the client.
func (x *sftp) read(ctx context.Context, a *asked, data []byte) error {
	f := x.file(a.handle)
	if f == nil {
		return errPacket
	}
	f.went(&f.out, a.offset, data)
	_, err := f.got.add(ctx, a.offset, data)
	return err
}

// status records how an operation ended.
func (x *sftp) status(a *asked, code uint32, message string) error {
	switch a.typ {
	case fxpClose:
		return x.closed(a.handle)
	case fxpRead:
		if f := x.file(a.handle); f != nil && code == fxEOF && a.offset <= f.out.next {
			f.ended = true
		}
		return nil
	}
	if a.op.number == 0 {
		return nil
	}
	r := &schemas.Result{Command: a.op.number, Tag: statusName(code), Duration: time.Now().UnixNano() - a.began}
	if code != fxOK && code != fxEOF {
		r.Error = &schemas.Failure{Severity: "ERROR", Code: statusName(code), Message: message}
	}
	return x.ch.r.s.Result(r)
}

// closed records what went through a file, when it is closed.
func (x *sftp) closed(handle string) error {
	x.mu.Lock()
	f := x.files[handle]
	delete(x.files, handle)
	x.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.report(x.ch.r.s, x.c, nil)
}

// abandon records what is left when the target has ended.
func (x *sftp) abandon() {
	x.mu.Lock()
	files, pending := x.files, x.pending
	x.files, x.pending = map[string]*openFile{}, map[uint32]*asked{}
	x.mu.Unlock()
	unknown := &schemas.Failure{Severity: "UNKNOWN", Message: "the channel was closed first"}
	for _, a := range pending {
		if a.own != nil {
			close(a.own)
		} else if a.op.number != 0 {
			_ = x.ch.r.s.Result(&schemas.Result{Command: a.op.number, Error: unknown}) // a failure stops the session by itself
		}
	}
	for _, f := range files {
		_ = f.report(x.ch.r.s, x.c, unknown)
	}
}
