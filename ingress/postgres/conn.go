package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// conn is one client's connection, from accept on. It belongs to its goroutine; shutdown may be
// called from another.
type conn struct {
	srv     *Server
	net     net.Conn // as accepted; its deadlines hold for TLS too
	c       net.Conn // net, or TLS over it
	release func()   // leaves the ranks of the unauthenticated
	secure  bool
	binding []byte              // channel binding data; nil: none
	proven  []*x509.Certificate // the client has the key of the first, as TLS showed; nil: none

	mu      sync.Mutex
	session *session.Session // once open
	ending  *session.End     // set: every session ends at once
}

// turnAway answers before anything was read.
func (c *conn) turnAway(why string) {
	_ = c.net.SetDeadline(time.Now().Add(c.srv.c.Limits.FinalNotice))
	_, _ = c.net.Write(fatal("53300", "sorry, "+why).encode(nil))
}

// shutdown ends the connection: a session is told why, a client that has none is cut off.
func (c *conn) shutdown(end session.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = &end
	if c.session != nil {
		c.session.Stop(end)
		return
	}
	_ = c.net.SetDeadline(time.Now())
}

func (c *conn) attach(s *session.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	if c.ending != nil {
		s.Stop(*c.ending)
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
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	c.c = c.net
	start, err := c.handshake(ctx)
	if err != nil {
		c.refuse(err)
		return
	}
	if start == nil { // a cancel request: there is no answer
		return
	}
	id, err := c.authenticate(ctx, start)
	if err != nil {
		c.refuse(err)
		return
	}
	c.release()
	c.until(time.Now().Add(2 * c.srv.c.Limits.Dial))
	if err := c.run(context.WithoutCancel(ctx), start, id); err != nil {
		c.refuse(err)
	}
}

// refuse tells the client why, if it can still be told.
func (c *conn) refuse(err error) {
	if gone(err) {
		return
	}
	r := shown(err, "FATAL")
	if r.code == "XX000" {
		c.srv.log.Error("connection", "client", c.net.RemoteAddr().String(), "err", err)
	}
	_ = c.net.SetDeadline(time.Now().Add(c.srv.c.Limits.FinalNotice))
	_, _ = c.c.Write(r.encode(nil))
}

// gone reports whether err says no more than that the peer went away or was too slow.
func gone(err error) bool {
	if _, ok := errors.AsType[*schemas.Error](err); ok {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || isNetError(err)
}

func isNetError(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// startTLS makes the connection secure. direct says that the client began with TLS, unasked.
func (c *conn) startTLS(ctx context.Context, raw net.Conn, direct bool) error {
	var leaf []byte
	config := c.srv.tls.Clone()
	config.GetConfigForClient = c.certificateSpy(&leaf)
	t := tls.Server(raw, config)
	if err := t.HandshakeContext(ctx); err != nil {
		c.srv.log.Debug("TLS handshake", "client", c.net.RemoteAddr().String(), "err", err)
		return fmt.Errorf("TLS handshake: %w", net.ErrClosed) // nothing more can be said to this client
	}
	c.c, c.secure, c.binding = t, true, leaf
	c.proven = t.ConnectionState().PeerCertificates
	if direct && t.ConnectionState().NegotiatedProtocol != alpn {
		return fatal("08P01", "received direct SSL connection request without ALPN protocol negotiation extension")
	}
	return nil
}

// certificateSpy notes which certificate the client is shown: the channel is bound to it.
func (c *conn) certificateSpy(binding *[]byte) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		config := c.srv.tls
		if config.GetConfigForClient != nil {
			other, err := config.GetConfigForClient(hello)
			if err != nil {
				return nil, err
			}
			if other != nil {
				config = other
			}
		}
		out := config.Clone()
		out.GetConfigForClient = nil
		out.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := chooseCertificate(config, hello)
			if err == nil {
				*binding = bindingOf(cert)
			}
			return cert, err
		}
		out.Certificates = nil
		return out, nil
	}
}

func chooseCertificate(config *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if config.GetCertificate != nil {
		if cert, err := config.GetCertificate(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	for i := range config.Certificates {
		if hello.SupportsCertificate(&config.Certificates[i]) == nil {
			return &config.Certificates[i], nil
		}
	}
	if len(config.Certificates) == 0 {
		return nil, errors.New("no certificate is configured")
	}
	return &config.Certificates[0], nil
}

func bindingOf(cert *tls.Certificate) []byte {
	leaf, err := leafOf(cert)
	if err != nil {
		return nil
	}
	b, ok := scram.EndPoint(leaf)
	if !ok {
		return nil
	}
	return b
}
