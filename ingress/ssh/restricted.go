package ssh

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/mask"
	"sallyport/ingress/restricted"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// isRestricted reports whether a command is a shell where the target wants each line to be decided.
func (ch *channel) isRestricted(c session.Command) bool {
	return c.Kind == schemas.CommandKind_COMMAND_KIND_SHELL && ch.r.target.Target.SSH != nil && ch.r.target.Target.SSH.Mode == resources.ModeRestricted
}

// restrict serves a shell of the gateway's own: nothing of it reaches the target but lines that were decided.
func (ch *channel) restrict(ctx context.Context, c *command) error {
	ch.mu.Lock()
	pty := ch.pty
	ch.mu.Unlock()
	if !c.replied {
		_ = c.req.Reply(true, nil)
	}
	if pty == nil {
		return ch.refuse(c.number, &schemas.Error{Code: schemas.CodeUnsupported, Message: "refused: a restricted shell needs a terminal"})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := ch.output(c, ch.client, schemas.Channel_CHANNEL_OUT, nil)
	if err != nil {
		return err
	}
	screen := &screenWriter{ctx: ctx, out: out}
	sh := restricted.New(restricted.Config{
		Runner: &lineRunner{ch: ch, shell: c}, Name: ch.r.login + "@" + ch.r.target.Metadata.Name,
		Keys: inputReader{c.in, ch.over}, Screen: screen, Columns: int(pty.Columns), Rows: int(pty.Rows),
	})
	ch.mu.Lock()
	ch.lines = sh
	ch.mu.Unlock()
	status, err := sh.Run(ctx)
	if err != nil {
		return err
	}
	if err := out.end(ctx); err != nil {
		return err
	}
	c.exit.status, c.exit.known = uint32(status), true
	if err := ch.r.s.Result(c.result(ch.r.s.Elapsed(c.began))); err != nil {
		return err
	}
	ch.aside.leave(uint32(status))
	return nil
}

// screenWriter records what a restricted shell shows, and shows it.
type screenWriter struct {
	ctx context.Context
	mu  sync.Mutex
	out *output
}

func (w *screenWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.c.bytesOut.Add(uint64(len(b)))
	if err := w.out.write(w.ctx, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// lineRunner decides lines and runs them.
type lineRunner struct {
	ch    *channel
	shell *command
}

// Run implements restricted.Runner. A refusal, and a target that does not run a line, are told in out.
func (l *lineRunner) Run(ctx context.Context, text string, out io.Writer) (int, error) {
	s := l.ch.r.s
	if err := s.Wait(ctx); err != nil {
		return 0, err
	}
	c := session.Command{Kind: schemas.CommandKind_COMMAND_KIND_LINE, Text: text, Login: l.shell.Login, Parent: l.shell.number}
	d, err := s.Judge(ctx, c)
	if err != nil {
		return 0, err
	}
	number, err := s.Command(ctx, c, d)
	if err == nil {
		err = s.Commit(ctx)
	}
	if err != nil {
		return 0, err
	}
	if d.Held() {
		if d, err = s.Hold(ctx, number, c, d, func(h session.Held) { tell(out, heldLines(h, true)) }); err != nil {
			return 0, err
		}
	}
	if !d.Allowed() {
		e := d.Refusal()
		tell(out, said(e))
		return exitRefused, s.Result(&schemas.Result{Command: number, Refused: true, Error: failure(e)})
	}
	return l.run(ctx, &command{Command: c, number: number, masks: d.Masks, began: s.Now()}, out)
}

func tell(out io.Writer, lines []string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(out, voice+line) // a screen that is gone is noticed when the next line is read
	}
}

// run runs a line that was allowed, without input and without a terminal.
func (l *lineRunner) run(ctx context.Context, c *command, out io.Writer) (int, error) {
	to, reqs, err := l.start(c)
	if err != nil {
		if ended := l.ch.r.s.Err(); ended != nil {
			return 0, ended
		}
		e := schemas.Shown(refusedByTarget(err))
		tell(out, said(e))
		return exitFailed, l.ch.r.s.Result(&schemas.Result{Command: c.number, Error: failure(e)})
	}
	defer to.Close()
	masked, err := l.masked(c, out)
	if err != nil {
		return 0, err
	}
	var pumps sync.WaitGroup
	for _, from := range []io.Reader{to, to.Stderr()} {
		pumps.Go(func() {
			if _, err := io.Copy(masked, from); err != nil {
				_ = to.Close() // the rest is of no use: the screen is gone
			}
		})
	}
	l.await(ctx, c, to, reqs, &pumps)
	if err := masked.end(); err != nil {
		return 0, err
	}
	status := int(c.exit.status)
	if !c.exit.known {
		status = exitFailed
	}
	r := c.result(l.ch.r.s.Elapsed(c.began))
	l.shell.within.take(r)
	return status, l.ch.r.s.Result(r)
}

// await returns once a line has ended and all that it said was taken, or some time after it was interrupted: a
// target that does not pass signals on, or a program that ignores them, keeps nobody from the next line.
func (l *lineRunner) await(ctx context.Context, c *command, to xssh.Channel, reqs <-chan *xssh.Request, pumps *sync.WaitGroup) {
	drained := make(chan struct{})
	go func() {
		pumps.Wait()
		close(drained)
	}()
	interrupted := ctx.Done()
	var late <-chan time.Time
	signals := []string{"INT", "TERM", "KILL"}
	for reqs != nil || drained != nil {
		select {
		case req, ok := <-reqs:
			if !ok {
				reqs = nil
				continue
			}
			c.ended(req)
		case <-drained:
			drained = nil
		case <-interrupted:
			interrupted, late = nil, time.After(0)
		case <-late:
			if len(signals) == 0 {
				c.exit = outcome{signal: "INT", message: "it was interrupted, and its end is not known"}
				return
			}
			_, _ = to.SendRequest("signal", false, xssh.Marshal(struct{ Name string }{signals[0]}))
			if signals = signals[1:]; len(signals) == 0 {
				_ = to.Close()
			}
			late = time.After(l.ch.r.limits.FinalNotice / 4)
		}
	}
}

// ended takes what the target says of a line.
func (c *command) ended(req *xssh.Request) {
	switch req.Type {
	case "exit-status":
		var e exitStatus
		if xssh.Unmarshal(req.Payload, &e) == nil {
			c.exit.status, c.exit.known = e.Status, true
		}
	case "exit-signal":
		var e exitSignal
		if xssh.Unmarshal(req.Payload, &e) == nil {
			c.exit.signal, c.exit.message = clean(e.Signal), clean(e.Message)
		}
	default:
		_ = req.Reply(false, nil)
	}
}

func (l *lineRunner) start(c *command) (xssh.Channel, <-chan *xssh.Request, error) {
	to, reqs, err := l.ch.r.up.OpenChannel("session", nil)
	if err != nil {
		return nil, nil, err
	}
	l.ch.mu.Lock()
	env := l.ch.env
	l.ch.mu.Unlock()
	for _, v := range env {
		_, _ = to.SendRequest("env", false, xssh.Marshal(v))
	}
	ok, err := to.SendRequest("exec", true, xssh.Marshal(struct{ Command string }{c.Text}))
	if err == nil && !ok {
		err = fmt.Errorf("request refused")
	}
	if err != nil {
		_ = to.Close()
		return nil, nil, err
	}
	_ = to.CloseWrite()
	return to, reqs, nil
}

// lineOutput is the output of one line, from both of its streams.
type lineOutput struct {
	mu    sync.Mutex
	s     *session.Session
	c     *command
	out   io.Writer
	mask  forms // nil: nothing is masked
	tally session.Tally
	over  bool // the line has ended, or was given up: the screen is another line's
}

func (l *lineRunner) masked(c *command, out io.Writer) (*lineOutput, error) {
	o := &lineOutput{s: l.ch.r.s, c: c, out: out}
	if c.masks == nil || c.masks.Recorded() == nil {
		return o, nil
	}
	if c.masks.Client() != c.masks.Recorded() && c.masks.Same(l.shell.masks) {
		return o, nil // the screen masks it, for the recording, and counts and seals what somebody excepted sees
	}
	var err error // what a screen shows is recorded: where masks have changed meanwhile, all see the masked form
	o.mask, err = newMasker(c.masks.Recorded(), true)
	return o, err
}

func (o *lineOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return 0, io.ErrClosedPipe
	}
	shown := b
	if o.mask != nil {
		shown = o.count(o.mask.Write(b))
	}
	o.c.bytesOut.Add(uint64(len(shown)))
	if _, err := o.out.Write(shown); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (o *lineOutput) count(p mask.Pair) []byte {
	for _, h := range p.Hits {
		rule, detector := o.c.masks.Recorded().Finder(h)
		o.tally.Add(rule, "", detector, false, uint64(h.Count))
	}
	return p.Recorded
}

// end writes what masks hold back, and says what they did.
func (o *lineOutput) end() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	if o.mask == nil {
		return nil
	}
	rest := o.count(o.mask.Close())
	o.c.bytesOut.Add(uint64(len(rest)))
	if _, err := o.out.Write(rest); err != nil {
		return err
	}
	if o.tally.Empty() {
		return nil
	}
	return o.s.Masked(o.c.number, o.c.masks, &o.tally)
}
