package login

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// Certify makes the control fact that lets a client certificate be recognised. It is a token whose
// secret is the certificate's key: listed, scoped and revoked like any other. What is looked for is
// the certificate itself, so one that the log does not know is nobody's, whoever signed it.
func Certify(s Spec, leaf *x509.Certificate, now time.Time) (*schemas.TokenCreated, error) {
	fact, err := s.fact(now)
	if err != nil {
		return nil, err
	}
	sum := certificateSum(leaf)
	fact.Lookup, fact.Serial = sum[:], leaf.SerialNumber.Text(16)
	return fact, nil
}

// certificateSum cannot be that of a bearer.
func certificateSum(leaf *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("sallyport client certificate\x00"), leaf.Raw...))
}

// Certificate returns the token that a client certificate stands for, if it is live and may be used
// for protocol. The caller has seen that the client has its key, as TLS does.
func (s *Service) Certificate(leaf *x509.Certificate, protocol string) (*schemas.TokenCreated, error) {
	t, ok := s.registry.Snapshot().Lookup(certificateSum(leaf), s.now())
	if !ok || t.Serial == "" || !serves(t, protocol) {
		return nil, errRejected()
	}
	return t, nil
}

// Certificate returns who proves to be user with a client certificate. One for somebody else says
// nothing about user.
func (p *Protocol) Certificate(_ context.Context, user string, leaf *x509.Certificate) (*session.Identity, error) {
	t, err := p.service.Certificate(leaf, p.protocol)
	if err != nil {
		return nil, err
	}
	if t.Principal.GetName() != user {
		return nil, errRejected()
	}
	return p.service.identity(t), nil
}
