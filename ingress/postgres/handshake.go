package postgres

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// maxReason bounds what the fact of a refused certificate says, in bytes.
const maxReason = 500

// maxPassword bounds an authentication message of a client.
const maxPassword = 16 << 10

// handshake reads up to the StartupMessage. It returns nil for a cancel request, which it passes on.
func (c *conn) handshake(ctx context.Context) (*startup, error) {
	var first [1]byte
	if _, err := io.ReadFull(c.net, first[:]); err != nil {
		return nil, err
	}
	c.c = &prefixed{Conn: c.net, prefix: first[:]}
	if first[0] == 0x16 { // a TLS record: the client did not ask
		if c.srv.tls == nil {
			return nil, net.ErrClosed
		}
		if err := c.startTLS(ctx, c.c, true); err != nil {
			return nil, err
		}
	}
	for range 3 { // at most SSL, GSS and the real one
		code, body, err := readPacket(c.c, c.srv.c.Limits.StartupPacket)
		if errors.Is(err, errStartupSize) {
			return nil, fatal("08P01", "invalid length of startup packet")
		}
		if err != nil {
			return nil, err
		}
		switch code {
		case codeCancel:
			c.srv.cancel(ctx, body)
			return nil, nil
		case codeSSL, codeGSS:
			if len(body) != 0 || c.secure {
				return nil, fatal("08P01", "invalid startup packet layout")
			}
			if err := c.answerEncryption(ctx, code); err != nil {
				return nil, err
			}
		default:
			s, bad := decodeStartup(code, body)
			if bad != nil {
				return nil, bad
			}
			return s, c.negotiate(s)
		}
	}
	return nil, fatal("08P01", "invalid startup packet layout")
}

func (c *conn) answerEncryption(ctx context.Context, code uint32) error {
	answer := byte('N')
	if code == codeSSL && c.srv.tls != nil {
		answer = 'S'
	}
	if _, err := c.c.Write([]byte{answer}); err != nil {
		return err
	}
	if answer == 'S' {
		return c.startTLS(ctx, c.net, false)
	}
	return nil
}

