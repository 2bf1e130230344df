package ssh

import (
	"context"
	"errors"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/restricted"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// channel is one session channel (RFC 4254 section 6): a shell, a command or a subsystem. Until the
// client says which, nothing of it reaches the target.
type channel struct {
	r        *relay
	client   xssh.Channel
	aside    *aside
	over     chan struct{} // closed when the client has closed the channel
	finished chan struct{} // closed when what ran is over, and all that the target said was passed on

	mu      sync.Mutex
	pty     *ptyRequest
	env     []*variable
	started bool
	to      xssh.Channel // the target's, once it runs
	number  uint64       // of the command; 0: none yet
	watcher *watcher
	lines   *restricted.Shell // instead of one of the target's
}

// session serves a session channel to its end.
func (r *relay) session(ctx context.Context, nc xssh.NewChannel) {
	client, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	ch := &channel{r: r, client: client, aside: &aside{client: client}, over: make(chan struct{}), finished: make(chan struct{})}
	r.track(ch, true)
	defer r.track(ch, false)
	defer client.Close()
	if r.s.Err() != nil { // who ended it may not have seen this one
		go ch.farewell(endOf(r.s.End())...)
	}
	for req := range reqs {
		ch.request(ctx, req)
	}
	close(ch.over)
	ch.mu.Lock()
	started, to := ch.started, ch.to
	ch.started = true // nothing can start any more
	ch.mu.Unlock()
	if to != nil {
		_ = to.Close()
	}
	if started {
		<-ch.finished
	}
}

// request handles a channel request of the client.
func (ch *channel) request(ctx context.Context, req *xssh.Request) {
	ok := false
	switch req.Type {
	case "pty-req":
		ok = ch.wantPTY(req.Payload)
	case "env":
		ok = ch.wantEnv(req.Payload)
	case "shell", "exec", "subsystem":
		if ch.begin() {
			go ch.run(ctx, req) // it replies
			return
		}
	case "window-change":
		ok = ch.resize(req.Payload)
	case "signal", "break":
		ok = ch.pass(req)
	case "eow@openssh.com":
		ok = ch.pass(req)
	case "auth-agent-req@openssh.com", "x11-req":
		_ = ch.r.refused(req.Type) // a failure stops the session by itself
	}
	_ = req.Reply(ok, nil)
}

func (ch *channel) begin() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	was := ch.started
	ch.started = true
	return !was
}

func (ch *channel) wantPTY(payload []byte) bool {
	p, err := decodePTY(payload)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if err != nil || ch.started || ch.pty != nil {
		return false
	}
	ch.pty = p
	return true
}

func (ch *channel) wantEnv(payload []byte) bool {
	v, err := decodeEnv(payload)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if err != nil || ch.started || len(ch.env) >= maxEnv || !ch.r.target.Target.SSH.AllowsEnv(v.Name) {
		return false
	}
	ch.env = append(ch.env, v)
	return true
}

// resize notes the terminal's new size and, once something runs, records and passes it on.
func (ch *channel) resize(payload []byte) bool {
	w, err := decodeWindow(payload)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if err != nil || ch.pty == nil {
		return false
	}
	ch.pty.Columns, ch.pty.Rows, ch.pty.Width, ch.pty.Height = w.Columns, w.Rows, w.Width, w.Height
	if ch.to == nil && ch.lines == nil {
		return true
	}
	if ch.r.s.Terminal(&schemas.Terminal{Command: ch.number, Columns: w.Columns, Rows: w.Rows}) != nil {
		return false
	}
	if ch.lines != nil {
		ch.lines.Resize(int(w.Columns), int(w.Rows))
		return true
	}
	ch.watcher.resize(w.Columns, w.Rows)
	_, err = ch.to.SendRequest("window-change", false, payload)
	return err == nil
}

// pass passes a signal on to what runs, recorded first.
func (ch *channel) pass(req *xssh.Request) bool {
	what := req.Type
	switch req.Type {
	case "signal":
		name, err := decodeLine(req.Payload)
		if err != nil || len(name) > 32 || !printableName(name) {
			return false
		}
		what += " " + name
	case "break":
		if xssh.Unmarshal(req.Payload, new(breakRequest)) != nil {
			return false
		}
	}
	ch.mu.Lock()
	to, number := ch.to, ch.number
	ch.mu.Unlock()
	if to == nil {
		return false
	}
	if req.Type != "eow@openssh.com" {
		if ch.r.s.Notice(number, "client", &schemas.Failure{Severity: "NOTICE", Message: what}) != nil || ch.r.s.Commit(context.Background()) != nil {
			return false
		}
	}
	ok, err := to.SendRequest(req.Type, req.WantReply, req.Payload)
	return ok && err == nil
}

// say tells the person at this channel something.
func (ch *channel) say(lines ...string) {
	ch.mu.Lock()
	terminal, started := ch.pty != nil, ch.started
	ch.mu.Unlock()
	if started {
		speak(ch.aside, terminal, lines...)
	}
}

// farewell tells the person at this channel why the session ends, and closes it.
func (ch *channel) farewell(lines ...string) {
	ch.mu.Lock()
	terminal := ch.pty != nil
	ch.mu.Unlock()
	ch.aside.farewell(terminal, lines...)
}

