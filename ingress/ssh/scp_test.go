package ssh_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/sessiontest"
	"sallyport/ingress/ssh"
	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// transfers judges as sessiontest does, and understands what OpenSSH's scp runs at its far end: names in these tests
// need no more of a shell than that.
func transfers(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
	v := sessiontest.Judge(a)
	v.Reuse = schemas.Reuse_REUSE_EXACT
	if a.Kind != schemas.CommandKind_COMMAND_KIND_EXEC || !strings.HasPrefix(a.Text, "scp ") {
		return v
	}
	before, path, ok := strings.Cut(a.Text, " -t ")
	v.Transfer = &schemas.Transfer{Upload: ok, Preserve: strings.Contains(before, "-p")}
	if !ok {
		_, path, _ = strings.Cut(a.Text, " -f ")
	}
	p := &schemas.TransferPath{Path: strings.ReplaceAll(path, `\'`, "'")}
	if dir, isPattern := strings.CutSuffix(path, "*"); isPattern {
		p.Path, p.Pattern = dir, true
	}
	v.Transfer.Paths = append(v.Transfer.Paths, p)
	return v
}

func startScp(t testing.TB, o options) *gateway {
	t.Helper()
	g := start(t, o)
	g.Enforcer.Set("r1", transfers)
	return g
}

func same(t testing.TB, dir string, content map[string][]byte) {
	t.Helper()
	for name, data := range content {
		if got := mustRead(t, filepath.Join(dir, name)); !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(data))
		}
	}
}

// What the old scp moves is on the log file by file, both ways, as what SFTP moves is.
func TestOldScpIsRecorded(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprint("keep ", keep), func(t *testing.T) {
			g := startScp(t, options{target: func(r *resources.Target) {
				if !keep {
					r.SSH.Files = resources.FilesDigest
				}
			}})
			from := filepath.Join(t.TempDir(), "tree")
			content := plant(t, from)
			there, back := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "back")
			for i, args := range [][]string{{"-O", "-r", "-p", from, "gw:" + there}, {"-O", "-r", "-p", "gw:" + there, back}} {
				if got := finish(t, g.command(t, "scp", args...)); got.status != 0 || got.err != "" {
					t.Fatalf("scp %v: %+v", args, got)
				}
				same(t, []string{there, back}[i], content)
			}
			if info, err := os.Stat(filepath.Join(back, "plain")); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
			ids := g.Sessions(t)
			if len(ids) != 2 {
				t.Fatalf("%d sessions", len(ids))
			}
			for _, id := range ids {
				es := g.Closed(t, id)
				moved(t, es, strings.Contains(commands(es)[0].Text, " -t "), there, content, keep)
			}
		})
	}
}

// moved checks the files of one recording.
func moved(t testing.TB, es []*schemas.Entry, up bool, dir string, content map[string][]byte, keep bool) {
	t.Helper()
	ops := strings.Join(operations(es), "\n") + "\n"
	fs := map[string]*schemas.File{}
	for _, e := range es {
		if f := e.GetFile(); f != nil {
			fs[f.Path] = f
		}
	}
	verb, channel := "for reading", schemas.Channel_CHANNEL_OUT
	if up {
		verb, channel = "for writing", schemas.Channel_CHANNEL_IN
	}
	for name, data := range content {
		path := filepath.Join(dir, name)
		f := fs[path]
		if f == nil || !strings.Contains(ops, "open "+path+" "+verb+"\n") {
			t.Errorf("%s is not recorded, of\n%s", path, ops)
			continue
		}
		bytesMoved, digest := f.BytesOut, f.DigestOut
		if up {
			bytesMoved, digest = f.BytesIn, f.DigestIn
		}
		sum := sha256.Sum256(data)
		if bytesMoved != uint64(len(data)) || len(data) > 0 && !bytes.Equal(digest, sum[:]) || f.Kept != keep {
			t.Errorf("%s: %v", path, f)
		}
		if got := sent(es, f.Command, channel); keep && got != string(data) || !keep && got != "" {
			t.Errorf("%s: %d bytes on the log, of %d", path, len(got), len(data))
		}
	}
	for _, want := range map[bool][]string{true: {"mkdir " + dir + "/sub/deep", "setstat " + dir + "/plain"}, false: {"list " + dir + "/sub/deep"}}[up] {
		if !strings.Contains(ops, want+"\n") {
			t.Errorf("%q is not recorded, of\n%s", want, ops)
		}
	}
	for _, r := range results(es) {
		if r.Error != nil {
			t.Errorf("%v", r)
		}
	}
}

