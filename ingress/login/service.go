package login

import (
	"crypto/sha256"
	"slices"
	"time"

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
	Registry Registry
	Now      func() time.Time
}

// Service recognises tokens. Its methods are safe for concurrent use.
type Service struct {
	registry Registry
	now      func() time.Time
}

// New returns a Service.
func New(c Config) *Service { return &Service{registry: c.Registry, now: c.Now} }

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
	if !ok || !Serves(t, protocol) {
		return nil, errRejected()
	}
	return t, nil
}

// Serves reports whether a token may be used for a protocol.
func Serves(t *schemas.TokenCreated, protocol string) bool {
	return len(t.Protocols) == 0 || slices.Contains(t.Protocols, protocol)
}

// Ended returns a channel that is closed once the token has expired or been revoked, or stop was
// called. The caller calls stop when it no longer needs to know.
func (s *Service) Ended(id schemas.TokenID) (ended <-chan struct{}, stop func()) {
	done, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := s.registry.Changed()
			t, ok := s.registry.Snapshot().Token(id)
			if !ok || t.Expires <= s.now().UnixNano() {
				return
			}
			expiry := time.NewTimer(time.Unix(0, t.Expires).Sub(s.now()))
			select {
			case <-changed:
			case <-expiry.C:
			case <-quit:
				expiry.Stop()
				return
			}
			expiry.Stop()
		}
	}()
	var stopped bool
	return done, func() {
		if !stopped {
			stopped = true
			close(quit)
		}
	}
}
