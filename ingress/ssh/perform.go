package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// command is what runs on a channel.
type command struct {
	session.Command
	number  uint64
	in      *input
	req     *xssh.Request
	replied bool
	began   time.Time
	masks   *session.Masks    // nil: none
	moves   *schemas.Transfer // not nil: it is the far end of the old scp

	bytesIn, bytesOut atomic.Uint64
	within            share // of those, what results of commands within it tell
	mu                sync.Mutex
	failed            error // of a pump that could not record
	exit              outcome
}

// outcome is how the target says that a command ended.
type outcome struct {
	status  uint32
	known   bool
	signal  string
	message string
}

// perform runs an allowed command on the target and relays it to its end.
func (ch *channel) perform(ctx context.Context, c *command) error {
	to, reqs, why := ch.start(ctx, c)
	if why != nil {
		if err := ch.r.s.Err(); err != nil { // the target's side is closed then
			return err
		}
		e := schemas.Shown(explain(why))
		if !c.replied {
			_ = c.req.Reply(true, nil)
		}
		if err := ch.r.s.Result(&schemas.Result{Command: c.number, Error: failure(e)}); err != nil {
			return err
		}
		ch.say(said(e)...)
		ch.aside.leave(exitFailed)
		return nil
	}
	defer to.Close()
	if !c.replied {
		_ = c.req.Reply(true, nil)
	}
	return ch.stream(ctx, c, to, reqs)
}

// start opens the target's channel and asks it for what the client asked for.
func (ch *channel) start(ctx context.Context, c *command) (xssh.Channel, <-chan *xssh.Request, error) {
	to, reqs, err := ch.r.up.OpenChannel("session", nil)
	if err != nil {
		return nil, nil, refusedByTarget(err)
	}
	ch.mu.Lock()
	pty, env := ch.pty, ch.env
	ch.mu.Unlock()
	if pty != nil {
		if ok, err := to.SendRequest("pty-req", true, xssh.Marshal(pty)); err == nil && !ok {
			speak(ch.aside, true, "the target gives no terminal")
		}
	}
	for _, v := range env {
		_, _ = to.SendRequest("env", false, xssh.Marshal(v)) // a target that does not accept it says nothing either
	}
	if b := ch.r.welcome(); b != "" {
		_, _ = io.WriteString(ch.aside, b)
	}
	ok, err := to.SendRequest(c.req.Type, true, c.req.Payload)
	if err == nil && !ok {
		err = errors.New("request refused")
	}
	if err != nil {
		_ = to.Close()
		return nil, nil, refusedByTarget(err)
	}
	ch.mu.Lock()
	ch.to = to
	ch.mu.Unlock()
	select {
	case <-ch.over: // the client left meanwhile
		_ = to.Close()
	default:
	}
	return to, reqs, nil
}

func refusedByTarget(err error) error {
	message := "the target refuses to run it"
	if e, ok := errors.AsType[*xssh.OpenChannelError](err); ok {
		message += ": " + clean(e.Message)
	}
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: message, Err: err}
}

// stream relays a shell or a command: bytes in three streams, and how it ends.
func (ch *channel) stream(ctx context.Context, c *command, to xssh.Channel, reqs <-chan *xssh.Request) error {
	drained := make(chan struct{})
	var pumps atomic.Int32
	pumps.Store(2)
	pump := func(f func()) {
		go func() {
			f()
			if pumps.Add(-1) == 0 {
				close(drained)
			}
		}()
	}
	echo := newEcho(c.Terminal)
	stop := make(chan struct{})
	watch := ch.watch(ctx, c)
	errs, err := ch.output(c, ch.aside, schemas.Channel_CHANNEL_ERR, nil)
	if err != nil {
		return err
	}
	sent, err := ch.intake(c)
	if err != nil {
		return err
	}
	switch {
	case c.Kind == schemas.CommandKind_COMMAND_KIND_SUBSYSTEM:
		x := ch.newSFTP(c, to)
		go x.pumpIn(ctx, stop)
		pump(func() { x.pumpOut(ctx) })
	case c.moves != nil:
		pump(func() { ch.scp(ctx, c, to) })
	default:
		out, err := ch.output(c, ch.client, schemas.Channel_CHANNEL_OUT, watch)
		if err != nil {
			return err
		}
		c.in.feed(ch.pumpIn(ctx, sent, to, echo, watch, stop))
		defer c.in.feed(nil)
		pump(func() { ch.pumpOut(ctx, to, out, echo, sent) })
	}
	pump(func() { ch.pumpOut(ctx, to.Stderr(), errs, nil, nil) })
	for req := range reqs {
		ch.targetRequest(c, req, drained)
	}
	<-drained
	watch.end()
	close(stop)
	if err := c.failure(); err != nil {
		return err
	}
	if err := sent.settle(echo.close()); err != nil {
		return err
	}
	if err := sent.end(ctx); err != nil {
		return err
	}
	if err := ch.r.s.Result(c.result(ch.r.s.Elapsed(c.began))); err != nil {
		return err
	}
	// The end of the session ends the target's side, too. Then the client is still to be told.
	if err := ch.r.s.Err(); err != nil {
		return err
	}
	// Not before the exit status: a client whose own input has ended closes the channel when the
	// output ends, and what comes later is lost.
	ch.aside.end()
	return nil
}

// fail notes that something could not be recorded; what runs is ended.
func (c *command) fail(err error, to xssh.Channel) {
	c.mu.Lock()
	if c.failed == nil {
		c.failed = err
	}
	c.mu.Unlock()
	_ = to.Close()
}

