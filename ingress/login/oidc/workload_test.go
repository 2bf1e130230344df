package oidc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/ingress/login/oidc"
	"sallyport/schemas"
)

func rule(f *fake) oidc.Rule {
	return oidc.Rule{
		Name: "ci", Issuer: f.server.URL, Audience: "sallyport", Subject: "repo:acme/app:*", Claims: map[string]string{"environment": "prod"},
		Agent: "ci/{repository}", Groups: []string{"ci"}, TTL: time.Minute, Client: f.server.Client(),
	}
}

func workloads(t *testing.T, rules ...oidc.Rule) *oidc.Workloads {
	t.Helper()
	w, err := oidc.NewWorkloads(oidc.WorkloadConfig{Rules: rules, Skew: time.Minute, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWorkloads(t *testing.T) {
	f := newFake(t)
	direct := rule(f)
	direct.Name, direct.JWKS, direct.Audience = "direct", f.server.URL+"/keys", "another"
	w := workloads(t, rule(f), direct)
	job := func(changes map[string]any) map[string]any {
		all := map[string]any{"aud": "sallyport", "sub": "repo:acme/app:ref:refs/heads/main", "environment": "prod", "repository": "acme/app"}
		for k, v := range changes {
			all[k] = v
		}
		return f.claims(all)
	}
	for _, c := range []struct {
		name, token, rule string // rule: that takes it; empty: none does
	}{
		{"sound", f.sign(job(nil), nil, jose.RS256), "ci"},
		{"the second rule", f.sign(job(map[string]any{"aud": "another"}), nil, jose.RS256), "direct"},
		{"wrong audience", f.sign(job(map[string]any{"aud": "somebody"}), nil, jose.RS256), ""},
		{"wrong subject", f.sign(job(map[string]any{"sub": "repo:acme/app2:ref"}), nil, jose.RS256), ""},
		{"a subject that ends alike", f.sign(job(map[string]any{"sub": "xrepo:acme/app:ref"}), nil, jose.RS256), ""},
		{"wrong claim", f.sign(job(map[string]any{"environment": "prod2"}), nil, jose.RS256), ""},
		{"absent claim", f.sign(job(map[string]any{"environment": nil}), nil, jose.RS256), ""},
		{"no name", f.sign(job(map[string]any{"repository": nil}), nil, jose.RS256), ""},
		{"an unprintable name", f.sign(job(map[string]any{"repository": "a\x00b"}), nil, jose.RS256), ""},
		{"expired", f.sign(job(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), nil, jose.RS256), ""},
		{"another issuer", f.sign(job(map[string]any{"iss": "https://evil.example"}), nil, jose.RS256), ""},
		{"alg none", unsigned(t, job(nil)), ""},
		{"HS256 with the public key", f.sign(job(nil), f.publicAsSecret(), jose.HS256), ""},
		{"another key", f.sign(job(nil), other(t), jose.RS256), ""},
		{"no token", "nonsense", ""},
		{"nothing", "", ""},
	} {
		principal, r, err := w.Recognise(t.Context(), c.token)
		if c.rule == "" {
			if schemas.Shown(err).Code != schemas.CodeUnauthenticated {
				t.Errorf("%s: %v, %v", c.name, principal, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Name != c.rule || principal.Name != "ci/acme/app" || principal.Kind != schemas.PrincipalKind_PRINCIPAL_KIND_AGENT || !slices.Equal(principal.Groups, []string{"ci"}) {
			t.Errorf("%s: rule %s, %v", c.name, r.Name, principal)
		}
	}
	f.out(true)
	if _, _, err := workloads(t, rule(f)).Recognise(t.Context(), f.sign(job(nil), nil, jose.RS256)); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("while the issuer is out: %v", err)
	}
}

func TestRulesThatLetAnybodyInAreRefused(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*oidc.Rule){
		"no audience":     func(r *oidc.Rule) { r.Audience = "" },
		"no subject":      func(r *oidc.Rule) { r.Subject = "" },
		"any subject":     func(r *oidc.Rule) { r.Subject = "**" },
		"no agent":        func(r *oidc.Rule) { r.Agent = "" },
		"insecure issuer": func(r *oidc.Rule) { r.Issuer = "http://ci.example" },
		"insecure keys":   func(r *oidc.Rule) { r.JWKS = "http://ci.example/keys" },
		"no life":         func(r *oidc.Rule) { r.TTL = 0 },
	} {
		r := rule(f)
		change(&r)
		if _, err := oidc.NewWorkloads(oidc.WorkloadConfig{Rules: []oidc.Rule{r}, Now: time.Now}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzRecognise hands over what is no token: it must be refused, and must not panic.
func FuzzRecognise(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUifQ.", "....", "\x00.\xff.é"} {
		f.Add(seed)
	}
	w, err := oidc.NewWorkloads(oidc.WorkloadConfig{Now: time.Now, Rules: []oidc.Rule{{
		Name: "ci", Issuer: "https://ci.example", JWKS: "http://127.0.0.1:1/keys", Audience: "a", Subject: "s", Agent: "{sub}", TTL: time.Minute,
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := w.Recognise(t.Context(), token); err == nil {
			t.Errorf("%q was taken", token)
		}
	})
}
