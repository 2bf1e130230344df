package ssh_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"sallyport/schemas/resources"
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

// scenarios are what clients do, as shell scripts. Each starts in an empty place but for a tree that is there, and once more
// under ../there; $D is the directory of both, which is the target's, too. $AT converts to capitals what is sent to it.
var scenarios = map[string]string{
	// OpenSSH
	"output":             `$SSH gw 'echo out; echo err >&2'`,
	"how commands end":   `for how in true 'exit 37' 'exit 137' 'exit 255' 'kill -TERM $$' 'echo out; kill -KILL $$' 'kill -USR1 $$' 'kill -SEGV $$' no-such-command; do $SSH gw "$how" || echo "$how: $?"; done`,
	"input":              `printf 'some input\n' | $SSH gw 'cat; echo end'`,
	"half-close":         `printf 'b\na\n' | $SSH gw 'sort; cat; echo end' && $SSH gw cat </dev/null && $SSH -n gw cat && $SSH gw cat <&-`,
	"input is not read":  `seq 200000 | $SSH gw true`,
	"much":               `seq 300000 | $SSH gw 'tee /dev/stderr' >out 2>errors && tail -n 1 out errors`,
	"binary":             `$SSH gw 'tee there' <$NOISE >here && $SSH gw 'cat; exit 9' <$NOISE >again`,
	"quotes":             `$SSH gw 'printf "%s|" "a b" '\''c"d'\'' e\ f $((1+1))'`,
	"environment":        `LC_ALL=C GW_A=a GW_B=b $SSH -o 'SendEnv=LC_ALL GW_*' gw 'echo ${LC_ALL-none} ${GW_A-none} ${GW_B-none} ${OTHER-none}'`,
	"no terminal":        `$SSH gw 'tty; stty size' || echo status $?`,
	"late output":        `$SSH gw '(sleep 0.2; echo late) & echo early'`,
	"terminal":           `mkfifo in && exec 3<>in && rm in && TERM=vt220 script -qefc "stty cols 91 rows 33 -ixon; $SSH -tt gw 'stty size; stty -a; echo \$TERM; echo err >&2; exit 6'" /dev/null <&3 || echo status $?`,
	"forwarded":          `printf through | $SSH -W $AT gw`,
	"shell from a file":  `printf 'echo in a shell\nexit 5\n' | $SSH gw || echo status $?`,
	"scp":                `$SCP -s -r -p tree gw:$D/there/up && $SCP -s -r -p gw:$D/there/tree back && $SCP -s gw:"$D/there/tree/sub/*" . && $SCP -s gw:$D/there/missing x || echo status $?`,
	"scp over a command": `$SCP -O -r -p tree gw:$D/there/up && $SCP -O -r -p gw:$D/there/tree back && $SCP -O gw:"$D/there/tree/sub/*" . && $SCP -O gw:$D/there/missing x || echo status $?`,
	"scp fails": `for protocol in -s -O; do mkdir -p ../there/to/plain; $SCP $protocol tree/plain tree/empty gw:$D/there/to || echo status $?
		$SCP $protocol tree/plain gw:$D/there/no/such/place || echo status $?; $SCP $protocol tree/plain gw:$D/there/tree/empty/x || echo status $?
		$SCP $protocol gw:$D/there/tree . || echo status $?; done`,
	"sftp": `$SFTP -b - gw <<-END
		cd $D/there
		lcd $D/here
		put -p tree/plain a
		ls -l a
		ls -ln tree/sub/deep
		ls tree
		mkdir made
		-mkdir made
		put -r tree made/tree
		rename a b
		-rename missing c
		chmod 640 b
		ln -s b link
		ln b hard
		get link copy
		get -p tree/empty
		get -r tree/sub
		reput $NOISE b
		reget tree/plain copy
		-get missing
		-put missing
		-cd missing
		-rmdir made
		-rm made
		rm hard
		pwd
		END`,

	"dropbear": `$DBCLIENT $HOST 'cat; echo err >&2; exit 5' <$NOISE >here || echo status $?; $DBCLIENT $HOST 'kill -TERM $$' || echo status $?
		printf through | $DBCLIENT -B $AT $HOST`,
	"dropbear with a terminal": `mkfifo in && exec 3<>in && rm in && TERM=vt100 script -qefc "stty cols 77 rows 22; $DBCLIENT -t $HOST 'stty size; echo \$TERM; exit 6'" /dev/null <&3 || echo status $?`,
	"plink": `$PLINK $HOST 'cat; echo err >&2; exit 3' <$NOISE >here || echo status $?; $PLINK $HOST 'kill -TERM $$' </dev/null || echo status $?
		printf through | $PLINK -nc $AT $HOST`,
	"psftp": `$PSFTP -be -b /dev/stdin $HOST <<-END
		cd $D/there
		put tree/plain a
		put -r tree made
		ls tree/sub/deep
		mkdir new
		mv a new
		chmod 600 new/a
		get new/a
		get -r tree/sub
		reput $NOISE new/a
		del made/empty
		rmdir made
		get missing
		END`,
	"pscp": `for protocol in -scp -sftp; do mkdir ../there/up$protocol && $PSCP $protocol -p -r tree $HOST:$D/there/up$protocol && mkdir back$protocol &&
		$PSCP $protocol -p -r $HOST:$D/there/tree back$protocol && $PSCP $protocol $HOST:$D/there/missing x || echo status $?; done; $PSCP -ls $HOST:$D/there/tree/sub/deep`,
	"paramiko": `/usr/bin/python3 - <<-END
		import paramiko
		c = paramiko.SSHClient()
		c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
		c.connect("$HOST", $PORT, "$U", key_filename="$KEY", look_for_keys=False, allow_agent=False)
		i, o, e = c.exec_command("cat; echo err >&2; exit 9")
		i.write("from paramiko"); i.channel.shutdown_write()
		print(o.read(), e.read(), o.channel.recv_exit_status())
		print(c.exec_command("kill -TERM \$\$")[1].channel.recv_exit_status())
		s = c.open_sftp()
		s.chdir("$D/there")
		print(s.put("$NOISE", "up").st_size, s.normalize("tree/../up"), s.getcwd())
		s.get("up", "down"); s.truncate("up", 1000); s.chmod("up", 0o600); s.utime("up", (1, 2)); s.symlink("up", "link")
		print(s.stat("link").st_mtime, s.readlink("link"), s.lstat("link").st_size, sorted(s.listdir("tree")))
		with s.open("tree/plain", "r+") as f:
		  f.seek(10); f.write("in the middle"); f.seek(5); print(f.read(12)); print([len(b) for b in f.readv([(0, 40000), (50000, 9)])])
		with s.open("tree/empty", "a") as f: f.write("more")
		s.rename("up", "renamed"); s.posix_rename("renamed", "tree/empty"); s.mkdir("d", 0o700); s.rmdir("d"); s.remove("link")
		for f in (lambda: s.stat("missing"), lambda: s.open("missing"), lambda: s.mkdir("tree"), lambda: s.rmdir("tree")):
		  try: f()
		  except IOError as e: print(repr(e))
		t = c.get_transport().open_session(); t.get_pty("vt100", 90, 30); t.exec_command("stty size; echo \$TERM")
		print(t.makefile().read())
		t = c.get_transport().open_session(); t.set_combine_stderr(True); t.exec_command("echo out; echo err >&2")
		print(sorted(t.makefile().read().split())) # two streams, and SSH has no order between them
		c.close()
		END`,
	"ansible": `cat >play.yml <<-END
		- hosts: all
		  gather_facts: false
		  tasks:
		    - command: echo from ansible
		      register: said
		    - copy: {content: "{{ said.stdout }}", dest: "{{ place }}/made", mode: "0640"}
		    - fetch: {src: "{{ place }}/tree/plain", dest: fetched, flat: true}
		    - shell: echo out; echo err >&2; exit 3
		      register: failed
		      failed_when: failed.rc != 3
		    - debug: {msg: "{{ failed.stdout }} {{ failed.stderr }} {{ failed.rc }}"}
		    - copy: {content: "", dest: "{{ place }}/no/such/place"}
		      ignore_errors: true
		    - raw: exec cat "{{ place }}/made"
		END
		ansible-playbook -i $HOSTS -e place=$D/there play.yml`,
	"rsync": `rsync -ai -e "$SSH" tree/ gw:$D/there/copy/ && echo more >>tree/plain && chmod 600 tree/empty && rm tree/sub/-dash &&
		rsync -ai --delete --checksum -e "$SSH" tree/ gw:$D/there/copy/ && rsync -aiz -e "$SSH" gw:$D/there/tree/ back/ && rsync -e "$SSH" gw:$D/there/missing x || echo status $?`,
	"git": `git init -q --bare ../there/repository && git clone gw:$D/there/repository first && cp tree/plain first/ && git -C first add plain && git -C first commit -qm one &&
		git -C first push origin HEAD && git clone gw:$D/there/repository second && git -C second log --format=%s && git clone gw:$D/there/missing third || echo status $?`,
}

