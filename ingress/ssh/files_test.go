package ssh_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

func noise(t testing.TB, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return b
}

// files returns what is recorded of files, by base name.
func files(es []*schemas.Entry) map[string]*schemas.File {
	out := make(map[string]*schemas.File)
	for _, e := range es {
		if f := e.GetFile(); f != nil {
			out[filepath.Base(f.Path)] = f
		}
	}
	return out
}

// operations returns the file operations of a recording, in order.
func operations(es []*schemas.Entry) (out []string) {
	for _, c := range commands(es) {
		if c.Operation != nil {
			out = append(out, c.Text)
		}
	}
	return out
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Everything that OpenSSH's sftp does works, is recorded, and what it moves is on the log.
func TestSftpIsRecorded(t *testing.T) {
	for _, keep := range []bool{true, false} {
		g := start(t, options{target: func(r *resources.Target) {
			if !keep {
				r.SSH.Files = resources.FilesDigest
			}
		}})
		dir := t.TempDir()
		data := noise(t, 700<<10)
		local, remote := filepath.Join(dir, "local"), filepath.Join(dir, "in")
		if err := os.WriteFile(local, data, 0o600); err != nil {
			t.Fatal(err)
		}
		batch := strings.Join([]string{"mkdir " + remote, "cd " + remote, "put " + local + " a", "ls -l", "rename a b", "chmod 600 b", "ln -s b link",
			"ln b hard", "get link " + dir + "/back", "rm hard", "df", "mkdir d", "rmdir d", "pwd", "rm link", "bye"}, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, "batch"), []byte(batch), 0o600); err != nil {
			t.Fatal(err)
		}
		got := finish(t, g.command(t, "sftp", "-oBatchMode=no", "-b", filepath.Join(dir, "batch"), "gw"))
		if got.status != 0 {
			t.Fatalf("sftp: %+v", got)
		}
		if !bytes.Equal(mustRead(t, filepath.Join(remote, "b")), data) || !bytes.Equal(mustRead(t, filepath.Join(dir, "back")), data) {
			t.Error("what was copied is not what there was")
		}
		es := g.closed(t)
		ops := strings.Join(operations(es), "\n") + "\n"
		for _, want := range []string{"mkdir " + remote, "open " + remote + "/a for writing", "list " + remote, "rename " + remote + "/a to " + remote + "/b",
			"setstat " + remote + "/b", "symlink " + remote + "/link to " + remote + "/b", "link " + remote + "/b to " + remote + "/hard",
			"open " + remote + "/b for reading", "remove " + remote + "/hard", "rmdir " + remote + "/d", "remove " + remote + "/link"} {
			if !strings.Contains(ops, want+"\n") {
				t.Errorf("%q is not recorded, of\n%s", want, ops)
			}
		}
		sum := sha256.Sum256(data)
		fs := files(es)
		if f := fs["a"]; f == nil || f.BytesIn != uint64(len(data)) || !bytes.Equal(f.DigestIn, sum[:]) || f.Kept != keep {
			t.Errorf("upload %v", f)
		}
		if f := fs["b"]; f == nil || f.BytesOut != uint64(len(data)) || !bytes.Equal(f.DigestOut, sum[:]) || f.Kept != keep {
			t.Errorf("download %v", f)
		}
		in := sent(es, fs["a"].GetCommand(), schemas.Channel_CHANNEL_IN)
		out := sent(es, fs["b"].GetCommand(), schemas.Channel_CHANNEL_OUT)
		if keep && (in != string(data) || out != string(data)) || !keep && in+out != "" {
			t.Errorf("keep %v: %d bytes in and %d out on the log", keep, len(in), len(out))
		}
		for _, c := range commands(es) {
			if c.Kind == schemas.CommandKind_COMMAND_KIND_FILE && c.Parent != commands(es)[0].GetParent() && c.Parent == 0 {
				t.Errorf("%q belongs to no subsystem", c.Text)
			}
		}
	}
}

// An operation that is refused is the client's own "permission denied", and the session goes on. A
// policy sees where a symbolic link leads.
func TestSftpRefusal(t *testing.T) {
	g := start(t, options{})
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret-forbidden")
	for path, text := range map[string]string{secret: "s3cret", filepath.Join(dir, "open"): "open"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(dir, "innocent")); err != nil {
		t.Fatal(err)
	}
	batch := filepath.Join(dir, "batch")
	text := "-get " + dir + "/innocent " + dir + "/x\n-rm " + secret + "\n-get " + dir + "/./sub/../secret-forbidden " + dir + "/y\nget " + dir + "/open " + dir + "/z\n"
	if err := os.WriteFile(batch, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := finish(t, g.command(t, "sftp", "-oBatchMode=no", "-b", batch, "gw"))
	if got.status != 0 || strings.Count(got.err, "that is forbidden") < 3 {
		t.Errorf("sftp: %+v", got)
	}
	for name, want := range map[string]bool{"x": false, "y": false, "z": true, "secret-forbidden": true} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); (err == nil && len(b) > 0) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	denied := 0
	for _, e := range g.closed(t) {
		if e.GetVerdict().GetOutcome() == schemas.Outcome_OUTCOME_DENY {
			denied++
		}
	}
	if denied < 3 {
		t.Errorf("%d denials on the log", denied)
	}
}

// What a file moves is counted once: with the file, and not with the command that moves it, too.
func TestBytesOfFilesAreCountedOnce(t *testing.T) {
	const size = 1 << 20
	for _, flag := range []string{"-s", "-O"} {
		g := startScp(t, options{})
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/a", noise(t, size), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, names := range [][]string{{dir + "/a", "gw:" + dir + "/b"}, {"gw:" + dir + "/b", dir + "/c"}} {
			if got := finish(t, g.command(t, "scp", flag, names[0], names[1])); got.status != 0 {
				t.Fatalf("%+v", got)
			}
		}
		g.stop()
		var in, out uint64
		for _, id := range g.Sessions(t) {
			for _, e := range g.Closed(t, id) {
				in, out = in+e.GetResult().GetBytesIn(), out+e.GetResult().GetBytes()
				if c := e.GetClosed(); c.GetBytesIn() > size*5/4 || c.GetBytesOut() > size*5/4 {
					t.Errorf("scp %s: %v", flag, c)
				}
			}
		}
		for _, n := range []uint64{in, out} {
			if n < size || n > size*5/4 {
				t.Errorf("scp %s: results tell of %d bytes in and %d out, of %d each", flag, in, out, size)
			}
		}
	}
}
