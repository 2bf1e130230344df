package main_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sallyport/approvals"
	"sallyport/schemas/journal/journaltest"
)

const holds = `apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-destructive-sql}
spec:
  targets: {labels: {env: test}}
  when: command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write
  verdict: hold
  approval: {any: [{groups: [dba]}], expires: 10m}
  message: destructive SQL needs a DBA
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: dbas}
spec:
  members: {groups: [dba]}
  targets: {labels: {env: test}}
  can: [connect, replay, review]
`

// holding declares that destructive SQL is held, and returns the token of bob, who is a DBA.
func (g *gateway) holding() (bob string) {
	g.t.Helper()
	file := filepath.Join(g.dir, "holds.yaml")
	write(g.t, file, holds)
	g.sallyport("apply", "-f", file)
	return g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba")
}

// as runs a client command with a user's token at the administrator's socket.
func (g *gateway) as(token string, args ...string) (string, error) {
	c := g.command(append(args, "--config", g.config)...)
	c.Env = append(c.Env, "SALLYPORT_TOKEN="+token)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// waiting returns the one request that waits.
func (g *gateway) waiting(token string) (a approvals.Approval) {
	g.t.Helper()
	g.await("a request", func() bool {
		out, err := g.as(token, "approvals", "list", "--json")
		return err == nil && strings.Count(out, "\n") == 0 && json.Unmarshal([]byte(out), &a) == nil
	})
	return a
}

// TestApprovalsByCommandLine takes a held DELETE from psql over the reviewer's command line to
// search, export and events.
func TestApprovalsByCommandLine(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	bob, alice := g.holding(), g.token("alice@example.com")
	sh := g.shell("alice@example.com", alice)
	sh.run("DELETE FROM customers;", "held for approval: destructive SQL needs a DBA")
	a := g.waiting(bob)
	if out := g.sallyport("approvals", "list"); !strings.Contains(out, a.ID) || !strings.Contains(out, "DELETE FROM customers;") {
		t.Errorf("list: %s", out)
	}
	if out, err := g.as(bob, "approvals", "show", a.ID); err != nil || !strings.Contains(out, "1 of dba") || !strings.Contains(out, "\nDELETE FROM customers;") {
		t.Errorf("show: %v %s", err, out)
	}
	for who, token := range map[string]string{"the administrator": "", "alice": alice} {
		if out, err := g.as(token, "approvals", "approve", a.ID); err == nil {
			t.Errorf("%s approved it: %s", who, out)
		}
	}
	out, err := g.as(bob, "approvals", "approve", a.ID, "--reason", "they are test data")
	if err != nil || out != a.ID+" is approved" && out != a.ID+" is used" {
		t.Fatalf("approve: %v %s", err, out)
	}
	sh.run("SELECT 'left: ' || count(*) FROM customers;", "left: 0")
	if out, err := g.as(bob, "approvals", "deny", a.ID); err == nil || !strings.Contains(out, "already") {
		t.Errorf("a late review: %v %s", err, out)
	}
	sh.run("SET statement_timeout = '300ms'; TRUNCATE customers;", "canceling statement due to statement timeout")
	hits := g.search("verdict:held customers DELETE", 1)
	transcript := g.sallyport("play", hits[0].Session, "--speed", "100000")
	for _, want := range []string{"held until approved (request " + a.ID + ")", "approved by bob@example.com: they are test data"} {
		if !strings.Contains(transcript, want) {
			t.Errorf("the player's text lacks %q:\n%s", want, transcript)
		}
	}
	if _, err := g.as("", "approvals", "list", "--status", "odd"); exitCode(err) != 1 {
		t.Errorf("an odd status: %v", err)
	}
	g.await("the events", func() bool {
		all := g.sallyport("events", "--filter", "sallyport.event.approval.>")
		return strings.Contains(all, "sallyport.approval.requested.v1") && strings.Contains(all, "sallyport.approval.approved.v1") && strings.Contains(all, "sallyport.approval.used.v1")
	})
}

func exitCode(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}

// TestApprovalsServiceIsKilled: what waits goes on waiting, and is decided by the next one.
func TestApprovalsServiceIsKilled(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	log := "nats: {url: \"" + journaltest.Server(t) + "\"}\n"
	newGateway(t, target, log, "enforcer")
	read := newGateway(t, target, log, "replay")
	gate := newGateway(t, target, log, "gateway")
	service := newGateway(t, target, log, "approvals")
	bob := read.holding()
	sh := gate.shell("alice@example.com", read.token("alice@example.com"))
	sh.run("DROP TABLE customers;", "held for approval")
	a := read.waiting(bob)
	service.signal(syscall.SIGKILL)
	sh2 := gate.shell("alice@example.com", read.token("alice@example.com"))
	sh2.run("DROP TABLE customers;", "no approvals service answered")
	service.start("approvals")
	if out, err := read.as(bob, "approvals", "deny", a.ID, "--reason", "no"); err != nil {
		t.Fatalf("deny: %v %s", err, out)
	}
	sh.run("SELECT 'rows: ' || count(*) FROM customers;", "rows: 2")
	if !strings.Contains(sh.out.String(), "refused: denied by bob@example.com: no") {
		t.Errorf("psql said %s", sh.out)
	}
}

// TestEstimate: what a held DELETE would touch is read with an account that may only read, and shown to
// who decides.
func TestEstimate(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	direct(t, target, "orders", "INSERT INTO customers SELECT i, 'x' FROM generate_series(3, 5000) i; ANALYZE customers; "+
		"CREATE ROLE estimates LOGIN PASSWORD 'planted-of-estimates'; GRANT SELECT ON customers TO estimates; ALTER ROLE estimates SET default_transaction_read_only = on")
	g := newGateway(t, target, "")
	bob := g.holding()
	declared, _, _ := strings.Cut(strings.ReplaceAll(declared, "ADDRESS", target.Address()), "---")
	declared = strings.Replace(declared, "  postgres: {", "  postgres: {estimate: {username: estimates, password: {file: estimates.secret}}, ", 1)
	write(t, filepath.Join(g.dir, "estimates.secret"), "planted-of-estimates\n")
	write(t, filepath.Join(g.dir, "more.yaml"), strings.ReplaceAll(declared, "estimates.secret", filepath.Join(g.dir, "estimates.secret")))
	g.sallyport("apply", "-f", filepath.Join(g.dir, "more.yaml"))
	sh := g.shell("alice@example.com", g.token("alice@example.com"))
	sh.run("DELETE FROM customers WHERE id > 0 OR true;", "held for approval")
	a := g.waiting(bob)
	g.await("the estimate", func() bool {
		out, err := g.as(bob, "approvals", "show", a.ID)
		return err == nil && strings.Contains(out, "about 5,000 rows") && strings.Contains(out, "public.customers")
	})
	if out, err := g.as(bob, "approvals", "approve", a.ID); err != nil {
		t.Fatalf("approve: %v %s", err, out)
	}
	sh.run("SELECT 'left: ' || count(*) FROM customers;", "left: 0")
	if n := direct(t, target, "orders", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'estimates'"); n != "0" {
		t.Errorf("%s connections of the estimates' account are left", n)
	}
}

// TestGatewayIsKilledWhileItHolds: nothing runs, whoever approves it then.
func TestGatewayIsKilledWhileItHolds(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	bob := g.holding()
	sh := g.shell("alice@example.com", g.token("alice@example.com"))
	sh.run("DROP TABLE customers;", "held for approval")
	a := g.waiting(bob)
	g.signal(syscall.SIGKILL)
	g.start("up")
	if out, err := g.as(bob, "approvals", "approve", a.ID); err != nil {
		t.Fatalf("approve: %v %s", err, out)
	}
	if n := direct(t, target, "orders", "SELECT count(*) FROM customers"); n != "2" {
		t.Errorf("%s rows are left", n)
	}
}
