package ssh

import (
	"bufio"
	"context"
	"errors"
	"io"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/schemas"
)

// scp relays what a client and the far end of the old scp say to each other. It is a conversation in which one waits for
// the other, so one goroutine follows it and knows at each moment who speaks, and of what: each file and directory
// is judged before the side that has it is told to go on, and a refusal is the protocol's own, in place of what was
// refused. Nothing else is changed.
//
//	client (scp)       gateway                          target (scp -t)
//	  |                  |<---------------------------------- \0 |
//	  |<-- \0 -----------|                                       |
//	  | C0644 5 name     |                                       |
//	  |----------------->| what is it? may it be written? no:    |
//	  |<-- \1 message ---|                                       |
//	  | C0644 5 other    |                                       |
//	  |----------------->| it may                                |
//	  |                  |-------------- C0644 5 other --------->|
//	  |<-- \0 -----------|<---------------------------------- \0 |
//	  | 5 bytes, \0      |                                       |
//	  |----------------->| recorded ----------- 5 bytes, \0 ---->|
//	  |<-- \0 -----------|<---------------------------------- \0 |
//
// The other way (scp -f) the target has the files and the client answers.
type scp struct {
	ch       *channel
	c        *command
	names    names
	client   *bufio.Reader
	target   *bufio.Reader
	toClient io.Writer
	toTarget xssh.Channel

	operands []operand
	dirs     []operand // that the conversation is in
	file     *openFile
	buf      *[chunk]byte
}

// scp follows the far end of the old scp, to the end of what it says.
func (ch *channel) scp(ctx context.Context, c *command, to xssh.Channel) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, ended := newInput(), make(chan struct{})
	go func() {
		out.run(to, ch.over)
		close(ended)
	}()
	go func() {
		select {
		case <-ch.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	x := &scp{ch: ch, c: c, names: names{up: ch.r.up}, toClient: ch.client, toTarget: to, operands: operands(c.moves),
		client: bufio.NewReaderSize(counted{inputReader{c.in, ended}, c.bytesIn.Add}, first),
		target: bufio.NewReaderSize(counted{inputReader{out, ch.over}, c.bytesOut.Add}, first), buf: buffers.Get().(*[chunk]byte)}
	defer buffers.Put(x.buf)
	defer x.names.close()
	err := x.converse(ctx)
	if bad := x.abandon(); bad != nil {
		c.fail(bad, to)
		return
	}
	switch {
	case errors.Is(err, errClient):
		c.malformed(ch, "the client does not speak scp's protocol", to)
	case errors.Is(err, errSCP):
		c.malformed(ch, "the target does not speak scp's protocol", to)
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errOver):
		c.fail(err, to)
	}
	x.drain(ctx)
}

// counted is a reader of which somebody wants to know how much was read.
type counted struct {
	io.Reader
	add func(uint64) uint64
}

func (r counted) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.add(uint64(n))
	return n, err
}

// errClient is an errSCP of the client's.
var errClient = errors.New("malformed scp record of the client's")

func ofClient(err error) error {
	if errors.Is(err, errSCP) {
		return errClient
	}
	return err
}

func (x *scp) converse(ctx context.Context) error {
	if x.c.moves.Upload {
		return x.upload(ctx)
	}
	return x.download(ctx)
}

// drain records and passes on what the target says when no more is expected of it.
func (x *scp) drain(ctx context.Context) {
	_ = x.toTarget.CloseWrite()
	for {
		n, err := x.target.Read(x.buf[:])
		if n > 0 {
			b := &schemas.Bytes{Command: x.c.number, Channel: schemas.Channel_CHANNEL_OUT, Format: "text", Data: x.buf[:n]}
			if bad := x.ch.r.s.Bytes(ctx, b); bad != nil {
				x.c.fail(bad, x.toTarget)
				return
			}
			_, _ = x.toClient.Write(x.buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// say passes something on, or says it in place of a side.
func (x *scp) say(to io.Writer, b []byte) error {
	if _, err := to.Write(b); err != nil {
		return errOver
	}
	return nil
}

// fromTarget passes the target's answer on to the client, and fromClient the client's to the target.
func (x *scp) fromTarget() (scpAnswer, error) {
	a, err := readAnswer(x.target, maxTargetLine)
	if err != nil {
		return a, err
	}
	return a, x.say(x.toClient, a.raw)
}

func (x *scp) fromClient() (scpAnswer, error) {
	a, err := readAnswer(x.client, maxClientLine)
	if err != nil {
		return a, ofClient(err)
	}
	return a, x.say(x.toTarget, a.raw)
}

// judge decides about one operation.
func (x *scp) judge(ctx context.Context, at place, looked error, op *schemas.FileOperation) (judged, error) {
	op.Path = at.path
	return x.ch.judgeFile(ctx, x.c, op, unlooked(looked))
}

// done records how an operation ended that moves no data.
func (x *scp) done(number uint64, began int64, a scpAnswer) error {
	if number == 0 {
		return nil
	}
	r := &schemas.Result{Command: number, Tag: statusName(fxOK), Duration: x.ch.r.s.Now().UnixNano() - began}
	if a.kind != scpOK {
		r.Tag, r.Error = statusName(fxFailure), refusedFile(a)
	}
	return x.ch.r.s.Result(r)
}

func refusedFile(a scpAnswer) *schemas.Failure {
	return &schemas.Failure{Severity: "ERROR", Code: statusName(fxFailure), Message: clean(a.text)}
}

// close records a file whose data went by. why is nil when both sides say that all is well.
func (x *scp) close(why *schemas.Failure) error {
	f := x.file
	x.file = nil
	f.ended = !x.c.moves.Upload && why == nil
	return f.report(x.ch.r.s, x.c, why)
}

// abandon records a file that the conversation ended in.
func (x *scp) abandon() error {
	if x.file == nil {
		return nil
	}
	return x.close(&schemas.Failure{Severity: "UNKNOWN", Message: "the channel was closed first"})
}

// content records a piece of the file that is open, on its way to the client.
func (x *scp) content(ctx context.Context, b []byte) error {
	offset := x.file.out.bytes
	x.file.went(&x.file.out, offset, b)
	_, err := x.file.got.add(ctx, offset, b)
	return err
}
