package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/ingress/credential"
	"sallyport/ingress/internal/admission"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Protocol is the name of the protocol in resources, on the log and in subjects.
const Protocol = "postgres"

// Authenticator knows who people are. Its methods are called once a connection, before anything
// else is done for it, and concurrently.
type Authenticator interface {
	// Scram returns what an exchange with user needs. It must take the same time for a user who
	// does not exist, whose credentials look like anybody's but have no tokens.
	Scram(ctx context.Context, user string) session.ScramCredentials
	// Password returns whom a secret sent in clear proves, or an error.
	Password(ctx context.Context, user, token string) (*session.Identity, error)
	// Certificate returns who proves to be user with a client certificate, the first of chain, whose key the client
	// has shown to have. nil without an error: it says nothing about user, who is then asked for a password. An
	// error is a refusal that the client is told.
	Certificate(ctx context.Context, user string, chain []*x509.Certificate) (*session.Identity, error)
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
	Authentication    time.Duration // from accept to the end of authentication; 10 s
	Dial              time.Duration // to connect and authenticate to the target; 10 s
	Unauthenticated   int           // connections that are not authenticated; 512
	PerAddress        int           // of those, from one address; 64
	Sessions          int           // open at once; 5000
	StartupPacket     int           // bytes; 10,000, as PostgreSQL
	ClientMessage     int           // bytes of one message of an authenticated client; 1 GiB, as PostgreSQL
	TargetMessage     int           // bytes of one message of the target; 1 GiB
	Statements        int           // bytes of the prepared statements of a session; 64 MiB
	Batch             int           // bytes collected before they are forwarded without a Sync; 1 MiB
	FinalNotice       time.Duration // to tell a client why its session ends; 1 s
	DrainAfterGoodbye time.Duration // for the target to finish what a client left behind; 30 s
	CataloguePoll     time.Duration // between looks whether others have changed a target's catalogue; 5 s
	CatalogueWait     time.Duration // for a command until the catalogue that it needs is read; 5 s
	CatalogueRead     time.Duration // to read a catalogue; 1 min
	MaskedRow         int           // bytes of a row, or of a value that is masked; 64 MiB. A larger one ends the session.
	Estimates         int           // questions to planners at once; 8
	HeldInput         int           // bytes that a client sends ahead while its command is held; 1 MiB. Past it, its leaving is not noticed.
}

// Config is what New needs.
type Config struct {
	Gateway       *session.Gateway
	Authenticator Authenticator
	SignIns       SignIns // nil: sign-ins are not recorded
	Credentials   Credentials
	TLS           *tls.Config // of the client's leg; nil: TLS is not offered
	RequireTLS    bool        // refuse clients without TLS, unless they are on loopback
	Limits        Limits
	Logger        *slog.Logger
}

// Server is the PostgreSQL gateway.
type Server struct {
	c     Config
	log   *slog.Logger
	tls   *tls.Config // nil: not offered
	admit *admission.Admission
	keys  *keyring
	open  atomic.Int64 // sessions

	catalogues *catalogues
	estimates  chan struct{} // one for each question to a planner

	mu     sync.Mutex
	conns  map[*conn]struct{}
	ending *session.End // set: every connection ends at once
	wg     sync.WaitGroup
}

// New returns a Server.
func New(c Config) (*Server, error) {
	if c.Gateway == nil || c.Authenticator == nil || c.Credentials == nil {
		return nil, errors.New("the PostgreSQL gateway needs a session gateway, an authenticator and credentials")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefaults(&c.Limits)
	s := &Server{c: c, log: c.Logger, keys: newKeyring(), conns: make(map[*conn]struct{}),
		admit: admission.New(c.Limits.Unauthenticated, c.Limits.PerAddress)}
	s.catalogues, s.estimates = newCatalogues(s), make(chan struct{}, c.Limits.Estimates)
	if c.TLS != nil {
		s.tls = c.TLS.Clone()
		s.tls.NextProtos = []string{alpn}
		s.tls.SessionTicketsDisabled = true // a resumed session shows no certificate to bind the channel to
		s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	}
	return s, nil
}

func setDefaults(l *Limits) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Authentication, 10 * time.Second}, {&l.Dial, 10 * time.Second},
		{&l.FinalNotice, time.Second}, {&l.DrainAfterGoodbye, 30 * time.Second},
		{&l.CataloguePoll, 5 * time.Second}, {&l.CatalogueWait, 5 * time.Second}, {&l.CatalogueRead, time.Minute},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.Unauthenticated, 512}, {&l.PerAddress, 64}, {&l.Sessions, 5000}, {&l.StartupPacket, 10_000},
		{&l.ClientMessage, 1 << 30}, {&l.TargetMessage, 1 << 30}, {&l.Statements, 64 << 20}, {&l.Batch, 1 << 20}, {&l.HeldInput, 1 << 20}, {&l.MaskedRow, 64 << 20}, {&l.Estimates, 8},
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
	silence, err := s.c.Gateway.Answer(ctx, schemas.AskCatalogues, s.catalogues.answer)
	if err != nil {
		return err
	}
	defer silence()
	err = admission.Accept(ctx, l, s.log, func(nc net.Conn) { s.handle(ctx, nc) })
	s.shutdown(session.Stopped(context.Cause(ctx)))
	s.wg.Wait()
	s.catalogues.close()
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
		if !ok {
			c.turnAway("too many connections are waiting to authenticate")
			return
		}
		defer release()
		s.track(c, true)
		defer s.track(c, false)
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("panic in a connection", "panic", p, "stack", stack())
			}
		}()
		c.serve(ctx)
	})
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

// Sessions is how many connections there are, authenticated or not.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
