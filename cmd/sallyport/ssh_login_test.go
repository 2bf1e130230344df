package main_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/ssh/sshtest"
)

// declareSSH declares sshd as the target web1, which the gateway's certificates open, and more.
func (g *gateway) declareSSH(sshd *sshtest.Server, more string) {
	g.t.Helper()
	file := filepath.Join(g.dir, "web1.yaml")
	write(g.t, file, strings.NewReplacer("ADDRESS", sshd.Address, "USER", sshd.User, "key: {file: KEYFILE}", "certificate: true",
		"HOSTKEY", sshd.HostKeys[0]).Replace(web1)+more)
	g.sallyport("apply", "-f", file)
}

// run runs a client's program to its end and returns what it wrote.
func run(t testing.TB, env []string, name string, args ...string) (out, errs string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &o, &e, 10*time.Second
	if err := c.Run(); err != nil {
		if _, exit := err.(*exec.ExitError); !exit {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// agent starts an SSH agent, and returns the path of its socket.
func agent(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	c := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return socket
		}
		if time.Now().After(deadline) {
			t.Fatal("the agent does not listen")
		}
	}
}

// TestLoginForSSH signs a terminal in, after which plain ssh works: with the files that login wrote, by jumping and without,
// and with the agent alone; and no longer once the user is gone.
func TestLoginForSSH(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	alice, base := g.signedIn(t)
	socket := agent(t)
	l := g.loginWith(t, []string{"SSH_AUTH_SOCK=" + socket}, "--device")
	code := l.saw(g, `enter the code (\S+)`)[1]
	if status, body := alice.call("POST", base+"/identity/device/"+code, `{"approve":true}`); status != http.StatusNoContent {
		t.Fatalf("approving: %d %s", status, body)
	}
	if err := l.cmd.Wait(); err != nil {
		t.Fatalf("sallyport login: %v\n%s%s", err, l.said, l.out.String())
	}
	config := regexp.MustCompile(`Include "(.+)"`).FindStringSubmatch(l.out.String())
	if config == nil || !strings.Contains(l.out.String(), "The SSH agent has it, too.") {
		t.Fatalf("sallyport login says:\n%s", l.out.String())
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(config[1]), "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("the files are %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
	alone, byAgent := []string{"HOME=" + l.home, "SSH_AUTH_SOCK="}, []string{"HOME=" + l.home, "SSH_AUTH_SOCK=" + socket}
	included := filepath.Join(l.home, "config")
	write(t, included, "Include \""+config[1]+"\"\nBatchMode yes\n")
	known := []string{"-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + filepath.Join(filepath.Dir(config[1]), "known_hosts")}
	direct := append(known, "-p", g.port, "alice+web1@127.0.0.1", "echo in")
	ways := map[string]struct {
		env  []string
		args []string
	}{
		"by jumping":            {alone, []string{"-F", included, "web1", "echo in"}},
		"by the gateway's name": {alone, []string{"-F", included, "-p", g.port, "alice+web1@127.0.0.1", "echo in"}},
		"by the agent alone":    {byAgent, direct},
	}
	for name, way := range ways {
		if out, errs, status := run(t, way.env, "ssh", way.args...); out != "in\n" || status != 0 {
			t.Errorf("%s: %q, %d: %s", name, out, status, errs)
		}
	}
	if out, errs, status := run(t, alone, "ssh", direct...); status != 255 {
		t.Errorf("without the certificate: %q, %d: %s", out, status, errs)
	}
	g.sallyport("user", "remove", "alice")
	for name, way := range ways {
		if out, errs, status := run(t, way.env, "ssh", way.args...); status != 255 {
			t.Errorf("%s, after the user was removed: %q, %d: %s", name, out, status, errs)
		}
	}
}

// TestSignInFromSSH signs ssh itself in with a browser, by the link that it shows.
func TestSignInFromSSH(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	alice, base := g.signedIn(t)
	known := filepath.Join(g.dir, "known_hosts")
	write(t, known, g.sallyport("ca", "--ssh")+"\n")
	askpass := filepath.Join(g.dir, "enter")
	write(t, askpass, "#!/bin/sh\necho\n")
	if err := os.Chmod(askpass, 0o700); err != nil {
		t.Fatal(err)
	}
	// connect runs ssh as user, has somebody decide in the browser, and returns how ssh ended.
	connect := func(user, decision string) (out, errs string) {
		t.Helper()
		c := exec.Command("ssh", "-F", "none", "-o", "UserKnownHostsFile="+known, "-o", "PreferredAuthentications=keyboard-interactive",
			"-o", "NumberOfPasswordPrompts=1", "-p", g.port, user+"+web1@127.0.0.1", "echo in")
		c.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force")
		var o bytes.Buffer
		said := new(lockedBuffer)
		c.Stdout, c.Stderr = &o, said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		var link []string
		g.await("ssh to show a link", func() bool {
			link = regexp.MustCompile(`(http\S+)/device\?code=(\S+)`).FindStringSubmatch(said.String())
			return link != nil
		})
		if link[1] != "http://"+g.web {
			t.Errorf("the link leads to %s", link[1])
		}
		code := link[2]
		if status, body := alice.call("GET", base+"/identity/device/"+code, ""); status != http.StatusOK ||
			!strings.Contains(body, "ssh client of "+user) || !strings.Contains(body, "127.0.0.1:") {
			t.Errorf("who asks: %d %s", status, body)
		}
		if status, body := alice.call("POST", base+"/identity/device/"+code, decision); status != http.StatusNoContent {
			t.Errorf("deciding: %d %s", status, body)
		}
		_ = c.Wait() // what it wrote says how
		return o.String(), said.String()
	}
	if out, errs := connect("alice", `{"approve":true}`); out != "in\n" {
		t.Errorf("approved: %q: %s", out, errs)
	}
	if out, errs := connect("alice", `{"approve":false}`); out != "" || !strings.Contains(errs, "refused in the browser") {
		t.Errorf("refused: %q: %s", out, errs)
	}
	if out, errs := connect("bob", `{"approve":true}`); out != "" || !strings.Contains(errs, "somebody else") {
		t.Errorf("another's consent: %q: %s", out, errs)
	}
	g.events("identity.signed_in", `"alice"`)
	g.events("identity.sign_in_failed", `"bob"`)
}
