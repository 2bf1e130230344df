package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certified is npm's oidc-provider, an OpenID-certified implementation.
type certified struct {
	t        testing.TB
	listen   string
	redirect string
	cmd      *exec.Cmd
	log      *lockedBuffer
}

func newCertified(t testing.TB) *certified {
	t.Helper()
	if _, err := os.Stat("testdata/oidc-provider/node_modules/oidc-provider"); err != nil {
		t.Fatal("the OpenID provider needs what `deploy/clients.sh` installs")
	}
	c := &certified{t: t, listen: "127.0.0.1:" + freePort(t)}
	t.Cleanup(c.stop)
	return c
}

func (c *certified) issuer() string { return "http://" + c.listen }

// start starts it, with new keys and an empty memory; everybody is in group.
func (c *certified) start(group string) {
	c.t.Helper()
	c.log = new(lockedBuffer)
	c.cmd = exec.Command("node", "main.mjs", c.listen, c.redirect, group)
	c.cmd.Dir = "testdata/oidc-provider"
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.keys()
}

func (c *certified) stop() {
	if c.cmd != nil {
		_ = c.cmd.Process.Kill() // it may have ended
		_ = c.cmd.Wait()
		c.cmd = nil
	}
}

// keys returns its public keys, once it answers.
func (c *certified) keys() string {
	c.t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(c.issuer() + "/jwks")
		if err == nil {
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK {
				return string(body)
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the provider does not answer: %v\n%s", err, c.log)
		}
	}
}

// rotate has it take new keys, and forget the old ones.
func (c *certified) rotate() {
	c.t.Helper()
	before := c.keys()
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); c.keys() == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the provider keeps its keys\n%s", c.log)
		}
	}
}

// TestCertifiedProvider goes the whole way in a real Chromium with a certified provider, which is not there when the
// gateway starts, changes its keys, goes, and comes back.
func TestCertifiedProvider(t *testing.T) {
	t.Parallel()
	op, secret := newCertified(t), filepath.Join(t.TempDir(), "secret")
	write(t, secret, "gateway-secret\n")
	g := newGateway(t, newTarget(t), `identity:
  sign_ins_per_address: 300
  providers:
  - name: certified
    title: Certified
    oidc: {issuer: "`+op.issuer()+`", client_id: gateway, client_secret: {file: `+secret+`}, scopes: [openid, email, groups, offline_access], prompt: [consent]}
`)
	op.redirect = "http://" + g.web + "/api/v1/identity/oidc/certified/callback"
	elsewhere := g.login(t, "--device")
	given, err := json.Marshal(map[string]string{"title": "Certified", "code": elsewhere.saw(g, `enter the code (\S+)`)[1]})
	if err != nil {
		t.Fatal(err)
	}
	running := g.shell("alice@example.com", g.token("alice@example.com"))
	running.run("SELECT 'began ' || 'before';", "began before")
	b := &browser{t: t, g: g, asked: map[string]func(said) map[string]string{
		"start":  func(m said) map[string]string { op.start(m.Text); return map[string]string{} },
		"stop":   func(said) map[string]string { op.stop(); return map[string]string{} },
		"rotate": func(said) map[string]string { op.rotate(); return map[string]string{} },
		"session": func(said) map[string]string {
			running.run("SELECT 'goes ' || 'on';", "goes on")
			return map[string]string{}
		},
	}}
	b.play("provider.mjs", "SALLYPORT_PROVIDER="+string(given))
	if t.Failed() {
		return // nobody has signed the terminal in, so it would wait
	}
	elsewhere.works(g, "alice@example.com", "eng, oncall")
	g.events("identity.signed_in", `"provider":"certified"`)
	g.events("identity.sign_in_failed", "cannot be reached")
}

// TestCertifiedProviderOfMachines exchanges what a certified provider gives for client credentials.
func TestCertifiedProviderOfMachines(t *testing.T) {
	t.Parallel()
	op := newCertified(t)
	op.start("eng")
	g := newGateway(t, newTarget(t), `identity:
  workloads:
  - {name: robots, issuer: "`+op.issuer()+`", audience: sallyport, subject: robot, agent: "bot-{client_id}", groups: [eng], ttl: 5m}
`)
	login := func(client string) *loggingIn {
		file := filepath.Join(t.TempDir(), "secret")
		write(t, file, client+"-secret\n")
		return g.login(t, "--issuer", op.issuer(), "--client-id", client, "--client-secret-file", file)
	}
	refused := func(l *loggingIn, want string) {
		t.Helper()
		if err := l.cmd.Wait(); err == nil || !strings.Contains(l.said.String(), want) {
			t.Errorf("login ended with %v: %s, want %q", err, l.said, want)
		}
	}
	login("robot").works(g, "bot-robot", "eng")
	op.rotate()
	l := login("robot")
	l.works(g, "bot-robot", "eng")
	refused(login("opaque"), "was not accepted")
	op.stop()
	refused(login("robot"), "reach the provider")
	l.works(g, "bot-robot", "eng")
}

// answer sends a request and decodes the JSON that comes back.
func answer(t testing.TB, r *http.Request, into any) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v", r.URL, response.Status, err)
	}
}
