package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/ingress/ssh/authority"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// upstream is an authenticated connection to the target.
type upstream struct {
	xssh.Conn
	chans  <-chan xssh.NewChannel
	reqs   <-chan *xssh.Request
	banner string // what the target said before it let the gateway in
}

// dialer knows how to reach one target.
type dialer struct {
	resource  *resources.Resource
	login     string
	password  credential.Secret
	key       credential.Secret
	authority *authority.Authority
	timeout   time.Duration
	log       *slog.Logger
}

func (d *dialer) name() string { return d.resource.Metadata.Name }

func (d *dialer) spec() *resources.SSH {
	if d.resource.Target.SSH == nil {
		return &resources.SSH{}
	}
	return d.resource.Target.SSH
}

func unreachable(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the target cannot be reached",
		Hint: "the operator of the gateway finds the reason in its log", Err: err}
}

// connect dials, checks the target's host key and signs in.
func (d *dialer) connect(ctx context.Context, s *session.Session, id *session.Identity) (*upstream, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	u := &upstream{}
	config, err := d.config(s, id, &u.banner)
	if err != nil {
		return nil, err
	}
	var nd net.Dialer
	nc, err := nd.DialContext(ctx, "tcp", d.resource.Target.Address)
	if err != nil {
		return nil, unreachable(err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = nc.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Now()) })
	u.Conn, u.chans, u.reqs, err = xssh.NewClientConn(nc, d.resource.Target.Address, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, explain(err)
	}
	_ = nc.SetDeadline(time.Time{})
	return u, nil
}

// explain says what a failed handshake with the target comes from, as far as a client may know.
func explain(err error) error {
	if e, ok := errors.AsType[*schemas.Error](err); ok {
		return e
	}
	if strings.Contains(err.Error(), "unable to authenticate") {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the target does not accept the gateway's credential",
			Hint: "the operator of the gateway finds the reason in its log", Err: err}
	}
	if e, ok := errors.AsType[*xssh.AlgorithmNegotiationError](err); ok {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the target speaks no algorithm that the gateway accepts",
			Hint: "ssh.legacy: true on the target permits weak ones, though not those that Terrapin needs", Err: e}
	}
	return unreachable(err)
}

func (d *dialer) config(s *session.Session, id *session.Identity, banner *string) (*xssh.ClientConfig, error) {
	auth, err := d.auth(s, id)
	if err != nil {
		return nil, err
	}
	c := &xssh.ClientConfig{Config: algorithms(), User: d.login, Auth: auth, ClientVersion: version, Timeout: d.timeout,
		BannerCallback: func(m string) error {
			*banner = m[:min(len(m), maxBanner)]
			return nil
		}}
	if err := d.trust(c); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "what the target is known by cannot be read",
			Hint: "the operator of the gateway finds the reason in its log", Err: err}
	}
	if d.spec().Legacy {
		weak := xssh.InsecureAlgorithms()
		c.KeyExchanges = append(c.KeyExchanges, weak.KeyExchanges...)
		// Without strict key exchange, which old servers do not have, Terrapin needs ChaCha20-Poly1305, or CBC with a MAC over
		// what is encrypted: neither is ever offered.
		c.Ciphers = append(c.Ciphers, weak.Ciphers...)
		c.MACs = append([]string{xssh.HMACSHA256, xssh.HMACSHA512, xssh.HMACSHA1}, weak.MACs...)
	}
	return c, nil
}

const maxBanner = 64 << 10

// auth is how the gateway signs in.
func (d *dialer) auth(s *session.Session, id *session.Identity) ([]xssh.AuthMethod, error) {
	switch {
	case d.resource.Target.Credential.Certificate:
		key, err := d.authority.SessionKey(s.ID, id.Principal.GetName(), d.login)
		if err != nil {
			return nil, err
		}
		return []xssh.AuthMethod{xssh.PublicKeys(key)}, nil
	case !d.key.Empty():
		key, err := xssh.ParsePrivateKey([]byte(d.key.Reveal() + "\n"))
		if err != nil { // its text may quote the key
			return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "the credential of the target is not available",
				Err: errors.New("the private key cannot be read: it must be in OpenSSH's or PEM form, without a passphrase")}
		}
		return []xssh.AuthMethod{xssh.PublicKeys(key)}, nil
	}
	secret := d.password.Reveal()
	return []xssh.AuthMethod{xssh.Password(secret), xssh.KeyboardInteractive(
		func(_, _ string, questions []string, echos []bool) ([]string, error) {
			if len(questions) == 0 {
				return nil, nil
			}
			if len(questions) != 1 || echos[0] {
				return nil, errors.New("the target asks for more than a password")
			}
			return []string{secret}, nil
		})}, nil
}

