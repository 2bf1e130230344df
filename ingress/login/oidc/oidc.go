package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// rediscover is how long what a provider says about itself is taken as it was.
const rediscover = time.Hour

// Config is what New needs.
type Config struct {
	Name         string // in paths, facts and tokens
	Title        string // on the sign-in page
	Issuer       string
	ClientID     string
	ClientSecret func(context.Context) (string, error) // nil: a public client
	Scopes       []string
	Prompt       []string // what the provider is to ask the person, whatever it knows: OpenID Connect Core section 3.1.2.1
	Redirect     string   // the one address that the provider sends browsers to
	Mapping      login.Mapping
	Skew         time.Duration // by which clocks may differ
	Client       *http.Client  // with a deadline
	Now          func() time.Time
}

// Provider is one OpenID provider. Its methods are safe for concurrent use.
type Provider struct {
	c Config

	mu   sync.Mutex
	op   *gooidc.Provider
	when time.Time
}

// New checks c. It does not connect.
func New(c Config) (*Provider, error) {
	if err := checkIssuer(c.Issuer); err != nil {
		return nil, err
	}
	if c.ClientID == "" {
		return nil, errors.New("client_id is missing")
	}
	return &Provider{c: c}, nil
}

// checkIssuer wants https, because keys come from there; loopback is for tries and tests.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("issuer %q is not an address", issuer)
	}
	if host := u.Hostname(); u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
		return fmt.Errorf("issuer %q must be https", issuer)
	}
	return nil
}

// Name is the provider's name in the configuration.
func (p *Provider) Name() string { return p.c.Name }

// Title is what the sign-in page calls it.
func (p *Provider) Title() string { return p.c.Title }

// Flow is what a browser keeps between the start of a sign-in and its end. It is for that browser
// alone.
type Flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Begin returns where to send the browser, and what it must keep. Nobody is sent to a provider that does not
// answer: it is asked what it says about itself each time.
func (p *Provider) Begin(ctx context.Context) (where string, f Flow, err error) {
	op, err := p.ask(ctx)
	if err != nil {
		return "", f, err
	}
	// Each is 32 random bytes in the alphabet of URLs: RFC 7636 section 4.1.
	f = Flow{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	config, err := p.oauth(ctx, op)
	if err != nil {
		return "", f, err
	}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if len(p.c.Prompt) > 0 {
		options = append(options, oauth2.SetAuthURLParam("prompt", strings.Join(p.c.Prompt, " ")))
	}
	return config.AuthCodeURL(f.State, options...), f, nil
}

// Found is who signed in.
type Found struct {
	Principal *schemas.Principal
	Subject   string // the provider's own name for them
	Refresh   string // a secret: asks the provider again; empty: it gave none
}

// Finish checks what the browser came back with against what it kept, and returns who it is.
func (p *Provider) Finish(ctx context.Context, f Flow, answer url.Values) (*Found, error) {
	if f.State == "" || subtle.ConstantTimeCompare([]byte(f.State), []byte(answer.Get("state"))) != 1 {
		return nil, refuse("this sign-in was not begun in this browser, or is over", nil)
	}
	op, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.mixedUp(op, answer); err != nil {
		return nil, err
	}
	if said := answer.Get("error"); said != "" {
		return nil, refuse("the provider refused: "+printable(said+" "+answer.Get("error_description")), nil)
	}
	config, err := p.oauth(ctx, op)
	if err != nil {
		return nil, err
	}
	ctx = gooidc.ClientContext(ctx, p.c.Client)
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, p.failed("the provider did not take the code", err)
	}
	id, claims, err := p.verify(ctx, op, token)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(f.Nonce), []byte(id.Nonce)) != 1 {
		return nil, refuse("the provider's answer is to another question", errors.New("nonce differs"))
	}
	return p.found(ctx, op, token, id, claims)
}

// mixedUp refuses the answer of another provider: RFC 9207 section 2.4. One that says that it names itself
// must do so.
func (p *Provider) mixedUp(op *gooidc.Provider, answer url.Values) error {
	var says struct {
		Names bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := op.Claims(&says); err != nil {
		return fmt.Errorf("read what provider %s says about itself: %w", p.c.Name, err)
	}
	if iss := answer["iss"]; len(iss) > 1 || len(iss) == 1 && iss[0] != p.c.Issuer || len(iss) == 0 && says.Names {
		return refuse("the answer is another provider's", nil)
	}
	return nil
}

// Again asks the provider, with a refresh token, whether subject is still there and in which
// groups. An error of code unauthenticated is its no; of code unavailable, that it could not be
// asked.
func (p *Provider) Again(ctx context.Context, refresh, subject string) (*Found, error) {
	op, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	config, err := p.oauth(ctx, op)
	if err != nil {
		return nil, err
	}
	ctx = gooidc.ClientContext(ctx, p.c.Client)
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return nil, p.failed("the provider no longer vouches for you", err)
	}
	id, claims, err := p.verify(ctx, op, token)
	if err != nil {
		return nil, err
	}
	if id.Subject != subject {
		return nil, refuse("the provider answered about somebody else", nil)
	}
	return p.found(ctx, op, token, id, claims)
}

