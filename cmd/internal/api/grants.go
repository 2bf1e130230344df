package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// Grant types of the token endpoint.
const (
	GrantExchange = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	GrantCode     = "authorization_code"                              // RFC 6749, RFC 7636, RFC 8252
	GrantDevice   = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628

	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
)

// TokenAnswer is what the token endpoint answers: RFC 6749 section 5.1, RFC 8693 section 2.2.1, and
// whose token it is.
type TokenAnswer struct {
	AccessToken string   `json:"access_token"`
	IssuedType  string   `json:"issued_token_type"`
	TokenType   string   `json:"token_type"`
	ExpiresIn   int64    `json:"expires_in"` // seconds
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Groups      []string `json:"groups"`
}

// oauthError is an error with the word that OAuth clients understand.
type oauthError struct {
	word  string
	shown *schemas.Error
}

func (e oauthError) Error() string { return e.shown.Error() }
func (e oauthError) Unwrap() error { return e.shown }

// token answers POST /identity/token.
func (a *API) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	answer, err := a.grant(r)
	if err != nil {
		a.writeOAuthError(w, r, err)
		return
	}
	reply(w, a.logger, answer)
}

func (a *API) grant(r *http.Request) (*TokenAnswer, error) {
	if err := r.ParseForm(); err != nil {
		return nil, oauthError{"invalid_request", &schemas.Error{Code: schemas.CodeInvalid, Message: "the body must be a form: " + err.Error()}}
	}
	grant := r.PostForm.Get("grant_type")
	if grant == GrantDevice { // which polls
		return a.redeemDevice(r)
	}
	if err := a.pace(r); err != nil {
		return nil, oauthError{"slow_down", schemas.Shown(err)}
	}
	switch grant {
	case GrantExchange:
		return a.exchange(r)
	case GrantCode:
		return a.redeemCode(r)
	}
	return nil, oauthError{"unsupported_grant_type", &schemas.Error{Code: schemas.CodeInvalid, Message: "grant_type must be token-exchange, authorization_code or device_code"}}
}

// exchange gives a machine a token for one that its own platform vouches for it with.
func (a *API) exchange(r *http.Request) (*TokenAnswer, error) {
	principal, rule, err := a.in.Workloads.Recognise(r.Context(), r.PostForm.Get("subject_token"))
	if err != nil {
		return nil, a.turnedAway(r, "", "", methodWorkload, err)
	}
	return a.mintFor(r, login.Spec{Principal: principal, TTL: rule.TTL, Provider: rule.Name, Method: methodWorkload}, methodWorkload)
}

// mintFor mints a token and records the sign-in.
func (a *API) mintFor(r *http.Request, spec login.Spec, how string) (*TokenAnswer, error) {
	secret, fact, err := login.Mint(spec, a.now())
	if err != nil {
		return nil, err
	}
	err = a.registry.Append(r.Context(), &schemas.Control{By: spec.Principal.Name, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}})
	if err != nil {
		return nil, unavailable(err)
	}
	err = a.recordSignIn(r, &schemas.SignIn{Principal: fact.Principal, Succeeded: true, Provider: spec.Provider, Method: how})
	if err != nil {
		return nil, err
	}
	p := fact.Principal
	return &TokenAnswer{
		AccessToken: secret, IssuedType: typeAccessToken, TokenType: "Bearer", ExpiresIn: int64(spec.TTL / time.Second),
		ID: fact.Id, Name: p.Name, Kind: kindName(p.Kind), Groups: append([]string{}, p.Groups...),
	}, nil
}

// writeOAuthError answers with a problem document that is an error of RFC 6749 section 5.2, too.
func (a *API) writeOAuthError(w http.ResponseWriter, r *http.Request, err error) {
	said, ok := errors.AsType[oauthError](err)
	if !ok {
		code := schemas.Shown(err).Code
		if code != schemas.CodeUnauthenticated && code != schemas.CodeInvalid {
			problem.Write(w, r, a.logger, err)
			return
		}
		said = oauthError{"invalid_grant", schemas.Shown(err)}
	}
	d := problem.Of(said)
	d.Status, d.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone when this fails
		problem.Document
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{d, said.word, d.Detail})
}
