package passkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
)

// MaxAnswer bounds what a browser answers, in bytes.
const MaxAnswer = 64 << 10

// maxID bounds credential ids, in bytes: section 4.
const maxID = 1023

// Enrolled judges the answer to Enrol, and returns the passkey.
func (k *Keys) Enrolled(ctx context.Context, who Holder, state, label string, answer []byte) (*schemas.PasskeyPut, error) {
	label, err := Label(label)
	if err != nil {
		return nil, err
	}
	c, err := k.take(ctx, state, forEnrolment, who)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, refuse("the passkey was not enrolled: the browser's answer cannot be read", err)
	}
	made, err := k.web.CreateCredential(&person{name: who.User, handle: c.Handle}, webauthn.SessionData{
		Challenge: c.Challenge, RelyingPartyID: k.c.RelyingParty, UserID: c.Handle,
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}, parsed)
	if err != nil {
		return nil, refuse("the passkey was not enrolled", err)
	}
	if len(made.ID) == 0 || len(made.ID) > maxID {
		return nil, refuse("the passkey was not enrolled", fmt.Errorf("its id has %d bytes", len(made.ID)))
	}
	if _, taken := k.c.Directory().Passkey(made.ID); taken {
		return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "this passkey is enrolled already"}
	}
	put := &schemas.PasskeyPut{
		Id: made.ID, User: who.User, Label: label, PublicKey: made.PublicKey, SignCount: made.Authenticator.SignCount,
		Flags: uint32(made.Flags.ProtocolValue()), Aaguid: made.Authenticator.AAGUID, Handle: c.Handle, Created: k.c.Now().UnixNano(),
	}
	for _, t := range made.Transport {
		put.Transports = append(put.Transports, string(t))
	}
	return put, nil
}

// Proved judges the answer to Prove, and returns the passkey as it is after this use. An error may come with
// a passkey that is suspect now: that is to be put on the log all the same.
func (k *Keys) Proved(ctx context.Context, who Holder, state string, answer []byte) (*schemas.PasskeyPut, error) {
	c, err := k.take(ctx, state, forProof, who)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, refuse("the browser's answer cannot be read", err)
	}
	u := k.person(who.User)
	session := k.session(c)
	for _, one := range u.WebAuthnCredentials() {
		session.AllowedCredentialIDs = append(session.AllowedCredentialIDs, one.ID)
	}
	if len(session.AllowedCredentialIDs) == 0 {
		return nil, refuse("your passkey was removed meanwhile", nil)
	}
	used, err := k.web.ValidateLogin(u, session, parsed)
	if err != nil {
		return nil, refuse("it was not proved that it is you", err)
	}
	return k.used(used)
}

// Entered judges the answer to Enter, and returns the passkey, whose user it is that signs in. As with
// Proved, a suspect may come with an error.
func (k *Keys) Entered(ctx context.Context, state string, answer []byte) (*schemas.PasskeyPut, error) {
	c, err := k.take(ctx, state, forEntrance, Holder{})
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, refuse("the browser's answer cannot be read", err)
	}
	_, used, err := k.web.ValidatePasskeyLogin(func(id, handle []byte) (webauthn.User, error) {
		p, ok := k.c.Directory().Passkey(id)
		if !ok || !bytes.Equal(p.Handle, handle) {
			return nil, errors.New("no such passkey")
		}
		return k.person(p.User), nil
	}, k.session(c), parsed)
	if err != nil {
		return nil, refuse("the passkey does not sign in here", err)
	}
	return k.used(used)
}

func (k *Keys) session(c *ceremony) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: c.Challenge, RelyingPartyID: k.c.RelyingParty, UserID: c.Handle, UserVerification: protocol.VerificationRequired,
	}
}

// used is the passkey after an answer that was right, if its count rose.
func (k *Keys) used(c *webauthn.Credential) (*schemas.PasskeyPut, error) {
	kept, ok := k.c.Directory().Passkey(c.ID)
	if !ok {
		return nil, refuse("your passkey was removed meanwhile", nil)
	}
	put := proto.CloneOf(kept)
	if c.Authenticator.CloneWarning {
		put.Suspect = true
		return put, refuse("this passkey proves nothing any more: it may have been copied", errors.New("its sign count did not rise"))
	}
	put.SignCount, put.Flags, put.Used = c.Authenticator.SignCount, uint32(c.Flags.ProtocolValue()), k.c.Now().UnixNano()
	return put, nil
}

// refuse is told to the person; why is for the operator.
func refuse(message string, why error) error {
	e := &schemas.Error{Code: schemas.CodeForbidden, Message: message, Hint: "try again"}
	if p, ok := errors.AsType[*protocol.Error](why); ok { // its own text leaves the details out
		e.Err = fmt.Errorf("%s %s", p.Details, p.DevInfo)
	} else if why != nil {
		e.Err = why
	}
	return e
}