// A file that is refused is refused as scp knows it, and the others go on; a name is judged as what it leads to.
func TestOldScpRefusal(t *testing.T) {
	g := startScp(t, options{})
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	for _, dir := range []string{from + "/forbidden-dir", to + "/forbidden-place"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "forbidden-file", "forbidden-dir/x", "z"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(to+"/forbidden-place", to+"/innocent"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from+"/forbidden-file", from+"/link"); err != nil {
		t.Fatal(err)
	}
	got := finish(t, g.command(t, "scp", "-O", "-r", from, "gw:"+to+"/up"))
	if got.status != 1 || strings.Count(got.err, "that is forbidden") != 2 || !strings.Contains(got.err, "scp: "+to+"/up/forbidden-file: refused") {
		t.Errorf("upload: %+v", got)
	}
	only(t, to+"/up", "a", "z", "link")
	if got := finish(t, g.command(t, "scp", "-O", from+"/a", "gw:"+to+"/innocent")); got.status != 1 || !strings.Contains(got.err, "that is forbidden") {
		t.Errorf("through a link: %+v", got)
	}
	only(t, to+"/forbidden-place")
	down := filepath.Join(t.TempDir(), "down")
	got = finish(t, g.command(t, "scp", "-O", "-r", "gw:"+from, down))
	if got.status != 1 || strings.Count(got.err, "that is forbidden") != 3 {
		t.Errorf("download: %+v", got)
	}
	only(t, down, "a", "z")
	if got := finish(t, g.command(t, "scp", "-O", "gw:"+from+"/*", t.TempDir())); got.status != 1 || strings.Count(got.err, "that is forbidden") != 2 {
		t.Errorf("a pattern: %+v", got)
	}
}

// only checks what a directory has.
func only(t testing.TB, dir string, names ...string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range all {
		have[e.Name()] = true
	}
	for _, n := range names {
		if !have[n] {
			t.Errorf("%s lacks %s", dir, n)
		}
		delete(have, n)
	}
	for n := range have {
		t.Errorf("%s has %s", dir, n)
	}
}

// What the target itself refuses is told and recorded, and the next file is still what it is.
func TestOldScpFailsAtTarget(t *testing.T) {
	g := startScp(t, options{})
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(to+"/b", 0o700); err != nil {
		t.Fatal(err)
	}
	got := finish(t, g.command(t, "scp", "-O", from+"/a", from+"/b", from+"/c", "gw:"+to))
	if got.status != 1 || !strings.Contains(got.err, "Is a directory") {
		t.Errorf("%+v", got)
	}
	only(t, to, "a", "b", "c")
	for _, r := range results(g.closed(t)) {
		if r.Error != nil && r.Error.Message != "exit status 1" && !strings.Contains(r.Error.Message, "Is a directory") {
			t.Errorf("%v", r)
		}
	}
}

// rawScp runs a far end of scp without scp.
func rawScp(t testing.TB, g *gateway, line string) (io.WriteCloser, *bufio.Reader, *xssh.Session) {
	t.Helper()
	c, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(line); err != nil {
		t.Fatal(err)
	}
	return in, bufio.NewReader(out), s
}

// A client that says all at once, or what is no record, gets nothing past a decision.
func TestOldScpClientThatCheats(t *testing.T) {
	for name, say := range map[string]string{
		"all at once":              "C0644 3 forbidden-a\nabc\x00C0644 3 ok\nabc\x00",
		"a name that ends early":   "C0644 3 forbidden-a\x00b\n",
		"a path":                   "C0644 3 ../forbidden-a\n",
		"a number that overflows":  "C0644 18446744073709551619 forbidden-a\n",
		"a line that is too long":  "C0644 3 " + strings.Repeat("x", 2100) + "\n",
		"no record":                "hello\n",
		"an end of nothing":        "E\n",
		"times and then forbidden": "T1 0 1 0\nC0644 3 forbidden-a\nabc\x00",
	} {
		t.Run(name, func(t *testing.T) {
			g := startScp(t, options{})
			dir := t.TempDir()
			in, out, s := rawScp(t, g, "scp -t "+dir)
			_, _ = io.WriteString(in, say)
			_ = in.Close()
			_, _ = io.ReadAll(out)
			_ = s.Wait()
			if _, err := os.Stat(dir + "/forbidden-a"); err == nil {
				t.Error("it was written")
			}
		})
	}
}

// A target's scp that answers more than once does not make data of what is a record to it, and the other way round.
func TestOldScpOutOfStep(t *testing.T) {
	for answer, want := range map[string]bool{
		"scp: /d/b: Permission denied":                  true,
		"scp: b: Permission denied":                     true,
		"scp: /d/a: Permission denied":                  false,
		"scp: /d: set times: Operation not permitted":   false,
		"scp: /d/b: set times: Operation not permitted": false,
		"scp: protocol error: b":                        false,
	} {
		if got := ssh.AnswerIsAbout(answer, "b"); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

// A held file waits for consent, and the command that it is part of does not need any.
func TestOldScpHeld(t *testing.T) {
	for decision, status := range map[string]int{"approve": 0, "deny": 1} {
		t.Run(decision, func(t *testing.T) {
			g := start(t, options{})
			d := openDesk(t, g)
			from, to := filepath.Join(t.TempDir(), "please"), t.TempDir()
			if err := os.WriteFile(from, []byte("text"), 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan outcome, 1)
			go func() { done <- finish(t, g.command(t, "scp", "-O", from, "gw:"+to)) }()
			d.review(d.pending().ID, decision)
			if got := <-done; got.status != status || !strings.Contains(got.err, "held for approval") {
				t.Errorf("%+v", got)
			}
			if b, err := os.ReadFile(to + "/please"); (err == nil && string(b) == "text") != (decision == "approve") {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

// Where a target has no SFTP it is asked with commands what names mean.
func TestOldScpWithoutSFTP(t *testing.T) {
	sshd, err := sshtest.Start(t.Context(), sshtest.Config{Lines: []string{"Subsystem sftp /bin/false"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sshd.Stop() })
	g := startScp(t, options{sshd: sshd})
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "it's")
	if err := os.MkdirAll(to+"/forbidden", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to+"/forbidden", to+"/innocent"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(from+"/a", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Twice: into a directory, and as a name that there is not yet.
	for _, name := range []string{"", "/b"} {
		if got := finish(t, g.command(t, "scp", "-O", from+"/a", "gw:"+strings.ReplaceAll(to, "'", `\'`)+name)); got.status != 0 {
			t.Fatalf("%+v", got)
		}
	}
	only(t, to, "a", "b", "forbidden", "innocent")
	got := finish(t, g.command(t, "scp", "-O", from+"/a", "gw:"+strings.ReplaceAll(to, "'", `\'`)+"/innocent"))
	if got.status != 1 || !strings.Contains(got.err, "that is forbidden") {
		t.Errorf("through a link: %+v", got)
	}
	only(t, to+"/forbidden")
	if got := finish(t, g.command(t, "scp", "-O", "gw:no-such-file", from)); got.status != 1 || !strings.Contains(got.err, "No such file") {
		t.Errorf("a relative name: %+v", got)
	}
	g.stop()
	var ops []string
	for _, id := range g.Sessions(t) {
		ops = append(ops, operations(g.Closed(t, id))...)
	}
	if want := []string{"open " + to + "/a for writing", "open " + to + "/b for writing", "open " + to + "/forbidden/a for writing"}; !cmp.Equal(ops, want, cmpopts.SortSlices(strings.Compare)) {
		t.Errorf("recorded: %q", ops)
	}
}

func FuzzScp(f *testing.F) {
	for _, s := range []string{"C0644 5 name\n", "D0755 0 d\n", "E\n", "T1 0 1 0\n", "\x01scp: x\n", "\x02bad\n", "\x00", "C0644 5 a/b\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, raw, err := ssh.DecodeScp(b)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, raw) || len(raw) == 0 || raw[len(raw)-1] != '\n' || strings.ContainsAny(name, "/\x00\n") {
			t.Errorf("%q: name %q, line %q", b, name, raw)
		}
	})
}
