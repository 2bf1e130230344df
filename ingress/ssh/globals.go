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

// fromClient serves the channels that the client opens and its global requests, until it is gone.
//
// Requests (RFC 4254 section 4, OpenSSH's PROTOCOL) carry no number, so answers must come in the order of the requests,
// and one that is held holds up those after it: they wait in queue. So that a client that asks for signs of life is not
// left without any meanwhile, it gets one that answers nothing.
func (r *relay) fromClient(ctx context.Context, queue *backlog[*xssh.Request]) {
	for chans, reqs := r.client.chans, r.client.reqs; chans != nil || reqs != nil; {
		select {
		case nc, ok := <-chans:
			if !ok {
				chans = nil
				continue
			}
			r.newChannel(ctx, nc)
		case req, ok := <-reqs:
			if !ok {
				reqs = nil
				continue
			}
			if !r.enqueue(queue, req) {
				r.s.Stop(session.End{Reason: session.ReasonLimit, Message: "too many requests wait behind one that is held"})
				go xssh.DiscardRequests(reqs)
				reqs = nil
			}
		}
	}
}

func (r *relay) enqueue(queue *backlog[*xssh.Request], req *xssh.Request) bool {
	before, ok := queue.add(req)
	if ok && req.Type == keepAlive && before > 0 {
		_, _, _ = r.client.SendRequest(keepAlive, false, nil) // a client that is gone is noticed elsewhere
	}
	return ok
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
