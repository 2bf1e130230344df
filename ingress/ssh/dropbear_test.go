package ssh_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const targetPassword = "planted-password-of-the-target"

// dropbear starts a gateway on host, with a Dropbear on host as its target, at which it signs in with a password.
func dropbear(t testing.TB, host string) *gateway {
	t.Helper()
	target, err := sshtest.Dropbear(t.Context(), host, targetPassword)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Stop() })
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(targetPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, options{host: host, sshd: target, target: func(r *resources.Target) {
		r.Credential = resources.Credential{Username: target.User, Password: &resources.SecretRef{File: secret}}
	}})
}

// Dropbear as the target: a password that only the gateway knows, every kind of its host keys, and what people do.
func TestDropbearTarget(t *testing.T) {
	g := dropbear(t, "127.0.0.1")
	if got := g.ssh(t, "to stdin", "gw", "id -un; cat; echo err >&2; exit 7"); got.out != sshtest.Keeper+"\nto stdin" && got.out != "root\nto stdin" || got.err != "err\n" || got.status != 7 {
		t.Errorf("a command: %+v", got)
	}
	if got := g.ssh(t, "stty size; exit 4\n", "-tt", "gw"); got.status != 4 {
		t.Errorf("a shell: %+v", got)
	}
	g.Enforcer.Set("r1", transfers)
	data := noise(t, 300<<10)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a", data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-q", "-O", dir + "/a", "gw:" + dir + "/b"}, {"-q", "-O", "gw:" + dir + "/b", dir + "/c"}} {
		if got := finish(t, g.command(t, "scp", args...)); got.status != 0 {
			t.Fatalf("scp %v: %+v", args, got)
		}
	}
	if !bytes.Equal(mustRead(t, dir+"/c"), data) {
		t.Error("scp brought something else back")
	}
	for i, key := range g.sshd.HostKeys {
		declared, _ := g.Targets.Target("web1")
		r := *declared.Target
		r.SSH = &resources.SSH{HostKeys: []string{key}}
		g.Targets.Put("web1", r)
		if got := g.ssh(t, "", "gw", "echo in"); got.out != "in\n" {
			t.Errorf("host key %d, %s: %+v", i, strings.Fields(key)[0], got)
		}
	}
	if log := g.sshd.Log(); !strings.Contains(log, "Password auth succeeded for '"+sshtest.Keeper+"'") {
		t.Errorf("the target says\n%s", log)
	}
	g.stop()
	files := 0
	for _, id := range g.Sessions(t) {
		for _, e := range g.Closed(t, id) {
			if e.GetFile() != nil {
				files++
			}
			if strings.Contains(e.String(), targetPassword) {
				t.Errorf("the target's password is on the log: %v", e)
			}
		}
	}
	if files != 2 {
		t.Errorf("%d files are recorded", files)
	}
}

// Everything over IPv6: the gateway's listener, a target by name and port, a jump, a forward.
func TestIPv6(t *testing.T) {
	g := dropbear(t, "::1")
	if got := g.ssh(t, "", "gw", "echo $SSH_CONNECTION"); !strings.HasPrefix(got.out, "::1 ") {
		t.Errorf("%+v", got)
	}
	if got := g.ssh(t, "", "web1", "echo in"); got.out != "in\n" {
		t.Errorf("by jumping: %+v", got)
	}
	known := filepath.Join(t.TempDir(), "known_hosts")
	_, port, _ := net.SplitHostPort(g.sshd.Address)
	if err := os.WriteFile(known, []byte("[::1]:"+port+" "+g.sshd.HostKeys[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	declared, _ := g.Targets.Target("web1")
	r := *declared.Target
	r.SSH = &resources.SSH{KnownHosts: known}
	g.Targets.Put("web1", r)
	if got := g.ssh(t, "", "gw", "echo in"); got.out != "in\n" {
		t.Errorf("known_hosts: %+v", got)
	}
	at := echoServer(t)
	if got := g.ssh(t, "through", "-W", at, "gw"); got.out != "THROUGH" {
		t.Errorf("a forward: %+v", got)
	}
	g.stop()
	for _, id := range g.Sessions(t) {
		var opened *schemas.Opened
		for _, e := range g.Closed(t, id) {
			if o := e.GetOpened(); o != nil {
				opened = o
			}
		}
		if !strings.HasPrefix(opened.GetClientAddress(), "[::1]:") {
			t.Errorf("opened %v", opened)
		}
	}
}
