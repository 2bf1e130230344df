package api

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/ingress/login/saml"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// kindSAML is what somebody recognised is kept as until their browser shows its cookie.
const kindSAML = "saml"

func (a *API) samlProvider(r *http.Request) (*saml.Provider, error) {
	for _, p := range a.in.SAML {
		if p.Name() == r.PathValue("provider") {
			return p, nil
		}
	}
	return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no identity provider " + clip(r.PathValue("provider"), 40)}
}

// samlMetadata tells a provider about this side.
func (a *API) samlMetadata(w http.ResponseWriter, r *http.Request) {
	p, err := a.samlProvider(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	data, err := p.Metadata()
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(data) // who went away needs no answer
}

// samlStart sends a browser to a provider.
func (a *API) samlStart(w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	a.lead(w, r, a.beginSAML)
}

// lead redirects a browser to where f says, or to the sign-in page with why not.
func (a *API) lead(w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter, *http.Request) (string, error)) {
	where, err := f(w, r)
	if err != nil {
		a.back(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, where, http.StatusSeeOther)
}

func (a *API) beginSAML(w http.ResponseWriter, r *http.Request) (string, error) {
	if !a.in.PerSource.Allow("start " + pace.Address(r.RemoteAddr)) {
		return "", tooOften()
	}
	p, err := a.samlProvider(r)
	if err != nil {
		return "", err
	}
	where, relay, err := p.Begin(r.Context())
	if err != nil {
		return "", a.turnedAway(r, "", p.Name(), methodSAML, err)
	}
	value, err := pack(flow{Provider: p.Name(), Next: inside(r.URL.Query().Get("next")), Relay: relay})
	if err != nil {
		return "", err
	}
	// Lax: the browser shows it when it was led on from another site.
	a.setCookie(w, r, flowCookie(relay), value, flowLife, http.SameSiteLaxMode)
	return where, nil
}

// samlACS is where a provider's page makes browsers post its response. Browsers bring no cookie with
// what another site posts, so what was recognised waits for the next request.
func (a *API) samlACS(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 2*saml.MaxResponse)
	a.lead(w, r, a.recogniseSAML)
}

func (a *API) recogniseSAML(_ http.ResponseWriter, r *http.Request) (string, error) {
	if err := a.pace(r); err != nil {
		return "", err
	}
	p, err := a.samlProvider(r)
	if err != nil {
		return "", err
	}
	relay := r.PostFormValue("RelayState")
	found, err := p.Finish(r.Context(), relay, r.PostFormValue("SAMLResponse"))
	if err != nil {
		return "", a.turnedAway(r, "", p.Name(), methodSAML, err)
	}
	err = a.in.Once.Use(r.Context(), "assertion", p.Name()+" "+found.Assertion, saml.Remember)
	if errors.Is(err, once.ErrUsed) {
		replayed := &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the provider's answer was used before", Hint: "begin the sign-in anew"}
		return "", a.turnedAway(r, found.Principal.Name, p.Name(), methodSAML, replayed)
	}
	if err != nil {
		return "", unavailable(err)
	}
	ticket := oauth2.GenerateVerifier() // 32 random bytes
	err = a.in.Once.Add(r.Context(), kindSAML, ticket, time.Minute, recognised{Provider: p.Name(), Relay: relay, Principal: found.Principal})
	if err != nil {
		return "", unavailable(err)
	}
	return "/api/v1/identity/saml/" + p.Name() + "/finish?" + url.Values{"state": {relay}, "ticket": {ticket}}.Encode(), nil
}

// recognised is somebody whose browser has not shown its cookie yet.
type recognised struct {
	Provider  string             `json:"provider"`
	Relay     string             `json:"relay"`
	Principal *schemas.Principal `json:"principal"`
}

// samlFinish begins the session, if the browser is the one that began the sign-in.
func (a *API) samlFinish(w http.ResponseWriter, r *http.Request) { a.lead(w, r, a.finishSAML) }

func (a *API) finishSAML(w http.ResponseWriter, r *http.Request) (string, error) {
	if err := a.pace(r); err != nil {
		return "", err
	}
	p, err := a.samlProvider(r)
	if err != nil {
		return "", err
	}
	state := r.URL.Query().Get("state")
	var f flow
	kept := state != "" && unpack(a.cookie(r, flowCookie(state)), &f) && f.Provider == p.Name() && f.Relay == state
	a.dropCookie(w, r, flowCookie(state))
	var who recognised
	err = a.in.Once.Take(r.Context(), kindSAML, r.URL.Query().Get("ticket"), &who)
	if err != nil && !errors.Is(err, once.ErrGone) {
		return "", unavailable(err)
	}
	if err != nil || !kept || who.Relay != f.Relay || who.Provider != p.Name() {
		other := &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "this sign-in was not begun in this browser, or is over", Hint: "begin the sign-in anew"}
		return "", a.turnedAway(r, who.Principal.GetName(), p.Name(), methodSAML, other)
	}
	in := arrival{principal: who.Principal, provider: p.Name(), method: methodSAML, life: min(a.in.Session, a.in.Relogin)}
	return inside(f.Next), a.enter(w, r, in)
}
