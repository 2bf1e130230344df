package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
)

// over runs a client command as whoever a token proves, at the web address.
func (g *gateway) over(token string, args ...string) (string, error) {
	c := g.command(append(args, "--url", "http://"+g.web)...)
	c.Env = append(c.Env, "SALLYPORT_TOKEN="+token)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// get asks the API as whoever a token proves.
func (g *gateway) get(token, path string) (int, string) {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+g.web+"/api/v1"+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestPeopleManageTheirOwnTokens holds what somebody who is no administrator can make, see and end.
func TestPeopleManageTheirOwnTokens(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	alice, bob := g.token("alice"), g.token("bob")
	for _, wider := range [][]string{
		{"--user", "bob"}, {"--agent", "alice"}, {"--group", "dba"}, {"--ttl", "48h"}, {"--sign-in"}, {"--target", "nothing"},
	} {
		if out, err := g.over(alice, append([]string{"token", "create"}, wider...)...); err == nil {
			t.Errorf("alice made a token with %v: %s", wider, out)
		}
	}
	narrow, err := g.over(alice, "token", "create", "--target", "orders", "--protocol", "postgres", "--protocol", "api", "--ttl", "10m")
	if err != nil {
		t.Fatalf("alice makes herself a token: %v: %s", err, narrow)
	}
	if out, err := g.psql("alice", narrow, "-c", "SELECT 'in'").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "in" {
		t.Errorf("psql with the token that alice made: %v: %s", err, out)
	}
	for _, wider := range [][]string{{"--protocol", "web"}, {"--ttl", "50m"}} {
		if out, err := g.over(narrow, append([]string{"token", "create"}, wider...)...); err == nil {
			t.Errorf("a token made a wider one with %v: %s", wider, out)
		}
	}
	grandchild, err := g.over(narrow, "token", "create")
	if err != nil {
		t.Fatalf("a token made with a token makes one: %v: %s", err, grandchild)
	}
	listed := g.tokens(alice)
	if len(listed) != 3 || slices.ContainsFunc(listed, func(l api.TokenListed) bool { return l.Principal != "alice" }) {
		t.Errorf("alice sees the tokens %+v, want her three", listed)
	}
	if strings.Contains(g.sallyport("token", "list", "--json"), grandchild) {
		t.Error("the list shows a secret")
	}
	theirs := g.tokens(bob)
	if out, err := g.over(alice, "token", "revoke", theirs[0].ID); err == nil || !strings.Contains(out, "no live token") {
		t.Errorf("alice ends bob's token: %v: %s", err, out)
	}
	if out, err := g.over(alice, "token", "revoke", "--user", "bob"); err == nil {
		t.Errorf("alice ends all of bob's tokens: %s", out)
	}

	// Ending a token ends what was made with it, and their sessions.
	s := g.shell("alice", grandchild)
	s.run("SELECT 'still ' || 'here';", "still here")
	first := slices.IndexFunc(listed, func(l api.TokenListed) bool { return l.MadeWith == "" })
	if out, err := g.over(alice, "token", "revoke", listed[first].ID); err != nil {
		t.Fatalf("alice ends her own token: %v: %s", err, out)
	}
	s.run("SELECT 'after ' || 'all';", "the token was revoked")
	for _, token := range []string{alice, narrow, grandchild} {
		if status, body := g.get(token, "/me"); status != http.StatusUnauthorized {
			t.Errorf("a revoked token is let in: %d %s", status, body)
		}
	}
	g.sallyport("token", "revoke", "--user", "bob")
	if status, _ := g.get(bob, "/me"); status != http.StatusUnauthorized {
		t.Errorf("bob is let in after all of his tokens were revoked: %d", status)
	}
}

func (g *gateway) tokens(token string) (listed []api.TokenListed) {
	g.t.Helper()
	out, err := g.over(token, "token", "list", "--json")
	if err != nil {
		g.t.Fatalf("list tokens: %v: %s", err, out)
	}
	for line := range strings.Lines(out) {
		var l api.TokenListed
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			g.t.Fatal(err)
		}
		listed = append(listed, l)
	}
	return listed
}

const readers = `apiVersion: sallyport/v1
kind: Role
metadata: {name: auditors}
spec:
  members: {groups: [audit]}
  targets: {labels: {env: test}}
  can: [replay]
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: callers}
spec:
  members: {users: [carol]}
  targets: {names: [orders]}
`

// TestWhoMaySeeWhat holds that each way to a recording asks what its reader may: an auditor replays and does not
// connect, somebody who connects does not replay, and a token is no wider than its scope.
func TestWhoMaySeeWhat(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	file := filepath.Join(g.dir, "readers.yaml")
	write(t, file, readers)
	g.sallyport("apply", "-f", file)
	auditor := g.sallyport("token", "create", "--user", "dora", "--group", "audit")
	carol := g.sallyport("token", "create", "--user", "carol")
	engineer := g.token("alice")
	if out, err := g.psql("carol", carol, "-c", "SELECT 'carols ' || name FROM customers").CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	if out, err := g.psql("dora", auditor, "-c", "SELECT 1").CombinedOutput(); err == nil {
		t.Errorf("an auditor connected: %s", out)
	}
	id := g.search("carols field:rows", 1)[0].Session
	g.await("the session to be closed", func() bool { return !g.newest().Open })
	g.await("the events of the session", func() bool {
		_, body := g.get(auditor, "/events")
		return strings.Contains(body, "sallyport.session.closed.v1")
	})
	scoped, err := g.over(engineer, "token", "create", "--protocol", "api", "--target", "orders")
	if err != nil {
		t.Fatalf("make a scoped token: %v: %s", err, scoped)
	}
	apart := strings.NewReplacer("name: orders", "name: apart", "ADDRESS", "127.0.0.1:1").Replace(strings.Split(declared, "---")[0])
	write(t, file, apart)
	g.sallyport("apply", "-f", file)
	elsewhere := g.sallyport("token", "create", "--user", "alice", "--group", "eng", "--target", "apart")
	for who, c := range map[string]struct {
		token string
		may   bool
	}{
		"an auditor": {auditor, true}, "an engineer": {engineer, true}, "a token for orders and the API": {scoped, true},
		"who connects alone": {carol, false}, "a token for another target": {elsewhere, false},
	} {
		for _, path := range []string{"", "/entries", "/export?format=ndjson", "/export?format=html", "/export?format=asciicast", "/verify"} {
			if status, body := g.get(c.token, "/sessions/"+id+path); (status == http.StatusOK) != c.may || !c.may && status != http.StatusForbidden {
				t.Errorf("%s: %s answers %d: %.200s", who, path, status, body)
			}
		}
		for _, path := range []string{"/sessions", "/search?q=carols", "/events"} {
			if status, body := g.get(c.token, path); status != http.StatusOK || strings.Contains(body, id) != c.may {
				t.Errorf("%s: %s answers %d: %.200s", who, path, status, body)
			}
		}
		for _, path := range []string{"/resources/target", "/verify"} {
			if status, body := g.get(c.token, path); status != http.StatusForbidden {
				t.Errorf("%s: %s answers %d: %.200s", who, path, status, body)
			}
		}
	}
	if out, err := g.psql("alice", scoped, "-c", "SELECT 1").CombinedOutput(); err == nil {
		t.Errorf("a token for the API alone connected: %s", out)
	}
	if out, err := g.over(auditor, "kill", id); err == nil {
		t.Errorf("an auditor ended a session: %s", out)
	}
}

// TestAccessExplain asks why, as an administrator and as somebody about themselves.
func TestAccessExplain(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	alice := g.token("alice")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--user", "alice", "--target", "orders"}, []string{"yes: user alice (groups: eng) has connect on orders, by engineers"}},
		{[]string{"--user", "alice", "--target", "orders", "--can", "review"}, []string{"no: ", "no role lets alice review requests for orders", "engineers  no      permission"}},
		{[]string{"--agent", "alice", "--target", "orders"}, []string{"no: agent alice (groups: none)", "engineers  no      member"}},
		{[]string{"--user", "alice", "--target", "lost"}, []string{"there is no target lost", "engineers  no      target"}},
		{[]string{"--user", "alice", "--group", "dba", "--target", "orders"}, []string{"(groups: dba)", "member"}},
	} {
		out := g.sallyport(append([]string{"access", "explain"}, c.args...)...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("access explain %v does not say %q:\n%s", c.args, want, out)
			}
		}
	}
	if out, err := g.over(alice, "access", "explain", "--target", "orders"); err != nil || !strings.Contains(out, "yes: ") {
		t.Errorf("alice asks about herself: %v: %s", err, out)
	}
	for _, args := range [][]string{{"--user", "bob"}, {"--group", "root"}} {
		if out, err := g.over(alice, append([]string{"access", "explain", "--target", "orders"}, args...)...); err == nil {
			t.Errorf("alice asks with %v: %s", args, out)
		}
	}
}
