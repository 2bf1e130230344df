package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const masksAddresses = `---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: addresses}
spec: {targets: {names: [web1]}, detect: [email], except: {groups: [privacy]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: calls}
spec: {targets: {names: [web1]}, detect: [phone], except: {groups: [support]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: cards}
spec: {targets: {names: [web1]}, detect: [credit-card]}
`

// TestSSHMasksSealed has a real ssh show masked values to somebody excepted: the store holds none of them, and who is
// excepted reveals them, in place.
func TestSSHMasksSealed(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, masksAddresses)
	secrets := []string{"zanzibar.quux@example.org", "yggdrasil.frob@example.net", "+49 30 7654321"}
	file := filepath.Join(t.TempDir(), "customers")
	write(t, file, "Ada  "+secrets[0]+"  "+secrets[2]+"\n")
	known := filepath.Join(g.dir, "known_hosts")
	write(t, known, g.sallyport("ca", "--ssh")+"\n")
	alice := g.token("alice")
	carol := g.sallyport("token", "create", "--user", "carol", "--group", "eng", "--group", "privacy", "--ttl", "1h")
	dave := g.sallyport("token", "create", "--user", "dave", "--group", "eng", "--group", "privacy", "--group", "support", "--ttl", "1h")
	input := filepath.Join(g.dir, "input")
	write(t, input, "from "+secrets[0])
	ssh := func(user, token, line string) (out, errs string) {
		askpass := filepath.Join(g.dir, "askpass-"+user)
		write(t, askpass, "#!/bin/sh\necho "+token+"\n")
		if err := os.Chmod(askpass, 0o700); err != nil {
			t.Fatal(err)
		}
		out, errs, status := run(t, []string{"SSH_AUTH_SOCK=", "SSH_ASKPASS=" + askpass, "SSH_ASKPASS_REQUIRE=force"}, "sh", "-c", `exec ssh "$@" < `+input, "sh", "-F", "none",
			"-o", "UserKnownHostsFile="+known, "-o", "PreferredAuthentications=password", "-o", "LogLevel=ERROR", "-p", g.port, user+"+web1@127.0.0.1", line)
		if status != 0 {
			t.Errorf("%s: %s: status %d: %s", user, line, status, errs)
		}
		return out, errs
	}
	line := "cat > " + filepath.Join(t.TempDir(), "sent") + "; cat " + file + "; echo to " + secrets[1] + " >&2; : 4111 1111 1111 1111"
	hidden := "Ada  [redacted]  [redacted]\n"
	if out, errs := ssh("alice", alice, line); out != hidden || errs != "to [redacted]\n" {
		t.Errorf("alice sees %q, %q", out, errs)
	}
	if out, errs := ssh("carol", carol, line); out != "Ada  "+secrets[0]+"  [redacted]\n" || errs != "to "+secrets[1]+"\n" {
		t.Errorf("carol sees %q, %q", out, errs)
	}
	if out, _ := ssh("dave", dave, line); out != "Ada  "+secrets[0]+"  "+secrets[2]+"\n" {
		t.Errorf("dave sees %q", out)
	}
	ids := map[string]string{}
	g.await("the sessions to be closed", func() bool {
		for _, s := range g.sessions() {
			if !s.Open {
				ids[s.Principal] = s.ID
			}
		}
		return len(ids) == 3
	})
	for user, id := range ids {
		if all := g.entries(id) + g.sallyport("export", id, "--format", "html"); slices.ContainsFunc(secrets, func(v string) bool { return strings.Contains(all, v) }) ||
			strings.Contains(all, `"4111"`) || strings.Count(all, "[redacted]") == 0 {
			t.Errorf("%s: the recording is\n%s", user, g.entries(id))
		}
	}
	if all := g.entries(ids["carol"]); !strings.Contains(all, `"kind":"concealed","command":2,"masks":["addresses"]`) || strings.Contains(all, `"kind":"unknown"`) {
		t.Errorf("what is concealed is not told:\n%s", all)
	}
	reveal := func(token, user, want, not string) {
		t.Helper()
		out, err := g.over(token, "reveal", ids[user], "--reason", "which customer was called")
		if (err == nil) != (want != "") || !strings.Contains(out, want) || not != "" && strings.Contains(out, not) {
			t.Errorf("%s's session reveals: %v\n%s", user, err, out)
		}
	}
	reveal(carol, "carol", "output at byte 5: "+secrets[0]+"\n", "")
	reveal(carol, "carol", "error output at byte 3: "+secrets[1], secrets[2])
	reveal(carol, "carol", "input at byte 5: "+secrets[0]+"\n", "")
	reveal(dave, "dave", "output at byte 5: "+secrets[0]+"\n", "")
	reveal(dave, "dave", "output at byte 17: "+secrets[2]+"\n", "")
	reveal(carol, "dave", "1 frames are withheld", secrets[2])
	reveal(alice, "dave", "", secrets[0])
	g.events("session.viewed", "which customer was called")
	if out := g.sallyport("verify"); strings.Contains(out, "wrong") || !strings.Contains(out, "whole") {
		t.Errorf("verify: %s", out)
	}
	g.stop()
	notStored(t, filepath.Join(g.dir, "data"), secrets)
}
