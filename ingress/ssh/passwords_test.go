package ssh_test

import (
	"net"
	"os"
	"strings"
	"testing"
)

const paramikoPassword = `
import sys, paramiko
c = paramiko.SSHClient()
c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
c.connect("127.0.0.1", int(sys.argv[1]), sys.argv[2], sys.argv[3], look_for_keys=False, allow_agent=False)
print(c.exec_command("echo in")[1].read().decode(), end="")
c.close()
`

// putty returns how PuTTY's programs sign in as alice. They know no host certificates.
func (g *gateway) putty(t testing.TB) []string {
	t.Helper()
	_, port, _ := net.SplitHostPort(g.addr)
	keys, err := g.authority.HostKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-batch", "-P", port, "-l", alice + "+web1", "-pw", token, "-hostkey", fingerprint(keys[1].PublicKey())}
}

// Each client asks for a password in a way of its own.
func TestPasswordsOfClients(t *testing.T) {
	g := start(t, options{})
	_, port, _ := net.SplitHostPort(g.addr)
	for _, args := range [][]string{
		append(append([]string{"plink"}, g.putty(t)...), "127.0.0.1", "echo in"),
		{"dbclient", "-q", "-y", "-y", "-p", port, "-l", alice + "+web1", "127.0.0.1", "echo in"},
		{"/usr/bin/python3", "-c", paramikoPassword, port, alice + "+web1", token},
	} {
		cmd := g.command(t, lookup(t, args[0]), args[1:]...)
		cmd.Env = append(cmd.Env, "DROPBEAR_PASSWORD="+token, "HOME="+g.dir)
		if got := finish(t, cmd); got.status != 0 || got.out != "in\n" {
			t.Errorf("%s: %+v", args[0], got)
		}
	}
}

// What is refused to PuTTY's old scp is told in its own words, and what is not, is done.
func TestPscpRefusal(t *testing.T) {
	g := startScp(t, options{})
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for to, refused := range map[string]bool{"b": false, "forbidden": true} {
		got := finish(t, g.command(t, lookup(t, "pscp"), append(g.putty(t), "-scp", "-q", dir+"/a", "127.0.0.1:"+dir+"/"+to)...))
		if (got.status != 0) != refused || strings.Contains(got.err, "that is forbidden") != refused {
			t.Errorf("%s: %+v", to, got)
		}
	}
	only(t, dir, "a", "b")
}
