package ssh_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// agent starts a real ssh-agent, and returns its socket.
func agent(t testing.TB) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command(lookup(t, "ssh-agent"), "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it says where it listens, once it does
		t.Fatal(err)
	}
	return socket
}

// Whoever asks for their agent or display to be forwarded gets neither, is told so by their client, and the command runs all
// the same. That it was asked for is on the log.
func TestAgentAndDisplayAreNotForwarded(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		command string
		notice  string
	}{
		"agent":   {[]string{"-A", "-o", "IdentityAgent=" + agent(t)}, "echo ${SSH_AUTH_SOCK-none}", "refused: auth-agent-req@openssh.com"},
		"display": {[]string{"-Y"}, "echo ${DISPLAY-none}", "refused: x11-req"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{})
			cmd := g.command(t, "ssh", append(c.args, "-o", "LogLevel=INFO", "gw", c.command)...)
			cmd.Env = append(cmd.Env, "DISPLAY=127.0.0.1:77")
			if got := finish(t, cmd); got.out != "none\n" || got.status != 0 || name == "display" && !strings.Contains(got.err, "X11 forwarding request failed") {
				t.Errorf("%+v", got)
			}
			noted := 0
			for _, e := range g.closed(t) {
				if e.GetNotice().GetBody().GetMessage() == c.notice {
					noted++
				}
			}
			if noted != 1 {
				t.Errorf("%q is on the log %d times", c.notice, noted)
			}
		})
	}
}

// Which signal ended a command is on the log.
func TestEndsBySignalsAreRecorded(t *testing.T) {
	g := start(t, options{})
	for _, signal := range []string{"TERM", "KILL", "USR1", "SEGV"} {
		if got := g.ssh(t, "", "gw", "kill -"+signal+" $$"); got.status != 255 {
			t.Errorf("%s: %+v", signal, got)
		}
	}
	g.stop()
	seen := map[string]bool{}
	for _, id := range g.Sessions(t) {
		for _, r := range results(g.Closed(t, id)) {
			seen[r.Tag] = true
		}
	}
	for _, want := range []string{"signal TERM", "signal KILL", "signal USR1", "signal SEGV"} {
		if !seen[want] {
			t.Errorf("%q is not on the log, of %v", want, seen)
		}
	}
}
