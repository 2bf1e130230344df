package main_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas/journal/journaltest"
)

// TestSecretsStayInTheGateway looks for planted secrets in everything that is kept or said.
func TestSecretsStayInTheGateway(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	token := g.token("alice")
	const literal = "planted-l1teral-of-a-role"
	out, err := g.psql("alice", token, "-c", "CREATE ROLE app LOGIN PASSWORD '"+literal+"'", "-c", "SELECT name FROM customers", "-c", "this does not parse '"+literal+"'").CombinedOutput()
	if err == nil {
		t.Errorf("psql did not say that a statement was refused: %s", out)
	}
	if bytes.Contains(out, []byte(targetSecret)) {
		t.Errorf("the client was told the target's password:\n%s", out)
	}
	if got := direct(t, target, "orders", "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'app'"); got != "t" {
		t.Errorf("the role's password did not reach the target: %s", got)
	}
	g.search(`"CREATE ROLE"`, 1)
	g.stop()
	holdsNot(t, g, targetSecret, literal, token)
}

// holdsNot looks for secrets in the gateway's own log and in everything that it keeps.
func holdsNot(t *testing.T, g *gateway, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("%s is in the gateway's own log:\n%s", secret, g.log)
		}
		err := filepath.WalkDir(filepath.Join(g.dir, "data"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s is in %s", secret, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestServicesApart runs each service in its own process on one external log.
func TestServicesApart(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	log := "nats: {url: \"" + journaltest.Server(t) + "\"}\n"
	read := newGateway(t, target, log, "replay")
	newGateway(t, target, log, "enforcer")
	door := newGateway(t, target, log, "gateway")
	index := newGateway(t, target, log, "search")

	out, err := door.psql("alice", read.token("alice"), "-c", "SELECT name FROM customers WHERE id = 2").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "Grace" {
		t.Fatalf("psql through the lone gateway: %v: %s", err, out)
	}
	hit := index.search("Grace field:rows", 1)[0]
	index.search("Grace field:rows -prompt:nothing", 1) // prompts are known where search runs alone
	if recorded := read.entries(hit.Session); !strings.Contains(recorded, "Grace") {
		t.Errorf("the lone replay does not show what was recorded:\n%s", recorded)
	}
}

// TestOneServiceNeedsALog holds the exit status of a wrong use.
func TestOneServiceNeedsALog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sallyport.yaml"), "data_dir: ./data\n")
	g := &gateway{t: t}
	for _, args := range [][]string{{"gateway", "--config", dir + "/sallyport.yaml"}, {"kill"}, {"nonsense"}, {"sessions", "--nonsense"}} {
		c := g.command(args...)
		out, _ := c.CombinedOutput()
		if code := c.ProcessState.ExitCode(); code != 2 {
			t.Errorf("sallyport %s ended with %d, want 2: %s", strings.Join(args, " "), code, out)
		}
	}
	c := g.command("sessions", "--config", dir+"/sallyport.yaml")
	out, _ := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "sallyport up") {
		t.Errorf("without a server, sessions ended with %d: %s", code, out)
	}
}

// TestRevocationEndsSessions revokes the token under an open session.
func TestRevocationEndsSessions(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	s := g.shell("alice", g.token("alice"))
	s.run("SELECT 'still ' || 'here';", "still here")
	id := strings.Fields(strings.Split(g.sallyport("token", "list"), "\n")[1])[0]
	g.sallyport("token", "revoke", id)
	s.run("SELECT 'after ' || 'all';", "revoked")
	g.await("the session to end", func() bool { return !g.newest().Open })
	if strings.Contains(s.out.String(), "after all") {
		t.Errorf("a statement ran after the revocation:\n%s", s.out)
	}
}

// TestKill ends a session from outside.
func TestKill(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	s := g.shell("alice", g.token("alice"))
	s.run("SELECT 'still ' || 'here';", "still here")
	g.await("the session to be listed", func() bool { return len(g.sessions()) == 1 })
	g.sallyport("kill", g.newest().ID, "--reason", "lunch is ready")
	s.run("SELECT 1;", "lunch is ready")
	g.await("the session to end", func() bool { return !g.newest().Open })
	if got := g.newest().Reason; got != "killed" {
		t.Errorf("the session was closed as %q, want killed", got)
	}
}

