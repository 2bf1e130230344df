package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/cli"
	"sallyport/cmd/internal/client"
	"sallyport/ingress/postgres/postgrestest"
	"sallyport/schemas/freeport"
)

// runAsMain makes the test binary be sallyport, so that tests run the real process.
const runAsMain = "SALLYPORT_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsMain) != "" {
		os.Exit(cli.Run(os.Args[1:], cli.Standard()))
	}
	os.Exit(m.Run())
}

// patience bounds how long a condition may take to come true.
const patience = time.Minute

// limits are those of a gateway on a machine that is busy, which is not what is tested, and more.
func limits(more string) string {
	return "limits: {authentication: 1m, dial: 1m, verdict: 1m, acknowledge: 1m, catalogue_wait: 1m, " + more + "}\n"
}

// withLimits adds them to settings that have none of their own.
func withLimits(settings string) string {
	if strings.Contains(settings, "limits:") {
		return settings
	}
	return settings + limits("")
}

// gateway is a running sallyport with one target, "orders".
type gateway struct {
	t      testing.TB
	dir    string
	config string
	web    string
	port   string
	cmd    *exec.Cmd
	log    *lockedBuffer
	done   chan struct{}
	client *client.Client
	wrap   []string // stands before the command
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const declared = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: test}}
spec:
  protocol: postgres
  address: ADDRESS
  credential: {username: postgres, password: {env: ORDERS_PASSWORD}}
  postgres: {database: orders}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec:
  members: {groups: [eng]}
  targets: {labels: {env: test}}
  can: [connect, replay, watch, kill]
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-destructive-sql}
spec:
  targets: {labels: {env: test}}
  when: command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write
  verdict: deny
  message: destructive SQL needs a DBA
