package ssh_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"
)

// lookup fails the test when a program is missing: CI has it.
func lookup(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: deploy/dependencies.sh test installs it", name)
	}
	return p
}

func TestRsyncAndGit(t *testing.T) {
	g := start(t, options{})
	dir := t.TempDir()
	over := "ssh -F " + filepath.Join(g.dir, "config")
	src := filepath.Join(dir, "src")
	if err := os.MkdirAll(filepath.Join(src, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := noise(t, 300<<10)
	if err := os.WriteFile(filepath.Join(src, "sub", "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-a", "-e", over, src + "/", "gw:" + dir + "/there/"}, {"-a", "-e", over, "gw:" + dir + "/there/", dir + "/back/"}} {
		if got := finish(t, g.command(t, lookup(t, "rsync"), args...)); got.status != 0 {
			t.Fatalf("rsync: %+v", got)
		}
	}
	if !bytes.Equal(mustRead(t, filepath.Join(dir, "back", "sub", "file")), data) {
		t.Error("rsync brought something else back")
	}
	repository := filepath.Join(dir, "repository")
	for _, args := range [][]string{{"init", "-q", repository}, {"-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"}} {
		if out, err := exec.Command(lookup(t, "git"), args...).CombinedOutput(); err != nil {
			t.Fatalf("git: %v: %s", err, out)
		}
	}
	clone := g.command(t, "git", "clone", "-q", "gw:"+repository, filepath.Join(dir, "clone"))
	clone.Env = append(clone.Env, "GIT_SSH_COMMAND="+over)
	if got := finish(t, clone); got.status != 0 {
		t.Fatalf("git clone: %+v", got)
	}
	log, err := exec.Command("git", "-C", filepath.Join(dir, "clone"), "log", "--format=%s").Output()
	if err != nil || string(log) != "first\n" {
		t.Errorf("the clone has %q, %v", log, err)
	}
}

// PuTTY's programs negotiate differently, and know no host certificates.
func TestPutty(t *testing.T) {
	g := start(t, options{})
	_, port, _ := net.SplitHostPort(g.addr)
	keys, err := g.authority.HostKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := fingerprint(keys[1].PublicKey())
	args := []string{"-batch", "-P", port, "-pw", token, "-hostkey", fingerprint}
	plink := g.command(t, lookup(t, "plink"), append(args, alice+"+web1@127.0.0.1", "cat; exit 3")...)
	plink.Stdin = strings.NewReader("from plink")
	if got := finish(t, plink); got.status != 3 || got.out != "from plink" {
		t.Errorf("plink: %+v", got)
	}
	dir := t.TempDir()
	data := noise(t, 200<<10)
	if err := os.WriteFile(dir+"/a", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/batch", []byte("put "+dir+"/a "+dir+"/b\nget "+dir+"/b "+dir+"/c\nls "+dir+"\nquit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := finish(t, g.command(t, lookup(t, "psftp"), append(args, "-b", dir+"/batch", alice+"+web1@127.0.0.1")...))
	if got.status != 0 || !bytes.Equal(mustRead(t, dir+"/c"), data) {
		t.Errorf("psftp: %+v", got)
	}
	g.Enforcer.Set("r2", transfers)
	for _, names := range [][]string{{dir + "/a", alice + "+web1@127.0.0.1:" + dir + "/d"}, {alice + "+web1@127.0.0.1:" + dir + "/d", dir + "/e"},
		{dir + "/a", alice + "+web1@127.0.0.1:" + dir + "/forbidden"}} {
		got := finish(t, g.command(t, lookup(t, "pscp"), append(append(args, "-scp", "-q"), names...)...))
		if refused := strings.Contains(names[1], "forbidden"); (got.status != 0) != refused || strings.Contains(got.err, "that is forbidden") != refused {
			t.Errorf("pscp: %+v", got)
		}
	}
	if !bytes.Equal(mustRead(t, dir+"/e"), data) {
		t.Error("pscp brought something else back")
	}
}

const paramikoScript = `
import os, sys, paramiko
port, d = int(sys.argv[1]), sys.argv[2]
c = paramiko.SSHClient()
c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
c.connect("127.0.0.1", port, sys.argv[3] + "+web1", sys.argv[4], look_for_keys=False, allow_agent=False)
i, o, e = c.exec_command("cat; echo err >&2; exit 9")
i.write("from paramiko"); i.channel.shutdown_write()
assert o.read() == b"from paramiko" and e.read() == b"err\n" and o.channel.recv_exit_status() == 9
s = c.open_sftp()
with s.open(d + "/p", "w") as f: f.write("x" * 100000)
assert s.stat(d + "/p").st_size == 100000
with s.open(d + "/p") as f: assert f.read() == b"x" * 100000
s.rename(d + "/p", d + "/q"); assert "q" in s.listdir(d); s.remove(d + "/q")
t = c.get_transport().open_session(); t.get_pty("vt100", 90, 30); t.exec_command("stty size")
assert t.makefile().read().strip() == b"30 90"
c.close(); print("done")
`

func TestParamiko(t *testing.T) {
	g := start(t, options{})
	_, port, _ := net.SplitHostPort(g.addr)
	got := finish(t, g.command(t, "/usr/bin/python3", "-c", paramikoScript, port, t.TempDir(), alice, token))
	if got.status != 0 || got.out != "done\n" {
		t.Errorf("%+v", got)
	}
}

const playbook = `
- hosts: all
  gather_facts: false
  tasks:
    - command: echo from ansible
      register: said
    - copy: {content: "{{ said.stdout }}", dest: "{{ dir }}/made"}
    - stat: {path: "{{ dir }}/made"}
      register: found
    - assert: {that: found.stat.size == 12}
`

func TestAnsible(t *testing.T) {
	g := start(t, options{})
	dir := t.TempDir()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir+"/key").CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	key, _, _, _, err := xssh.ParseAuthorizedKey(mustRead(t, dir+"/key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	g.people.keys[string(key.Marshal())] = alice
	for name, text := range map[string]string{"play.yml": playbook,
		"hosts": "gw ansible_python_interpreter=/usr/bin/python3 ansible_remote_tmp=" + dir + "/tmp dir=" + dir + " ansible_ssh_common_args='-F " + filepath.Join(g.dir, "config") + " -o IdentityFile=" + dir + "/key'\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := g.command(t, lookup(t, "ansible-playbook"), "-i", filepath.Join(dir, "hosts"), filepath.Join(dir, "play.yml"))
	cmd.Env = append(cmd.Env, "ANSIBLE_LOCAL_TEMP="+dir+"/local", "ANSIBLE_HOME="+dir+"/home", "ANSIBLE_SSH_CONTROL_PATH_DIR="+dir+"/cp", "ANSIBLE_NOCOLOR=1")
	if got := finish(t, cmd); got.status != 0 || !strings.Contains(got.out, "failed=0") {
		t.Errorf("%+v", got)
	}
	if b, err := os.ReadFile(dir + "/made"); err != nil || string(b) != "from ansible" {
		t.Errorf("%q, %v", b, err)
	}
}
