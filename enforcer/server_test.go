package enforcer_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sallyport/schemas/freeport"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgres starts a throwaway server and returns how to connect as its superuser.
func postgres(t *testing.T) string {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		t.Skip("PostgreSQL is not installed")
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "enforcer-pg") // of its own: its parents must be open to the account
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := account(t, dir)
	run := func(name string, args ...string) {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr, c.Dir = attr, dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("initdb", "-D", dir+"/data", "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	port := free(t)
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", dir+"/data", "-p", port, "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_prepared_transactions=5")
	server.SysProcAttr, server.Dir = attr, dir
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
	})
	url := "host=127.0.0.1 sslmode=disable port=" + port
	for deadline := time.Now().Add(30 * time.Second); ; {
		c, err := pgconn.Connect(t.Context(), url+" user=postgres dbname=postgres")
		if err == nil {
			_ = c.Close(t.Context())
			return url
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // until it accepts
	}
}

// account gives dir to the account that runs PostgreSQL, which refuses to run as root.
func account(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("root, and there is no account postgres")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func free(t testing.TB) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// world is what the tricks are played in.
const world = `
	DROP SCHEMA IF EXISTS public, nowhere, other, audit, harmless, s CASCADE;
	DROP ROLE IF EXISTS evil;
	CREATE SCHEMA public; CREATE SCHEMA nowhere; CREATE SCHEMA other; CREATE SCHEMA audit; CREATE SCHEMA harmless;
	CREATE TABLE vault (id int, v text); INSERT INTO vault VALUES (1, 'a'), (2, 'b'), (3, 'c');
	CREATE TABLE t (id int, a int, b text, c text, name text, note text, done bool, ssn text);
	INSERT INTO t SELECT i, 0, 'b', 'c', 'n', '', i = 2, '' FROM generate_series(1, 5) i;
	CREATE TABLE u (id int); INSERT INTO u VALUES (1);
	CREATE TABLE jobs (done bool);
	CREATE TABLE customers (id int, name text, ssn text); INSERT INTO customers VALUES (1, 'x', '123');
	CREATE TABLE audit.vault (id int); CREATE TABLE "Vault" (id int);
	CREATE TABLE x2345678901234567890123456789012345678901234567890123456789012345 (id int);
	ALTER TABLE audit.vault OWNER TO app; ALTER TABLE "Vault" OWNER TO app;
	ALTER TABLE x2345678901234567890123456789012345678901234567890123456789012345 OWNER TO app;
	ALTER TABLE vault OWNER TO app; ALTER TABLE t OWNER TO app; ALTER TABLE u OWNER TO app; ALTER TABLE customers OWNER TO app;
	ALTER SCHEMA public OWNER TO app; ALTER SCHEMA other OWNER TO app; ALTER SCHEMA nowhere OWNER TO app;
	GRANT ALL ON SCHEMA audit TO app; GRANT CREATE ON DATABASE orders TO app`

// harm says what a trick did: the vault is not as it was, or no row of t is.
const harm = `
	SELECT coalesce((SELECT string_agg(v, ',' ORDER BY id) FROM public.vault), '') = 'a,b,c'
	   AND (SELECT count(*) FROM public.t WHERE a = 0 AND note = '') > 0`

func session(ctx context.Context, t *testing.T, url string, s evasionState) *pgconn.PgConn {
	t.Helper()
	c, err := pgconn.Connect(ctx, url+" user=app dbname=orders")
	if err != nil {
		t.Fatal(err)
	}
	var setup []string
	if s.SearchPath != nil {
		setup = append(setup, "SET search_path = "+strings.Join(quoted(s.SearchPath), ", "))
	}
	if s.Conforming != nil && !*s.Conforming {
		setup = append(setup, "SET standard_conforming_strings = off")
	}
	for name, text := range s.Prepared {
		setup = append(setup, fmt.Sprintf("SET search_path = public; PREPARE %s AS %s", name, text))
	}
	if s.Encoding != "" {
		setup = append(setup, "SET client_encoding = '"+s.Encoding+"'")
	}
	for _, sql := range setup {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil && !strings.Contains(sql, "PREPARE") {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return c
}

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = `"` + n + `"`
	}
	return q
}

// Each trick is played on a real server, as an account that owns the tables. What is allowed does
// no harm there; and most of what is not allowed would have: the suite is not about nothing.
func TestEvasionsOnAServer(t *testing.T) {
	url := postgres(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	root, err := pgconn.Connect(ctx, url+" user=postgres dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	must := func(c *pgconn.PgConn, sql string) string {
		t.Helper()
		rs, err := c.Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if last := rs[len(rs)-1]; len(last.Rows) > 0 {
			return string(last.Rows[0][0])
		}
		return ""
	}
	must(root, "CREATE ROLE app LOGIN")
	must(root, "CREATE DATABASE orders")
	_ = root.Close(ctx)
	root, err = pgconn.Connect(ctx, url+" user=postgres dbname=orders")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close(ctx) }()

	e, _ := newEnforcer(t, load(t, string(file(t, "testdata/evasions/policies.yaml"))), nil)
	harmful, refused := 0, 0
	for name, cases := range evasions(t) {
		if name == "server.yaml" { // it reaches for what is outside of the database
			continue
		}
		for _, c := range cases {
			if strings.Contains(c.SQL, "\x00") || strings.Contains(c.SQL, "STDIN") {
				continue
			}
			must(root, world)
			conn := session(ctx, t, url, c.State)
			_, _ = conn.Exec(ctx, c.SQL).ReadAll() // many fail, as a trick may
			_ = conn.Close(ctx)
			safe := must(root, "SELECT to_regclass('public.vault') IS NOT NULL AND to_regclass('public.t') IS NOT NULL") == "t" && must(root, harm) == "t"
			a := ask(c.SQL)
			a.State = c.State.state()
			allowed := e.Verdict(t.Context(), a).Outcome == outcomes["allow"]
			if allowed && !safe {
				t.Errorf("%s: allowed, and it did harm: %s", c.Name, c.SQL)
			}
			if !allowed {
				refused++
				if !safe {
					harmful++
				}
			}
		}
	}
	t.Logf("of %d tricks that are refused, %d change or destroy data on this server", refused, harmful)
	if harmful < 70 {
		t.Errorf("only %d of %d refused tricks do harm: is the world as they need it?", harmful, refused)
	}
}
