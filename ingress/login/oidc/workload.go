package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// algorithms that a workload's token may be signed with.
var algorithms = []string{
	gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.ES256, gooidc.ES384, gooidc.ES512,
	gooidc.PS256, gooidc.PS384, gooidc.PS512, gooidc.EdDSA,
}

// Rule says which tokens of an issuer are which agent's. All of it must hold.
type Rule struct {
	Name     string
	Issuer   string
	JWKS     string            // where the issuer's keys are; empty: by discovery
	Audience string            // must be among the token's
	Subject  string            // pattern of the subject; * stands for anything
	Claims   map[string]string // patterns of further claims
	Agent    string            // the agent's name; {claim} stands for a claim's value
	Groups   []string
	TTL      time.Duration // of the Sallyport token
	Client   *http.Client  // with a deadline
}

func (r Rule) check() error {
	if err := checkIssuer(r.Issuer); err != nil {
		return err
	}
	if r.JWKS != "" {
		if err := checkIssuer(r.JWKS); err != nil {
			return fmt.Errorf("jwks_url: %w", err)
		}
	}
	switch {
	case r.Audience == "":
		return errors.New("audience is missing: without one, a token meant for somebody else would do")
	case strings.Trim(r.Subject, "*") == "":
		return errors.New("subject is missing, or lets anybody in whom the issuer vouches for")
	case r.Agent == "":
		return errors.New("agent is missing")
	case r.TTL <= 0:
		return errors.New("ttl must be above zero")
	}
	return nil
}

// WorkloadConfig is what NewWorkloads needs.
type WorkloadConfig struct {
	Rules []Rule
	Skew  time.Duration
	Now   func() time.Time
}

// Workloads recognises machines. Its methods are safe for concurrent use.
type Workloads struct {
	c WorkloadConfig

	mu   sync.Mutex
	keys map[string]gooidc.KeySet // by issuer and JWKS
}

// NewWorkloads checks the rules. It does not connect.
func NewWorkloads(c WorkloadConfig) (*Workloads, error) {
	for _, r := range c.Rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return &Workloads{c: c, keys: make(map[string]gooidc.KeySet)}, nil
}

// maxToken bounds a workload's token, in bytes.
const maxToken = 16 << 10

// Recognise returns the agent whose token raw is, and the rule that says so.
func (w *Workloads) Recognise(ctx context.Context, raw string) (*schemas.Principal, *Rule, error) {
	issuer, err := issuerOf(raw)
	if err != nil {
		return nil, nil, noRule(err)
	}
	why := error(errors.New("no rule is for its issuer"))
	for i := range w.c.Rules {
		r := &w.c.Rules[i]
		if r.Issuer != issuer {
			continue
		}
		principal, err := w.try(ctx, r, raw)
		if err == nil {
			return principal, r, nil
		}
		if schemas.Shown(err).Code == schemas.CodeUnavailable {
			return nil, nil, err
		}
		if unreachable(err) {
			return nil, nil, unavailable(r.Issuer, err)
		}
		why = fmt.Errorf("rule %s: %w", r.Name, err)
	}
	return nil, nil, noRule(why)
}

func noRule(err error) error {
	return &schemas.Error{
		Code: schemas.CodeUnauthenticated, Message: "the workload's token was not accepted",
		Hint: "its issuer, audience, subject and expiry must be what a rule under identity.workloads says", Err: err,
	}
}

// issuerOf reads who a token claims to be from, to know whose keys to check it with.
func issuerOf(raw string) (string, error) {
	parts := strings.Split(raw, ".")
	if len(raw) > maxToken || len(parts) != 3 {
		return "", errors.New("it is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("it is not a JWT: %w", err)
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("it is not a JWT: %w", err)
	}
	return claims.Issuer, nil
}

func (w *Workloads) try(ctx context.Context, r *Rule, raw string) (*schemas.Principal, error) {
	keys, err := w.keySet(ctx, r)
	if err != nil {
		return nil, err
	}
	lenient := func() time.Time { return w.c.Now().Add(-w.c.Skew) }
	token, err := gooidc.NewVerifier(r.Issuer, keys, &gooidc.Config{ClientID: r.Audience, SupportedSigningAlgs: algorithms, Now: lenient}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	claims := make(map[string]any)
	if err := token.Claims(&claims); err != nil {
		return nil, err
	}
	if !matches(r.Subject, token.Subject) {
		return nil, errors.New("the subject is another")
	}
	for name, pattern := range r.Claims {
		if v, ok := text(claims[name]); !ok || !matches(pattern, v) {
			return nil, fmt.Errorf("the claim %s is another", name)
		}
	}
	agent, err := expand(r.Agent, claims)
	if err != nil {
		return nil, err
	}
	return &schemas.Principal{Name: agent, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, Groups: slices.Clone(r.Groups)}, nil
}

// keySet returns the keys of an issuer, which are fetched again when a token names one that is new.
func (w *Workloads) keySet(ctx context.Context, r *Rule) (gooidc.KeySet, error) {
	name := r.Issuer + " " + r.JWKS
	w.mu.Lock()
	keys := w.keys[name]
	w.mu.Unlock()
	if keys != nil {
		return keys, nil
	}
	ctx = gooidc.ClientContext(context.WithoutCancel(ctx), r.Client)
	where := r.JWKS
	if where == "" {
		op, err := gooidc.NewProvider(ctx, r.Issuer)
		if err != nil {
			return nil, unavailable(r.Issuer, err)
		}
		var says struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := op.Claims(&says); err != nil {
			return nil, err
		}
		where = says.JWKS
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[name] = gooidc.NewRemoteKeySet(ctx, where)
	return w.keys[name], nil
}

// expand puts claims into a template.
func expand(template string, claims map[string]any) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		before, after, open := strings.Cut(rest, "{")
		b.WriteString(before)
		if !open {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		v, ok := text(claims[name])
		if !closed || !ok || v == "" {
			return "", fmt.Errorf("the claim %s is missing", name)
		}
		b.WriteString(v)
		rest = next
	}
	return b.String(), login.ValidName(b.String())
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	case float64:
		return fmt.Sprintf("%.0f", v), true
	}
	return "", false
}

// matches reports whether s is what pattern says; * stands for any text, also with slashes.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}
