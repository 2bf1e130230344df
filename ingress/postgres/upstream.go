package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/credential"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// upstream is an authenticated connection to the target that is ready for its first command.
type upstream struct {
	conn       net.Conn
	dial       func(ctx context.Context) (net.Conn, error) // the same way again, for a cancel request
	pid        uint32
	secret     []byte
	parameters []parameter // as the target reported them
	notices    [][]byte    // raw, for the client
	binding    []byte
	secure     bool
}

// dialer knows how to reach one target.
type dialer struct {
	target   *resources.Target
	name     string
	database string
	password credential.Secret
	start    *startup
	timeout  time.Duration
}

// connect dials and authenticates as libpq does for the same mode: allow tries without TLS first,
// prefer with TLS first, and each then the other way when the first is turned down.
func (d *dialer) connect(ctx context.Context) (*upstream, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	var first error
	for _, secure := range d.attempts() {
		u, err := d.attempt(ctx, secure)
		if err == nil {
			return u, nil
		}
		if first == nil || errors.Is(first, errNoTLS) {
			first = err
		}
		if r, ok := errors.AsType[*refusal](err); !errors.Is(err, errNoTLS) && (!ok || !strings.HasPrefix(r.code, "28")) {
			break
		}
	}
	return nil, first
}

func (d *dialer) mode() string {
	if d.target.TLS == nil || d.target.TLS.Mode == "" {
		return "prefer"
	}
	return d.target.TLS.Mode
}

func (d *dialer) attempts() []bool {
	if d.network() == "unix" {
		return []bool{false} // as libpq: TLS makes no sense there
	}
	switch d.mode() {
	case "disable":
		return []bool{false}
	case "allow":
		return []bool{false, true}
	case "prefer":
		return []bool{true, false}
	}
	return []bool{true}
}

func (d *dialer) network() string {
	if strings.HasPrefix(d.target.Address, "/") {
		return "unix"
	}
	return "tcp"
}

// endpoint is what to dial: a unix socket is named by its directory and port.
func (d *dialer) endpoint() string {
	if d.network() == "tcp" {
		if _, _, err := net.SplitHostPort(d.target.Address); err != nil {
			return net.JoinHostPort(d.target.Address, "5432")
		}
		return d.target.Address
	}
	dir, port, ok := strings.Cut(d.target.Address, ":")
	if !ok {
		port = "5432"
	}
	return dir + "/.s.PGSQL." + port
}

var errNoTLS = errors.New("the target does not offer TLS")

// open dials, with TLS if secure.
func (d *dialer) open(ctx context.Context, secure bool) (net.Conn, error) {
	var nd net.Dialer
	c, err := nd.DialContext(ctx, d.network(), d.endpoint())
	if err != nil {
		return nil, unreachable(err)
	}
	if !secure {
		return c, nil
	}
	t, err := d.secure(ctx, c)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return t, nil
}

func (d *dialer) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	if _, err := c.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
		return nil, unreachable(err)
	}
	var answer [1]byte // one byte and no more: what follows belongs to TLS
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return nil, unreachable(err)
	}
	if answer[0] != 'S' {
		return nil, &noTLS{fatal("08001", "the target does not offer TLS, which its configuration asks for")}
	}
	config, err := d.tlsConfig()
	if err != nil {
		return nil, err
	}
	t := tls.Client(c, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "the TLS connection to the target failed",
			Hint: "the operator of the gateway finds the reason in its log", Err: err}
	}
	return t, nil
}

// noTLS is a refusal that allows another attempt.
type noTLS struct{ *refusal }

func (n *noTLS) Unwrap() []error { return []error{n.refusal, errNoTLS} }

// tlsConfig follows libpq: below verify-ca nothing is checked, unless a CA is given (then
// require checks the chain); verify-full checks the name as well.
func (d *dialer) tlsConfig() (*tls.Config, error) {
	o := d.target.TLS
	if o == nil {
		o = &resources.TLS{}
	}
	host, _, err := net.SplitHostPort(d.endpoint())
	if err != nil {
		host = d.endpoint()
	}
	if o.ServerName != "" {
		host = o.ServerName
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{alpn}}
	if o.CA != "" {
		if c.RootCAs, err = loadCA(o.CA); err != nil {
			return nil, err
		}
	}
	switch {
	case d.mode() == "verify-full":
	case d.mode() == "verify-ca", d.mode() == "require" && o.CA != "":
		c.InsecureSkipVerify = true // the chain is checked below, the name is not
		c.VerifyConnection = chainOnly(c.RootCAs)
	default:
		c.InsecureSkipVerify = true
	}
	return c, nil
}

func loadCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the target's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the target's CA: no certificate in %s", file)
	}
	return pool, nil
}

func chainOnly(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}

func unreachable(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the target cannot be reached",
		Hint: "the operator of the gateway finds the reason in its log", Err: err}
}

func (d *dialer) attempt(ctx context.Context, secure bool) (*upstream, error) {
	c, err := d.open(ctx, secure)
	if err != nil {
		return nil, err
	}
	u := &upstream{conn: c, secure: secure, dial: func(ctx context.Context) (net.Conn, error) { return d.open(ctx, secure) }}
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if err := d.begin(u); err != nil {
		_ = c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return u, nil
}

// begin starts the session on the target and reads up to ReadyForQuery.
func (d *dialer) begin(u *upstream) error {
	if t, ok := u.conn.(*tls.Conn); ok {
		u.binding = peerBinding(t)
	}
	if _, err := u.conn.Write(d.startup()); err != nil {
		return unreachable(err)
	}
	a := authenticator{d: d, u: u}
	for {
		typ, body, err := readMessage(u.conn, maxStartupAnswer)
		if err != nil {
			return unreachable(err)
		}
		done, err := a.take(typ, body)
		if done || err != nil {
			return err
		}
	}
}

func (d *dialer) startup() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(version30))
	for _, p := range append([]parameter{{"user", d.target.Credential.Username}, {"database", d.database}}, d.start.parameters...) {
		b = append(append(append(append(b, p.name...), 0), p.value...), 0)
	}
	b = append(b, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// maxStartupAnswer bounds each message of a target before it is ready.
const maxStartupAnswer = 64 << 10

// readMessage reads one whole message.
func readMessage(c net.Conn, limit int) (typ byte, body []byte, err error) {
	var head [header]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > uint32(limit) {
		return 0, nil, errTooLarge
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(c, body)
	return head[0], body, err
}

func send(c net.Conn, m pgproto3.FrontendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	if _, err = c.Write(b); err != nil {
		return unreachable(err)
	}
	return nil
}