func (p *Provider) oauth(ctx context.Context, op *gooidc.Provider) (*oauth2.Config, error) {
	config := &oauth2.Config{ClientID: p.c.ClientID, Endpoint: op.Endpoint(), RedirectURL: p.c.Redirect, Scopes: p.c.Scopes}
	if p.c.ClientSecret != nil {
		secret, err := p.c.ClientSecret(ctx)
		if err != nil {
			return nil, fmt.Errorf("client secret of provider %s: %w", p.c.Name, err)
		}
		config.ClientSecret = secret
	}
	return config, nil
}

// verify checks the ID token of an answer: OpenID Connect Core section 3.1.3.7.
func (p *Provider) verify(ctx context.Context, op *gooidc.Provider, token *oauth2.Token) (*gooidc.IDToken, map[string]any, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, nil, refuse("the provider did not say who you are", errors.New("no id_token"))
	}
	id, err := op.Verifier(&gooidc.Config{ClientID: p.c.ClientID, Now: p.lenient}).Verify(ctx, raw)
	if err != nil {
		return nil, nil, p.failed("what the provider said about you is not valid", err)
	}
	claims := make(map[string]any)
	if err := id.Claims(&claims); err != nil {
		return nil, nil, refuse("what the provider said about you is not valid", err)
	}
	if azp, ok := claims["azp"].(string); ok && azp != p.c.ClientID || len(id.Audience) > 1 && !ok {
		return nil, nil, refuse("what the provider said about you is for somebody else", errors.New("azp"))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, nil, refuse("what the provider said about you is not valid", err)
		}
	}
	return id, claims, nil
}

// lenient is the time by which tokens are judged: behind by the skew, since what go-oidc checks is
// the expiry; for "not before" it allows five minutes itself.
func (p *Provider) lenient() time.Time { return p.c.Now().Add(-p.c.Skew) }

// found maps claims, asking the provider's userinfo for those that the ID token lacks.
func (p *Provider) found(ctx context.Context, op *gooidc.Provider, token *oauth2.Token, id *gooidc.IDToken, claims map[string]any) (*Found, error) {
	_, named := claims[p.c.Mapping.Name]
	_, grouped := claims[p.c.Mapping.Groups]
	if op.UserInfoEndpoint() != "" && (!named || !grouped && p.c.Mapping.Groups != "") {
		info, err := op.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return nil, p.failed("the provider did not say who you are", err)
		}
		if info.Subject != id.Subject { // OpenID Connect Core section 5.3.4
			return nil, refuse("the provider answered about somebody else", nil)
		}
		more := make(map[string]any)
		if err := info.Claims(&more); err != nil {
			return nil, refuse("what the provider said about you is not valid", err)
		}
		for name, v := range more {
			if _, there := claims[name]; !there {
				claims[name] = v
			}
		}
	}
	principal, err := p.c.Mapping.User(claims)
	if err != nil {
		return nil, err
	}
	return &Found{Principal: principal, Subject: id.Subject, Refresh: token.RefreshToken}, nil
}

// discover returns what the provider says about itself, or what it said.
func (p *Provider) discover(ctx context.Context) (*gooidc.Provider, error) {
	p.mu.Lock()
	op, fresh := p.op, p.c.Now().Sub(p.when) < rediscover
	p.mu.Unlock()
	if op != nil && fresh {
		return op, nil
	}
	found, err := p.ask(ctx)
	if err != nil && op != nil {
		return op, nil // as it was; whether it answers, what is asked of it will show
	}
	return found, err
}

// ask asks the provider what it says about itself, and keeps that.
func (p *Provider) ask(ctx context.Context) (*gooidc.Provider, error) {
	// Its keys are fetched for as long as it lives, so it must not end with one request.
	found, err := gooidc.NewProvider(gooidc.ClientContext(context.WithoutCancel(ctx), p.c.Client), p.c.Issuer)
	if err != nil {
		return nil, unavailable(p.c.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.op, p.when = found, p.c.Now()
	return found, nil
}

// failed tells a provider's no from its silence.
func (p *Provider) failed(message string, err error) error {
	var said *oauth2.RetrieveError
	if errors.As(err, &said) && said.Response != nil && said.Response.StatusCode < 500 {
		return refuse(message, err)
	}
	if unreachable(err) || said != nil {
		return unavailable(p.c.Name, err)
	}
	return refuse(message, err)
}

// unreachable says that err is about the way to the provider. go-oidc tells of keys that it could
// not fetch in words only.
func unreachable(err error) bool {
	var way *url.Error
	return errors.As(err, &way) || strings.Contains(err.Error(), "fetching keys")
}

func unavailable(provider string, err error) error {
	return &schemas.Error{
		Code: schemas.CodeUnavailable, Message: "the identity provider " + provider + " cannot be reached, so nobody can sign in with it now",
		Hint: "try again later; open sessions go on", Err: err,
	}
}

func refuse(message string, err error) error {
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message, Hint: "begin the sign-in anew", Err: err}
}

// printable makes what came through a browser fit to be shown and logged.
func printable(s string) string {
	r := slices.DeleteFunc([]rune(s), func(r rune) bool { return r < ' ' || r > '~' })
	return string(r[:min(len(r), 200)])
}
