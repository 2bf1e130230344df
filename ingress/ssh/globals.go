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
	queue := make(chan *xssh.Request, maxGlobals)
	waiting := make(chan struct{}, 1+maxGlobals) // a token a request that is not answered yet
	r.wg.Go(func() {
		for req := range queue {
			r.global(ctx, req)
			<-waiting
		}
	})
	defer close(queue)
	for req := range r.client.reqs {
		select {
		case waiting <- struct{}{}:
		default:
			r.s.Stop(session.End{Reason: session.ReasonLimit, Message: "too many requests wait behind one that is held"})
			go xssh.DiscardRequests(r.client.reqs)
			return
		}
		if req.Type == keepAlive && len(waiting) > 1 {
			_, _, _ = r.client.SendRequest(keepAlive, false, nil) // a client that is gone is noticed elsewhere
		}
		queue <- req
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

// targetRequests answers the target's.
func (r *relay) targetRequests() {
	for req := range r.up.reqs {
		_ = req.Reply(req.Type == keepAlive, nil)
	}
}

// refused records that a client asked for something that the gateway does not do.
func (r *relay) refused(what string) error {
	return r.s.Notice(0, "gateway", &schemas.Failure{Severity: "NOTICE", Code: string(schemas.CodeUnsupported), Message: "refused: " + what})
}
