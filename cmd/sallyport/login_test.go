package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// loggingIn is a `sallyport login` that runs.
type loggingIn struct {
	t    *testing.T
	home string
	cmd  *exec.Cmd
	out  bytes.Buffer
	said *lockedBuffer // on standard error
}

// login starts `sallyport login` as a user with an empty home.
func (g *gateway) login(t *testing.T, args ...string) *loggingIn {
	t.Helper()
	return g.loginWith(t, nil, args...)
}

// loginWith does with variables in its environment.
func (g *gateway) loginWith(t *testing.T, env []string, args ...string) *loggingIn {
	t.Helper()
	l := &loggingIn{t: t, home: t.TempDir(), said: new(lockedBuffer)}
	l.cmd = g.command(append([]string{"login", "--url", "http://" + g.web}, args...)...)
	l.cmd.Env = append(l.cmd.Env, "HOME="+l.home, "XDG_CONFIG_HOME="+l.home, "BROWSER=true", "SALLYPORT_TOKEN=", "SSH_AUTH_SOCK=")
	l.cmd.Env = append(l.cmd.Env, env...)
	l.cmd.Stdout, l.cmd.Stderr = &l.out, l.said
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	return l
}

// saw waits until it says what a pattern matches.
func (l *loggingIn) saw(g *gateway, pattern string) []string {
	l.t.Helper()
	var found []string
	g.await("sallyport login to say "+pattern, func() bool {
		found = regexp.MustCompile(pattern).FindStringSubmatch(l.said.String())
		return found != nil
	})
	return found
}

// signedIn makes a local user alice in group eng, and a browser that is signed in as her.
func (g *gateway) signedIn(t *testing.T) (*surfer, string) {
	t.Helper()
	const password = "correct horse battery"
	if out, err := g.addUser("alice", password, "--group", "eng"); err != nil {
		t.Fatalf("user add: %v: %s", err, out)
	}
	s, base := newSurfer(t), "http://"+g.web+"/api/v1"
	if status, body := s.call("POST", base+"/identity/password", `{"user":"alice","password":"`+password+`"}`); status != http.StatusNoContent {
		t.Fatalf("sign in: %d %s", status, body)
	}
	return s, base
}

