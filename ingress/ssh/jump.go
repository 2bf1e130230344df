package ssh

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
)

// jump serves a connection that is there to reach targets through (ssh -J). Each direct-tcpip
// channel names a target by its host name, and the gateway itself is the SSH server at its other
// end: nothing passes that it does not see.
func (c *conn) jump(ctx context.Context, l *leg, id *session.Identity) {
	defer l.hangUp(c.srv.c.Limits.FinalNotice)
	c.mu.Lock()
	c.jumping = l
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go refuseRequests(l.reqs)
	defer c.srv.alive(l, func() { _ = l.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, c.srv.c.Limits.Channels)
	for nc := range l.chans {
		switch nc.ChannelType() {
		case "direct-tcpip":
			select {
			case slots <- struct{}{}:
			default:
				_ = nc.Reject(xssh.ResourceShortage, voice+"too many channels on one connection")
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				defer c.srv.recovered("a jump")
				c.inner(ctx, l, nc, id)
			})
		case "session":
			go turnAwayChannel(nc, jumpOnly(), make(chan struct{}, 1))
		default:
			_ = nc.Reject(xssh.UnknownChannelType, voice+"the gateway does not pass on channels of this type")
		}
	}
}

// inner is the SSH server inside of a jump's channel. Who is at its other end is known.
func (c *conn) inner(ctx context.Context, outer *leg, nc xssh.NewChannel, id *session.Identity) {
	t, err := decodeTCPIP(nc.ExtraData())
	if err != nil {
		_ = nc.Reject(xssh.ConnectionFailed, voice+"malformed destination")
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go xssh.DiscardRequests(reqs)
	through := newClosing(&channelConn{Channel: ch, local: outer.LocalAddr(), remote: outer.RemoteAddr()})
	defer through.Close()
	keys, err := c.srv.c.Authority.HostKeys([]string{t.Host})
	if err != nil {
		c.srv.log.Error("prepare handshake", "err", err)
		return
	}
	config := &xssh.ServerConfig{Config: algorithms(), ServerVersion: version, NoClientAuth: true}
	for _, k := range keys {
		config.AddHostKey(k)
	}
	late := time.AfterFunc(c.srv.c.Limits.Authentication, func() { _ = ch.Close() })
	sc, chans, inner, err := xssh.NewServerConn(through, config)
	if !late.Stop() || err != nil {
		if err != nil && !gone(err) {
			c.srv.log.Debug("handshake in a jump", "client", outer.remote, "err", err)
		}
		return
	}
	r := route{principal: id.Principal.GetName(), target: t.Host, login: c.innerLogin(t.Host, sc.User())}
	c.run(ctx, &leg{ServerConn: sc, chans: chans, reqs: inner, remote: outer.remote, gone: through.gone}, id, r)
}

// innerLogin is the login that a client's user name inside of a jump means. ssh sends the name of
// the local user when it is told no other, so a name that is no login means the target's own.
func (c *conn) innerLogin(target, user string) string {
	if t, ok := c.srv.c.Gateway.Target(target); ok && t.Target.Protocol == Protocol && allowsLogin(t.Target, user) {
		return user
	}
	return ""
}

// channelConn is a channel as a network connection.
type channelConn struct {
	xssh.Channel
	local, remote net.Addr
}

func (c *channelConn) LocalAddr() net.Addr  { return c.local }
func (c *channelConn) RemoteAddr() net.Addr { return c.remote }

// Deadlines are kept by closing the channel.
func (c *channelConn) SetDeadline(time.Time) error      { return errNoDeadline }
func (c *channelConn) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (c *channelConn) SetWriteDeadline(time.Time) error { return errNoDeadline }

var errNoDeadline = errors.New("a channel has no deadlines")

// Close ends both directions.
func (c *channelConn) Close() error {
	err := c.Channel.Close()
	if errors.Is(err, io.EOF) { // the other side was first
		return nil
	}
	return err
}
