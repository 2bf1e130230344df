package login

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/registry"
)

// Registry is where tokens are kept. Snapshot must be consistent, and Changed must be closed once a
// later Snapshot may differ.
type Registry interface {
	Snapshot() *registry.Snapshot
	Changed() <-chan struct{}
}

// Config is what New needs.
type Config struct {
	Registry    Registry
	Authorities Authorities                                   // nil: of others' certificates none is known
	Append      func(context.Context, *schemas.Control) error // appends a fact about a token, and returns once Registry holds it; needed with Authorities
	Recheck     time.Duration                                 // between looks whether others' certificates still hold; 0: 1 min
	Now         func() time.Time
}

// Service recognises tokens. Its methods are safe for concurrent use.
type Service struct {
	registry    Registry
	authorities Authorities
	append      func(context.Context, *schemas.Control) error
	recheck     time.Duration
	now         func() time.Time

	mu      sync.Mutex
	revoked map[schemas.TokenID]revocation          // of tokens that somebody has presented
	chains  map[schemas.TokenID][]*x509.Certificate // of others' certificates that somebody has presented
}

// New returns a Service. Revocations are noticed while Run runs.
func New(c Config) *Service {
	if c.Recheck <= 0 {
		c.Recheck = recheck
	}
	return &Service{
		registry: c.Registry, authorities: c.Authorities, append: c.Append, recheck: c.Recheck, now: c.Now,
		revoked: make(map[schemas.TokenID]revocation), chains: make(map[schemas.TokenID][]*x509.Certificate),
	}
}

// Run tells the holders of identities when their token is revoked, or the certificate that proved them no longer
// holds, until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	again := time.NewTicker(s.recheck)
	defer again.Stop()
	for {
		changed := s.registry.Changed()
		s.sweep()
		select {
		case <-changed:
		case <-again.C:
			if err := s.rejudge(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// revocation is a context that is done when a token is revoked, or a key removed, and what makes it so. Whoever rests on
// the token registers with it (context.AfterFunc): sessions have no goroutine for it.
type revocation struct {
	context.Context
	revoke context.CancelFunc
}

// sweep tells whoever rests on tokens that are no longer there.
func (s *Service) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.registry.Snapshot()
	for id, r := range s.revoked {
		if !live(now, id) {
			r.revoke()
			delete(s.revoked, id)
		}
	}
}

func (s *Service) identity(t *schemas.TokenCreated) *session.Identity {
	id := schemas.TokenID(t.Id)
	return &session.Identity{
		Principal: t.Principal, Run: t.Run, TokenID: id, Expires: time.Unix(0, t.Expires),
		Targets: t.Targets, Protocols: t.Protocols, Revoked: s.ended(id),
	}
}

// ended returns a context that is done when a token is revoked, or a key removed.
func (s *Service) ended(id schemas.TokenID) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.revoked[id]; ok {
		return r.Context
	}
	var r revocation
	r.Context, r.revoke = context.WithCancel(context.Background())
	if live(s.registry.Snapshot(), id) {
		s.revoked[id] = r
	} else {
		r.revoke() // revoked since it was looked up
	}
	return r.Context
}

// live reports whether there is a token or a key of that id.
func live(now *registry.Snapshot, id schemas.TokenID) bool {
	if _, ok := now.Token(id); ok {
		return true
	}
	_, ok := now.KeyOf(id)
	return ok
}

// errRejected says no more than that: whether a name exists is nobody's business.
func errRejected() error {
	return &schemas.Error{
		Code:    schemas.CodeUnauthenticated,
		Message: "the token is not valid",
		Hint:    "it may be wrong, expired or revoked, or not be for this; get a new one",
	}
}

// Bearer returns the token that secret is, if it is live and may be used for protocol.
func (s *Service) Bearer(secret, protocol string) (*schemas.TokenCreated, error) {
	t, ok := s.registry.Snapshot().Lookup(sha256.Sum256([]byte(secret)), s.now())
	if !ok || t.Verifier == nil || !serves(t, protocol) {
		return nil, errRejected()
	}
	return t, nil
}

func serves(t *schemas.TokenCreated, protocol string) bool {
	return len(t.Protocols) == 0 || slices.Contains(t.Protocols, protocol)
}

// For returns the authenticator of one protocol.
func (s *Service) For(protocol string) *Protocol { return &Protocol{service: s, protocol: protocol} }

// Protocol authenticates the clients of one protocol.
type Protocol struct {
	service  *Service
	protocol string
}

// Scram returns what a SCRAM-SHA-256 exchange with user needs. A user without a token gets what
// one with a token gets, but nothing that a proof could match.
func (p *Protocol) Scram(_ context.Context, user string) session.ScramCredentials {
	c := session.ScramCredentials{Salt: Salt(user), Iterations: iterations}
	for _, t := range p.service.registry.Snapshot().Tokens(user, p.service.now()) {
		if t.Verifier != nil && serves(t, p.protocol) {
			c.Tokens = append(c.Tokens, session.ScramToken{
				StoredKey: t.Verifier.StoredKey, ServerKey: t.Verifier.ServerKey, Identity: p.service.identity(t),
			})
		}
	}
	return c
}

// Password returns who presents a token in clear. The token must be user's.
func (p *Protocol) Password(_ context.Context, user, token string) (*session.Identity, error) {
	t, err := p.service.Bearer(token, p.protocol)
	if err != nil {
		return nil, err
	}
	if t.Principal.GetName() != user {
		return nil, errRejected()
	}
	return p.service.identity(t), nil
}
