package ssh

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/credential"
	"sallyport/ingress/internal/admission"
	"sallyport/ingress/session"
	"sallyport/ingress/ssh/authority"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Protocol is the name of the protocol in resources, on the log and in subjects.
const Protocol = resources.ProtocolSSH

// Authenticator knows who people are. Its methods are called concurrently, before anything else is
// done for a connection.
type Authenticator interface {
	// Password returns whom a token proves, or an error.
	Password(ctx context.Context, user, token string) (*session.Identity, error)
	// Key returns whom a public key (RFC 4253 section 6.6) is registered for, if that is user. The
	// client has not proven that it has the key.
	Key(ctx context.Context, user string, key []byte) (*session.Identity, error)
	// Token returns whom a live token proves, if that is user: a certificate names it.
	Token(ctx context.Context, user string, id schemas.TokenID) (*session.Identity, error)
}

// Device is a way to sign in with another device: a link, and somebody's consent there.
type Device interface {
	// Begin returns what to show to user, who connects from address, and a function that waits until the sign-in is
	// done. Errors of either are shown to the client as far as they are *schemas.Error.
	Begin(ctx context.Context, user, address string) (instruction string, wait func(context.Context) (*session.Identity, error), err error)
}

// SignIns records who signed in and who failed to. A sign-in that cannot be recorded is refused.
type SignIns interface {
	SignedIn(ctx context.Context, s *schemas.SignIn) error
}

// Credentials resolves what the gateway presents to a target.
type Credentials interface {
	Resolve(ctx context.Context, ref *resources.SecretRef) (credential.Secret, error)
}

// Limits bound what a client or a target can take. The zero value of each means its default.
type Limits struct {
	Authentication  time.Duration // from accept to the end of authentication; 30 s: people type
	Dial            time.Duration // to connect and authenticate to the target; 15 s
	Unauthenticated int           // connections that are not authenticated; 512
	PerAddress      int           // of those, from one address; 64
	Sessions        int           // open at once; 5000
	Channels        int           // of one connection at once; 128
	FinalNotice     time.Duration // to tell a client why its session ends; 1 s
	KeepAlive       time.Duration // between signs of life that are asked of both sides; 30 s
	KeepAliveMissed int           // after which a side is taken for gone; 4
	HeldInput       int           // bytes that a client sends ahead while its command is held; 1 MiB
	FirstChannel    time.Duration // for a client whose session was refused, to ask for something and be told why; 10 s
	MaskRest        time.Duration // of output, before what masks hold back of it is given out; 50 ms
	Listeners       int           // remote forwards of one session; 16
}

// Config is what New needs.
type Config struct {
	Gateway       *session.Gateway
	Authority     *authority.Authority
	Authenticator Authenticator
	Device        Device  // nil: keyboard-interactive asks for a token alone
	SignIns       SignIns // nil: sign-ins are not recorded
	Credentials   Credentials
	Hosts         []string // names by which clients know the gateway
	Limits        Limits
	Logger        *slog.Logger
}

// Server is the SSH gateway.
type Server struct {
	c     Config
	log   *slog.Logger
	admit *admission.Admission
	open  atomic.Int64 // sessions

	mu     sync.Mutex
	conns  map[*conn]struct{}
	ending *session.End // set: every connection ends at once
	wg     sync.WaitGroup
}

// New returns a Server.
func New(c Config) (*Server, error) {
	if c.Gateway == nil || c.Authenticator == nil || c.Credentials == nil || c.Authority == nil {
		return nil, errors.New("the SSH gateway needs a session gateway, an authority, an authenticator and credentials")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefaults(&c.Limits)
	return &Server{c: c, log: c.Logger, conns: make(map[*conn]struct{}),
		admit: admission.New(c.Limits.Unauthenticated, c.Limits.PerAddress)}, nil
}

func setDefaults(l *Limits) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Authentication, 30 * time.Second}, {&l.Dial, 15 * time.Second}, {&l.FinalNotice, time.Second},
		{&l.KeepAlive, 30 * time.Second}, {&l.FirstChannel, 10 * time.Second},
		{&l.MaskRest, 50 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.Unauthenticated, 512}, {&l.PerAddress, 64}, {&l.Sessions, 5000}, {&l.Channels, 128},
		{&l.KeepAliveMissed, 4}, {&l.HeldInput, 1 << 20}, {&l.Listeners, 16},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
}

// Serve accepts clients on l until ctx is done; it then closes l, ends every session with a
// message to its client, waits for them, and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	err := admission.Accept(ctx, l, s.log, func(nc net.Conn) { s.handle(ctx, nc) })
	s.shutdown(session.Stopped(context.Cause(ctx)))
	s.wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// handle starts a goroutine for the connection, which owns it; the accept loop never waits.
func (s *Server) handle(ctx context.Context, nc net.Conn) {
	release, ok := s.admit.Enter(nc.RemoteAddr())
	c := &conn{srv: s, net: nc, release: release}
	s.wg.Go(func() {
		defer nc.Close()
		if !ok { // RFC 4253 section 4.2: lines before the version are shown, or logged, by clients
			_ = nc.SetDeadline(time.Now().Add(s.c.Limits.FinalNotice))
			_, _ = nc.Write([]byte("too many connections are waiting to authenticate\r\n"))
			return
		}
		defer release()
		s.track(c, true)
		defer s.track(c, false)
		defer s.recovered("a connection")
		c.serve(context.WithoutCancel(ctx))
	})
}

// recovered keeps a panic from ending the process. It is deferred.
func (s *Server) recovered(where string) {
	if p := recover(); p != nil {
		s.log.Error("panic in "+where, "panic", p, "stack", string(debug.Stack()))
	}
}

func (s *Server) track(c *conn, add bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !add {
		delete(s.conns, c)
		return
	}
	s.conns[c] = struct{}{}
	if s.ending != nil {
		c.shutdown(*s.ending)
	}
}

// shutdown asks every connection to end.
func (s *Server) shutdown(end session.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = &end
	for c := range s.conns {
		c.shutdown(end)
	}
}

// Connections is how many there are, authenticated or not.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// version is what the gateway calls itself, to both sides.
const version = "SSH-2.0-Sallyport"

// algorithms are what both legs speak: nothing with SHA-1 or CBC, and no ChaCha20-Poly1305, so that
// a peer without strict key exchange cannot be made to lose messages (Terrapin, CVE-2023-48795).
func algorithms() xssh.Config {
	return xssh.Config{
		KeyExchanges: []string{
			xssh.KeyExchangeMLKEM768X25519, xssh.KeyExchangeCurve25519, xssh.KeyExchangeECDHP256, xssh.KeyExchangeECDHP384,
			xssh.KeyExchangeECDHP521, xssh.KeyExchangeDH16SHA512, xssh.KeyExchangeDH14SHA256,
		},
		Ciphers: []string{
			xssh.CipherAES128GCM, xssh.CipherAES256GCM, xssh.CipherAES128CTR, xssh.CipherAES192CTR, xssh.CipherAES256CTR,
		},
		MACs: []string{xssh.HMACSHA256ETM, xssh.HMACSHA512ETM, xssh.HMACSHA256, xssh.HMACSHA512},
	}
}

// signatures are what clients may sign with.
func signatures() []string {
	return []string{
		xssh.KeyAlgoED25519, xssh.KeyAlgoSKED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoSKECDSA256, xssh.KeyAlgoECDSA384,
		xssh.KeyAlgoECDSA521, xssh.KeyAlgoRSASHA256, xssh.KeyAlgoRSASHA512,
	}
}