// TestLoginByBrowser signs a terminal in through the browser beside it, and uses what it got.
func TestLoginByBrowser(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	alice, base := g.signedIn(t)
	l := g.login(t)
	where, err := url.Parse(l.saw(g, `(?m)^(http\S+/login\?\S+)$`)[1])
	if err != nil {
		t.Fatal(err)
	}
	q := where.Query()
	authorize := func(s *surfer, redirect string, header ...string) (int, string) {
		body, err := json.Marshal(map[string]string{"redirect_uri": redirect, "state": q.Get("state"), "code_challenge": q.Get("code_challenge")})
		if err != nil {
			t.Fatal(err)
		}
		return s.call("POST", base+"/identity/authorize", string(body), header...)
	}
	for _, bad := range []string{
		"https://evil.example/callback", "http://127.0.0.1.evil.example:80/callback", "http://127.0.0.1/callback", "http://127.0.0.1:80/other",
		"http://user@127.0.0.1:80/callback", "http://192.0.2.1:80/callback", "http://localhost:80/callback", "http://127.0.0.1:80/callback?x=1", "http://127.0.0.1:0/callback",
	} {
		if status, body := authorize(alice, bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
	if status, _ := authorize(newSurfer(t), q.Get("redirect_uri")); status != http.StatusUnauthorized {
		t.Errorf("a stranger's browser signs a terminal in: %d", status)
	}
	if status, _ := authorize(alice, q.Get("redirect_uri"), "X-Sallyport", ""); status != http.StatusForbidden {
		t.Errorf("another site signs a terminal in: %d", status)
	}
	status, body := authorize(alice, q.Get("redirect_uri"))
	var answer struct {
		Location string `json:"location"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("authorize: %d %s", status, body)
	}
	// Whoever sees the code, but is not the terminal that asked, gets nothing for it, and it is over.
	stolen, err := url.Parse(answer.Location)
	if err != nil {
		t.Fatal(err)
	}
	redeem := func(code, verifier string) (int, string) {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {q.Get("redirect_uri")}}
		return newSurfer(t).call("POST", base+"/identity/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	if status, body := redeem(stolen.Query().Get("code"), "guess"); status != http.StatusBadRequest || !strings.Contains(body, `"error":"invalid_grant"`) {
		t.Errorf("a stolen code: %d %s", status, body)
	}
	if status, body := redeem(stolen.Query().Get("code"), "guess"); status != http.StatusBadRequest || !strings.Contains(body, "was used") {
		t.Errorf("a code again: %d %s", status, body)
	}
	// The terminal takes only what carries its own state.
	forged := *stolen
	forged.RawQuery = url.Values{"code": {"x"}, "state": {"forged"}}.Encode()
	if v := newSurfer(t).get(forged.String(), ""); v.status != http.StatusBadRequest {
		t.Errorf("a forged state at the terminal: %d %s", v.status, v.body)
	}
	if status, body = authorize(alice, q.Get("redirect_uri")); status != http.StatusOK {
		t.Fatalf("authorize: %d %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if v := alice.get(answer.Location, ""); v.status != http.StatusOK {
		t.Fatalf("back at the terminal: %d %s", v.status, v.body)
	}
	l.works(g, "alice", "eng")
	// The browser's session ends, the terminal's token does not; the user goes, and it does.
	if status, _ := alice.call("POST", base+"/signout", ""); status != http.StatusNoContent {
		t.Errorf("signing out: %d", status)
	}
	l.works(g, "alice", "eng")
	g.sallyport("user", "remove", "alice")
	if out, err := l.psql(g, "alice"); err == nil {
		t.Errorf("psql goes on after the user was removed: %s", out)
	}
}

// psql connects with the password file that login wrote.
func (l *loggingIn) psql(g *gateway, user string) (string, error) {
	files, err := filepath.Glob(filepath.Join(l.home, "sallyport", "*", "pgpass"))
	if err != nil || len(files) != 1 {
		l.t.Fatalf("the password files are %v, %v", files, err)
	}
	c := exec.Command("psql", "-XAt", "host=127.0.0.1 port="+g.port+" user="+user+" dbname=orders passfile="+files[0], "-c", "SELECT name FROM customers WHERE id = 1")
	c.Env = append(os.Environ(), "PGPASSWORD=")
	c.Env = append(c.Env[:len(c.Env)-1], "PGCONNECT_TIMEOUT=30")
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// works holds that login ended well, and that what it kept is safe and serves.
func (l *loggingIn) works(g *gateway, name, group string) {
	l.t.Helper()
	if l.cmd.ProcessState == nil {
		if err := l.cmd.Wait(); err != nil {
			l.t.Fatalf("sallyport login: %v\n%s%s", err, l.said, l.out.String())
		}
		if out := l.out.String(); !strings.Contains(out, name+" is signed in until") || !strings.Contains(out, "groups: "+group) {
			l.t.Errorf("sallyport login says:\n%s", out)
		}
	}
	err := filepath.WalkDir(filepath.Join(l.home, "sallyport"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			l.t.Errorf("%s has mode %v", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		l.t.Error(err)
	}
	if out, err := l.psql(g, name); err != nil || out != "Ada" {
		l.t.Errorf("psql: %v: %s", err, out)
	}
	g.await("sessions with what login kept", func() bool { // the list follows the log
		c := g.command("sessions", "--url", "http://"+g.web, "--json")
		c.Env = append(c.Env, "HOME="+l.home, "XDG_CONFIG_HOME="+l.home, "SALLYPORT_TOKEN=")
		out, err := c.CombinedOutput()
		if err != nil {
			l.t.Fatalf("sessions with what login kept: %v: %s", err, out)
		}
		return strings.Contains(string(out), `"principal":"`+name)
	})
}

// TestLoginByDevice signs a terminal in through a browser elsewhere.
func TestLoginByDevice(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	alice, base := g.signedIn(t)
	refused := g.login(t, "--device")
	code := refused.saw(g, `enter the code (\S+)`)[1]
	if status, _ := newSurfer(t).call("POST", base+"/identity/device/"+code, `{"approve":true}`); status != http.StatusUnauthorized {
		t.Errorf("a stranger signs a terminal in: %d", status)
	}
	if status, _ := alice.call("GET", base+"/identity/device/BBBB-BBBB", ""); status != http.StatusNotFound {
		t.Errorf("a made-up code: %d", status)
	}
	if status, body := alice.call("POST", base+"/identity/device/"+code, `{"approve":false}`); status != http.StatusNoContent {
		t.Errorf("refusing: %d %s", status, body)
	}
	if err := refused.cmd.Wait(); err == nil || !strings.Contains(refused.said.String(), "refused in the browser") {
		t.Errorf("a terminal that was refused: %v: %s", err, refused.said)
	}
	l := g.login(t, "--device")
	code = strings.ToLower(l.saw(g, `enter the code (\S+)`)[1])
	if status, body := alice.call("GET", base+"/identity/device/"+code, ""); status != http.StatusOK || !strings.Contains(body, "127.0.0.1:") {
		t.Errorf("who asks: %d %s", status, body)
	}
	if status, body := alice.call("POST", base+"/identity/device/"+code, `{"approve":true}`); status != http.StatusNoContent {
		t.Errorf("approving: %d %s", status, body)
	}
	if status, _ := alice.call("POST", base+"/identity/device/"+code, `{"approve":true}`); status != http.StatusNotFound {
		t.Errorf("approving twice: %d", status)
	}
	l.works(g, "alice", "eng")
}

// TestLoginOfMachines exchanges a token that a real provider gave for client credentials.
func TestLoginOfMachines(t *testing.T) {
	t.Parallel()
	d := &dex{t: t, listen: "127.0.0.1:" + freePort(t)}
	d.start("http://127.0.0.1/unused", "eng")
	t.Cleanup(d.stop)
	g := newGateway(t, newTarget(t), `identity:
  workloads:
  - {name: robots, issuer: `+d.issuer()+`, audience: robot, subject: CgVyb2JvdA, agent: "bot-{aud}", groups: [eng], ttl: 5m}
`)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "robot-secret\n")
	l := g.login(t, "--issuer", d.issuer(), "--client-id", "robot", "--client-secret-file", secret, "--scope", "openid")
	l.works(g, "bot-robot", "eng")
	g.events("identity.signed_in", `"provider":"robots"`)
	wrong := g.login(t, "--workload-token-file", secret)
	if err := wrong.cmd.Wait(); err == nil || !strings.Contains(wrong.said.String(), "was not accepted") {
		t.Errorf("what is no token: %v: %s", err, wrong.said)
	}
}
