package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlayOnTerminal plays what a real ssh did on a real sshd on a real terminal: it is drawn there, from its beginning
// and from a moment on, and what the recording says to a terminal does not reach it. To a pipe it is text.
func TestPlayOnTerminal(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	known, askpass := filepath.Join(g.dir, "known_hosts"), filepath.Join(g.dir, "askpass")
	write(t, known, g.sallyport("ca", "--ssh")+"\n")
	write(t, askpass, "#!/bin/sh\necho "+g.token("alice@example.com")+"\n")
	if err := os.Chmod(askpass, 0o700); err != nil {
		t.Fatal(err)
	}
	// The pause is a part of the session: in it, the player shows what came before.
	ssh := exec.CommandContext(t.Context(), "ssh", "-tt", "-F", "none", "-o", "UserKnownHostsFile="+known, "-o", "PreferredAuthentications=password", "-o", "LogLevel=ERROR",
		"-p", g.port, "alice@example.com+web1@127.0.0.1", `printf '\033]52;c;cm0gLXJm\007\033[2J\033[3;5H\033[31m%s\033[0m' drawn-here; sleep 0.2; printf '\033[H'`)
	ssh.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force", "TERM=xterm")
	if out, err := ssh.CombinedOutput(); err != nil {
		t.Fatalf("ssh: %v: %s", err, out)
	}
	var id string
	g.await("the session to be over", func() bool {
		id, _, _ = strings.Cut(strings.TrimPrefix(g.sallyport("sessions", "--json"), `{"id":"`), `"`)
		return !strings.Contains(g.sallyport("sessions", "--json"), `"open":true`)
	})
	play := func(args string) string {
		t.Helper()
		line := g.command("play", id, "--config", g.config)
		c := exec.CommandContext(t.Context(), "script", "-qefc", fmt.Sprintf("stty cols 90 rows 20; exec %s %s", strings.Join(line.Args, " "), args), "/dev/null")
		c.Env = append(line.Env, "TERM=xterm")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("play: %v: %s", err, out)
		}
		return string(out)
	}
	for _, args := range []string{"--speed 100 --idle 1s", "--speed 100 --from 1ms"} {
		out := play(args)
		for _, want := range []string{"\x1b[?1049h", "\x1b[0;31mdrawn-here", "\x1b[?1049l"} {
			if !strings.Contains(out, want) {
				t.Errorf("play %s lacks %q: %q", args, want, out)
			}
		}
		if strings.Contains(out, "\x1b]") {
			t.Errorf("play %s passes on what the recording says to a terminal: %q", args, out)
		}
	}
	if text := g.sallyport("play", id, "--speed", "0"); !strings.Contains(text, "drawn-here") || strings.Contains(text, "\x1b") {
		t.Errorf("as text: %q", text)
	}
}
