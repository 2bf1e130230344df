package main_test

import (
	"io"
	"path/filepath"
	"testing"
	"time"
)

// TestRevealInTheBrowser has a real Chromium reveal what masks hid from the recording of a real psql.
func TestRevealInTheBrowser(t *testing.T) {
	m := newMaskedGateway(t, columnMasks)
	m.run(t, "carol", m.carol, "SELECT ssn FROM customers WHERE id = 1;\nSELECT ssn::int FROM customers WHERE id = 1;\n", "psql", "-XAt")
	id := ""
	m.await("carol's session to be closed", func() bool {
		for _, s := range m.sessions() {
			if s.Principal == "carol" && !s.Open {
				id = s.ID
			}
		}
		return id != ""
	})
	b := &browser{t: t, g: m.gateway}
	b.play("reveal.mjs", "SALLYPORT_SESSION="+id, "SALLYPORT_VALUE="+planted()[2], "SALLYPORT_PLACE=row 1, ssn",
		`SALLYPORT_ERROR=invalid input syntax for type integer: "`+planted()[2], "SALLYPORT_TOKEN="+m.carol, "SALLYPORT_GUEST="+m.alice,
		"SALLYPORT_REASON=which customer was called")
}

// TestRevealTerminalInTheBrowser has a real Chromium reveal what masks hid from the recording of a real ssh's terminal, while
// that is open and when it is closed.
func TestRevealTerminalInTheBrowser(t *testing.T) {
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, masksAddresses)
	const value = "zanzibar.quux@example.org"
	file := filepath.Join(t.TempDir(), "customers")
	write(t, file, "Ada  \x1b[1mzanzibar.quux\x1b[m@example.org  Lovelace\n")
	carol := g.sallyport("token", "create", "--user", "carol", "--group", "eng", "--group", "privacy", "--ttl", "1h")
	client := g.ssh(g.port, "carol+web1", carol)
	client.run("cat "+file, "\x1b[1mzanzibar.quux\x1b[m@example.org")
	reveal := func(id string) {
		t.Helper()
		b := &browser{t: t, g: g}
		b.play("reveal.mjs", "SALLYPORT_SESSION="+id, "SALLYPORT_VALUE="+value, "SALLYPORT_PLACE=output at byte", "SALLYPORT_ERROR=", "SALLYPORT_TOKEN="+carol,
			"SALLYPORT_GUEST="+g.token("alice"), "SALLYPORT_REASON=which customer was called")
	}
	g.await("carol's session to be listed", func() bool { return len(g.sessions()) == 1 })
	if one := g.newest(); !one.Open {
		t.Fatalf("it is closed: %+v", one)
	}
	reveal(g.newest().ID)
	if _, err := io.WriteString(client.in, "exit\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-client.done:
	case <-time.After(patience):
		t.Fatal("ssh did not end")
	}
	g.await("carol's session to be closed", func() bool { return !g.newest().Open })
	reveal(g.newest().ID)
}
