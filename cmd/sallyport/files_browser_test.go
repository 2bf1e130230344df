package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestFilesInTheBrowser has a real Chromium take the files that a real scp moved out of the recordings.
func TestFilesInTheBrowser(t *testing.T) {
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	token := g.token("alice@example.com")
	scp := g.openSSH(token)
	content := make([]byte, 1<<20+7)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	sum := sha256.Sum256(content)
	dir := t.TempDir()
	const name = "Bericht für März.bin"
	local := filepath.Join(dir, "local")
	write(t, local, string(content))
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o700); err != nil {
		t.Fatal(err)
	}
	remote := "alice@example.com+web1@127.0.0.1:" + filepath.Join(dir, "there", name)
	var ids []string
	for i, args := range [][]string{{"-s", local, remote}, {"-s", remote, filepath.Join(dir, "back")}} {
		if said, err := scp("scp", args...); err != nil {
			t.Fatalf("scp %v: %v: %s", args, err, said)
		}
		g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == i+1 && !all[0].Open })
		ids = append(ids, g.newest().ID)
	}
	b := &browser{t: t, g: g}
	b.play("files.mjs", "SALLYPORT_SESSION="+ids[0], "SALLYPORT_BACK="+ids[1], "SALLYPORT_FILE="+name,
		"SALLYPORT_DIGEST="+hex.EncodeToString(sum[:]), "SALLYPORT_SIZE="+strconv.Itoa(len(content)), "SALLYPORT_TOKEN="+token)
}
