package login

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// Certify makes the control fact that lets a client certificate be recognised. It is a token whose
// secret is the certificate's key: listed, scoped and revoked like any other. What is looked for is
// the certificate itself, so one that the log does not know is nobody's, unless an authority that is
// trusted vouches for it.
func Certify(s Spec, leaf *x509.Certificate, now time.Time) (*schemas.TokenCreated, error) {
	fact, err := s.fact(now)
	if err != nil {
		return nil, err
	}
	sum := certificateSum(leaf)
	fact.Lookup, fact.Serial = sum[:], leaf.SerialNumber.Text(16)
	return fact, nil
}

// Certificate returns the token that a client certificate stands for, if it is live and may be used
// for protocol. The caller has seen that the client has the key of the first of chain, as TLS does; the rest is what
// the client says leads to its authority. An error that is [ErrUnknownAuthority] means that it is of no authority
// here, others that it is, and is refused.
func (s *Service) Certificate(ctx context.Context, chain []*x509.Certificate, protocol string) (*schemas.TokenCreated, error) {
	t, own := s.registry.Snapshot().Lookup(certificateSum(chain[0]), s.now())
	if own = own && t.Serial != "" && t.Method != MethodCertificate; !own {
		var err error
		if t, err = s.foreign(ctx, chain); err != nil {
			return nil, err
		}
	}
	if !serves(t, protocol) {
		return nil, errRejected()
	}
	return t, nil
}

// Certificate returns who proves to be user with a client certificate. nil without an error: it says nothing about
// user, as one that is unknown here, or somebody else's. An error: it is of an authority that is trusted here, and
// is refused, which its holder is told.
func (p *Protocol) Certificate(ctx context.Context, user string, chain []*x509.Certificate) (*session.Identity, error) {
	t, err := p.service.Certificate(ctx, chain, p.protocol)
	if errors.Is(err, ErrUnknownAuthority) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if t.Principal.GetName() != user {
		return nil, nil
	}
	return p.service.identity(t), nil
}
