package main_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// TestBrowserDialogs opens menus and dialogs in a real Chromium, in both themes, wide and narrow.
func TestBrowserDialogs(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	file := filepath.Join(g.dir, "admins.yaml")
	write(t, file, "apiVersion: sallyport/v1\nkind: Role\nmetadata: {name: admins}\nspec:\n  members: {groups: [admin]}\n  targets: {names: [\"*\"]}\n  can: [admin, kill, watch, replay]\n")
	g.sallyport("apply", "-f", file)
	alice := g.token("alice")
	done := g.shell("alice", alice)
	done.run("SELECT name FROM customers ORDER BY id;", "Grace")
	done.leave()
	g.shell("alice", alice).run("SELECT 'live' || 'ly';", "lively")
	given := map[string]string{}
	g.await("an open and a closed session", func() bool {
		for _, s := range g.sessions() {
			given[map[bool]string{true: "open", false: "closed"}[s.Open]] = s.ID
		}
		return len(given) == 2 && given["open"] != given["closed"]
	})
	sessions, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	root := g.sallyport("token", "create", "--user", "root2", "--group", "admin", "--ttl", "1h")
	(&browser{t: t, g: g}).play("dialogs.mjs", "SALLYPORT_TOKEN="+root, "SALLYPORT_SESSIONS="+string(sessions))
}