// way is how clients reach a server: directly or through the gateway.
type way struct {
	address, user, knownHosts, fingerprint string
}

// TestClientsAsDirect has clients do the same directly and through the gateway, and sees no difference: in what they print, how they
// end, and which files there are then.
func TestClientsAsDirect(t *testing.T) {
	for _, program := range []string{"ssh", "scp", "sftp", "script", "dbclient", "dropbearconvert", "plink", "psftp", "pscp", "puttygen", "ansible-playbook", "rsync", "git"} {
		lookup(t, program)
	}
	g := startScp(t, options{target: func(r *resources.Target) { r.SSH.Env = []string{"LANG", "LC_*", "GW_*"} }})
	key, err := xssh.ParsePrivateKey(mustRead(t, g.sshd.Key))
	if err != nil {
		t.Fatal(err)
	}
	g.people.keys[string(key.PublicKey().Marshal())] = alice
	keys, err := g.authority.HostKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _, _, err := xssh.ParseAuthorizedKey([]byte(g.sshd.HostKeys[0]))
	if err != nil {
		t.Fatal(err)
	}
	ways := []way{
		{g.sshd.Address, g.sshd.User, "@cert-authority * " + g.sshd.HostCA + "\n", fingerprint(host)},
		{g.addr, alice + "+web1", string(mustRead(t, g.dir+"/known_hosts")), fingerprint(keys[1].PublicKey())},
	}
	shared := t.TempDir()
	random := make([]byte, 2<<20+12345)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	if err := os.WriteFile(shared+"/noise", random, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"puttygen", g.sshd.Key, "-O", "private", "-o", shared + "/ppk"}, {"dropbearconvert", "openssh", "dropbear", g.sshd.Key, shared + "/dropbear"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	at := echoServer(t)
	for name, script := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen [2]string
			for i, w := range ways {
				seen[i] = w.run(t, g, shared, at, script)
			}
			if seen[0] != seen[1] {
				t.Errorf("differs (-direct +gateway): %s", cmp.Diff(seen[0], seen[1]))
			}
		})
	}
}

