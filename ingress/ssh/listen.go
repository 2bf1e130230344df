package ssh

import (
	"context"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/schemas"
)

// bound is the reply to a tcpip-forward that asked for any port: RFC 4254 section 7.1.
type bound struct{ Port uint32 }

// listenRequest has the target listen for the client: ssh -R.
func (r *relay) listenRequest(ctx context.Context, req *xssh.Request) {
	ok, payload, err := r.listenFor(ctx, req)
	r.done(err)
	_ = req.Reply(ok && err == nil, payload)
}

func (r *relay) listenFor(ctx context.Context, req *xssh.Request) (ok bool, payload []byte, err error) {
	var a address
	if xssh.Unmarshal(req.Payload, &a) != nil || a.Port > 65535 || a.Host != "" && !validHost(a.Host) {
		return false, nil, nil
	}
	r.listen.mu.Lock()
	full := len(r.listen.by) >= r.limits.Listeners
	r.listen.mu.Unlock()
	if full {
		return false, nil, r.refused("more listeners than a session may have")
	}
	ctx, cancel := r.untilGone(ctx)
	defer cancel()
	number, refusal, err := r.allow(ctx, r.forwardCommand("remote", a.Host, a.Port, ""))
	if err != nil || refusal != nil {
		if refusal != nil {
			r.tell(said(refusal)...)
		}
		return false, nil, err
	}
	ok, payload, err = r.up.SendRequest("tcpip-forward", true, req.Payload)
	if err != nil {
		ok = false
	}
	result := &schemas.Result{Command: number, Tag: "listening"}
	if !ok {
		result.Tag, result.Error = "", &schemas.Failure{Severity: "ERROR", Message: "the target does not listen there"}
		return false, nil, r.s.Result(result)
	}
	if a.Port == 0 {
		var b bound
		if xssh.Unmarshal(payload, &b) != nil {
			return false, nil, r.s.Result(result)
		}
		a.Port = b.Port
	}
	r.listen.mu.Lock()
	r.listen.by[a] = number
	r.listen.mu.Unlock()
	return true, payload, r.s.Result(result)
}

func (r *relay) cancelListen(req *xssh.Request) {
	var a address
	ok := xssh.Unmarshal(req.Payload, &a) == nil
	if ok {
		r.listen.mu.Lock()
		_, ok = r.listen.by[a]
		delete(r.listen.by, a)
		r.listen.mu.Unlock()
	}
	if ok {
		var err error
		ok, _, err = r.up.SendRequest("cancel-tcpip-forward", true, req.Payload)
		ok = ok && err == nil
	}
	_ = req.Reply(ok, nil)
}

// listener returns the command that asked for a listener.
func (r *relay) listener(host string, port uint32) (uint64, bool) {
	r.listen.mu.Lock()
	defer r.listen.mu.Unlock()
	number, ok := r.listen.by[address{host, port}]
	return number, ok
}

// fromTarget serves what the target opens and asks for, until it is gone.
func (r *relay) fromTarget(ctx context.Context) {
	for chans, reqs := r.up.chans, r.up.reqs; chans != nil || reqs != nil; {
		select {
		case nc, ok := <-chans:
			if !ok {
				chans = nil
				continue
			}
			r.targetChannel(ctx, nc)
		case req, ok := <-reqs:
			if !ok {
				reqs = nil
				continue
			}
			_ = req.Reply(req.Type == keepAlive, nil)
		}
	}
}

// targetChannel serves a connection to a listener that the client asked for, and nothing else.
func (r *relay) targetChannel(ctx context.Context, nc xssh.NewChannel) {
	t, err := decodeTCPIP(nc.ExtraData())
	if nc.ChannelType() != "forwarded-tcpip" || err != nil {
		_ = nc.Reject(xssh.Prohibited, "nobody asked for it")
		return
	}
	parent, ok := r.listener(t.Host, t.Port)
	r.mu.Lock()
	full := r.open >= r.limits.Channels
	if ok && !full {
		r.open++
	}
	r.mu.Unlock()
	if !ok || full {
		_ = nc.Reject(xssh.Prohibited, "nobody asked for it")
		return
	}
	r.serve("a forwarded connection", func() { r.accepted(ctx, nc, t, parent) })
}

// accepted relays a connection that somebody made to a listener on the target.
func (r *relay) accepted(ctx context.Context, nc xssh.NewChannel, t *tcpip, parent uint64) {
	ctx, cancel := r.untilGone(ctx)
	defer cancel()
	c := r.forwardCommand("remote", t.Host, t.Port, t.origin())
	c.Parent = parent
	number, refusal, err := r.allow(ctx, c)
	if err != nil || refusal != nil {
		r.rejectForward(nc, refusal, err)
		return
	}
	began := r.s.Now()
	client, reqs, err := r.client.OpenChannel("forwarded-tcpip", nc.ExtraData())
	if err != nil {
		r.notConnected(nc, number, err)
		return
	}
	go xssh.DiscardRequests(reqs)
	target, reqs, err := nc.Accept()
	if err != nil {
		_ = client.Close()
		r.done(r.s.Result(&schemas.Result{Command: number, Error: &schemas.Failure{Severity: "UNKNOWN", Message: "the target closed the connection"}}))
		return
	}
	go xssh.DiscardRequests(reqs)
	r.join(ctx, number, target, client, began)
}
