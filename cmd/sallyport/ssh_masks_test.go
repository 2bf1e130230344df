package main_test

import (
	"os"
	"path/filepath"
	"regexp"
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

const masksMail = `---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: addresses}
spec: {targets: {names: [web1]}, detect: [email], except: {groups: [privacy]}}
`

// TestSSHMaskedFiles has a real scp, new and old, move a file with masked values: refused, with what to do, to who must not
// see them, and for who is excepted as it is, while the store holds none of them and they can be revealed.
func TestSSHMaskedFiles(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, masksMail)
	const secret = "zanzibar.quux@example.org"
	const text = "Ada  " + secret + "  and more\n"
	file := filepath.Join(t.TempDir(), "customers")
	write(t, file, text)
	carol := g.sallyport("token", "create", "--user", "carol", "--group", "eng", "--group", "privacy", "--ttl", "1h")
	tokens := map[string]string{"alice": g.token("alice"), "carol": carol}
	for _, flag := range []string{"-s", "-O"} {
		for user, token := range tokens {
			to := filepath.Join(t.TempDir(), "back")
			said, err := g.openSSH(token)("scp", flag, user+"+web1@127.0.0.1:"+file, to)
			back, _ := os.ReadFile(to)
			if user == "carol" && (err != nil || string(back) != text) {
				t.Errorf("scp %s of carol: %v, %q: %s", flag, err, back, said)
			}
			if user == "alice" && (err == nil || len(back) > 0 || !strings.Contains(said, "mask addresses hides email") || !strings.Contains(said, "read it with a command")) {
				t.Errorf("scp %s of alice: %v, %q: %s", flag, err, back, said)
			}
		}
	}
	var moved []string
	g.await("the sessions to be closed", func() bool {
		moved = nil
		closed := 0
		for _, s := range g.sessions() {
			if !s.Open {
				closed++
			}
			if s.Principal == "carol" {
				moved = append(moved, s.ID)
			}
		}
		return closed == 4
	})
	for _, id := range moved {
		found := regexp.MustCompile(`(?m)^(\d+) +0 +\d+ +masked +` + regexp.QuoteMeta(file) + "$").FindStringSubmatch(g.sallyport("files", id))
		if found == nil {
			t.Fatalf("the list is\n%s", g.sallyport("files", id))
		}
		if content, said := g.file(id, found[1], true); string(content) != "Ada  [redacted]  and more\n" || !strings.Contains(said, "what masks leave") {
			t.Errorf("the recording has %q: %s", content, said)
		}
		if out, err := g.over(carol, "reveal", id, found[1], "--reason", "which customer was called"); err != nil || !strings.Contains(out, "output at byte 5: "+secret) {
			t.Errorf("revealed: %v\n%s", err, out)
		}
	}
	g.stop()
	notStored(t, filepath.Join(g.dir, "data"), []string{secret})
}