// run runs a script, and returns what is to be seen of it afterwards.
func (w way) run(t *testing.T, g *gateway, shared, at, script string) string {
	t.Helper()
	began := time.Now().Add(-time.Minute)
	dir, err := os.MkdirTemp("", "sp") // short, as it has sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d, own := dir+"/d", dir+"/own"
	for _, place := range []string{d + "/here/tree", d + "/there/tree"} {
		plant(t, place)
	}
	host, port, _ := net.SplitHostPort(w.address)
	config := strings.Join([]string{"Host gw", "  HostName " + host, "  Port " + port, "  User " + w.user, "Host *", "  IdentityFile " + g.sshd.Key, "  IdentitiesOnly yes",
		"  IdentityAgent none", "  StrictHostKeyChecking yes", "  UserKnownHostsFile " + own + "/known_hosts", "  BatchMode yes", "  LogLevel ERROR", "  ConnectTimeout 60", ""}, "\n")
	hosts := "gw ansible_python_interpreter=/usr/bin/python3 ansible_remote_tmp=" + own + "/tmp ansible_ssh_common_args='-F " + own + "/config'\n"
	for name, text := range map[string]string{"known_hosts": w.knownHosts, "config": config, "hosts": hosts} {
		if err := os.MkdirAll(own, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	putty := " -batch -P " + port + " -l " + w.user + " -i " + shared + "/ppk -hostkey " + w.fingerprint
	cmd := g.command(t, "sh", "-c", script)
	cmd.Dir = d + "/here"
	cmd.Env = append(os.Environ(), "HOME="+own, "D="+d, "NOISE="+shared+"/noise", "AT="+at, "HOST="+host, "PORT="+port, "U="+w.user, "KEY="+g.sshd.Key, "HOSTS="+own+"/hosts", "SSH_AUTH_SOCK=",
		"LC_ALL=C.UTF-8", "SSH=ssh -F "+own+"/config", "SCP=scp -F "+own+"/config", "SFTP=sftp -F "+own+"/config", "PLINK=plink"+putty, "PSFTP=psftp"+putty, "PSCP=pscp -q"+putty,
		"DBCLIENT=dbclient -q -y -y -i "+shared+"/dropbear -p "+port+" -l "+w.user,
		"GIT_SSH_COMMAND=ssh -F "+own+"/config", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"GIT_AUTHOR_DATE=2001-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2001-01-01T00:00:00Z",
		"ANSIBLE_LOCAL_TEMP="+own+"/local", "ANSIBLE_HOME="+own+"/home", "ANSIBLE_SSH_CONTROL_PATH_DIR="+own+"/cp", "ANSIBLE_NOCOLOR=1", "ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=5")
	got := finish(t, cmd)
	same := strings.NewReplacer(d, "$D", own, "$OWN", w.user, g.sshd.User, "port "+port, "port $PORT", ":"+port, ":$PORT")
	return fmt.Sprintf("status %d\nstdout:\n%s\nstderr:\n%s\nfiles:\n%s", got.status, same.Replace(got.out), same.Replace(got.err), snapshot(t, d, began))
}

// plant makes a tree of files with names that are hard to say, empty and not, and with times that are long past.
func plant(t testing.TB, dir string) (content map[string][]byte) {
	t.Helper()
	random := make([]byte, 300<<10)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	content = map[string][]byte{"plain": random[:70<<10], "with space": []byte("x"), "empty": {}, "quote ' and \" and $x": []byte("\x00\x01\x02C0644 5 x\nE\n"),
		"sub/deep/ünïcode": random, "sub/-dash": []byte("\n"), "sub/back\\slash": []byte("b"), "sub/scp: a: b": []byte("colons")}
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	old := func(p string) {
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range content {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o640)
		if name == "sub/-dash" {
			mode = 0o705
		}
		if err := os.WriteFile(p, data, mode); err != nil {
			t.Fatal(err)
		}
		old(p)
	}
	for _, name := range []string{"sub/deep", "sub", ""} {
		old(filepath.Join(dir, name))
	}
	return content
}

// snapshot says which files there are: mode, digest, and when they were changed, if that was before began.
func snapshot(t testing.TB, dir string, began time.Time) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Name() == ".git" { // it says when, and which inodes
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		what := ""
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("%d %.8x", len(content), sha256.Sum256(content))
		case info.Mode()&fs.ModeSymlink != 0:
			if what, err = os.Readlink(p); err != nil {
				return err
			}
			what = strings.ReplaceAll(what, dir, "$D")
		}
		changed := "now"
		if info.ModTime().Before(began) {
			changed = info.ModTime().UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "%s %v %s %s\n", strings.TrimPrefix(p, dir), info.Mode(), changed, what)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