// trust sets what the target must prove itself with, and asks it for a key of a kind that is known.
func (d *dialer) trust(c *xssh.ClientConfig) error {
	spec := d.spec()
	pinned, err := publicKeys(spec.HostKeys)
	if err != nil {
		return fmt.Errorf("hostKeys: %w", err)
	}
	cas, err := publicKeys(spec.HostCAs)
	if err != nil {
		return fmt.Errorf("hostCAs: %w", err)
	}
	known, certified := pinned, len(cas) > 0
	file := func(string, net.Addr, xssh.PublicKey) error { return &knownhosts.KeyError{} }
	if spec.KnownHosts != "" {
		if file, err = knownhosts.New(spec.KnownHosts); err != nil {
			return fmt.Errorf("knownHosts: %w", err)
		}
		text, err := os.ReadFile(spec.KnownHosts)
		if err != nil {
			return fmt.Errorf("knownHosts: %w", err)
		}
		certified = certified || bytes.Contains(text, []byte("@cert-authority"))
		known = append(slices.Clone(pinned), inFile(file, d.resource.Target.Address)...)
	}
	c.HostKeyAlgorithms = hostAlgorithms(known, certified, spec.Legacy)
	checker := xssh.CertChecker{IsHostAuthority: func(k xssh.PublicKey, _ string) bool { return contains(cas, k) }}
	c.HostKeyCallback = func(host string, remote net.Addr, key xssh.PublicKey) error {
		plain := key
		if cert, ok := key.(*xssh.Certificate); ok {
			if checker.CheckHostKey(host, remote, key) == nil {
				return nil
			}
			plain = cert.Key // the target has proven that it has it
		}
		if contains(pinned, plain) || file(host, remote, key) == nil || file(host, remote, plain) == nil {
			return nil
		}
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the target shows a host key that is not the declared one, so it is not trusted",
			Hint: "tell the operator of the gateway", Err: fmt.Errorf("target %s shows %s %s", d.name(), key.Type(), xssh.FingerprintSHA256(plain))}
	}
	return nil
}

// inFile returns the keys that a known_hosts file has for an address.
func inFile(file xssh.HostKeyCallback, address string) []xssh.PublicKey {
	var found []xssh.PublicKey
	var unknown *knownhosts.KeyError
	if err := file(address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}); errors.As(err, &unknown) {
		for _, k := range unknown.Want {
			found = append(found, k.Key)
		}
	}
	return found
}

// noKey is a key like no other, to ask with what keys there are.
type noKey struct{}

func (noKey) Type() string                         { return "none" }
func (noKey) Marshal() []byte                      { return nil }
func (noKey) Verify([]byte, *xssh.Signature) error { return errRejected }

func publicKeys(lines []string) ([]xssh.PublicKey, error) {
	var keys []xssh.PublicKey
	for _, l := range lines {
		k, _, _, _, err := xssh.ParseAuthorizedKey([]byte(l))
		if err != nil {
			return nil, fmt.Errorf("%q is not a public key: %w", l, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func contains(keys []xssh.PublicKey, key xssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k xssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) })
}

// hostAlgorithms is what the target may sign with: certificates if they could be checked, and the
// kinds of key that are known.
func hostAlgorithms(known []xssh.PublicKey, certificates, legacy bool) []string {
	var out []string
	if certificates {
		out = append(out, xssh.CertAlgoED25519v01, xssh.CertAlgoECDSA256v01, xssh.CertAlgoECDSA384v01, xssh.CertAlgoECDSA521v01,
			xssh.CertAlgoRSASHA512v01, xssh.CertAlgoRSASHA256v01)
	}
	for _, k := range known {
		algorithms := []string{k.Type()}
		if k.Type() == xssh.KeyAlgoRSA {
			algorithms = []string{xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSASHA256}
			if legacy {
				algorithms = append(algorithms, xssh.KeyAlgoRSA)
			}
		}
		for _, a := range algorithms {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// alive asks a peer for signs of life, and calls dead when it gives none for too long. It stops when the connection
// is gone, or when stop is called. Between two signs it holds a timer and no goroutine.
func (s *Server) alive(c xssh.Conn, dead func()) (stop func()) {
	interval, most := s.c.Limits.KeepAlive, time.Duration(s.c.Limits.KeepAliveMissed)
	var mu sync.Mutex // held while next is set, which a short interval may be faster than
	var next *time.Timer
	over := false
	mu.Lock()
	defer mu.Unlock()
	next = time.AfterFunc(interval, func() {
		silence := time.AfterFunc(interval*most, dead)
		_, _, err := c.SendRequest(keepAlive, true, nil)
		silence.Stop()
		mu.Lock()
		defer mu.Unlock()
		if err == nil && !over {
			next.Reset(interval)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		next.Stop()
	}
}
