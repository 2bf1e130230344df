package api

import (
	"net/http"
	"net/url"
	"time"

	"sallyport/ingress/login"
	"sallyport/ingress/login/local"
	"sallyport/schemas"
)

// UserLink signs a user of this gateway in, once, to enrol a passkey.
type UserLink struct {
	Link    string    `json:"link"`
	Expires time.Time `json:"expires"`
}

// sendLink makes a link for a user. It ends, as what it opens does, when the user is changed or removed.
func (a *API) sendLink(w http.ResponseWriter, r *http.Request, name string) error {
	user, ok := a.registry.Snapshot().User(name)
	if !ok {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "the user " + name + " was removed meanwhile"}
	}
	secret, fact, err := login.Mint(login.Spec{
		Principal: local.Principal(user), TTL: a.in.Passkeys.Link, Protocols: []string{protocolSignIn}, Provider: local.Provider, Method: methodCode,
	}, a.now())
	if err != nil {
		return err
	}
	if err := a.issue(r.Context(), fact); err != nil {
		return err
	}
	// The secret is in the fragment, which browsers send to nobody.
	link := a.in.Passkeys.Keys.Origin() + "/signin?next=" + url.QueryEscape("/passkeys") + "#code=" + secret
	reply(w, a.logger, UserLink{Link: link, Expires: time.Unix(0, fact.Expires).UTC()})
	return nil
}

// meProven adds to what somebody is told of themselves how they stand with passkeys.
func (a *API) meProven(out map[string]any, t *schemas.TokenCreated) {
	now := a.registry.Snapshot()
	if at := now.SteppedUp(schemas.TokenID(t.Id)); a.now().Sub(at) < a.guard.Life {
		out["proven_until"] = at.Add(a.guard.Life).UTC()
	}
	out["passkeys"] = len(now.Passkeys(t.Principal.GetName()))
	if keys := a.in.Passkeys.Keys; keys != nil {
		out["passkeys_at"] = keys.Origin()
	} else {
		out["passkeys_off"] = a.in.Passkeys.Off
	}
}
