package passkey

import (
	"crypto/rand"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"sallyport/schemas"
)

// handleSize is that of user handles, in bytes: section 14.6.1 recommends 64 random ones.
const handleSize = 64

func newHandle() []byte {
	handle := make([]byte, handleSize)
	_, _ = rand.Read(handle) // never fails: see crypto/rand
	return handle
}

// person is somebody as the library wants to see them.
type person struct {
	name   string
	handle []byte // nil: they have no passkey
	all    []*schemas.PasskeyPut
}

func (k *Keys) person(name string) *person {
	p := &person{name: name, all: k.c.Directory().Passkeys(name)}
	if len(p.all) > 0 {
		p.handle = p.all[0].Handle
	}
	return p
}

// WebAuthnID implements webauthn.User.
func (p *person) WebAuthnID() []byte { return p.handle }

// WebAuthnName implements webauthn.User.
func (p *person) WebAuthnName() string { return p.name }

// WebAuthnDisplayName implements webauthn.User.
func (p *person) WebAuthnDisplayName() string { return p.name }

// WebAuthnCredentials implements webauthn.User: those that still prove something.
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.credentials(false) }

func (p *person) credentials(suspects bool) []webauthn.Credential {
	var out []webauthn.Credential
	for _, one := range p.all {
		if suspects || !one.Suspect {
			out = append(out, credentialOf(one))
		}
	}
	return out
}

func credentialOf(p *schemas.PasskeyPut) webauthn.Credential {
	c := webauthn.Credential{
		ID: p.Id, PublicKey: p.PublicKey, Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(p.Flags)),
		Authenticator: webauthn.Authenticator{AAGUID: p.Aaguid, SignCount: p.SignCount},
	}
	for _, t := range p.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}
