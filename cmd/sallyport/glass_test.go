package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGoingOnWithoutConsent lets somebody on call run what is held without consent: psql goes on, it
// is told loudly, and somebody says afterwards what they think of it.
func TestGoingOnWithoutConsent(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	bob := g.holding()
	file := filepath.Join(g.dir, "glass.yaml")
	write(t, file, strings.Replace(holds, "approval: {any: [{groups: [dba]}], expires: 10m}", "approval: {any: [{groups: [dba]}], expires: 10m, breakGlass: [oncall]}", 1))
	g.sallyport("apply", "-f", file)
	oncall := g.sallyport("token", "create", "--user", "alice@example.com", "--group", "eng", "--group", "oncall")
	eng := g.sallyport("token", "create", "--user", "alice@example.com", "--group", "eng")
	sh := g.shell("alice@example.com", eng)
	sh.run("DELETE FROM customers;", "held for approval")
	a := g.waiting(bob)
	for who, token := range map[string]string{"a reviewer": bob, "not on call": eng} {
		if out, err := g.as(token, "approvals", "break-glass", a.ID, "--reason", "x"); err == nil {
			t.Errorf("%s: %s", who, out)
		}
	}
	if out, err := g.as(oncall, "approvals", "break-glass", a.ID); err == nil || !strings.Contains(out, "needs a reason") {
		t.Errorf("without a reason: %s", out)
	}
	if out, err := g.as(oncall, "approvals", "break-glass", a.ID, "--reason", "checkout is down"); err != nil {
		t.Fatalf("break-glass: %v %s", err, out)
	}
	sh.run("SELECT 'left: ' || count(*) FROM customers;", "left: 0")
	g.await("it to be among the unreviewed", func() bool {
		out, err := g.as(bob, "approvals", "list", "--status", "unreviewed")
		return err == nil && strings.Contains(out, a.ID)
	})
	if out, err := g.as(oncall, "approvals", "approve", a.ID); err == nil {
		t.Errorf("she reviews it herself: %s", out)
	}
	if out, err := g.as(bob, "approvals", "deny", a.ID, "--reason", "ask the owners first"); err != nil || !strings.Contains(out, "is used") {
		t.Errorf("afterwards: %v %s", err, out)
	}
	if out, err := g.as(bob, "approvals", "show", a.ID); err != nil || !strings.Contains(out, "alice@example.com: checkout is down") || !strings.Contains(out, "bob@example.com: deny ask the owners first") {
		t.Errorf("shown: %v %s", err, out)
	}
	g.await("the events", func() bool {
		all := g.sallyport("events", "--filter", "sallyport.event.approval.>")
		return strings.Contains(all, "sallyport.approval.break_glass.v1") && strings.Contains(all, "sallyport.approval.reviewed_after.v1")
	})
}
