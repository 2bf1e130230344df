package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const keepsOut = `---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: keep-out}
spec:
  targets: {labels: {env: test}}
  when: command.file.path.startsWith("PLACE/")
  verdict: deny
  message: that place is closed
`

// TestSSHScpByPolicy has the real enforcer judge what scp moves, with the new protocol and with the old one: a policy
// about files is the same for both, and the old one's far end in other clothes is no way round it.
func TestSSHScpByPolicy(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	closed, open, local := dir+"/closed", dir+"/open place", dir+"/a b"
	for _, d := range []string{closed, open} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, d+"/there", "there")
	}
	write(t, local, "text")
	if err := os.Symlink(closed, open+"/way"); err != nil {
		t.Fatal(err)
	}
	g.declareSSH(sshd, strings.Replace(keepsOut, "PLACE", closed, 1))
	run := g.openSSH(g.token("alice@example.com"))
	const gateway = "alice@example.com+web1@127.0.0.1"
	for _, protocol := range []string{"-s", "-O"} {
		quoted := func(p string) string {
			if protocol == "-O" { // a shell at the other end reads it
				p = strings.ReplaceAll(p, " ", `\ `)
			}
			return gateway + ":" + p
		}
		for _, step := range []struct {
			from, to string
			allowed  bool
		}{
			{local, quoted(open + "/up" + protocol), true}, {local, quoted(open), true}, {quoted(open + "/a b"), dir + "/down" + protocol, true},
			{local, quoted(closed + "/x"), false}, {local, quoted(closed), false}, {local, quoted(open + "/way/x"), false}, {local, quoted(closed + "/../closed/x"), false},
			{quoted(closed + "/there"), dir + "/x", false}, {quoted(open + "/way/there"), dir + "/x", false},
		} {
			said, err := run("scp", protocol, step.from, step.to)
			if (err == nil) != step.allowed || strings.Contains(said, "that place is closed") == step.allowed {
				t.Errorf("scp %s %s %s: %v, %s", protocol, step.from, step.to, err, said)
			}
		}
		if b, err := os.ReadFile(dir + "/down" + protocol); err != nil || string(b) != "text" {
			t.Errorf("%s brought back %q, %v", protocol, b, err)
		}
	}
	for _, line := range []string{"cd " + closed + " && scp -t .", "sh -c 'scp -f " + closed + "/there'"} {
		if said, err := run("ssh", gateway, line); err == nil || !strings.Contains(said, "only as scp itself calls them") {
			t.Errorf("%s: %v, %s", line, err, said)
		}
	}
	if all, err := os.ReadDir(closed); err != nil || len(all) != 1 {
		t.Errorf("the closed place has %v, %v", all, err)
	}
	if _, err := os.Stat(dir + "/x"); err == nil {
		t.Error("something came out of the closed place")
	}
	if found := g.sallyport("search", "kind:FILE \"up-O\""); !strings.Contains(found, "up-O") {
		t.Errorf("search finds %s", found)
	}
}