// failure is the first error of a pump.
func (c *command) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// pumpIn returns what records and then forwards one piece of what the client types, and reports whether there may be more.
func (ch *channel) pumpIn(ctx context.Context, sent *intake, to xssh.Channel, echo *echo, watch *watcher, stop <-chan struct{}) func() bool {
	c := sent.c
	return func() bool {
		err := c.in.wait(stop) // there is something, or it has ended
		if errors.Is(err, io.EOF) {
			if err := sent.end(ctx); err != nil {
				c.fail(err, to)
			}
			_ = to.CloseWrite()
		}
		if err != nil {
			return false
		}
		buf := buffers.Get().(*[chunk]byte)
		defer buffers.Put(buf)
		b := buf[:c.in.take(buf[:])]
		watch.input(b)
		if err := ch.forward(ctx, sent, to, b, echo); err != nil {
			c.fail(err, to)
			return false
		}
		return true
	}
}

// forward records one piece of input and sends it on. A target that takes nothing more is no error:
// how the command ended will be seen.
func (ch *channel) forward(ctx context.Context, sent *intake, to xssh.Channel, b []byte, echo *echo) error {
	c := sent.c
	if err := ch.r.s.Wait(ctx); err != nil {
		return err
	}
	c.bytesIn.Add(uint64(len(b)))
	parts := []part{{data: b}}
	if c.Terminal {
		parts = echo.input(b)
	}
	for _, p := range parts {
		if err := sent.record(ctx, p); err != nil {
			return err
		}
	}
	_, _ = to.Write(b)
	return nil
}

// pumpOut takes what the target says.
func (ch *channel) pumpOut(ctx context.Context, from io.Reader, out *output, echo *echo, sent *intake) {
	c := out.c
	in := copier{from: from}
	defer in.free()
	for {
		b, err := in.next()
		if len(b) > 0 {
			c.bytesOut.Add(uint64(len(b)))
			var bad error
			if echo != nil && c.Terminal {
				bad = sent.settle(echo.output(b))
			}
			if bad == nil {
				bad = out.write(ctx, b)
			}
			if bad != nil {
				c.fail(bad, ch.to)
				return
			}
		}
		if err != nil {
			if bad := out.end(ctx); bad != nil {
				c.fail(bad, ch.to)
			}
			return
		}
	}
}

// targetRequest handles what the target says of a command that runs.
func (ch *channel) targetRequest(c *command, req *xssh.Request, drained <-chan struct{}) {
	switch req.Type {
	case "exit-status":
		var e exitStatus
		if xssh.Unmarshal(req.Payload, &e) != nil {
			return
		}
		c.exit.status, c.exit.known = e.Status, true
	case "exit-signal":
		var e exitSignal
		if xssh.Unmarshal(req.Payload, &e) != nil {
			return
		}
		c.exit.signal, c.exit.message = clean(e.Signal), clean(e.Message)
	case "eow@openssh.com", "xon-xoff":
	default:
		_ = req.Reply(false, nil)
		return
	}
	if req.Type == "exit-status" || req.Type == "exit-signal" {
		c.quiet(drained)
	}
	_, _ = ch.client.SendRequest(req.Type, false, req.Payload)
}

// settling is how long the output of a command that has ended must rest before its exit status is
// passed on, when something keeps its output open.
const settling = 20 * time.Millisecond

// quiet returns when the output that came before an exit status was delivered: at its end, or when
// nothing comes any more though somebody (a background process) holds it open.
func (c *command) quiet(drained <-chan struct{}) {
	for {
		before := c.bytesOut.Load()
		select {
		case <-drained:
			return
		case <-time.After(settling):
		}
		if c.bytesOut.Load() == before {
			return
		}
	}
}

// share is what of a command's bytes belongs to the files that it moves or the lines that it runs, so that results add up
// to what went by.
type share struct{ in, out atomic.Uint64 }

// take notes a result of a command within another.
func (s *share) take(r *schemas.Result) {
	s.in.Add(r.BytesIn)
	s.out.Add(r.Bytes)
}

// rest is what is left of what went by. A file may have been told of data that did not go by any more.
func (s *share) rest(out, in uint64) (restOut, restIn uint64) {
	return out - min(out, s.out.Load()), in - min(in, s.in.Load())
}

// result is how the command ended, as recordings say it.
func (c *command) result(duration int64) *schemas.Result {
	r := &schemas.Result{Command: c.number, Duration: duration}
	r.Bytes, r.BytesIn = c.within.rest(c.bytesOut.Load(), c.bytesIn.Load())
	switch {
	case c.exit.signal != "":
		r.Tag = "signal " + c.exit.signal
		r.Error = &schemas.Failure{Severity: "ERROR", Code: c.exit.signal, Message: "ended by signal " + c.exit.signal, Detail: c.exit.message}
	case !c.exit.known:
		r.Tag = "no exit status"
		r.Error = &schemas.Failure{Severity: "UNKNOWN", Message: "the channel was closed before the target gave an exit status"}
	default:
		r.Tag = fmt.Sprintf("exit %d", c.exit.status)
		if c.exit.status != 0 {
			r.Error = &schemas.Failure{Severity: "ERROR", Code: fmt.Sprint(c.exit.status), Message: fmt.Sprintf("exit status %d", c.exit.status)}
		}
	}
	return r
}
