package ssh

import (
	"context"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// keepAlive asks for a sign of life: OpenSSH's PROTOCOL section 2.3.
const keepAlive = "keepalive@openssh.com"

// maxGlobals is how many global requests of a client may wait for one before them, which waits for an approval.
const maxGlobals = 4096

// globals answers the client's global requests: RFC 4254 section 4, OpenSSH's PROTOCOL. They carry no number, so
// answers must come in the order of the requests, and one that is held holds up those after it. So that a client that
// asks for signs of life is not left without any meanwhile, it gets one that answers nothing.
func (r *relay) globals(ctx context.Context) {
	queue := newBacklog(1+maxGlobals, func(req *xssh.Request) { r.global(ctx, req) })
	defer queue.wait()
	for req := range r.client.reqs {
		before, ok := queue.add(req)
		if !ok {
			r.s.Stop(session.End{Reason: session.ReasonLimit, Message: "too many requests wait behind one that is held"})
			go xssh.DiscardRequests(r.client.reqs)
			return
		}
		if req.Type == keepAlive && before > 0 {
			_, _, _ = r.client.SendRequest(keepAlive, false, nil) // a client that is gone is noticed elsewhere
		}
	}
}

func (r *relay) global(ctx context.Context, req *xssh.Request) {
	switch req.Type {
	case keepAlive:
		_ = req.Reply(true, nil)
	case "no-more-sessions@openssh.com":
		r.mu.Lock()
		r.sealed = true
		r.mu.Unlock()
		_ = req.Reply(true, nil)
	case "tcpip-forward":
		r.listenRequest(ctx, req)
	case "cancel-tcpip-forward":
		r.cancelListen(req)
	default:
		_ = req.Reply(false, nil)
	}
}

// refused records that a client asked for something that the gateway does not do.
func (r *relay) refused(what string) error {
	return r.s.Notice(0, "gateway", &schemas.Failure{Severity: "NOTICE", Code: string(schemas.CodeUnsupported), Message: "refused: " + what})
}