// command says what the client asks for.
func (ch *channel) command(req *xssh.Request) (session.Command, error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	c := session.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL, Terminal: ch.pty != nil, Login: ch.r.login}
	if req.Type == "shell" {
		if len(req.Payload) > 0 {
			return c, errPayload
		}
		return c, nil
	}
	var err error
	c.Kind = schemas.CommandKind_COMMAND_KIND_EXEC
	if req.Type == "subsystem" {
		c.Kind = schemas.CommandKind_COMMAND_KIND_SUBSYSTEM
	}
	c.Text, err = decodeLine(req.Payload)
	return c, err
}

// run decides, records and runs what the client asks for.
func (ch *channel) run(ctx context.Context, req *xssh.Request) {
	defer close(ch.finished)
	defer ch.r.srv.recovered("a command")
	err := ch.decideAndRun(ctx, req)
	switch {
	case err == nil, errors.Is(err, errOver):
	case ch.r.s.Err() != nil: // the client is told by who ends the session
	default:
		ch.r.srv.log.Error("run command", "session", ch.r.s.ID, "err", err)
		ch.r.s.Stop(session.End{Reason: session.ReasonError, Message: schemas.Shown(err).Message})
	}
	if ch.r.s.Err() == nil {
		_ = ch.client.Close()
	}
}

func (ch *channel) decideAndRun(ctx context.Context, req *xssh.Request) error {
	c, err := ch.command(req)
	if err != nil {
		return req.Reply(false, nil)
	}
	if err := ch.r.s.Wait(ctx); err != nil {
		return err
	}
	d, number, err := ch.decide(ctx, c)
	if err != nil {
		return err
	}
	replied := false
	in := newInput()
	go in.run(ch.client, ch.over)
	if d.Held() {
		replied = true
		_ = req.Reply(true, nil)
		if d, err = ch.hold(ctx, number, c, d, in); err != nil {
			return err
		}
	}
	if !d.Allowed() {
		if !replied {
			_ = req.Reply(true, nil)
		}
		return ch.refuse(number, d.Refusal())
	}
	run := &command{Command: c, number: number, in: in, req: req, replied: replied, began: ch.r.s.Now(), masks: d.Masks, moves: d.Transfer}
	if ch.isRestricted(c) {
		return ch.restrict(ctx, run)
	}
	return ch.perform(ctx, run)
}

// decide asks for a verdict, and commits command, verdict and the terminal's size.
func (ch *channel) decide(ctx context.Context, c session.Command) (*session.Decision, uint64, error) {
	s := ch.r.s
	d := unmodelled(c)
	if d == nil {
		var err error
		if d, err = s.Judge(ctx, c); err != nil {
			return nil, 0, err
		}
	}
	number, err := s.Command(ctx, c, d)
	if err != nil {
		return nil, 0, err
	}
	ch.mu.Lock()
	ch.number = number
	pty, env := ch.pty, ch.env
	ch.mu.Unlock()
	if pty != nil {
		err = s.Terminal(&schemas.Terminal{Command: number, Type: pty.Term, Columns: pty.Columns, Rows: pty.Rows})
	}
	for _, v := range env {
		if err == nil {
			err = s.Reported("env."+v.Name, v.Value)
		}
	}
	if err == nil {
		err = s.Commit(ctx)
	}
	return d, number, err
}

// unmodelled is the gateway's own denial of what it does not understand; nil: it does.
func unmodelled(c session.Command) *session.Decision {
	if c.Kind != schemas.CommandKind_COMMAND_KIND_SUBSYSTEM || c.Text == "sftp" {
		return nil
	}
	return session.Deny("builtin/subsystem", "the gateway does not understand the subsystem "+clean(c.Text))
}

// refuse ends a command that may not run.
func (ch *channel) refuse(number uint64, e *schemas.Error) error {
	if err := ch.r.s.Result(&schemas.Result{Command: number, Refused: true, Error: failure(e)}); err != nil {
		return err
	}
	ch.say(said(e)...)
	ch.aside.leave(exitRefused)
	return nil
}

// hold waits for somebody's consent. The client's interrupt character withdraws the request, and
// so does its leaving.
func (ch *channel) hold(ctx context.Context, number uint64, c session.Command, d *session.Decision, in *input) (*session.Decision, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.Terminal {
		in.onInterrupt(func() {
			cancel(&schemas.Error{Code: schemas.CodeCanceled, Message: "withdrawn by Ctrl-C"})
		})
		defer in.onInterrupt(nil)
	}
	in.bound(ch.r.limits.HeldInput)
	defer in.bound(ahead)
	go func() {
		select {
		case <-ch.over:
			cancel(&schemas.Error{Code: schemas.CodeCanceled, Message: "the client left"})
		case <-ctx.Done():
		}
	}()
	return ch.r.s.Hold(ctx, number, c, d, func(h session.Held) { ch.say(heldLines(h, c.Terminal)...) })
}

// heldLines tell that, why, and until when something waits.
func heldLines(h session.Held, terminal bool) []string {
	if h.Again {
		return []string{"still held for approval, for another " + time.Until(h.Expires).Round(time.Second).String() + " " + h.Link}
	}
	lines := []string{
		"held for approval: " + h.Message,
		"request " + h.Approval + " waits until " + h.Expires.UTC().Format("15:04:05 UTC"),
	}
	where := "approve or deny with: sallyport approvals approve " + h.Approval
	if h.Link != "" {
		where = "approve or deny at " + h.Link + " or with: sallyport approvals approve " + h.Approval
	}
	if terminal {
		where += " (Ctrl-C withdraws it)"
	}
	return append(lines, where)
}