// TestBrowserSession signs in as a browser does: the code serves once, the cookie is bound to the
// app, and what another site makes the browser send is refused.
func TestBrowserSession(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	link, err := url.Parse(g.signInLink("alice"))
	if err != nil {
		t.Fatal(err)
	}
	code := strings.TrimPrefix(link.Fragment, "code=")
	base := "http://" + g.web + "/api/v1"
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	status := func(c *http.Client, method, path, body string, header ...string) int {
		t.Helper()
		request, err := http.NewRequest(method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	steps := []struct {
		what      string
		got, want int
	}{
		{"without a cookie", status(browser, "GET", "/me", ""), 401},
		{"with a wrong code", status(browser, "POST", "/signin", `{"token":"sp_wrong"}`), 401},
		{"with the code", status(browser, "POST", "/signin", `{"token":"`+code+`"}`), 204},
		{"with the code again", status(&http.Client{}, "POST", "/signin", `{"token":"`+code+`"}`), 401},
		{"signed in", status(browser, "GET", "/me", ""), 200},
		{"the code as a bearer", status(&http.Client{}, "GET", "/me", "", "Authorization", "Bearer "+code), 401},
		{"from another site", status(browser, "GET", "/me", "", "Sec-Fetch-Site", "cross-site"), 403},
		{"a change without the header", status(browser, "POST", "/sessions/x/kill", "{}"), 403},
		{"an engineer on resources", status(browser, "GET", "/resources/target", ""), 403},
		{"an engineer making tokens", status(browser, "POST", "/tokens", `{"user":"root"}`, "X-Sallyport", "1"), 403},
		{"signing out", status(browser, "POST", "/signout", "", "X-Sallyport", "1"), 204},
		{"signed out", status(browser, "GET", "/me", ""), 401},
	}
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("%s: %d, want %d", s.what, s.got, s.want)
		}
	}
}

// TestDumpEqualsDirect dumps and benchmarks with PostgreSQL's own tools, under the real policies.
func TestDumpEqualsDirect(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	token := g.token("alice")
	dump := func(dsn string) string {
		t.Helper()
		c := exec.Command(filepath.Join(target.Bin, "pg_dump"), "--restrict-key=same", dsn)
		c.Env = append(os.Environ(), "PGPASSWORD="+token)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("pg_dump: %v: %s", err, out)
		}
		return string(out)
	}
	through := dump("host=127.0.0.1 port=" + g.port + " user=alice dbname=orders")
	if diff := cmp.Diff(dump(target.DSN("orders")), through); diff != "" {
		t.Errorf("the dump through the gateway differs:\n%s", diff)
	}
	if out, err := exec.Command(filepath.Join(target.Bin, "pgbench"), "-i", "-q", target.DSN("orders")).CombinedOutput(); err != nil {
		t.Fatalf("pgbench -i: %v: %s", err, out)
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		c := exec.Command(filepath.Join(target.Bin, "pgbench"), "-S", "-n", "-M", mode, "-c", "4", "-t", "50", "-h", "127.0.0.1", "-p", g.port, "-U", "alice", "orders")
		c.Env = append(os.Environ(), "PGPASSWORD="+token)
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "200/200") {
			t.Errorf("pgbench -M %s: %v: %s", mode, err, out)
		}
	}
}

// TestSealedCredential declares a target whose password is sealed, and reads the metrics.
func TestSealedCredential(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	seal := g.command("seal", "--config", g.config)
	seal.Stdin = strings.NewReader(targetSecret + "\n")
	sealed, err := seal.Output()
	if err != nil || strings.Contains(string(sealed), targetSecret) {
		t.Fatalf("seal: %v: %s", err, sealed)
	}
	file := filepath.Join(g.dir, "sealed.yaml")
	write(t, file, strings.NewReplacer("ADDRESS", target.Address(), "{env: ORDERS_PASSWORD}", "{sealed: "+strings.TrimSpace(string(sealed))+"}").Replace(declared))
	if out := g.sallyport("apply", "-f", file); !strings.Contains(out, "Target orders changed") {
		t.Errorf("apply says: %s", out)
	}
	if out, err := g.psql("alice", g.token("alice"), "-c", "SELECT name FROM customers WHERE id = 1").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "Ada" {
		t.Errorf("psql: %v: %s", err, out)
	}
	response, err := http.Get("http://" + g.web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	for _, want := range []string{`sallyport_log_last_sequence{stream="FACTS"}`, "sallyport_search_lag_messages", "sallyport_tokens 1", "go_goroutines"} {
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s is not among the metrics: %v", want, err)
		}
	}
}

// TestSearchFindsWhatWasJustRun asks the command line at once, as somebody at a terminal would.
func TestSearchFindsWhatWasJustRun(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	token := g.token("alice")
	for i := range 3 {
		word := fmt.Sprintf("needle%d", i)
		if out, err := g.psql("alice", token, "-c", "SELECT '"+word+"'").CombinedOutput(); err != nil {
			t.Fatalf("psql: %v: %s", err, out)
		}
		if out := g.sallyport("search", word, "field:command"); !strings.Contains(out, "1 of 1") {
			t.Errorf("just after it ran, the search for %s says:\n%s", word, out)
		}
	}
}
