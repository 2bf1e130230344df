package main_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/ingress/ssh/sshtest"
)

const web1 = `apiVersion: sallyport/v1
kind: Target
metadata: {name: web1, labels: {env: test}}
spec:
  protocol: ssh
  address: ADDRESS
  notifyWatched: true
  credential: {username: USER, key: {file: KEYFILE}}
  ssh: {hostKeys: ["HOSTKEY"]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec:
  members: {groups: [eng]}
  targets: {labels: {env: test}}
  can: [connect, replay, watch, kill]
`

// TestPlayerSSH watches, steers and replays a real OpenSSH client on a real sshd in a real Chromium.
func TestPlayerSSH(t *testing.T) {
	target, err := sshtest.Start(t.Context(), sshtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Stop() })
	g := newGateway(t, newTarget(t), "")
	g.signal(syscall.SIGTERM)
	port := freePort(t)
	config, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, g.config, strings.Replace(string(config), "listen: {", fmt.Sprintf("listen: {ssh: \"127.0.0.1:%s\", ", port), 1))
	write(t, filepath.Join(g.dir, "resources.yaml"), strings.NewReplacer("ADDRESS", target.Address, "USER", target.User, "KEYFILE", target.Key, "HOSTKEY", target.HostKeys[0]).Replace(web1))
	g.start("up")

	token := g.token("alice")
	var client *shell
	b := &browser{t: t, g: g, token: token}
	b.asked = map[string]func(said) map[string]string{
		"ssh": func(said) map[string]string {
			client = g.ssh(port, "alice+web1", token)
			id := ""
			g.await("the session to be listed", func() bool {
				for _, s := range g.sessions() {
					id = s.ID
				}
				return id != ""
			})
			return map[string]string{"session": id}
		},
		"type": func(m said) map[string]string {
			at := time.Now()
			client.run(m.Text, m.Want)
			return map[string]string{"at": fmt.Sprint(at.UnixMilli())}
		},
		"send": func(m said) map[string]string {
			if _, err := io.WriteString(client.in, m.Text+"\n"); err != nil {
				return map[string]string{"error": err.Error()}
			}
			return map[string]string{}
		},
		"press": func(m said) map[string]string {
			if _, err := io.WriteString(client.in, m.Text); err != nil {
				return map[string]string{"error": err.Error()}
			}
			return map[string]string{}
		},
		"printed": func(m said) map[string]string {
			g.await("the client to print "+m.Want, func() bool { return strings.Contains(client.out.String(), m.Want) })
			return map[string]string{"output": client.out.String()}
		},
		"leave": func(said) map[string]string {
			_, _ = io.WriteString(client.in, "exit\n")
			select {
			case <-client.done:
			case <-time.After(patience):
				return map[string]string{"error": "ssh did not end"}
			}
			return map[string]string{}
		},
	}
	_, code, _ := strings.Cut(g.signInLink("alice"), "#code=")
	b.play("ssh.mjs", "SALLYPORT_CODE="+code)
}

// ssh is the real client on a terminal of its own, fed line by line.
func (g *gateway) ssh(port, user, token string) *shell {
	g.t.Helper()
	ask := filepath.Join(g.dir, "askpass")
	write(g.t, ask, "#!/bin/sh\necho '"+token+"'\n")
	if err := os.Chmod(ask, 0o700); err != nil {
		g.t.Fatal(err)
	}
	c := exec.Command("ssh", "-tt", "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1", user+"@127.0.0.1")
	c.Env = append(os.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "TERM=xterm-256color")
	s := &shell{t: g.t, out: new(lockedBuffer), cmd: c, done: make(chan error, 1)}
	c.Stdout, c.Stderr = s.out, s.out
	var err error
	if s.in, err = c.StdinPipe(); err != nil {
		g.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() { s.done <- c.Wait() }()
	g.t.Cleanup(func() { _ = c.Process.Kill() })
	s.run("PS1='rea''dy$ '; unset PROMPT_COMMAND", "ready$ ")
	return s
}
