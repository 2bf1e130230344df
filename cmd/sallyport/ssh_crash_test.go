package main_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sallyport/schemas/journal/journaltest"
)

// openSSH returns what runs ssh or scp with a token to its end, and returns what it said on standard error. Its first
// arguments are the program's own, after those that lead to the gateway.
func (g *gateway) openSSH(token string) func(program string, args ...string) (string, error) {
	g.t.Helper()
	known, askpass := filepath.Join(g.dir, "known_hosts"), filepath.Join(g.dir, "askpass")
	write(g.t, known, g.sallyport("ca", "--ssh")+"\n")
	write(g.t, askpass, "#!/bin/sh\necho "+token+"\n")
	if err := os.Chmod(askpass, 0o700); err != nil {
		g.t.Fatal(err)
	}
	return func(program string, args ...string) (string, error) {
		port := map[string]string{"ssh": "-p", "scp": "-P"}[program]
		c := exec.CommandContext(g.t.Context(), program, append([]string{"-F", "none", "-o", "UserKnownHostsFile=" + known,
			"-o", "PreferredAuthentications=password", "-o", "LogLevel=ERROR", port, g.port}, args...)...)
		c.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force")
		var errs bytes.Buffer
		c.Stderr = &errs
		err := c.Run()
		return errs.String(), err
	}
}

// TestSSHKilledGateway kills the gateway under a shell: what was typed and shown is there, and the session is closed as
// gateway_lost.
func TestSSHKilledGateway(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	s := g.ssh(g.port, "alice@example.com+web1", g.token("alice@example.com"))
	s.run("echo before-the-''crash", "before-the-crash")
	g.await("the screen to be on the log", func() bool {
		all := g.sessions()
		return len(all) == 1 && strings.Contains(g.entries(all[0].ID), "before-the-crash")
	})

	g.signal(syscall.SIGKILL)
	g.start("up")
	g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open })
	one := g.newest()
	if one.Reason != "gateway_lost" {
		t.Errorf("the session was closed as %q, want gateway_lost", one.Reason)
	}
	if hit := g.search("before-the-crash field:screen", 1)[0]; hit.Session != one.ID {
		t.Errorf("the search found session %s, want %s", hit.Session, one.ID)
	}
	if out := g.sallyport("verify", one.ID); !strings.Contains(out, "whole") {
		t.Errorf("verify says: %s", out)
	}
	if said, err := g.openSSH(g.token("alice@example.com"))("ssh", "alice@example.com+web1@127.0.0.1", "true"); err != nil {
		t.Errorf("the gateway takes no sessions after the crash: %v: %s", err, said)
	}
}

// TestSSHLogGoesAway takes the log away under a shell: what is typed afterwards never reaches the target.
func TestSSHLogGoesAway(t *testing.T) {
	t.Parallel()
	proxy := journaltest.NewProxy(t, journaltest.Server(t))
	g, sshd := newSSHGateway(t, "nats: {url: \""+proxy.URL()+"\"}\nlimits: {acknowledge: 5s, lease: 5s}\n")
	g.declareSSH(sshd, "")
	dir := t.TempDir()
	s := g.ssh(g.port, "alice@example.com+web1", g.token("alice@example.com"))
	s.run("touch "+dir+"/recorded && echo 'do''ne'", "done")
	proxy.Hold()
	_, _ = io.WriteString(s.in, "touch "+dir+"/unrecorded\n") // the session may end meanwhile
	<-s.done
	if said := s.out.String(); !strings.Contains(said, "cannot be recorded") {
		t.Errorf("ssh was not told why its session ended:\n%s", said)
	}
	for name, want := range map[string]bool{"recorded": true, "unrecorded": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: there: %t, want %t", name, err == nil, want)
		}
	}
}

// TestSSHFullDisk uploads more than the log can take: scp fails, and whatever of the file is at the target is in the
// recording, byte for byte.
func TestSSHFullDisk(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t, "limits: {acknowledge: 5s}\n")
	g.declareSSH(sshd, "")
	token := g.token("alice@example.com")
	run := g.openSSH(token)
	content := make([]byte, 32<<20)
	for i := range content {
		content[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)
	}
	from, to := filepath.Join(t.TempDir(), "large"), filepath.Join(t.TempDir(), "arrived")
	write(t, from, string(content))
	g.signal(syscall.SIGTERM)
	g.wrap = []string{"bash", "-c", `ulimit -f 4096; exec "$@"`, "bash"}
	g.start("up")
	g.wrap = nil
	if said, err := run("scp", from, "alice@example.com+web1@127.0.0.1:"+to); err == nil {
		t.Errorf("scp says that it went well: %s", said)
	}
	<-g.done
	g.start("up")
	g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open })
	id := g.newest().ID
	opened := regexp.MustCompile(`"number":(\d+),[^\n]*"text":"open [^"]* for writing"`).FindStringSubmatch(g.entries(id))
	if opened == nil {
		t.Fatalf("no file was opened:\n%.2000s", g.entries(id))
	}
	recorded, _ := g.file(id, opened[1], false)
	arrived, err := os.ReadFile(to)
	if err != nil || len(arrived) == 0 || len(arrived) == len(content) {
		t.Fatalf("%d bytes arrived, %v", len(arrived), err)
	}
	if !bytes.HasPrefix(recorded, arrived) {
		t.Errorf("%d bytes arrived, and those recorded, %d, are not the same", len(arrived), len(recorded))
	}
	if out := g.sallyport("verify"); !strings.Contains(out, "whole") {
		t.Errorf("verify says: %s", out)
	}
}
