package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/ingress/login/authority/authoritytest"
)

// TestLoginWithPrivateCA signs a terminal in at a gateway whose certificate nobody public vouches for, and uses what it kept.
func TestLoginWithPrivateCA(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "tls: {loopback: true}\n")
	dir, home := t.TempDir(), t.TempDir()
	pem := g.sallyport("ca")
	ca, other := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "other.pem")
	write(t, ca, pem+"\n")
	authoritytest.Write(t, other, authoritytest.New(t, "other").Cert)
	write(t, filepath.Join(dir, "empty.pem"), "nothing\n")
	const password = "correct horse battery"
	if out, err := g.addUser("alice", password, "--group", "eng"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(pem))
	alice, base := newSurfer(t), "https://"+g.web
	alice.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	if status, body := alice.call("POST", base+"/api/v1/identity/password", `{"user":"alice","password":"`+password+`"}`); status != http.StatusNoContent {
		t.Fatalf("sign in: %d %s", status, body)
	}
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "BROWSER=true", "SALLYPORT_TOKEN=", "SSH_AUTH_SOCK=", "SSL_CERT_FILE=", "SSL_CERT_DIR="}
	run := func(args ...string) (string, error) {
		c := g.command(args...)
		c.Env = append(c.Env, env...)
		out, err := c.CombinedOutput()
		return string(out), err
	}

	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody vouches":        {nil, "name the file with its certificate: --ca FILE"},
		"another does":          {[]string{"--ca", other}, "unknown authority"},
		"there is no such file": {[]string{"--ca", dir + "/none.pem"}, "no such file"},
		"it is no certificate":  {[]string{"--ca", filepath.Join(dir, "empty.pem")}, "no PEM certificate"},
	} {
		if out, err := run(append([]string{"login", "--device", "--url", base}, c.args...)...); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	if out, err := run("sessions", "--config", g.config, "--ca", ca); err == nil || !strings.Contains(out, "--ca goes with --url") {
		t.Errorf("with the socket: %v: %s", err, out)
	}

	l := &loggingIn{t: t, home: home, said: new(lockedBuffer), cmd: g.command("login", "--device", "--url", base, "--ca", ca)}
	l.cmd.Env = append(l.cmd.Env, env...)
	l.cmd.Stdout, l.cmd.Stderr = &l.out, l.said
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	code := l.saw(g, `enter the code (\S+)`)[1]
	if status, body := alice.call("POST", base+"/api/v1/identity/device/"+code, `{"approve":true}`); status != http.StatusNoContent {
		t.Fatalf("approving: %d %s", status, body)
	}
	if err := l.cmd.Wait(); err != nil || !strings.Contains(l.out.String(), "alice is signed in until") {
		t.Fatalf("login: %v: %s%s", err, l.said, l.out.String())
	}

	// What vouched is kept with the token, for requests and for websockets.
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	if out, err := l.psql(g, "alice"); err != nil || out != "Ada" {
		t.Errorf("psql: %v: %s", err, out)
	}
	id := ""
	g.await("her session", func() bool {
		for _, s := range g.sessions() {
			if !s.Open {
				id = s.ID
			}
		}
		return id != ""
	})
	if out, err := run("sessions", "--url", base); err != nil || !strings.Contains(out, id) {
		t.Errorf("sessions: %v: %s", err, out)
	}
	if out, err := run("play", id, "--speed", "1000", "--url", base); err != nil || !strings.Contains(out, "SELECT name FROM customers") {
		t.Errorf("play: %v: %s", err, out)
	}
	// Another authority that is named counts instead of the one that is kept.
	if out, err := run("sessions", "--url", base, "--ca", other); err == nil || !strings.Contains(out, "unknown authority") {
		t.Errorf("named and wrong: %v: %s", err, out)
	}
	// Beside the data directory, the gateway's own authority is known.
	env[0], env[1] = "HOME="+dir, "XDG_CONFIG_HOME="+dir
	if out, err := run("login", "--config", g.config, "--workload-token-file", other); err == nil || strings.Contains(out, "unknown authority") || strings.Contains(out, "reach the gateway") {
		t.Errorf("with the configuration: %v: %s", err, out)
	}
}
