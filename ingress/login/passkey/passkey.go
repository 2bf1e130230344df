package passkey

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"sallyport/ingress/credential"
	"sallyport/schemas"
)

// Directory is where passkeys are kept.
type Directory interface {
	Passkey(id []byte) (*schemas.PasskeyPut, bool)
	Passkeys(user string) []*schemas.PasskeyPut
}

// Spent keeps which challenges were used: Use must succeed once for each name, whatever replica asks, and
// return once.ErrUsed after that.
type Spent interface {
	Use(ctx context.Context, kind, name string, life time.Duration) error
}

// Config is what New needs.
type Config struct {
	RelyingParty string   // RP ID: a domain, which browsers bind passkeys to
	Title        string   // what authenticators call this gateway
	Origins      []string // of the pages that may ask: https://gateway.example.com
	Life         time.Duration
	Most         int              // passkeys of one person
	Key          []byte           // 32 bytes: seals what browsers keep of a ceremony; all replicas have the same
	Directory    func() Directory // as it is now
	Spent        Spent
	Now          func() time.Time
}

// Keys asks for passkeys and judges answers. Its methods are safe for concurrent use.
type Keys struct {
	c      Config
	web    *webauthn.WebAuthn
	sealer *credential.Sealer
}

// New checks c.
func New(c Config) (*Keys, error) {
	web, err := webauthn.New(&webauthn.Config{
		RPID: c.RelyingParty, RPDisplayName: c.Title, RPOrigins: c.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Timeout: c.Life}, Registration: webauthn.TimeoutConfig{Timeout: c.Life},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	sealer, err := credential.NewSealer(c.Key)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Keys{c: c, web: web, sealer: sealer}, nil
}

// Origin is where the app must be open for passkeys to work.
func (k *Keys) Origin() string { return k.c.Origins[0] }

// Life is how long an answer may take.
func (k *Keys) Life() time.Duration { return k.c.Life }

// Holder is who is asked: a person at a browser session.
type Holder struct {
	User    string
	Session schemas.TokenID
}

// Asked is a ceremony that was begun.
type Asked struct {
	Options json.RawMessage // PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON, section 5.1
	State   string          // for a cookie of the browser, of about 400 bytes
}

// Enrol asks for a new passkey. discoverable: one by which the person can sign in without saying who they
// are.
func (k *Keys) Enrol(who Holder, discoverable bool) (*Asked, error) {
	u := k.person(who.User)
	if len(u.all) >= k.c.Most {
		return nil, &schemas.Error{Code: schemas.CodeLimit, Message: fmt.Sprintf("you have %d passkeys, and more are not kept", len(u.all)), Hint: "remove one that you no longer use"}
	}
	if u.handle == nil {
		u.handle = newHandle()
	}
	selection := protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired, ResidentKey: protocol.ResidentKeyRequirementPreferred}
	if discoverable {
		selection.ResidentKey, selection.RequireResidentKey = protocol.ResidentKeyRequirementRequired, protocol.ResidentKeyRequired()
	}
	creation, session, err := k.web.BeginRegistration(u,
		webauthn.WithAuthenticatorSelection(selection), webauthn.WithExclusions(webauthn.Credentials(u.credentials(true)).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("begin to enrol a passkey: %w", err)
	}
	return k.asked(creation.Response, ceremony{For: forEnrolment, User: who.User, Session: who.Session, Handle: u.handle, Challenge: session.Challenge})
}

// Prove asks somebody who is signed in to prove that it is them.
func (k *Keys) Prove(who Holder) (*Asked, error) {
	u := k.person(who.User)
	if len(u.WebAuthnCredentials()) == 0 && len(u.all) > 0 {
		return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "your passkey may have been copied, and proves nothing any more", Hint: "ask an administrator to remove it: sallyport passkeys remove"}
	}
	if len(u.all) == 0 {
		return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "you have no passkey to prove it with", Hint: "enrol one under Passkeys in the web app"}
	}
	assertion, session, err := k.web.BeginLogin(u, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin to prove a passkey: %w", err)
	}
	return k.asked(assertion.Response, ceremony{For: forProof, User: who.User, Session: who.Session, Handle: u.handle, Challenge: session.Challenge})
}

// Enter asks somebody, who has not said who they are, for a passkey that says it.
func (k *Keys) Enter() (*Asked, error) {
	assertion, session, err := k.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin to sign in with a passkey: %w", err)
	}
	return k.asked(assertion.Response, ceremony{For: forEntrance, Challenge: session.Challenge})
}

func (k *Keys) asked(options any, c ceremony) (*Asked, error) {
	data, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encode a question for passkeys: %w", err)
	}
	state, err := k.seal(c)
	return &Asked{Options: data, State: state}, err
}
