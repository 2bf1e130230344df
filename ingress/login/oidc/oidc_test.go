package oidc_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/ingress/login"
	"sallyport/ingress/login/oidc"
	"sallyport/schemas"
)

func provider(t *testing.T, f *fake, change func(*oidc.Config)) *oidc.Provider {
	t.Helper()
	c := oidc.Config{
		Name: "corp", Issuer: f.server.URL, ClientID: "gateway", Scopes: []string{"openid"}, Redirect: "http://127.0.0.1/callback",
		Mapping: login.Mapping{Name: "email", Groups: "groups"}, Skew: time.Minute, Client: f.server.Client(), Now: time.Now,
	}
	if change != nil {
		change(&c)
	}
	p, err := oidc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// finish signs in with the ID token that make makes for the nonce of the flow.
func finish(t *testing.T, f *fake, p *oidc.Provider, make func(nonce string) string, answer func(url.Values)) (*oidc.Found, error) {
	t.Helper()
	_, flow, err := p.Begin(t.Context())
	if err != nil {
		return nil, err
	}
	f.token = func() string { return make(flow.Nonce) }
	values := url.Values{"state": {flow.State}, "code": {"c"}}
	if answer != nil {
		answer(values)
	}
	return p.Finish(t.Context(), flow, values)
}

// TestForgeries is the table of what somebody could put in place of a provider's answer. The first row
// shows that the rest fails for its own reason.
func TestForgeries(t *testing.T) {
	f := newFake(t)
	sound := func(changes map[string]any) func(string) string {
		return func(nonce string) string {
			all := map[string]any{"nonce": nonce}
			for k, v := range changes {
				all[k] = v
			}
			return f.sign(f.claims(all), nil, jose.RS256)
		}
	}
	past := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	for _, c := range []struct {
		name   string
		token  func(nonce string) string
		answer func(url.Values)
		ok     bool
	}{
		{"sound", sound(nil), nil, true},
		{"another state", sound(nil), func(v url.Values) { v.Set("state", "stolen") }, false},
		{"no state", sound(nil), func(v url.Values) { v.Del("state") }, false},
		{"another provider's answer", sound(nil), func(v url.Values) { v.Set("iss", "https://evil.example") }, false},
		{"the provider's answer by name", sound(nil), func(v url.Values) { v.Set("iss", f.server.URL) }, true},
		{"two providers' answer", sound(nil), func(v url.Values) { v["iss"] = []string{f.server.URL, "https://evil.example"} }, false},
		{"the provider's error", sound(nil), func(v url.Values) { v.Set("error", "access_denied") }, false},
		{"another nonce", sound(map[string]any{"nonce": "replayed"}), nil, false},
		{"no nonce", sound(map[string]any{"nonce": nil}), nil, false},
		{"wrong audience", sound(map[string]any{"aud": "another-client"}), nil, false},
		{"two audiences and no azp", sound(map[string]any{"aud": []string{"gateway", "another"}}), nil, false},
		{"two audiences and ours as azp", sound(map[string]any{"aud": []string{"gateway", "another"}, "azp": "gateway"}), nil, true},
		{"another's azp", sound(map[string]any{"azp": "another"}), nil, false},
		{"wrong issuer", sound(map[string]any{"iss": "https://evil.example"}), nil, false},
		{"expired", sound(map[string]any{"exp": past(2 * time.Minute)}), nil, false},
		{"expired within the skew", sound(map[string]any{"exp": past(30 * time.Second)}), nil, true},
		{"not yet valid", sound(map[string]any{"nbf": time.Now().Add(10 * time.Minute).Unix()}), nil, false},
		{"alg none", func(n string) string { return unsigned(t, f.claims(map[string]any{"nonce": n})) }, nil, false},
		{"HS256 with the public key", func(n string) string {
			return f.sign(f.claims(map[string]any{"nonce": n}), f.publicAsSecret(), jose.HS256)
		}, nil, false},
		{"another key under the same name", func(n string) string { return f.sign(f.claims(map[string]any{"nonce": n}), other(t), jose.RS256) }, nil, false},
		{"another access token's hash", sound(map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), nil, false},
		{"e-mail not verified", sound(map[string]any{"email_verified": false}), nil, false},
		{"e-mail nobody speaks of", sound(map[string]any{"email_verified": nil}), nil, false},
		{"no e-mail", sound(map[string]any{"email": nil}), nil, false},
		{"a reserved name", sound(map[string]any{"email": "Administrator"}), nil, false},
		{"a name with a line break", sound(map[string]any{"email": "alice@example.com\nbob"}), nil, false},
		{"no token at all", func(string) string { return "" }, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := finish(t, f, provider(t, f, nil), c.token, c.answer)
			switch {
			case c.ok && err != nil:
				t.Error(err)
			case c.ok && found.Principal.Name != "alice@example.com":
				t.Errorf("signed in as %s", found.Principal.Name)
			case !c.ok && err == nil:
				t.Errorf("signed in as %s", found.Principal.Name)
			case !c.ok && schemas.Shown(err).Code != schemas.CodeUnauthenticated:
				t.Errorf("refused with %v (%v)", schemas.Shown(err).Code, err)
			}
		})
	}
}

