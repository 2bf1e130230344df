package ssh

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/schemas"
)

// Bounds of one SFTP channel.
const (
	maxRequests = 8192      // that are not answered
	gathered    = 192 << 10 // bytes for the target after which a batch of them is forwarded; one may have more
)

// sftp relays the SFTP subsystem: each request is decoded, those that name a path are judged and
// recorded, and what is moved is recorded, before anything is passed on.
//
// Paths are made what they are for the target before they are judged: absolute, and with symbolic
// links followed where the operation follows them, by asking the target itself. A link that is
// changed between that and the operation is not seen.
type sftp struct {
	ch   *channel
	c    *command
	to   xssh.Channel
	home string

	write sync.Mutex // of the client's channel

	mu      sync.Mutex
	pending map[uint32]*asked
	files   map[string]*openFile
}

// asked is a request that the target has not answered.
type asked struct {
	typ    byte
	op     judged // its number is 0 where it belongs to a file's
	path   string
	handle string
	offset uint64
	own    chan packet // a request of the gateway's own
	began  int64
}

func (ch *channel) newSFTP(c *command, to xssh.Channel) *sftp {
	return &sftp{ch: ch, c: c, to: to, pending: make(map[uint32]*asked), files: make(map[string]*openFile)}
}

// pumpIn reads the client's requests.
func (x *sftp) pumpIn(ctx context.Context, stop <-chan struct{}) {
	err := x.front(ctx, bufio.NewReaderSize(inputReader{x.c.in, stop}, chunk))
	switch {
	case errors.Is(err, io.EOF):
		_ = x.to.CloseWrite()
	case errors.Is(err, errOver), err == nil:
	case errors.Is(err, errPacket):
		x.c.malformed(x.ch, "the client sent a malformed SFTP packet", x.to)
	default:
		x.c.fail(err, x.to)
	}
}

// malformed ends a command whose protocol one side does not keep to.
func (c *command) malformed(ch *channel, what string, to xssh.Channel) {
	if err := ch.r.s.Notice(c.number, "gateway", &schemas.Failure{Severity: "ERROR", Code: string(schemas.CodeInvalid), Message: what}); err != nil {
		c.fail(err, to)
	}
	ch.say(what)
	_ = to.Close()
}

func (x *sftp) front(ctx context.Context, in *bufio.Reader) error {
	p, buf, err := readPacket(in, nil)
	if err != nil {
		return err
	}
	if p.typ != fxpInit || len(p.body) < 4 {
		return errPacket
	}
	x.c.bytesIn.Add(uint64(len(p.raw)))
	if _, err := x.to.Write([]byte{0, 0, 0, 5, fxpInit, 0, 0, 0, 3}); err != nil {
		return errOver
	}
	f := newForwarder(x.ch.r.s, x.c, x.to)
	buf = buf[:0]
	for {
		start := len(buf) // of the packet, behind those that are gathered
		if p, buf, err = readPacket(in, buf); err != nil {
			return errors.Join(f.pass(ctx, buf), f.wait(), err)
		}
		x.c.bytesIn.Add(uint64(len(p.raw)))
		if err := x.ch.r.s.Wait(ctx); err != nil {
			return err
		}
		q, known, err := decodeRequest(p)
		if err != nil {
			return err
		}
		moves := known && (q.typ == fxpWrite || q.typ == fxpRead)
		if !moves { // the target may be asked something first, and what came before has an answer to come
			if buf, err = f.clear(ctx, buf, start); err != nil {
				return err
			}
		}
		pass := known
		if known {
			pass, err = x.request(ctx, &q, f)
		} else {
			err = x.answer(statusPacket(q.id, fxUnsupported, "the gateway does not know this operation"))
		}
		if err != nil {
			return err
		}
		switch {
		case !pass:
			buf = buf[:0]
		case !moves || len(buf) >= gathered || in.Buffered() < 4 && !x.c.in.waits():
			if err := f.pass(ctx, buf); err != nil {
				return err
			}
			buf = f.buffer()
		}
	}
}

// answer sends the client a packet of the gateway's own.
func (x *sftp) answer(b []byte) error {
	x.write.Lock()
	defer x.write.Unlock()
	if _, err := x.ch.client.Write(b); err != nil {
		return errOver
	}
	return nil
}

// request records what a request does, and says whether it is passed on, by f.
func (x *sftp) request(ctx context.Context, q *request, f *forwarder) (pass bool, err error) {
	a := &asked{typ: q.typ, handle: q.handle, offset: q.offset, began: x.ch.r.s.Now().UnixNano()}
	if q.typ == fxpFsetstat {
		if f := x.file(q.handle); f != nil {
			q.path = f.path
		}
	}
	op, follows := q.operation()
	switch {
	case op != nil:
		if pass, err = x.judge(ctx, q, op, follows, a); !pass || err != nil {
			return false, err
		}
	case q.typ == fxpWrite:
		if err := x.written(ctx, q, f); err != nil {
			return false, err
		}
	}
	return true, x.expect(q.id, a)
}

