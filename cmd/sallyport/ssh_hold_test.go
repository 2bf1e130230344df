package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const holdsRemoval = `---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: removal-needs-ops}
spec:
  targets: {labels: {env: test}}
  when: command.exec.programs.exists(p, p == "rm")
  verdict: hold
  approval: {any: [{groups: [ops]}], expires: 10m}
  message: removing files needs somebody of ops
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-shutdown}
spec:
  targets: {labels: {env: test}}
  when: command.exec.programs.exists(p, p == "shutdown")
  verdict: deny
  message: servers stay up
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: ops}
spec:
  members: {groups: [ops]}
  targets: {labels: {env: test}}
  can: [connect, replay, review]
`

// TestSSHHeldByPolicy has the real enforcer hold and deny command lines of a real ssh on a real sshd: what is approved on the
// command line runs, what is denied does not, and however the removal is dressed up it is held.
func TestSSHHeldByPolicy(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, holdsRemoval)
	known, askpass := filepath.Join(g.dir, "known_hosts"), filepath.Join(g.dir, "askpass")
	write(t, known, g.sallyport("ca", "--ssh")+"\n")
	write(t, askpass, "#!/bin/sh\necho "+g.token("alice@example.com")+"\n")
	if err := os.Chmod(askpass, 0o700); err != nil {
		t.Fatal(err)
	}
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "ops")
	victim := filepath.Join(t.TempDir(), "x")
	there := func() bool {
		_, err := os.Stat(victim)
		return err == nil
	}
	ssh := func(line string) (c *exec.Cmd, out *bytes.Buffer, errs *lockedBuffer) {
		c = exec.Command("ssh", "-F", "none", "-o", "UserKnownHostsFile="+known, "-o", "PreferredAuthentications=password", "-o", "LogLevel=ERROR",
			"-p", g.port, "alice@example.com+web1@127.0.0.1", line)
		c.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force")
		out, errs = new(bytes.Buffer), new(lockedBuffer)
		c.Stdout, c.Stderr = out, errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		return c, out, errs
	}
	for _, step := range []struct {
		line, decision string
		status         int
		says           string // on standard error
		out            string
		gone           bool
	}{
		{"rm -rf " + victim, "deny", 1, "denied by bob@example.com: not today", "", false},
		{"'r'm -rf " + victim, "deny", 1, "held for approval: removing files needs somebody of ops", "", false},
		{"shutdown -h now", "", 1, "servers stay up", "", false},
		{"test -d " + victim + " && echo still there", "", 0, "", "still there\n", false},
		{"rm -rf " + victim + "; echo done; exit 3", "approve", 3, "held for approval: removing files needs somebody of ops", "done\n", true},
	} {
		if err := os.MkdirAll(filepath.Join(victim, "deep"), 0o700); err != nil {
			t.Fatal(err)
		}
		c, out, errs := ssh(step.line)
		if step.decision != "" {
			a := g.waiting(bob)
			if !there() {
				t.Fatalf("%s: it ran before anybody consented", step.line)
			}
			if shown, err := g.as(bob, "approvals", "show", a.ID); err != nil || !strings.Contains(shown, step.line) {
				t.Errorf("%s: the reviewer sees %v %s", step.line, err, shown)
			}
			if said, err := g.as(bob, "approvals", step.decision, a.ID, "--reason", "not today"); err != nil {
				t.Fatalf("%s: %v %s", step.decision, err, said)
			}
		}
		_ = c.Wait() // its status is looked at
		if got := c.ProcessState.ExitCode(); got != step.status || !strings.Contains(errs.String(), step.says) || out.String() != step.out {
			t.Errorf("%s: status %d, want %d; %q, %q", step.line, got, step.status, out, errs)
		}
		if there() == step.gone {
			t.Errorf("%s: the directory is there: %v", step.line, there())
		}
	}
	g.search("verdict:held", 3)
	g.events("approval.approved", `bob@example.com`)
}
