package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"sallyport/ingress/login"
	"sallyport/ingress/login/once"
	"sallyport/schemas"
	"sallyport/schemas/problem"
	"sallyport/schemas/registry"
)

// codeLife is how long a terminal has to redeem its code.
const codeLife = time.Minute

// kindCode is what codes are kept as.
const kindCode = "code"

// passed is what a browser session passes on to a terminal. That its holder proved a passkey is not among
// it: a file on a disk proves nothing.
type passed struct {
	Principal *schemas.Principal `json:"principal"`
	Run       *schemas.Run       `json:"run,omitempty"`
	Targets   []string           `json:"targets,omitempty"`
	Provider  string             `json:"provider"`
	Method    string             `json:"method"`
	Expires   int64              `json:"expires"` // nanoseconds since 1970: of the token to be
	Session   string             `json:"session"` // the browser session's token, which must still be there
}

// pass returns what the browser session of a request may pass on. Who did not sign in with
// a provider, but with a token, gets none that lives longer.
func (a *API) pass(r *http.Request) (*passed, error) {
	t := Who(r.Context()).Token
	if t == nil || len(t.Protocols) != 1 || t.Protocols[0] != protocolWeb {
		return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: "only a browser that is signed in can sign a terminal in"}
	}
	until := a.now().Add(a.in.Token).UnixNano()
	if !vouched(t.Method) {
		until = min(until, t.Expires)
	}
	return &passed{
		Principal: t.Principal, Run: t.Run, Targets: t.Targets, Provider: t.Provider, Method: t.Method,
		Expires: until, Session: t.Id,
	}, nil
}

// vouched reports whether a session was begun by a provider's word, not with a token.
func vouched(method string) bool {
	return slices.Contains([]string{methodOIDC, methodSAML, methodPassword, methodPasskey}, method)
}

// hand makes the token that was passed on.
func (a *API) hand(r *http.Request, p *passed, how string) (*TokenAnswer, error) {
	spec, ok := p.spec(a.registry.Snapshot(), a.now())
	if !ok {
		return nil, invalidGrant("the browser session was ended meanwhile")
	}
	return a.mintFor(r, spec, how)
}

// spec is the token that is passed on; false: the browser session is over.
func (p *passed) spec(now *registry.Snapshot, at time.Time) (login.Spec, bool) {
	session, ok := now.Token(schemas.TokenID(p.Session))
	if !ok {
		return login.Spec{}, false
	}
	spec := login.Spec{
		Principal: p.Principal, Run: p.Run, Targets: p.Targets, Provider: p.Provider, Method: p.Method,
		TTL: time.Unix(0, p.Expires).Sub(at),
	}
	if !vouched(p.Method) { // it came of a token, and is taken back with it
		spec.With, spec.Starter = session, starterOf(now, session)
	}
	return spec, true
}

func invalidGrant(message string) error {
	return oauthError{"invalid_grant", &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message, Hint: "run sallyport login again"}}
}

// waiting is a code that a terminal is about to redeem.
type waiting struct {
	Challenge string `json:"challenge"`
	Redirect  string `json:"redirect"`
	Pass      passed `json:"pass"`
}

// authorize lets the person at the browser sign a terminal of the same machine in: RFC 8252. The
// app asks them first.
func (a *API) authorize(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Redirect  string `json:"redirect_uri"`
		Challenge string `json:"code_challenge"` // S256
		State     string `json:"state"`
	}
	err := decode(w, r, &in)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	where, err := a.authorizeTerminal(r, in.Redirect, in.Challenge, in.State)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, map[string]string{"location": where})
}

func (a *API) authorizeTerminal(r *http.Request, redirect, challenge, state string) (string, error) {
	u, ok := loopbackRedirect(redirect)
	if sum, err := base64.RawURLEncoding.DecodeString(challenge); !ok || err != nil || len(sum) != sha256.Size || state == "" || len(state) > 200 {
		return "", &schemas.Error{Code: schemas.CodeInvalid, Message: "this is no sign-in of a terminal on this machine", Hint: "run sallyport login again"}
	}
	p, err := a.pass(r)
	if err != nil {
		return "", err
	}
	code := oauth2.GenerateVerifier() // 32 random bytes
	if err := a.in.Once.Add(r.Context(), kindCode, code, codeLife, waiting{Challenge: challenge, Redirect: redirect, Pass: *p}); err != nil {
		return "", unavailable(err)
	}
	u.RawQuery = url.Values{"code": {code}, "state": {state}}.Encode()
	return u.String(), nil
}

// loopbackRedirect takes http://127.0.0.1:PORT/callback, or the same at [::1], and nothing else.
func loopbackRedirect(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Path != "/callback" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, false
	}
	at, err := netip.ParseAddrPort(u.Host)
	return u, err == nil && at.Port() != 0 && (at.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || at.Addr() == netip.IPv6Loopback())
}

// redeemCode gives a terminal its token, for the code that its browser brought and the proof that it
// is the one that asked.
func (a *API) redeemCode(r *http.Request) (*TokenAnswer, error) {
	var found waiting
	err := a.in.Once.Take(r.Context(), kindCode, r.PostForm.Get("code"), &found)
	if errors.Is(err, once.ErrGone) {
		return nil, a.turnedAway(r, "", "", methodLogin, invalidGrant("the code is over, or was used"))
	}
	if err != nil {
		return nil, unavailable(err)
	}
	challenge := oauth2.S256ChallengeFromVerifier(r.PostForm.Get("code_verifier"))
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(found.Challenge)) != 1 || r.PostForm.Get("redirect_uri") != found.Redirect {
		return nil, a.turnedAway(r, found.Pass.Principal.GetName(), "", methodLogin, invalidGrant("the code belongs to another terminal"))
	}
	return a.hand(r, &found.Pass, methodLogin)
}