// expect notes that an answer will come.
func (x *sftp) expect(id uint32, a *asked) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, twice := x.pending[id]; twice || len(x.pending) >= maxRequests {
		return errPacket
	}
	x.pending[id] = a
	return nil
}

func (x *sftp) file(handle string) *openFile {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.files[handle]
}

// written records data on its way to the target, for which f waits.
func (x *sftp) written(ctx context.Context, q *request, f *forwarder) error {
	file := x.file(q.handle)
	if file == nil { // the target will say so
		return nil
	}
	file.went(&file.in, q.offset, q.data)
	number, err := file.sent.add(ctx, q.offset, q.data)
	f.recorded = max(f.recorded, number)
	return err
}

// pieces calls f for parts of data of at most most bytes.
func pieces(data []byte, offset uint64, most int, f func(data []byte, offset uint64) error) error {
	for len(data) > 0 {
		n := min(len(data), most)
		if err := f(data[:n], offset); err != nil {
			return err
		}
		data, offset = data[n:], offset+uint64(n)
	}
	return nil
}

// judge decides and records an operation on a path, and answers one that is refused.
func (x *sftp) judge(ctx context.Context, q *request, op *schemas.FileOperation, follows bool, a *asked) (bool, error) {
	if err := x.resolve(ctx, op, follows); err != nil {
		return false, err
	}
	is, err := x.ch.judgeFile(ctx, x.c, op, nil)
	if err != nil {
		return false, err
	}
	if is.refusal == nil {
		a.op, a.path = is, op.Path
		return true, nil
	}
	lines := said(is.refusal)
	x.ch.say(lines...)
	return false, x.answer(statusPacket(q.id, fxPermissionDenied, strings.Map(visible, strings.Join(lines, "; "))))
}

// resolve makes the paths of an operation what the target takes them for.
func (x *sftp) resolve(ctx context.Context, op *schemas.FileOperation, follows bool) error {
	if op.Operation == "realpath" {
		op.Path = lexical(x.start(ctx), op.Path)
		return nil
	}
	var err error
	if op.Path, err = x.real(ctx, op.Path, follows); err != nil || op.To == "" {
		return err
	}
	if op.Operation == "symlink" { // what a link says is not followed when it is made
		if !strings.HasPrefix(op.To, "/") {
			dir, _, _ := split(op.Path)
			op.To = lexical(dir, op.To)
		}
		return nil
	}
	op.To, err = x.real(ctx, op.To, false)
	return err
}

// real is a path as the target has it: with every symbolic link followed, except the one that it
// ends in unless the operation follows that, too.
func (x *sftp) real(ctx context.Context, p string, follows bool) (string, error) {
	dir, base, whole := split(p)
	if follows || whole {
		dir, base = p, ""
	}
	if dir == "" && p != "" && strings.HasPrefix(p, "/") {
		dir = "/"
	}
	real, ok, err := x.ask(ctx, dir)
	if err != nil {
		return "", err
	}
	if !ok { // a directory on the way is missing: the operation will fail, too
		return lexical(x.start(ctx), p), nil
	}
	if base != "" {
		real = strings.TrimRight(real, "/") + "/" + base
	}
	return real, nil
}

// start is the directory that relative paths begin in.
func (x *sftp) start(ctx context.Context) string {
	if x.home == "" {
		if home, ok, err := x.ask(ctx, "."); err == nil && ok {
			x.home = home
		}
	}
	return x.home
}

// ask has the target resolve a path.
func (x *sftp) ask(ctx context.Context, p string) (real string, ok bool, err error) {
	a := &asked{typ: fxpRealpath, own: make(chan packet, 1)}
	id := ^uint32(0)
	for ; x.expect(id, a) != nil; id-- {
		x.mu.Lock()
		full := len(x.pending) >= maxRequests
		x.mu.Unlock()
		if full {
			return "", false, errPacket
		}
	}
	if _, err := x.to.Write(realpathPacket(id, p)); err != nil {
		return "", false, errOver
	}
	select {
	case answer, there := <-a.own:
		if !there {
			return "", false, errOver
		}
		if answer.typ != fxpName {
			return "", false, nil
		}
		f := fields{b: answer.body}
		f.uint32()
		if f.uint32() != 1 {
			return "", false, errPacket
		}
		real = f.path()
		return real, !f.bad && real != "", nil
	case <-x.ch.over:
		return "", false, errOver
	case <-ctx.Done():
		return "", false, errOver
	}
}