// prefixed gives a byte back that was read to see what comes.
type prefixed struct {
	net.Conn
	prefix []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.prefix) > 0 {
		n := copy(b, p.prefix)
		p.prefix = p.prefix[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// negotiate tells a client that asked for more than the gateway speaks.
func (c *conn) negotiate(s *startup) error {
	if !s.negotiate {
		return nil
	}
	body := binary.BigEndian.AppendUint32(nil, uint32(s.version))
	body = binary.BigEndian.AppendUint32(body, uint32(len(s.unrecognised)))
	for _, o := range s.unrecognised {
		body = append(append(body, o...), 0)
	}
	_, err := c.c.Write(message(nil, backNegotiate, body))
	return err
}

var errRejected = errors.New("rejected")

// authenticate finds out who the client is.
func (c *conn) authenticate(ctx context.Context, s *startup) (*session.Identity, error) {
	if c.srv.c.RequireTLS && !c.secure && !loopback(c.net.RemoteAddr()) {
		return nil, fatal("28000", "the gateway requires TLS").hint("connect with sslmode=require or stronger")
	}
	id, err := c.prove(ctx, s)
	refused, told := errors.AsType[*certificateRefused](err)
	if err != nil && !told && !errors.Is(err, errRejected) {
		return nil, err
	}
	why := "no live token of this principal was proven"
	if told {
		why = refused.reason()
	}
	if rec := c.recordSignIn(ctx, s, id, why); rec != nil && err == nil {
		return nil, rec
	}
	if told {
		return nil, refused.err
	}
	if err != nil {
		return nil, fatal("28P01", "authentication failed for user \""+cleanName(s.user)+"\"").
			hint("the password is a Sallyport token: it may be wrong, expired or revoked")
	}
	return id, nil
}

func (c *conn) prove(ctx context.Context, s *startup) (*session.Identity, error) {
	if len(c.proven) > 0 {
		id, err := c.srv.c.Authenticator.Certificate(ctx, s.user, c.proven)
		if err != nil {
			return nil, &certificateRefused{err}
		}
		if id != nil {
			return id, nil
		}
	}
	creds := c.srv.c.Authenticator.Scram(ctx, s.user)
	if !creds.PasswordOnly {
		return c.scram(creds)
	}
	if !c.secure && !loopback(c.net.RemoteAddr()) {
		return nil, fatal("28000", "the password would be sent in clear").hint("connect with sslmode=require or stronger")
	}
	return c.password(ctx, s.user)
}

// certificateRefused is a refusal of the client's certificate.
type certificateRefused struct{ err error }

func (e *certificateRefused) Error() string { return e.err.Error() }

// reason is why, for the operator: with the cause, which the client is not told.
func (e *certificateRefused) reason() string {
	text := schemas.Shown(e.err).Message
	if said, ok := errors.AsType[*schemas.Error](e.err); ok && said.Err != nil {
		text += ": " + said.Err.Error()
	}
	return valid([]byte(text[:min(len(text), maxReason)]))
}

// recordSignIn records who signed in or, if id is nil, why nobody did.
func (c *conn) recordSignIn(ctx context.Context, s *startup, id *session.Identity, why string) error {
	if c.srv.c.SignIns == nil {
		return nil
	}
	target, _, _ := strings.Cut(s.database, "/")
	in := &schemas.SignIn{Protocol: Protocol, Address: c.net.RemoteAddr().String(), Target: valid([]byte(target)), Succeeded: id != nil}
	if id != nil {
		in.Principal = id.Principal
	} else {
		in.Principal = &schemas.Principal{Name: valid([]byte(s.user))}
		in.Reason = why
	}
	if err := c.srv.c.SignIns.SignedIn(ctx, in); err != nil {
		c.srv.log.Error("record sign-in", "err", err)
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the sign-in cannot be recorded, so it is refused", Err: err}
	}
	return nil
}

func (c *conn) password(ctx context.Context, user string) (*session.Identity, error) {
	if _, err := c.c.Write(message(nil, backAuth, []byte{0, 0, 0, 3})); err != nil {
		return nil, err
	}
	body, err := c.readPassword()
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	secret := string(r.text())
	if !r.ok() {
		return nil, fatal("08P01", "invalid password packet")
	}
	id, err := c.srv.c.Authenticator.Password(ctx, user, secret)
	if err != nil || id == nil {
		return nil, errRejected
	}
	return id, nil
}

// readPassword reads one authentication message.
func (c *conn) readPassword() ([]byte, error) {
	var head [header]byte
	if _, err := io.ReadFull(c.c, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != frontPassword || n < 4 || n > maxPassword {
		return nil, fatal("08P01", "expected a password response")
	}
	body := make([]byte, n-4)
	_, err := io.ReadFull(c.c, body)
	return body, err
}

func (c *conn) scram(creds session.ScramCredentials) (*session.Identity, error) {
	keys := make([]scram.Keys, len(creds.Tokens))
	for i, t := range creds.Tokens {
		keys[i] = scram.Keys{StoredKey: t.StoredKey, ServerKey: t.ServerKey}
	}
	server := scram.NewServer(creds.Salt, creds.Iterations, keys, c.binding)
	if err := c.offer(); err != nil {
		return nil, err
	}
	mechanism, first, err := c.saslInitial()
	if err != nil {
		return nil, err
	}
	answer, err := server.First(mechanism, first)
	if err != nil {
		return nil, scramError(err)
	}
	if err := c.send(&pgproto3.AuthenticationSASLContinue{Data: answer}); err != nil {
		return nil, err
	}
	final, err := c.readPassword()
	if err != nil {
		return nil, err
	}
	answer, key, err := server.Final(final)
	if err != nil {
		return nil, scramError(err)
	}
	return creds.Tokens[key].Identity, c.send(&pgproto3.AuthenticationSASLFinal{Data: answer})
}

func scramError(err error) error {
	switch {
	case errors.Is(err, scram.ErrProof):
		return errRejected
	case errors.Is(err, scram.ErrBinding):
		return fatal("28000", "SCRAM channel binding check failed")
	}
	return fatal("08P01", "malformed SCRAM message")
}

func (c *conn) offer() error {
	mechanisms := []string{scram.SHA256}
	if c.binding != nil {
		mechanisms = []string{scram.SHA256Plus, scram.SHA256}
	}
	return c.send(&pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
}

func (c *conn) send(m pgproto3.BackendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	_, err = c.c.Write(b)
	return err
}

// saslInitial reads SASLInitialResponse: a mechanism, a length and the first message.
func (c *conn) saslInitial() (mechanism string, first []byte, err error) {
	body, err := c.readPassword()
	if err != nil {
		return "", nil, err
	}
	r := reader{b: body}
	mechanism = string(r.text())
	first = bytes.Clone(r.bytes(int(r.int32())))
	if !r.ok() {
		return "", nil, fatal("08P01", "malformed SASL response")
	}
	return mechanism, first, nil
}

func leafOf(cert *tls.Certificate) (*x509.Certificate, error) {
	if cert.Leaf != nil {
		return cert.Leaf, nil
	}
	return x509.ParseCertificate(cert.Certificate[0])
}
