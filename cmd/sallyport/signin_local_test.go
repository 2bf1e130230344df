package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// addUser makes a user of the built-in provider.
func (g *gateway) addUser(name, password string, args ...string) (string, error) {
	c := g.command(append([]string{"user", "add", name, "--config", g.config}, args...)...)
	c.Stdin = strings.NewReader(password + "\n")
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestLocalUsers makes a user, signs in as one, and changes what the user is while signed in.
func TestLocalUsers(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "identity: {passwords_per_user: 6}\n")
	base := "http://" + g.web + "/api/v1"
	const password = "correct horse battery"
	if out, err := g.addUser("alice", "short"); err == nil || !strings.Contains(out, "at least 12") {
		t.Errorf("a short password: %v %s", err, out)
	}
	if out, err := g.addUser("alice", password, "--group", "eng"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	if out, err := g.addUser("alice", password); err == nil {
		t.Errorf("a second alice was made: %s", out)
	}
	alice := newSurfer(t)
	sign := func(s *surfer, user, password string, header ...string) int {
		status, _ := s.call("POST", base+"/identity/password", `{"user":"`+user+`","password":"`+password+`"}`, header...)
		return status
	}
	steps := []struct {
		what      string
		got, want int
	}{
		{"a wrong password", sign(alice, "alice", "incorrect horse battery"), 401},
		{"nobody's name", sign(alice, "mallory", password), 401},
		{"from another site", sign(alice, "alice", password, "Sec-Fetch-Site", "cross-site"), 403},
		{"the form of another site", sign(alice, "alice", password, "Origin", "https://evil.example", "X-Sallyport", ""), 403},
		{"name and password", sign(alice, "alice", password), 204},
	}
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("%s: %d, want %d", s.what, s.got, s.want)
		}
	}
	if status, body := alice.call("GET", base+"/me", ""); status != 200 || !strings.Contains(body, `"groups":["eng"]`) {
		t.Errorf("signed in: %d %s", status, body)
	}
	g.sallyport("user", "set", "alice", "--group", "dba")
	if status, _ := alice.call("GET", base+"/me", ""); status != http.StatusUnauthorized {
		t.Errorf("after the groups changed the old session answers %d, want 401", status)
	}
	if got := sign(alice, "alice", password); got != 204 {
		t.Fatalf("signing in anew: %d", got)
	}
	if _, body := alice.call("GET", base+"/me", ""); !strings.Contains(body, `"groups":["dba"]`) {
		t.Errorf("the groups are not the new ones: %s", body)
	}
	if out := g.sallyport("user", "list"); !strings.Contains(out, "alice  dba     yes") {
		t.Errorf("user list says:\n%s", out)
	}
	for range 10 {
		sign(alice, "alice", "guess after guess")
	}
	if got := sign(newSurfer(t), "alice", password); got != http.StatusTooManyRequests {
		t.Errorf("after many guesses: %d, want 429", got)
	}
	g.events("identity.sign_in_failed", `"method":"password"`)
	g.events("identity.user_changed", `"alice"`)
	g.sallyport("user", "remove", "alice")
	if status, _ := alice.call("GET", base+"/me", ""); status != http.StatusUnauthorized {
		t.Errorf("after the user is gone the session answers %d, want 401", status)
	}
	g.stop()
	holdsNot(t, g, password)
}

// TestSpoofedHeaders sends what proxies send who say who somebody is. Nobody is believed.
func TestSpoofedHeaders(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	base := "http://" + g.web + "/api/v1"
	stranger := newSurfer(t)
	for _, name := range []string{"X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "Remote-User", "X-Auth-Request-User", "X-WEBAUTH-USER", "Cf-Access-Authenticated-User-Email"} {
		if status, body := stranger.call("GET", base+"/me", "", name, "alice"); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for _, bearer := range []string{"Bearer", "Bearer ", "Basic YWxpY2U6YWxpY2U=", "bearer null"} {
		if status, _ := stranger.call("GET", base+"/me", "", "Authorization", bearer); status != http.StatusUnauthorized {
			t.Errorf("Authorization: %s: %d", bearer, status)
		}
	}
	if status, body := stranger.call("POST", base+"/signin", `{"token":"sp_guess"}`, "X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.8"); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	if event := g.events("identity.sign_in_failed", `"method":"token"`); strings.Contains(event, "203.0.113") {
		t.Errorf("the address is the one that the client made up: %s", event)
	}
	v := stranger.get(base+"/me", "")
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := v.header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
