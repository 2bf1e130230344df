package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withDex is a gateway with a real OpenID provider, which is not there yet when the gateway starts.
type withDex struct {
	*gateway
	dex      *dex
	base     string // of the API
	redirect string
}

// newWithDex makes both. settings are further keys under identity, indented by two.
func newWithDex(t *testing.T, settings string) *withDex {
	t.Helper()
	d := &dex{t: t, listen: "127.0.0.1:" + freePort(t)}
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "gateway-secret\n")
	w := &withDex{dex: d}
	w.gateway = newGateway(t, newTarget(t), `identity:
  providers:
  - name: corp
    title: Corp
    oidc:
      issuer: `+d.issuer()+`
      client_id: gateway
      client_secret: {file: `+secret+`}
      scopes: [openid, email, groups, offline_access]
`+settings)
	w.base = "http://" + w.web + "/api/v1"
	w.redirect = w.base + "/identity/oidc/corp/callback"
	return w
}

// startDex starts the provider, in which alice has a group.
func (w *withDex) startDex(group string) {
	w.t.Helper()
	w.dex.start(w.redirect, group)
	w.t.Cleanup(w.dex.stop)
}

// arrive goes through the provider's pages, up to the redirect back to the gateway.
func (w *withDex) arrive(s *surfer, user string) visited {
	w.t.Helper()
	page := s.get(w.base+"/identity/oidc/corp/start?next=/search", w.redirect)
	if strings.HasPrefix(page.url.String(), w.redirect) {
		return page // still signed in at the provider
	}
	back := s.submit(page, w.redirect, url.Values{"login": {user}, "password": {"password"}})
	if !strings.HasPrefix(back.url.String(), w.redirect) {
		w.t.Fatalf("the provider did not send the browser back: %s\n%s", back.way, back.body)
	}
	back.way = append(page.way, back.way...)
	return back
}

// me is who the API says that a browser is; empty: nobody.
func (w *withDex) me(s *surfer) (name string, groups []string) {
	w.t.Helper()
	status, body := s.call("GET", w.base+"/me", "")
	if status == http.StatusUnauthorized {
		return "", nil
	}
	var me struct {
		Name   string   `json:"name"`
		Groups []string `json:"groups"`
	}
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		w.t.Fatalf("%d %s: %v", status, body, err)
	}
	return me.Name, me.Groups
}

// events returns the newest event of a type that holds text.
func (g *gateway) events(kind, text string) string {
	g.t.Helper()
	out := ""
	g.await("an event "+kind+" with "+text, func() bool {
		for line := range strings.Lines(g.sallyport("events")) {
			if strings.Contains(line, `"sallyport.`+kind+`.v1"`) && strings.Contains(line, text) {
				out = line
			}
		}
		return out != ""
	})
	return out
}

