package api

import (
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// arrival is somebody whom one of the entrances has recognised.
type arrival struct {
	principal *schemas.Principal
	run       *schemas.Run
	targets   []string
	provider  string
	method    string
	how       string                // what the fact of the sign-in says; empty: method
	life      time.Duration         // of the browser session
	with      *schemas.TokenCreated // token that it is begun with; nil: none
	steppedUp time.Time
	signedIn  time.Time // when somebody vouched for them; zero: now, if somebody did

	again *again // nil: its provider cannot be asked again
}

// enter begins a browser session: a token of its own, for the web alone, in a cookie that the browser
// had no say in.
func (a *API) enter(w http.ResponseWriter, r *http.Request, in arrival) error {
	secret, fact, err := a.session(r, in)
	if err != nil {
		return err
	}
	life := in.life
	if in.again != nil {
		if life, err = a.promise(w, r, in, schemas.TokenID(fact.Id)); err != nil {
			return err
		}
	} else {
		a.dropCookie(w, r, cookieRefresh) // of a session before this one
	}
	a.setCookie(w, r, cookieSession, secret, life, http.SameSiteStrictMode)
	return nil
}

// session makes the token of a browser session and records the sign-in.
func (a *API) session(r *http.Request, in arrival) (string, *schemas.TokenCreated, error) {
	secret, fact, err := login.Mint(login.Spec{
		Principal: in.principal, Run: in.run, Targets: in.targets, TTL: in.life, Protocols: []string{protocolWeb},
		Provider: in.provider, Method: in.method, SteppedUp: in.steppedUp, SignedIn: in.vouchedAt(a.now()),
		With: in.with, Starter: a.starter(in.with),
	}, a.now())
	if err != nil {
		return "", nil, err
	}
	err = a.registry.Append(r.Context(), &schemas.Control{By: in.principal.Name, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}})
	if err != nil {
		return "", nil, unavailable(err)
	}
	how := in.how
	if how == "" {
		how = in.method
	}
	return secret, fact, a.recordSignIn(r, &schemas.SignIn{Principal: fact.Principal, Succeeded: true, Provider: in.provider, Method: how})
}

// vouchedAt is when somebody vouched for who it is: a provider, or an administrator with a one-time code. Nobody
// does for who presents a token, which may have been found.
func (in arrival) vouchedAt(now time.Time) time.Time {
	if in.signedIn.IsZero() && in.how == "" && (vouched(in.method) || in.method == methodCode && len(in.with.GetAncestors()) == 0) {
		return now
	}
	return in.signedIn
}

// turnedAway records a failure, and returns what the person is told. name is who they said they are,
// if they did.
func (a *API) turnedAway(r *http.Request, name, provider, method string, cause error) error {
	s := &schemas.SignIn{Reason: reason(cause), Provider: provider, Method: method}
	if name != "" {
		s.Principal = &schemas.Principal{Name: name}
	}
	if err := a.recordSignIn(r, s); err != nil {
		return err
	}
	return cause
}

// maxReason bounds what a fact says about a failure, in bytes.
const maxReason = 500

// reason is why, for the operator: with the cause, which the person is not told.
func reason(err error) string {
	text := schemas.Shown(err).Message
	if e, ok := asError(err); ok && e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return clip(text, maxReason)
}
