package main_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"sallyport/cmd/internal/api"
)

// TestBrowserRuns drives a real Chromium through what an agent did with psql: from the prompt over what was allowed,
// held, denied and masked to what it does now.
func TestBrowserRuns(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	direct(t, target, "orders", "CREATE TABLE secrets (id int); ALTER TABLE customers ADD COLUMN note text")
	g := newGateway(t, target, "")
	bob, file := g.holding(), filepath.Join(g.dir, "agents.yaml")
	write(t, file, agents+`---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: names}
spec:
  targets: {names: [orders]}
  columns: ["customers.name"]
  with: redact
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-secrets}
spec:
  targets: {names: [orders]}
  when: '"public.secrets" in command.sql.reads'
  verdict: deny
  message: nobody reads secrets
`)
	g.sallyport("apply", "-f", file)
	root := g.sallyport("token", "create", "--agent", "triage", "--ttl", "2h")
	var made, child api.RunMade
	if status, body := g.post(root, "/runs", map[string]any{
		"prompt": promptOf, "model": "model-1", "attributes": map[string]string{"ticket": "T-17"}, "traceparent": traceOf,
	}, &made); status != http.StatusOK {
		t.Fatalf("open a run: %d %s", status, body)
	}
	if status, body := g.post(made.Token, "/runs", map[string]any{"prompt": "Count what is left."}, &child); status != http.StatusOK {
		t.Fatalf("open a run below: %d %s", status, body)
	}
	sh := g.shell("triage", made.Token)
	sh.run(statement+";", "[redacted]")
	sh.run("DELETE FROM customers;", "held for approval")
	if out, err := g.as(bob, "approvals", "approve", g.waiting(bob).ID, "--reason", "they are test data"); err != nil {
		t.Fatalf("approve: %v: %s", err, out)
	}
	sh.run("TABLE secrets;", "nobody reads secrets")
	sh.run("SELECT 1/0;", "division by zero")
	sh.leave()
	if out, err := g.psql("triage", child.Token, "-c", "SELECT count(*) AS left_over FROM customers").CombinedOutput(); err != nil {
		t.Fatalf("psql of the run below: %v: %s", err, out)
	}
	g.search("run:"+made.Run+" division", 1)
	g.search("run:"+child.Run+" left_over", 1)

	given, err := json.Marshal(map[string]any{
		"id": made.Run, "child": child.Run, "agent": "triage", "title": "Find the order of the customer who",
		"prompt": []string{"Find the order of the customer\nwho paid with", "and tell support."}, "secret": plantedCard, "live": "still looking",
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, g: g, asked: map[string]func(said) map[string]string{
		"live": func(said) map[string]string {
			g.shell("triage", made.Token).run("SELECT 'still ' || 'looking' AS \"still looking\";", "still looking")
			return map[string]string{}
		},
	}}
	reader := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba", "--group", "eng")
	b.play("runs.mjs", "SALLYPORT_TOKEN="+reader, "SALLYPORT_GUEST="+g.sallyport("token", "create", "--user", "carol"), "SALLYPORT_READER="+g.token("alice@example.com"), "SALLYPORT_RUN="+string(given))
}
