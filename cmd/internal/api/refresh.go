package api

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"sallyport/ingress/credential"
	"sallyport/ingress/login/once"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// again is what is needed to ask a provider about somebody once more. It holds a secret, and so is
// split: the browser keeps it sealed, the log keeps the key.
type again struct {
	Provider string `json:"provider"`
	Subject  string `json:"subject"`
	Refresh  string `json:"refresh"`
	Until    int64  `json:"until"` // nanoseconds since 1970: the end of the browser session
	Token    string `json:"token"` // id of the session's token, which must not have been revoked
}

// kindRefresh is what the keys of refresh cookies are kept as; each serves once.
const kindRefresh = "refresh"

// promise sets the cookie with which a browser session can be prolonged, and returns how long the
// browser keeps its cookies.
func (a *API) promise(w http.ResponseWriter, r *http.Request, in arrival, token schemas.TokenID) (time.Duration, error) {
	in.again.Token = string(token)
	left := time.Unix(0, in.again.Until).Sub(a.now())
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: see crypto/rand
	sealer, err := credential.NewSealer(key)
	if err != nil {
		return 0, err
	}
	plain, err := pack(in.again)
	if err != nil {
		return 0, err
	}
	id := schemas.NewID("f-")
	if err := a.in.Once.Add(r.Context(), kindRefresh, id, left, key); err != nil {
		return 0, unavailable(err)
	}
	a.setCookie(w, r, cookieRefresh, id+"."+sealer.Seal(credential.NewSecret(plain)), left, http.SameSiteStrictMode)
	return left, nil
}

// recall opens a refresh cookie, which is used up by it.
func (a *API) recall(r *http.Request) (*again, error) {
	over := &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the session is over", Hint: "sign in again"}
	id, sealed, ok := strings.Cut(a.cookie(r, cookieRefresh), ".")
	if !ok {
		return nil, over
	}
	if err := a.pace(r); err != nil {
		return nil, err
	}
	var key []byte
	if err := a.in.Once.Take(r.Context(), kindRefresh, id, &key); errors.Is(err, once.ErrGone) {
		return nil, over
	} else if err != nil {
		return nil, unavailable(err)
	}
	sealer, err := credential.NewSealer(key)
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(sealed)
	if err != nil {
		return nil, over
	}
	p := new(again)
	if !unpack(plain.Reveal(), p) || p.Until <= a.now().UnixNano() {
		return nil, over
	}
	return p, nil
}

// refresh prolongs a browser session, if its provider still vouches for who has it. A provider that
// cannot be reached changes nothing: the session goes on with the groups that it has.
func (a *API) refresh(w http.ResponseWriter, r *http.Request) {
	if err := sameSite(r); err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	if err := a.prolong(w, r); err != nil {
		// The session's cookie stays: it is worth nothing, or it is of somebody who has signed in meanwhile.
		if schemas.Shown(err).Code == schemas.CodeUnauthenticated && a.cookie(r, cookieRefresh) != "" {
			a.dropCookie(w, r, cookieRefresh)
		}
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) prolong(w http.ResponseWriter, r *http.Request) error {
	p, err := a.recall(r)
	if err != nil {
		return err
	}
	old, ok := a.registry.Snapshot().Token(schemas.TokenID(p.Token))
	if !ok {
		return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the session was ended", Hint: "sign in again"}
	}
	in := arrival{
		principal: old.Principal, provider: old.Provider, method: old.Method, how: methodRefresh, again: p,
		life: min(a.in.Refresh, time.Unix(0, p.Until).Sub(a.now())),
	}
	in.steppedUp = a.registry.Snapshot().SteppedUp(schemas.TokenID(p.Token))
	if old.SignedIn != 0 {
		in.signedIn = time.Unix(0, old.SignedIn)
	}
	if err := a.askAgain(r, &in); err != nil {
		return errors.Join(a.turnedAway(r, old.Principal.GetName(), p.Provider, methodRefresh, err), a.endToken(r, old.Principal.GetName(), old.Id))
	}
	if err := a.enter(w, r, in); err != nil {
		return err
	}
	return a.endToken(r, old.Principal.GetName(), old.Id)
}

// askAgain asks the provider and puts what it says into in.
func (a *API) askAgain(r *http.Request, in *arrival) error {
	for _, provider := range a.in.OIDC {
		if provider.Name() != in.again.Provider {
			continue
		}
		found, err := provider.Again(r.Context(), in.again.Refresh, in.again.Subject)
		switch {
		case err == nil && found.Principal.Name == in.principal.Name:
			in.principal = found.Principal
			if found.Refresh != "" {
				in.again.Refresh = found.Refresh
			}
			return nil
		case err == nil:
			return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the provider calls you something else now", Hint: "sign in again"}
		case schemas.Shown(err).Code == schemas.CodeUnavailable:
			a.logger.Warn("an identity provider cannot be asked again; the session goes on", "provider", provider.Name(), "error", err)
			return nil
		}
		return err
	}
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the provider that you signed in with is no longer there", Hint: "sign in again"}
}

// endToken ends a token.
func (a *API) endToken(r *http.Request, by, id string) error {
	err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: id}}})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// forget makes the refresh cookie of a request worthless.
func (a *API) forget(w http.ResponseWriter, r *http.Request) error {
	id, _, ok := strings.Cut(a.cookie(r, cookieRefresh), ".")
	if !ok {
		return nil
	}
	a.dropCookie(w, r, cookieRefresh)
	if err := a.in.Once.Drop(r.Context(), kindRefresh, id); err != nil {
		return unavailable(err)
	}
	return nil
}
