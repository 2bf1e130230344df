package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport/ingress/postgres/postgrestest"
)

// TestClientsSeeTheSame runs each client at the server itself and through the gateway, in clear
// and with TLS on both legs, every time on a new database. What the client prints, writes and
// leaves behind must be the same to the byte. What cannot be the same, each client's test names.
func TestClientsSeeTheSame(t *testing.T) {
	t.Parallel()
	compareClients(t, postgrestest.Config{}, map[string]func(*testing.T, *matrix){
		"psql": comparePsql, "pgbench": comparePgbench, "dump": compareDump, "pgx": comparePgx,
		"psycopg2": comparePsycopg2, "JDBC": compareJDBC, "node": compareNode,
	})
}

// TestClientsOfAnotherVersion does the same with the server whose programs are in the folder that
// SALLYPORT_TEST_POSTGRES names. pg_dump is left out: it refuses servers that are newer than itself.
func TestClientsOfAnotherVersion(t *testing.T) {
	bin := os.Getenv("SALLYPORT_TEST_POSTGRES")
	if bin == "" {
		t.Skip("SALLYPORT_TEST_POSTGRES does not name the programs of another PostgreSQL")
	}
	t.Parallel()
	compareClients(t, postgrestest.Config{Bin: bin}, map[string]func(*testing.T, *matrix){
		"psql": comparePsql, "pgbench": comparePgbench, "pgx": comparePgx,
		"psycopg2": comparePsycopg2, "JDBC": compareJDBC, "node": compareNode,
	})
}

func compareClients(t *testing.T, c postgrestest.Config, clients map[string]func(*testing.T, *matrix)) {
	c.Auth, c.Password, c.TLS, c.Settings = "scram-sha-256", targetSecret, true, []string{"max_prepared_transactions = 10"}
	m := newMatrix(t, postgrestest.Run(t, c))
	t.Run("clients", func(t *testing.T) { // ends before the servers do
		for name, run := range clients {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t, m)
			})
		}
	})
}

// matrix is a server with a gateway before it.
type matrix struct {
	target *postgrestest.Server
	port   string // of the gateway
	token  string
	ca     string // file of the gateway's

	databases atomic.Int64
}

const matrixTargets = `apiVersion: sallyport/v1
kind: Target
metadata: {name: clear, labels: {env: matrix}}
spec:
  protocol: postgres
  address: ADDRESS
  credential: {username: postgres, password: {env: ORDERS_PASSWORD}}
  tls: {mode: disable}
  unparsed: allow
  postgres: {databases: ["*"]}
---
apiVersion: sallyport/v1
kind: Target
metadata: {name: secure, labels: {env: matrix}}
spec:
  protocol: postgres
  address: ADDRESS
  credential: {username: postgres, password: {env: ORDERS_PASSWORD}}
  tls: {mode: verify-full, ca: CAFILE}
  unparsed: allow
  postgres: {databases: ["*"], channelBinding: require}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: matrix}
spec:
  members: {groups: [eng]}
  targets: {labels: {env: matrix}}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: nothing-of-the-matrix}
spec:
  targets: {labels: {env: matrix}}
  when: command.sql.writes.exists(w, w == "public.never_written")
  verdict: deny
`

func newMatrix(t *testing.T, target *postgrestest.Server) *matrix {
	t.Helper()
	schema, err := os.ReadFile(in(t, "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	direct(t, target, "postgres", "create database seed template template0")
	direct(t, target, "seed", string(schema))
	g := newGateway(t, target, "")
	file := filepath.Join(g.dir, "matrix.yaml")
	write(t, file, strings.NewReplacer("ADDRESS", target.Address(), "CAFILE", target.CA).Replace(matrixTargets))
	g.sallyport("apply", "-f", file)
	m := &matrix{target: target, port: g.port, token: g.token("alice"), ca: filepath.Join(g.dir, "ca.pem")}
	write(t, m.ca, g.sallyport("ca")+"\n")
	return m
}

// place is a new database and a way to reach it.
type place struct {
	host, port, user, password, database string
	ca                                   string // file; empty: no TLS
	dir                                  string // empty, for what the client writes
}

// places are the ways to reach a database: the server's own and the gateway's.
func (m *matrix) places(secure bool, database string) (direct, through place) {
	through = place{host: "127.0.0.1", port: m.port, user: "alice", password: m.token, database: "clear/" + database}
	direct.host, direct.port, _ = net.SplitHostPort(m.target.Address())
	direct.user, direct.password, direct.database = m.target.User, m.target.Password, database
	if secure {
		through.database, through.ca, direct.ca = "secure/"+database, m.ca, m.target.CA
	}
	return direct, through
}

// compare runs a client at every place, each time on a database of its own, and compares what it
// says.
func (m *matrix) compare(t *testing.T, run func(*testing.T, place) string) {
	t.Helper()
	for _, secure := range []bool{false, true} {
		direct, _ := m.places(secure, m.database(t))
		_, through := m.places(secure, m.database(t))
		direct.dir, through.dir = t.TempDir(), t.TempDir()
		want, got := run(t, direct), run(t, through)
		if want == "" {
			t.Errorf("the client says nothing")
		}
		if d := difference(want, got); d != "" {
			t.Errorf("TLS %t: %s", secure, d)
		}
	}
}

// database makes a database with the schema of testdata, and returns its name.
func (m *matrix) database(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("play%04d", m.databases.Add(1))
	direct(t, m.target, "postgres", "create database "+name+" template seed")
	return name
}

// difference shows where two texts part, and nothing when they do not.
func difference(want, got string) string {
	if want == got {
		return ""
	}
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	around := func(s string) string {
		from := strings.LastIndexByte(s[:max(0, n-200)], '\n') + 1
		return s[from:min(len(s), n+300)]
	}
	return fmt.Sprintf("%d bytes of the server and %d of the gateway part after %d:\n--- server\n%s\n--- gateway\n%s", len(want), len(got), n, around(want), around(got))
}

// env is what libpq's programs read.
func (p place) env() []string {
	env := []string{"PGHOST=" + p.host, "PGPORT=" + p.port, "PGUSER=" + p.user, "PGPASSWORD=" + p.password, "PGDATABASE=" + p.database,
		"PGSSLMODE=disable", "PGCONNECT_TIMEOUT=60", "LC_ALL=C.UTF-8", "PGTZ=UTC", "PSQL_PAGER=cat", "TZ=UTC"}
	if p.ca != "" {
		env = append(env, "PGSSLMODE=verify-full", "PGSSLROOTCERT="+p.ca, "PGCHANNELBINDING=require")
	}
	return append(os.Environ(), env...)
}

// plain is the database's name on the server.
func (p place) plain() string { return p.database[strings.IndexByte(p.database, '/')+1:] }

// program runs a client in the place's directory and returns what it printed and how it ended.
func (p place) program(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.Stdin = p.dir, p.env(), strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v", name, errors.Join(err, ctx.Err()))
	}
	return fmt.Sprintf("%s\n--- stderr\n%s\n--- exit status %d\n", out.String(), errs.String(), c.ProcessState.ExitCode())
}

// must is program for what has to go well.
func (p place) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := p.program(t, "", name, args...)
	if !strings.HasSuffix(out, "--- exit status 0\n") {
		t.Fatalf("%s %q: %s", name, args, out)
	}
	return out
}

// files lists what the client wrote, with the digest of each file.
func (p place) files(t *testing.T, sub string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(p.dir, sub), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s: %d bytes, %x\n", d.Name(), len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// in finds a file of testdata.
func in(t *testing.T, elem ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"testdata", "clients"}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