// TestSignInWithOpenID goes the whole way with a real provider: up and down, with new keys, with other
// groups, and with everything about the redirect that an attacker could try.
func TestSignInWithOpenID(t *testing.T) {
	t.Parallel()
	w := newWithDex(t, "")
	alice := newSurfer(t)
	if v := alice.get(w.base+"/identity/oidc/corp/start", "http://"+w.web+"/signin"); v.url.Path != "/signin" {
		t.Fatalf("without a provider the browser is led to %s (%s)", v.url, v.body)
	}
	w.events("identity.sign_in_failed", "cannot be reached")

	w.startDex("eng")
	back := w.arrive(alice, "alice@example.com")
	for _, want := range []string{"code_challenge_method=S256", "nonce=", "state="} {
		if !strings.Contains(strings.Join(back.way, " "), want) {
			t.Errorf("the way to the provider has no %s: %v", want, back.way)
		}
	}

	// Somebody else's browser cannot finish it, and neither can anybody with another state.
	mallory := newSurfer(t)
	if v := mallory.get(back.url.String(), "http://"+w.web+"/signin"); v.url.Path != "/signin" {
		t.Errorf("a stolen answer led to %s", v.url)
	}
	if name, _ := w.me(mallory); name != "" {
		t.Errorf("a stolen answer signed in %s", name)
	}
	// The session that a browser had before, or was given by an attacker, is not the one that it gets.
	alice.client.Jar.SetCookies(back.url, []*http.Cookie{{Name: "sallyport_session", Value: "sp_fixed", Path: "/"}})
	if v := alice.get(back.url.String(), "http://"+w.web+"/search"); v.url.Path != "/search" {
		t.Fatalf("signing in led to %s: %s", v.url, v.body)
	}
	if name, groups := w.me(alice); name != "alice@example.com" || !slices.Equal(groups, []string{"eng", "oncall"}) {
		t.Fatalf("signed in as %q of %v", name, groups)
	}
	if slices.ContainsFunc(alice.client.Jar.Cookies(back.url), func(c *http.Cookie) bool { return c.Value == "sp_fixed" }) {
		t.Error("the browser kept the session cookie that was planted")
	}
	w.events("identity.signed_in", `"provider":"corp"`)
	if v := alice.get(back.url.String(), "http://"+w.web+"/signin"); v.url.Path != "/signin" {
		t.Errorf("an answer that was used led to %s", v.url)
	}

	// The provider goes: who is signed in stays so. It comes back with new keys, and another group.
	w.dex.stop()
	if status, body := alice.call("POST", w.base+"/signin/refresh", ""); status != http.StatusNoContent {
		t.Errorf("while the provider is out, refreshing answers %d %s", status, body)
	}
	if name, _ := w.me(alice); name != "alice@example.com" {
		t.Errorf("while the provider is out, the browser is %q", name)
	}
	w.startDex("dba")
	carol := newSurfer(t)
	if v := carol.get(w.arrive(carol, "alice@example.com").url.String(), "http://"+w.web+"/search"); v.url.Path != "/search" {
		t.Errorf("after the provider changed its keys, signing in led to %s", v.url)
	}
	if _, groups := w.me(carol); !slices.Equal(groups, []string{"dba", "oncall"}) {
		t.Errorf("the groups are %v, want the new ones", groups)
	}
	// The provider has forgotten the first browser's refresh token: it no longer vouches for her.
	if status, _ := alice.call("POST", w.base+"/signin/refresh", ""); status != http.StatusUnauthorized {
		t.Errorf("a refresh that the provider refuses answers %d, want 401", status)
	}
	if name, _ := w.me(alice); name != "" {
		t.Errorf("%s is signed in, though the provider no longer vouches for her", name)
	}
}

// TestRefresh asks the provider again, and follows what it says.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWithDex(t, "")
	w.startDex("eng")
	alice := newSurfer(t)
	alice.get(w.arrive(alice, "alice@example.com").url.String(), "http://"+w.web+"/search")
	site, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	before := alice.client.Jar.Cookies(site)
	if status, body := alice.call("POST", w.base+"/signin/refresh", "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a refresh from another site answers %d %s", status, body)
	}
	if status, body := alice.call("POST", w.base+"/signin/refresh", ""); status != http.StatusNoContent {
		t.Fatalf("refreshing answers %d %s", status, body)
	}
	if name, groups := w.me(alice); name != "alice@example.com" || !slices.Equal(groups, []string{"eng", "oncall"}) {
		t.Errorf("after the refresh: %q of %v", name, groups)
	}
	old := newSurfer(t)
	old.client.Jar.SetCookies(site, before)
	if name, _ := w.me(old); name != "" {
		t.Error("the session cookie from before the refresh still serves")
	}
	if status, _ := old.call("POST", w.base+"/signin/refresh", ""); status != http.StatusUnauthorized {
		t.Errorf("a refresh cookie serves twice: %d", status)
	}
	if status, _ := alice.call("POST", w.base+"/signout", ""); status != http.StatusNoContent {
		t.Errorf("signing out answers %d", status)
	}
	if status, _ := alice.call("POST", w.base+"/signin/refresh", ""); status != http.StatusUnauthorized {
		t.Errorf("after signing out a refresh answers %d", status)
	}
}
