package login

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// KeySpec says what public key to register.
type KeySpec struct {
	Principal *schemas.Principal // TokenId is set by NewKey
	Run       *schemas.Run
	Key       []byte // RFC 4253 section 6.6
	Comment   string
	TTL       time.Duration
	Targets   []string // empty: every target that roles allow
}

// NewKey makes the control fact that registers a key.
func NewKey(s KeySpec, now time.Time) (*schemas.KeyAdded, error) {
	switch {
	case s.Principal.GetName() == "":
		return nil, errors.New("a key needs a principal")
	case len(s.Key) == 0:
		return nil, errors.New("a key is missing")
	case s.TTL <= 0:
		return nil, errors.New("a key needs a time to live above zero")
	}
	principal := proto.CloneOf(s.Principal)
	principal.TokenId = schemas.NewID("k-")
	return &schemas.KeyAdded{Id: principal.TokenId, Principal: principal, Key: s.Key, Expires: now.Add(s.TTL).UnixNano(),
		Comment: s.Comment, Targets: s.Targets, Run: s.Run}, nil
}

// Key returns whom a public key is registered for, if that is user. Whether the client has it is
// for the protocol to see.
func (p *Protocol) Key(_ context.Context, user string, key []byte) (*session.Identity, error) {
	k, ok := p.service.registry.Snapshot().Key(user, key, p.service.now())
	if !ok {
		return nil, errRejected()
	}
	id := schemas.TokenID(k.Id)
	return &session.Identity{Principal: k.Principal, Run: k.Run, TokenID: id, Expires: time.Unix(0, k.Expires),
		Targets: k.Targets, Revoked: p.service.ended(id)}, nil
}

// Token returns whom a live token proves, if that is user and the token may be used for the
// protocol. A certificate names the token that it was issued for.
func (p *Protocol) Token(_ context.Context, user string, id schemas.TokenID) (*session.Identity, error) {
	t, ok := p.service.registry.Snapshot().Token(id)
	if !ok || t.Expires <= p.service.now().UnixNano() || t.Principal.GetName() != user || !serves(t, p.protocol) {
		return nil, errRejected()
	}
	return p.service.identity(t), nil
}
