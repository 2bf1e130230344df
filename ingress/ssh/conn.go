package ssh

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// conn is one client's TCP connection, from accept on. It belongs to its goroutine; shutdown may
// be called from another.
type conn struct {
	srv     *Server
	net     net.Conn
	release func() // leaves the ranks of the unauthenticated

	mu       sync.Mutex
	sessions map[*session.Session]struct{} // open ones: one, or one for each jump
	jumping  *leg                          // of a connection that only jumps
	ending   *session.End                  // set: every session ends at once
}

// leg is an authenticated SSH connection of a client: over TCP, or inside of a jump's channel.
type leg struct {
	*xssh.ServerConn
	chans  <-chan xssh.NewChannel
	reqs   <-chan *xssh.Request
	net    net.Conn // TCP; nil inside of a jump
	remote string   // where the client is
	gone   chan struct{}
}

// closing is a connection that tells when it was closed, which the library does when it ends. Waiting for that end
// takes a goroutine.
type closing struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

func newClosing(nc net.Conn) *closing { return &closing{Conn: nc, gone: make(chan struct{})} }

func (c *closing) Close() error {
	defer c.once.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// hangUp closes the connection so that what was written last still arrives.
func (l *leg) hangUp(within time.Duration) {
	if tcp, ok := l.net.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		select {
		case <-l.gone:
		case <-time.After(within):
		}
	}
	_ = l.Close()
}

// shutdown ends the connection: sessions are told why, a client that has none is cut off.
func (c *conn) shutdown(end session.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = &end
	for s := range c.sessions {
		s.Stop(end)
	}
	if len(c.sessions) == 0 {
		_ = c.net.SetDeadline(time.Now())
	}
	if c.jumping != nil {
		go c.jumping.hangUp(c.srv.c.Limits.FinalNotice)
	}
}

func (c *conn) attach(s *session.Session) (detach func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		c.sessions = make(map[*session.Session]struct{})
	}
	c.sessions[s] = struct{}{}
	if c.ending != nil {
		s.Stop(*c.ending)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.sessions, s)
	}
}

// until bounds how long the client may take; zero: nothing does. A connection that was ended stays so.
func (c *conn) until(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		_ = c.net.SetDeadline(deadline)
	}
}

// serve runs the connection to its end.
func (c *conn) serve(ctx context.Context) {
	deadline := time.Now().Add(c.srv.c.Limits.Authentication)
	c.until(deadline)
	authCtx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	h := &handshake{srv: c.srv, ctx: authCtx, address: c.net.RemoteAddr().String()}
	config, err := h.config()
	if err != nil {
		c.srv.log.Error("prepare handshake", "err", err)
		return
	}
	told := newClosing(c.net)
	sc, chans, reqs, err := xssh.NewServerConn(told, config)
	if err != nil {
		h.failed(err)
		return
	}
	c.release()
	c.until(time.Time{})
	l := &leg{ServerConn: sc, chans: chans, reqs: reqs, net: c.net, remote: c.net.RemoteAddr().String(), gone: told.gone}
	id, r := proven(sc)
	if r.target == "" {
		c.jump(ctx, l, id)
		return
	}
	c.run(ctx, l, id, r)
}

// gone reports whether err says no more than that the peer went away or was too slow.
func gone(err error) bool {
	if _, ok := errors.AsType[*schemas.Error](err); ok {
		return false
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded)
}