`

// targetSecret is the target's password; nothing but the gateway may ever hold it.
const targetSecret = "planted-s3cret-of-the-target"

// newTarget starts a PostgreSQL with a database orders.
func newTarget(t testing.TB) *postgrestest.Server {
	t.Helper()
	s := postgrestest.Run(t, postgrestest.Config{Auth: "scram-sha-256", Password: targetSecret})
	for _, one := range [][2]string{
		{"postgres", "CREATE DATABASE orders"},
		{"orders", "CREATE TABLE customers (id int PRIMARY KEY, name text); INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace')"},
	} {
		direct(t, s, one[0], one[1])
	}
	return s
}

// direct runs statements on the target without the gateway, and returns what psql printed.
func direct(t testing.TB, s *postgrestest.Server, database, statements string) string {
	t.Helper()
	out, err := exec.Command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", s.DSN(database), "-c", statements).CombinedOutput()
	if err != nil {
		t.Fatalf("psql %s: %v: %s", statements, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newGateway writes a configuration and starts `sallyport up` (or what args say) with it.
func newGateway(t testing.TB, target *postgrestest.Server, settings string, args ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), port: freePort(t)}
	g.web = "127.0.0.1:" + freePort(t)
	g.config = filepath.Join(g.dir, "sallyport.yaml")
	write(t, filepath.Join(g.dir, "resources.yaml"), strings.ReplaceAll(declared, "ADDRESS", target.Address()))
	write(t, g.config, fmt.Sprintf("data_dir: ./data\nlisten: {web: %q, postgres: \"127.0.0.1:%s\"}\nresources: [./resources.yaml]\n%s", g.web, g.port, withLimits(settings)))
	var err error
	if g.client, err = client.New(client.Config{Socket: filepath.Join(g.dir, "data", "sallyport.sock")}); err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 {
		args = []string{"up"}
	}
	g.start(args...)
	t.Cleanup(g.stop)
	return g
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// command is sallyport with arguments.
func (g *gateway) command(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	line := append(append(slices.Clone(g.wrap), exe), args...)
	c := exec.Command(line[0], line[1:]...)
	c.Env = append(os.Environ(), runAsMain+"=1", "ORDERS_PASSWORD="+targetSecret)
	return c
}

// start starts the process and returns once it is ready.
func (g *gateway) start(args ...string) {
	g.t.Helper()
	g.cmd = g.command(append(args, "--config", g.config)...)
	g.log = new(lockedBuffer)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	done := make(chan struct{})
	g.done = done
	go func(c *exec.Cmd) {
		defer close(done)
		_ = c.Wait() // how it ended is what tests look at
	}(g.cmd)
	g.await("the gateway to be ready", func() bool {
		select {
		case <-done:
			g.t.Fatalf("the gateway ended:\n%s", g.log)
		default:
		}
		return strings.Contains(g.log.String(), "msg=ready")
	})
}

func (g *gateway) await(what string, happened func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(patience)
	for !happened() {
		if time.Now().After(deadline) {
			g.t.Fatalf("waited in vain for %s; the gateway says:\n%s", what, g.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (g *gateway) signal(s syscall.Signal) {
	_ = g.cmd.Process.Signal(s) // it may have ended
	<-g.done
}

func (g *gateway) stop() {
	g.signal(syscall.SIGTERM)
	if g.t.Failed() {
		g.t.Logf("the gateway said:\n%s", g.log)
	}
}

// sallyport runs a client command and returns what it printed.
func (g *gateway) sallyport(args ...string) string {
	g.t.Helper()
	out, err := g.command(append(args, "--config", g.config)...).CombinedOutput()
	if err != nil {
		g.t.Fatalf("sallyport %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (g *gateway) token(user string) string {
	g.t.Helper()
	return g.sallyport("token", "create", "--user", user, "--group", "eng", "--ttl", "1h")
}

// psql is the real client on the target orders, as user.
func (g *gateway) psql(user, token string, args ...string) *exec.Cmd {
	c := exec.Command("psql", append([]string{"-XAt", fmt.Sprintf("host=127.0.0.1 port=%s user=%s dbname=orders", g.port, user)}, args...)...)
	c.Env = append(os.Environ(), "PGPASSWORD="+token)
	return c
}

// shell is a psql that is held open and fed statement by statement.
type shell struct {
	t    testing.TB
	in   io.WriteCloser
	out  *lockedBuffer
	cmd  *exec.Cmd
	done chan error
}

func (g *gateway) shell(user, token string) *shell {
	g.t.Helper()
	return g.shellOf(g.psql(user, token), "")
}

// shellOf is a psql that is held open, with further words in its connection string.
func (g *gateway) shellOf(c *exec.Cmd, words string) *shell {
	g.t.Helper()
	c.Args[2] += " " + words
	s := &shell{t: g.t, out: new(lockedBuffer), cmd: c, done: make(chan error, 1)}
	c.Stdout, c.Stderr = s.out, s.out
	var err error
	if s.in, err = c.StdinPipe(); err != nil {
		g.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() { s.done <- c.Wait() }()
	g.t.Cleanup(func() { _ = c.Process.Kill() })
	return s
}

// run feeds a statement and returns once want is in what psql printed.
func (s *shell) run(statement, want string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, statement+"\n"); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for !strings.Contains(s.out.String(), want) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %q after %q in:\n%s", want, statement, s.out)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// listed is a session as the list shows it.
type listed struct {
	ID         string `json:"id"`
	Principal  string `json:"principal"`
	Open       bool   `json:"open"`
	Reason     string `json:"reason"`
	Commands   int    `json:"commands"`
	Denied     int    `json:"denied"`
	LastNumber uint64 `json:"last_number"`
}

// newest is the session that began last, once one is listed.
func (g *gateway) newest() (one listed) {
	g.t.Helper()
	g.await("a session to be listed", func() bool {
		all := g.sessions()
		if len(all) > 0 {
			one = all[0]
		}
		return len(all) > 0
	})
	return one
}

func (g *gateway) sessions() []listed {
	g.t.Helper()
	var answer struct {
		Sessions []listed `json:"sessions"`
	}
	if err := g.client.Do(context.Background(), "GET", "/sessions", nil, nil, &answer); err != nil {
		g.t.Fatal(err)
	}
	return answer.Sessions
}

// found is a search hit.
type found struct {
	Session string `json:"session"`
	Number  uint64 `json:"number"`
	Field   string `json:"field"`
	Verdict string `json:"verdict"`
	Snippet string `json:"snippet"`
	Link    string `json:"link"`
}

// search returns once a query has at least n hits.
func (g *gateway) search(query string, n int) []found {
	g.t.Helper()
	var answer struct {
		Hits []found `json:"hits"`
	}
	g.await(fmt.Sprintf("%d hits of %s", n, query), func() bool {
		if err := g.client.Do(context.Background(), "GET", "/search", url.Values{"q": {query}}, nil, &answer); err != nil {
			g.t.Fatal(err)
		}
		return len(answer.Hits) >= n
	})
	return answer.Hits
}

// entries returns a session's entries as JSON lines.
func (g *gateway) entries(id string) string {
	g.t.Helper()
	return g.sallyport("export", id, "--format", "ndjson")
}

func (g *gateway) signInLink(user string) string {
	g.t.Helper()
	var made api.TokenMade
	out := g.sallyport("token", "create", "--user", user, "--group", "eng", "--sign-in", "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		g.t.Fatal(err)
	}
	return made.Link
}
