package main_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/approvals"
)

const onRequest = `apiVersion: sallyport/v1
kind: Role
metadata: {name: orders-on-request}
spec:
  members: {groups: [support]}
  targets: {names: [orders]}
  request: {longest: 4h, approval: {any: [{groups: [dba]}]}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: dbas}
spec:
  members: {groups: [dba]}
  targets: {labels: {env: test}}
  can: [connect, review]
`

// TestAccessIsAwaited: who asks may wait for what is decided, and is told by the status, too.
func TestAccessIsAwaited(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	file := filepath.Join(g.dir, "request.yaml")
	write(t, file, onRequest)
	g.sallyport("apply", "-f", file)
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba")
	sue := g.sallyport("token", "create", "--user", "sue@example.com", "--group", "support")
	for decision, want := range map[string]string{"approve": " is used by bob@example.com", "deny": "there is no access: the request is denied"} {
		type said struct {
			out string
			err error
		}
		done := make(chan said, 1)
		go func() {
			out, err := g.as(sue, "access", "request", "orders", "--for", "2h", "--reason", "ticket 7", "--wait")
			done <- said{out, err}
		}()
		a := g.waiting(bob)
		if out, err := g.as(bob, "approvals", decision, a.ID, "--reason", "seen"); err != nil {
			t.Fatalf("%s: %v %s", decision, err, out)
		}
		if got := <-done; (got.err == nil) != (decision == "approve") || !strings.Contains(got.out, want) || !strings.Contains(got.out, a.ID+" is pending") {
			t.Errorf("%s: %v %s", decision, got.err, got.out)
		}
	}
}

// TestAccessForATime asks for access, uses it, is told of its end, and loses it when it is over and
// when it is revoked.
func TestAccessForATime(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), limits("grant_warning: 3h"))
	file := filepath.Join(g.dir, "request.yaml")
	write(t, file, onRequest)
	g.sallyport("apply", "-f", file)
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba")
	sue := g.sallyport("token", "create", "--user", "sue@example.com", "--group", "support")
	refused := func(why string) {
		t.Helper()
		if out, err := g.psql("sue@example.com", sue, "-c", "SELECT 1").CombinedOutput(); err == nil || !strings.Contains(string(out), "does not exist") {
			t.Errorf("%s: psql said %s", why, out)
		}
	}
	refused("without access")
	ask := func(args ...string) approvals.Approval {
		t.Helper()
		out, err := g.as(sue, append([]string{"access", "request", "orders", "--reason", "ticket 7", "--json"}, args...)...)
		var a approvals.Approval
		if err != nil || json.Unmarshal([]byte(out), &a) != nil {
			t.Fatalf("request: %v %s", err, out)
		}
		return a
	}
	approve := func(a approvals.Approval) {
		t.Helper()
		if out, err := g.as(bob, "approvals", "approve", a.ID); err != nil {
			t.Fatalf("approve: %v %s", err, out)
		}
		g.await("access", func() bool {
			out, err := g.as(sue, "access", "list")
			return err == nil && strings.Contains(out, a.ID) && strings.Contains(out, "active")
		})
	}
	first := ask("--for", "2h")
	refused("before it is approved")
	if out, err := g.as(bob, "access", "list"); err != nil || !strings.Contains(out, first.ID) || !strings.Contains(out, "ticket 7") {
		t.Errorf("what waits: %v %s", err, out)
	}
	approve(first)
	sh := g.shell("sue@example.com", sue)
	sh.run("SELECT 'rows: ' || count(*) FROM customers;", "rows: 2")
	sh.run("SELECT 1;", "your access to orders ends at ")
	if out, err := g.as(bob, "access", "revoke", first.ID, "--reason", "done"); err != nil || !strings.Contains(out, "revoked") {
		t.Fatalf("revoke: %v %s", err, out)
	}
	g.await("the session to end", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open && all[0].Reason == "expired" })
	refused("after it was revoked")

	second := ask("--until", time.Now().Add(20*time.Second).Format(time.RFC3339))
	approve(second)
	sh = g.shell("sue@example.com", sue)
	sh.run("SELECT 'again: ' || count(*) FROM customers;", "again: 2")
	g.await("the second session to end", func() bool {
		all := g.sessions()
		return len(all) == 2 && !all[0].Open && !all[1].Open
	})
	refused("after its end")
	g.await("the events", func() bool {
		all := g.sallyport("events", "--filter", "sallyport.event.access.>")
		for _, what := range []string{"requested", "approved", "granted", "revoked", "ended"} {
			if !strings.Contains(all, "sallyport.access."+what+".v1") {
				return false
			}
		}
		return true
	})
	if out, err := g.as(sue, "access", "request", "orders", "--from", "tomorrow"); exitCode(err) != 2 || !strings.Contains(out, "is not a moment") {
		t.Errorf("tomorrow: %v %s", err, out)
	}
}
