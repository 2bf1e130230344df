package main_test

import (
	"path/filepath"
	"testing"
)

const admins = `apiVersion: sallyport/v1
kind: Role
metadata: {name: admins}
spec:
  members: {groups: [admin]}
  targets: {names: ["*"]}
  can: [admin, replay]
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: orders-on-request}
spec:
  members: {groups: [support]}
  targets: {names: [orders]}
  request: {approval: {any: [{groups: [dba]}]}}
`

// TestBrowserConsole drives a real Chromium through what a reviewer and an administrator do: decide
// what waits, with psql waiting at the other end.
func TestBrowserConsole(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	g.holding()
	file := filepath.Join(g.dir, "admins.yaml")
	write(t, file, admins)
	g.sallyport("apply", "-f", file)
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "dba", "--group", "admin")
	alice := g.token("alice@example.com")
	b := &browser{t: t, g: g, token: alice}
	b.asked = map[string]func(said) map[string]string{
		// hold has alice run what waits.
		"hold": func(m said) map[string]string {
			sh := g.shell("alice@example.com", alice)
			sh.run(m.Text, "held for approval")
			b.shells[m.Text] = sh
			return map[string]string{}
		},
		// outcome returns once her psql has said something.
		"outcome": func(m said) map[string]string {
			b.shells[m.Text].run("", m.Want)
			return map[string]string{}
		},
	}
	carol := g.sallyport("token", "create", "--user", "carol@example.com", "--group", "support")
	b.play("console.mjs", "SALLYPORT_TOKEN="+bob, "SALLYPORT_GUEST="+carol)
}