// TestMixUp wants the name of a provider that says that it names itself.
func TestMixUp(t *testing.T) {
	f := newFake(t)
	f.names = true
	p := provider(t, f, nil)
	sound := func(nonce string) string { return f.sign(f.claims(map[string]any{"nonce": nonce}), nil, jose.RS256) }
	if _, err := finish(t, f, p, sound, func(v url.Values) { v.Set("iss", f.server.URL) }); err != nil {
		t.Error(err)
	}
	if _, err := finish(t, f, p, sound, nil); schemas.Shown(err).Code != schemas.CodeUnauthenticated {
		t.Errorf("an answer without a name: %v", err)
	}
}

func TestPrompt(t *testing.T) {
	f := newFake(t)
	for _, prompt := range [][]string{nil, {"login", "consent"}} {
		where, _, err := provider(t, f, func(c *oidc.Config) { c.Prompt = prompt }).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(where)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Query().Get("prompt"); got != strings.Join(prompt, " ") || u.Query().Has("prompt") != (prompt != nil) {
			t.Errorf("asked with prompt %q, want %q", got, prompt)
		}
	}
}

// TestRotationAndOutage changes the keys under a provider that is known, and takes it away.
func TestRotationAndOutage(t *testing.T) {
	f := newFake(t)
	f.out(true)
	p := provider(t, f, nil)
	if _, _, err := p.Begin(t.Context()); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("an absent provider: %v", err)
	}
	f.out(false)
	sound := func(n string) string { return f.sign(f.claims(map[string]any{"nonce": n}), nil, jose.RS256) }
	for _, kid := range []string{"k1", "k2"} {
		if kid != "k1" {
			f.rotate(kid)
		}
		if _, err := finish(t, f, p, sound, nil); err != nil {
			t.Errorf("with key %s: %v", kid, err)
		}
	}
	_, flow, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.out(true)
	if _, _, err := p.Begin(t.Context()); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("a browser is sent to a provider that is out: %v", err)
	}
	_, err = p.Finish(t.Context(), flow, url.Values{"state": {flow.State}, "code": {"c"}})
	if shown := schemas.Shown(err); shown.Code != schemas.CodeUnavailable {
		t.Errorf("while it is out: %v", err)
	}
}

func TestMapping(t *testing.T) {
	f := newFake(t)
	p := provider(t, f, func(c *oidc.Config) {
		c.Mapping = login.Mapping{
			Name: "preferred_username", Groups: "realm.roles", NamePrefix: "corp:", GroupPrefix: "corp/",
			OnlyGroups: []string{"eng-*"},
		}
	})
	found, err := finish(t, f, p, func(n string) string {
		return f.sign(f.claims(map[string]any{
			"nonce": n, "preferred_username": "alice",
			"realm": map[string]any{"roles": []any{"eng-b", "eng-a", "eng-a", "admins", 7}},
		}), nil, jose.RS256)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.Principal.Name != "corp:alice" || !slices.Equal(found.Principal.Groups, []string{"corp/eng-a", "corp/eng-b"}) {
		t.Errorf("mapped to %v", found.Principal)
	}
	_, err = finish(t, f, p, func(n string) string {
		return f.sign(f.claims(map[string]any{
			"nonce": n, "preferred_username": "alice", "_claim_names": map[string]any{"realm.roles": "src"},
			"_claim_sources": map[string]any{"src": map[string]any{"endpoint": "https://graph.example"}},
		}), nil, jose.RS256)
	}, nil)
	if schemas.Shown(err).Code != schemas.CodeUnauthenticated {
		t.Errorf("groups that are elsewhere: %v", err)
	}
}

func TestIssuersMustBeSecure(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://id.example.com": true, "http://127.0.0.1:5556/dex": true, "http://localhost": true,
		"http://id.example.com": false, "ftp://id.example.com": false, "id.example.com": false, "https://id.example.com?x=1": false,
	} {
		if _, err := oidc.New(oidc.Config{Issuer: issuer, ClientID: "c"}); (err == nil) != ok {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
