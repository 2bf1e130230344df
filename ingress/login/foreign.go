package login

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
)

// MethodCertificate is how somebody proved who they are whom another authority vouches for.
const MethodCertificate = "certificate"

// ErrUnknownAuthority says that a certificate is of no authority that is trusted here: it says nothing.
var ErrUnknownAuthority = errors.New("no authority that is trusted here has issued the certificate")

// Vouched is whom an authority's certificate proves.
type Vouched struct {
	Authority string
	Principal *schemas.Principal
	Targets   []string // empty: every target that roles allow
	Protocols []string // empty: all
}

// Authorities recognises certificates that others have issued: see package authority. Recognise takes a chain, the
// client's certificate first, and judges it as things are at that moment.
type Authorities interface {
	Recognise(chain []*x509.Certificate) (*Vouched, error)
}

// foreign returns the token that stands for a certificate of another authority. It is made when the certificate
// is seen first, or when the rules have come to say something else of it; it has the certificate's life.
func (s *Service) foreign(ctx context.Context, chain []*x509.Certificate) (*schemas.TokenCreated, error) {
	if s.authorities == nil {
		return nil, ErrUnknownAuthority
	}
	found, err := s.authorities.Recognise(chain)
	if err != nil {
		return nil, err
	}
	fact := s.vouched(found, chain[0])
	snapshot := s.registry.Snapshot()
	if snapshot.Ended(schemas.TokenID(fact.Id)) {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the client certificate was revoked on this gateway", Hint: "get another one"}
	}
	if there, ok := snapshot.Token(schemas.TokenID(fact.Id)); ok && proto.Equal(there, fact) {
		fact = there
	} else if err := s.append(ctx, &schemas.Control{By: fact.Principal.Name, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}}); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "who you are cannot be recorded, so it is refused", Err: err}
	}
	s.remember(schemas.TokenID(fact.Id), chain)
	return fact, nil
}

// vouched is the token of a certificate. Its id is the certificate's, so that every replica says the same.
func (s *Service) vouched(found *Vouched, leaf *x509.Certificate) *schemas.TokenCreated {
	sum := certificateSum(leaf)
	id := schemas.CertificateTokenPrefix + encoding.EncodeToString(sum[:16])
	p := proto.CloneOf(found.Principal)
	p.TokenId = id
	return &schemas.TokenCreated{
		Id: id, Principal: p, Expires: leaf.NotAfter.UnixNano(), Targets: found.Targets, Protocols: found.Protocols,
		Lookup: sum[:], Serial: leaf.SerialNumber.Text(16), Provider: found.Authority, Method: MethodCertificate,
	}
}

// remember keeps a chain to be judged again while it holds.
func (s *Service) remember(id schemas.TokenID, chain []*x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chains[id] = chain
}

// rejudge looks at every certificate that was presented here again. What rests on one that would be refused now
// ends: its sessions, and what was made with it.
func (s *Service) rejudge(ctx context.Context) error {
	s.mu.Lock()
	chains := make(map[schemas.TokenID][]*x509.Certificate, len(s.chains))
	for id, chain := range s.chains {
		chains[id] = chain
	}
	s.mu.Unlock()
	for id, chain := range chains {
		now := s.now()
		if now.After(chain[0].NotAfter) { // what rests on it has ended by itself
			s.forget(id)
			continue
		}
		_, err := s.authorities.Recognise(chain)
		if err == nil || schemas.Shown(err).Code == schemas.CodeUnavailable && !errors.Is(err, ErrUnknownAuthority) {
			continue // it holds, or whether it does cannot be seen now
		}
		s.forget(id)
		if err := s.endLine(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// forget ends the sessions of a certificate.
func (s *Service) forget(id schemas.TokenID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.chains, id)
	if r, ok := s.revoked[id]; ok {
		r.revoke()
		delete(s.revoked, id)
	}
}

// endLine revokes what was made with a certificate. The certificate itself may be good again, once its authority is.
func (s *Service) endLine(ctx context.Context, id schemas.TokenID) error {
	for _, t := range s.registry.Snapshot().Descendants(id) {
		err := s.append(ctx, &schemas.Control{By: "system", Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: t.Id}}})
		if err != nil {
			return fmt.Errorf("end what was made with a certificate: %w", err)
		}
	}
	return nil
}

// certificateSum cannot be that of a bearer.
func certificateSum(leaf *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(slices.Concat([]byte("sallyport client certificate\x00"), leaf.Raw))
}

// recheck is how often certificates are judged again when the configuration does not say.
const recheck = time.Minute
