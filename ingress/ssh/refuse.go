package ssh

import (
	"io"
	"strings"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// The gateway's own words come on standard error, each line with its name before it.
const voice = "sallyport: "

// Exit statuses that the gateway gives.
const (
	exitRefused = 1   // a policy or a person said no
	exitFailed  = 255 // as ssh's own, when a session cannot go on
)

// said are the lines that a client is told for e.
func said(e *schemas.Error) []string {
	lines := strings.Split(e.Message, "\n")
	if e.Hint != "" {
		lines = append(lines, strings.Split(e.Hint, "\n")...)
	}
	return lines
}

// speak writes lines as the gateway. A terminal is in raw mode, so each line begins at its left
// edge and ends with CR LF.
func speak(w io.Writer, terminal bool, lines ...string) {
	var b strings.Builder
	for _, l := range lines {
		if terminal {
			b.WriteString("\r\x1b[K") // whatever was there: a prompt, or the line told last
		}
		b.WriteString(voice + strings.Map(visible, l))
		if terminal {
			b.WriteByte('\r')
		}
		b.WriteByte('\n')
	}
	_, _ = io.WriteString(w, b.String()) // who has left is noticed elsewhere
}

// visible keeps what others said (messages of policies and people) from steering the terminal.
func visible(r rune) rune {
	if control(r) || 0x80 <= r && r < 0xa0 {
		return '?'
	}
	return r
}

// turnAway tells a client that its session is refused: the first thing that it asks for is
// answered with the reason, and the connection closed.
func (c *conn) turnAway(l *leg, err error) {
	if s := schemas.Shown(err); s.Code == schemas.CodeInternal {
		c.srv.log.Error("open session", "client", l.remote, "err", err)
	}
	defer l.hangUp(c.srv.c.Limits.FinalNotice)
	go refuseRequests(l.reqs)
	late := time.NewTimer(c.srv.c.Limits.FirstChannel)
	defer late.Stop()
	told := make(chan struct{}, 1)
	for {
		select {
		case nc, ok := <-l.chans:
			if !ok {
				return
			}
			go turnAwayChannel(nc, schemas.Shown(err), told)
		case <-told:
			return
		case <-late.C:
			return
		}
	}
}

func turnAwayChannel(nc xssh.NewChannel, e *schemas.Error, told chan<- struct{}) {
	if nc.ChannelType() != "session" {
		_ = nc.Reject(xssh.Prohibited, voice+strings.Join(said(e), " "))
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	terminal := false
	for r := range reqs {
		switch r.Type {
		case "pty-req":
			terminal = true
			_ = r.Reply(true, nil)
		case "shell", "exec", "subsystem":
			_ = r.Reply(true, nil)
			speak(ch.Stderr(), terminal, said(e)...)
			leave(ch, exitFailed)
			for range reqs { // until the client has closed it, too
			}
			select {
			case told <- struct{}{}:
			default:
			}
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

// jumpOnly is what a client is told that asks for a session and named no target.
func jumpOnly() *schemas.Error {
	return &schemas.Error{Code: schemas.CodeInvalid, Message: "no target was named",
		Hint: "connect as PRINCIPAL+TARGET, or jump: ssh -J PRINCIPAL@GATEWAY TARGET"}
}

// leave ends a channel with an exit status of the gateway's own.
func leave(ch xssh.Channel, status uint32) {
	_ = ch.CloseWrite()
	_, _ = ch.SendRequest("exit-status", false, xssh.Marshal(exitStatus{status}))
	_ = ch.Close()
}

// refuseRequests answers global requests of a client that has no session.
func refuseRequests(reqs <-chan *xssh.Request) {
	for r := range reqs {
		_ = r.Reply(r.Type == keepAlive, nil)
	}
}

// failure is e as recordings hold it.
func failure(e *schemas.Error) *schemas.Failure {
	return &schemas.Failure{Severity: "ERROR", Code: string(e.Code), Message: e.Message, Hint: e.Hint}
}

// endOf is what a client is told when its session ends.
func endOf(e session.End) []string {
	if e.Message == "" {
		return []string{"the session has ended"}
	}
	return []string{e.Message}
}
