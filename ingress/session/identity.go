package session

import (
	"context"
	"slices"
	"time"

	"sallyport/schemas"
)

// Identity is who was authenticated, and what bounds the credential that proved it.
type Identity struct {
	Principal *schemas.Principal
	Run       *schemas.Run // nil: not an agent's task
	TokenID   schemas.TokenID
	Expires   time.Time       // zero: never
	Targets   []string        // empty: every target that roles allow
	Protocols []string        // empty: all
	Revoked   context.Context // done when the credential is taken back; nil: never
}

// allows reports whether the credential itself (not the principal's roles) reaches a target.
func (i *Identity) allows(protocol, target string) bool {
	return (len(i.Protocols) == 0 || slices.Contains(i.Protocols, protocol)) &&
		(len(i.Targets) == 0 || slices.Contains(i.Targets, target))
}

func (i *Identity) expired(now time.Time) bool { return !i.Expires.IsZero() && !now.Before(i.Expires) }

// ScramCredentials is what a SCRAM-SHA-256 exchange with one principal needs. For a principal
// that does not exist Salt and Iterations are plausible, always the same for the same name, and
// Tokens is empty.
type ScramCredentials struct {
	Salt       []byte
	Iterations int
	Tokens     []ScramToken // every live one
	// PasswordOnly says that the principal proves itself in a way that SCRAM cannot carry; the
	// secret is then asked for in clear, over TLS or from loopback only.
	PasswordOnly bool
}

// ScramToken is a live token's verifier and whom it proves.
type ScramToken struct {
	StoredKey []byte
	ServerKey []byte
	Identity  *Identity
}
