package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"sallyport/ingress/login/oidc"
	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/schemas"
)

// flowLife is how long a browser has to come back from its provider.
const flowLife = 15 * time.Minute

// flow is what the browser that began a sign-in keeps of it.
type flow struct {
	Provider string    `json:"provider"`
	Next     string    `json:"next"`
	OIDC     oidc.Flow `json:"oidc,omitzero"`
	Relay    string    `json:"relay,omitempty"` // SAML
}

func flowCookie(state string) string {
	sum := sha256.Sum256([]byte(state))
	return cookieFlow + hex.EncodeToString(sum[:6])
}

func (a *API) oidcProvider(r *http.Request) (*oidc.Provider, error) {
	for _, p := range a.in.OIDC {
		if p.Name() == r.PathValue("provider") {
			return p, nil
		}
	}
	return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no identity provider " + clip(r.PathValue("provider"), 40)}
}

// oidcStart sends a browser to a provider.
func (a *API) oidcStart(w http.ResponseWriter, r *http.Request) {
	if foreign(r) { // nobody is signed in because another site wants it
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	a.lead(w, r, a.beginOIDC)
}

func (a *API) beginOIDC(w http.ResponseWriter, r *http.Request) (string, error) {
	if !a.in.PerSource.Allow("start " + pace.Address(r.RemoteAddr)) {
		return "", tooOften()
	}
	p, err := a.oidcProvider(r)
	if err != nil {
		return "", err
	}
	where, f, err := p.Begin(r.Context())
	if err != nil {
		return "", a.turnedAway(r, "", p.Name(), methodOIDC, err)
	}
	value, err := pack(flow{Provider: p.Name(), Next: inside(r.URL.Query().Get("next")), OIDC: f})
	if err != nil {
		return "", err
	}
	// Lax: the browser comes back from another site, by a link.
	a.setCookie(w, r, flowCookie(f.State), value, flowLife, http.SameSiteLaxMode)
	return where, nil
}

// oidcCallback is where a provider sends browsers back to.
func (a *API) oidcCallback(w http.ResponseWriter, r *http.Request) { a.lead(w, r, a.finishOIDC) }

func (a *API) finishOIDC(w http.ResponseWriter, r *http.Request) (string, error) {
	if err := a.pace(r); err != nil {
		return "", err
	}
	p, err := a.oidcProvider(r)
	if err != nil {
		return "", err
	}
	state := r.URL.Query().Get("state")
	var f flow
	kept := unpack(a.cookie(r, flowCookie(state)), &f) && f.Provider == p.Name()
	a.dropCookie(w, r, flowCookie(state))
	if !kept {
		f = flow{} // what follows refuses it
	} else if err := a.in.Once.Use(r.Context(), "state", f.OIDC.State, 2*flowLife); errors.Is(err, once.ErrUsed) {
		f = flow{}
	} else if err != nil {
		return "", unavailable(err)
	}
	found, err := p.Finish(r.Context(), f.OIDC, r.URL.Query())
	if err != nil {
		return "", a.turnedAway(r, "", p.Name(), methodOIDC, err)
	}
	in := arrival{principal: found.Principal, provider: p.Name(), method: methodOIDC, life: min(a.in.Session, a.in.Relogin)}
	if found.Refresh != "" {
		in.life = min(a.in.Session, a.in.Refresh)
		in.again = &again{Provider: p.Name(), Subject: found.Subject, Refresh: found.Refresh, Until: a.now().Add(a.in.Session).UnixNano()}
	}
	return inside(f.Next), a.enter(w, r, in)
}

// back leads a browser that could not be signed in to the sign-in page, with why in a cookie: what
// is in an address anybody could have put there.
func (a *API) back(w http.ResponseWriter, r *http.Request, err error) {
	shown := schemas.Shown(err)
	if shown.Code == schemas.CodeInternal {
		a.logger.Error("request failed", "path", r.URL.Path, "error", err)
	}
	text := shown.Message
	if shown.Hint != "" {
		text += ": " + shown.Hint
	}
	if value, err := pack(text); err == nil {
		a.setCookie(w, r, cookieProblem, value, time.Minute, http.SameSiteStrictMode)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// foreign reports whether another site made the browser send this.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}
