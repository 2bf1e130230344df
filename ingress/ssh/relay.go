package ssh

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas/resources"
)

// relay is the session proper: what goes on between a client's connection and the target's.
type relay struct {
	srv    *Server
	s      *session.Session
	client *leg
	up     *upstream
	target *resources.Resource
	login  string
	limits Limits

	wg   sync.WaitGroup // channels and what serves them
	once sync.Once
	why  session.End // the first reason; set before the client's leg is closed

	mu       sync.Mutex
	channels map[*channel]struct{}
	open     int  // channels of all types
	sealed   bool // the client will open no more sessions
	banner   string
	listen   listeners
}

func newRelay(srv *Server, s *session.Session, l *leg, u *upstream, d *dialer) *relay {
	return &relay{srv: srv, s: s, client: l, up: u, target: d.resource, login: d.login, limits: srv.c.Limits, banner: u.banner,
		channels: make(map[*channel]struct{}), listen: listeners{by: make(map[address]uint64)}}
}

// run relays until one side ends. It returns why.
func (r *relay) run(ctx context.Context) session.End {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer r.s.OnMessage(nil)
	r.s.OnMessage(func(m string) { go r.tell(m) })
	r.s.OnStop(func() { go r.end(r.s.End()) })
	globals := newBacklog(1+maxGlobals, func(req *xssh.Request) { r.global(ctx, req) })
	defer r.srv.alive(r.client, func() {
		r.note(session.End{Reason: session.ReasonClient, Message: "the client gave no sign of life"})
		_ = r.client.Close()
	})()
	targetGone := make(chan struct{})
	go func() {
		r.fromTarget(ctx)
		close(targetGone)
		r.targetLeft()
	}()
	defer r.srv.alive(r.up, func() {
		r.s.Stop(session.End{Reason: session.ReasonTarget, Message: "the target gave no sign of life"}) // which tells the client
	})()
	r.fromClient(ctx, globals)
	r.note(session.End{Reason: session.ReasonClient, Message: "the client left"})
	cancel()
	_ = r.up.Close()
	<-targetGone
	globals.wait()
	r.wg.Wait()
	if r.s.Err() != nil {
		return r.s.End()
	}
	return r.why
}

// note remembers the first reason.
func (r *relay) note(e session.End) { r.once.Do(func() { r.why = e }) }

// targetLeft ends the session once what the target sent last was passed on.
func (r *relay) targetLeft() {
	waiting := r.sessions()
	late, cancel := context.WithTimeout(context.Background(), r.limits.FinalNotice)
	defer cancel()
	for _, ch := range waiting {
		select {
		case <-ch.finished:
		case <-r.client.gone:
			return
		case <-late.Done():
		}
	}
	select {
	case <-r.client.gone:
	default:
		if r.s.Err() != nil { // who ended it closed the target's side, and tells the client why
			return
		}
		r.end(session.End{Reason: session.ReasonTarget, Message: "the target closed the connection"})
	}
}

// end cuts the target off, tells the client why, and hangs up. Each channel is closed after what was said on it, and
// the connection once the client has closed them, too: then it has all that was said. What it is told is the first reason.
func (r *relay) end(e session.End) {
	r.note(e)
	e = r.why
	if r.client.net != nil {
		_ = r.client.net.SetWriteDeadline(time.Now().Add(r.limits.FinalNotice))
	}
	giveUp := time.AfterFunc(r.limits.FinalNotice, func() { _ = r.client.Close() }) // should writing block
	defer giveUp.Stop()
	_ = r.up.Close()
	var told sync.WaitGroup
	for _, ch := range r.sessions() { // at once: one whose client takes nothing keeps no other from being told
		told.Go(func() {
			ch.farewell(endOf(e)...)
			select {
			case <-ch.over:
			case <-r.client.gone:
			}
		})
	}
	told.Wait()
	r.client.hangUp(r.limits.FinalNotice)
}

// tell says something to whoever looks at the session's channels.
func (r *relay) tell(lines ...string) {
	for _, ch := range r.sessions() {
		ch.say(lines...)
	}
}

// sessions are the session channels that are open.
func (r *relay) sessions() []*channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.channels))
}

// newChannel serves a channel that the client opens.
func (r *relay) newChannel(ctx context.Context, nc xssh.NewChannel) {
	serve := r.session
	switch nc.ChannelType() {
	case "session":
	case "direct-tcpip":
		serve = r.direct
	default:
		_ = nc.Reject(xssh.UnknownChannelType, voice+"the gateway does not pass on channels of this type")
		return
	}
	r.mu.Lock()
	full := r.open >= r.limits.Channels
	refused := r.sealed && nc.ChannelType() == "session"
	if !full && !refused {
		r.open++
	}
	r.mu.Unlock()
	switch {
	case full:
		_ = nc.Reject(xssh.ResourceShortage, voice+"too many channels on one connection")
		return
	case refused:
		_ = nc.Reject(xssh.Prohibited, voice+"no more sessions were asked for")
		return
	}
	r.serve("a channel", func() { serve(ctx, nc) })
}

// serve runs what serves a channel, which counts as open until then.
func (r *relay) serve(what string, f func()) {
	r.wg.Go(func() {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.open--
		}()
		defer r.srv.recovered(what)
		f()
	})
}

func (r *relay) track(ch *channel, add bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if add {
		r.channels[ch] = struct{}{}
	} else {
		delete(r.channels, ch)
	}
}

// welcome takes what the target said at the start, once.
func (r *relay) welcome() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.banner
	r.banner = ""
	return b
}
