package main_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// file takes what was moved of a file out of a session's recording.
func (g *gateway) file(id, command string, read bool) (content []byte, said string) {
	g.t.Helper()
	c := g.command("files", id, command, fmt.Sprintf("--read=%t", read), "--config", g.config)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		g.t.Fatalf("file of command %s: %v: %s", command, err, &errs)
	}
	return out.Bytes(), errs.String()
}

// TestFilesOfRecordings moves a file with scp, both ways and over both of its protocols, and takes it out of the recording.
func TestFilesOfRecordings(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	run := g.openSSH(g.token("alice@example.com"))
	content := make([]byte, 3<<20+17)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	dir := t.TempDir()
	local, remote := filepath.Join(dir, "local"), filepath.Join(dir, "remote")
	write(t, local, string(content))
	const gateway = "alice@example.com+web1@127.0.0.1:"
	for _, protocol := range []string{"-s", "-O"} {
		for read, args := range map[bool][]string{false: {local, gateway + remote}, true: {gateway + remote, filepath.Join(dir, "back")}} {
			if !read {
				write(t, remote, "")
			} else {
				write(t, remote, string(content))
			}
			before := len(g.sessions())
			if said, err := run("scp", append([]string{protocol}, args...)...); err != nil {
				t.Fatalf("scp %s %v: %v: %s", protocol, args, err, said)
			}
			g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == before+1 && !all[0].Open })
			id := g.newest().ID
			list := g.sallyport("files", id)
			moved := map[bool]string{false: fmt.Sprintf("%d  0", len(content)), true: fmt.Sprintf("0        %d", len(content))}[read]
			found := regexp.MustCompile(`(?m)^(\d+) +` + moved + ` +true +` + regexp.QuoteMeta(remote) + "$").FindStringSubmatch(list)
			if found == nil {
				t.Fatalf("scp %s, read %t: the list is\n%s", protocol, read, list)
			}
			if got, said := g.file(id, found[1], read); said != "" || !bytes.Equal(got, content) {
				t.Errorf("scp %s, read %t: %d bytes: %s", protocol, read, len(got), said)
			}
			if said, err := g.as("", "files", id, "99"); err == nil || !strings.Contains(said, "no file was opened") {
				t.Errorf("a command that there is not: %v, %s", err, said)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "back")); err != nil {
		t.Error(err)
	}
}
