package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sallyport/cmd/internal/client"
	"sallyport/ingress/ssh/sshtest"
)

// newSSHGateway starts a gateway that speaks SSH, with more in its configuration, and a real sshd that trusts the
// gateway's authority and nothing else.
func newSSHGateway(t testing.TB, more ...string) (*gateway, *sshtest.Server) {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), port: freePort(t)}
	g.web, g.config = "127.0.0.1:"+freePort(t), filepath.Join(g.dir, "sallyport.yaml")
	write(t, g.config, fmt.Sprintf("data_dir: ./data\nlisten: {web: %q, ssh: \"127.0.0.1:%s\"}\n%s", g.web, g.port, withLimits(strings.Join(more, ""))))
	var err error
	if g.client, err = client.New(client.Config{Socket: filepath.Join(g.dir, "data", "sallyport.sock")}); err != nil {
		t.Fatal(err)
	}
	g.start("up")
	t.Cleanup(g.stop)
	sshd, err := sshtest.Start(context.Background(), sshtest.Config{UserCAs: []string{g.sallyport("ca", "--ssh-users")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sshd.Stop() })
	return g, sshd
}

// TestSSHDocumentRuns runs every shell block of the SSH how-to against a real sshd, which trusts the
// gateway's authority and nothing else, and looks for what was done in the list of sessions.
func TestSSHDocumentRuns(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)

	text := page(t, "deploy/docs/ssh.md")
	for i, yaml := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		file := filepath.Join(g.dir, fmt.Sprintf("declared%d.yaml", i))
		write(t, file, strings.NewReplacer("10.0.0.7:22", sshd.Address, "username: deploy", "username: "+sshd.User,
			"ssh-ed25519 AAAA…", sshd.HostKeys[0]).Replace(yaml[1]))
		g.sallyport("apply", "-f", file)
	}
	write(t, filepath.Join(g.dir, "role.yaml"), "apiVersion: sallyport/v1\nkind: Role\nmetadata: {name: eng}\nspec: {members: {groups: [eng]}, targets: {labels: {env: prod}}}\n")
	g.sallyport("apply", "-f", filepath.Join(g.dir, "role.yaml"))

	bin := filepath.Join(g.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "sallyport"), "#!/bin/sh\nexport "+runAsMain+"=1\nexec "+exe+" \"$@\"\n")
	if err := os.Chmod(filepath.Join(bin, "sallyport"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\nexport PATH=" + bin + ":$PATH\n"
	for _, block := range blocks.FindAllStringSubmatch(text, -1) {
		script += block[1]
	}
	script = strings.NewReplacer("-p 7022", "-p "+g.port, "-P 7022", "-P "+g.port, "Port 7022", "Port "+g.port, "127.0.0.1:7080", g.web,
		"@127.0.0.1:/tmp/", "@127.0.0.1:"+t.TempDir()+"/").Replace(script)
	c := exec.Command("bash", "-c", script)
	c.Dir = g.dir
	c.Env = append(os.Environ(), "SSH_AUTH_SOCK=")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n--- what ran:\n%s\n--- sshd:\n%s", err, out, script, sshd.Log())
	}
	if n := strings.Count(string(out), "hello\n"); n != 3 {
		t.Errorf("hello came %d times:\n%s", n, out)
	}
	g.await("the sessions to be listed", func() bool { return strings.Count(g.sallyport("sessions"), "web1") == 4 })
}
