package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/cmd/internal/client"
	"sallyport/ingress/postgres/postgrestest"
)

// evasions holds the world and the tricks of the enforcer's suite.
const evasions = "../../enforcer/testdata/evasions/masks"

// planted are the values of masked columns in the suite's world.
func planted() []string {
	return []string{"zanzibar.quux", "yggdrasil.frob", "734-19-5528", "861-42-9937", "918273", "645191"}
}

// maskedGateway is a gateway in front of the suite's world. Target orders is masked for everybody but the
// group privacy.
type maskedGateway struct {
	*gateway
	server *postgrestest.Server
	world  string
	alice  string // token of somebody masked
	carol  string // token of somebody excepted
}

func newMaskedGateway(t *testing.T, masks string) *maskedGateway {
	t.Helper()
	s := postgrestest.Run(t, postgrestest.Config{Auth: "scram-sha-256", Password: targetSecret})
	direct(t, s, "postgres", "CREATE DATABASE orders")
	direct(t, s, "orders", "CREATE ROLE app LOGIN PASSWORD '"+targetSecret+"'; GRANT pg_read_all_stats TO app")
	world, err := os.ReadFile(filepath.Join(evasions, "world.sql"))
	if err != nil {
		t.Fatal(err)
	}
	m := &maskedGateway{server: s, world: string(world)}
	direct(t, s, "orders", m.world)
	m.gateway = newGateway(t, s, limits("catalogue_poll: 100ms"))
	file := filepath.Join(m.dir, "masked.yaml")
	write(t, file, strings.ReplaceAll(maskedTargets+masks, "ADDRESS", s.Address()))
	m.sallyport("apply", "-f", file)
	m.alice = m.token("alice")
	m.carol = m.sallyport("token", "create", "--user", "carol", "--group", "eng", "--group", "privacy", "--ttl", "1h")
	return m
}

const maskedTargets = `apiVersion: sallyport/v1
kind: Target
metadata: {name: masked, labels: {env: test}}
spec:
  protocol: postgres
  address: ADDRESS
  credential: {username: app, password: {env: ORDERS_PASSWORD}}
  unparsed: allow
  postgres: {database: orders}
`

// columnMasks are the masks of the suite.
const columnMasks = `---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: mail}
spec: {targets: {names: [masked]}, columns: ["*.email"], with: partial, keep: 4, except: {groups: [privacy]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: pii}
spec:
  targets: {names: [masked]}
  columns: [public.customers.ssn, customers.salary, vips.ssn, people.ssn, events_a.secret]
  except: {groups: [privacy]}
`

func (m *maskedGateway) dsn(user string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%s user=%s dbname=masked sslmode=disable", m.port, user)
}

func (m *maskedGateway) connect(ctx context.Context, t *testing.T, user, token string, told *strings.Builder) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(m.dsn(user))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = token
	if told != nil {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { fmt.Fprintf(told, "%+v\n", *n) }
		config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { fmt.Fprintf(told, "%+v\n", *n) }
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(ctx)) })
	return c
}

// run is a client program, as user, on the masked target.
func (m *maskedGateway) run(t *testing.T, user, token, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+m.port, "PGUSER="+user, "PGPASSWORD="+token, "PGDATABASE=masked", "LC_ALL=C.UTF-8", "PGTZ=UTC")
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// leaked returns a planted value in text, as it is, reversed or encoded in hexadecimal.
func leaked(text string) string {
	text = strings.ToLower(text)
	for _, p := range planted() {
		b := []byte(p)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		for _, form := range []string{p, string(b), fmt.Sprintf("%x", p)} {
			if spot([]byte(text), form) >= 0 {
				return form
			}
		}
	}
	return ""
}

// spot returns where a planted value is in data, or -1. A number is there only by itself: six digits of
// some moment's nanoseconds are no leak.
func spot(data []byte, planted string) int {
	digit := func(i int) bool { return i >= 0 && i < len(data) && data[i] >= '0' && data[i] <= '9' }
	number := strings.Trim(planted, "0123456789") == ""
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(planted))
		if i < 0 {
			return -1
		}
		if i += from; !number || !digit(i-1) && !digit(i+len(planted)) {
			return i
		}
		from = i + 1
	}
}

// nothingKept fails when a planted value is anywhere in the data directory: log, index, events.
func (m *maskedGateway) nothingKept(t *testing.T) {
	t.Helper()
	for _, s := range m.sessions() {
		if v := leaked(m.entries(s.ID)); v != "" {
			t.Errorf("the recording of %s holds %s", s.ID, v)
		}
	}
	m.stop()
	notStored(t, filepath.Join(m.dir, "data"), planted())
}

// notStored fails when a planted value is in a file of the data directory.
func notStored(t *testing.T, data string, planted []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, p := range planted {
			if i := spot(data, p); i >= 0 {
				t.Errorf("%s holds %s: …%q…", filepath.Base(path), p, data[max(0, i-80):min(len(data), i+40)])
			}
		}
		files++
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}

// The tricks of the evasion suite, through the gateway as its users play them: with simple queries, with
// binary results, and by COPY. Nothing of a planted value reaches the client or the data directory.
func TestMaskTricksThroughTheGateway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	m := newMaskedGateway(t, columnMasks)
	var tricks []struct {
		Name  string
		Steps []string
	}
	data, err := os.ReadFile(filepath.Join(evasions, "tricks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &tricks); err != nil {
		t.Fatal(err)
	}
	ran, refused, worlds, shares, changed := 0, 0, 0, 0, false
	var told strings.Builder
	shared := m.connect(ctx, t, "alice", m.alice, &told)
	for i, trick := range tricks {
		if changed {
			worlds++
			direct(t, m.server, "orders", m.world)
		}
		binary := i%2 == 1
		c := shared
		if !slices.ContainsFunc(trick.Steps, func(text string) bool { return !readsOnly.MatchString(text) || keepsState.MatchString(text) }) {
			shares++
		} else {
			c = m.connect(ctx, t, "alice", m.alice, &told)
		}
		shown, done := play(ctx, t, c, &told, trick.Steps, binary)
		if c != shared {
			_ = c.Close(ctx)
		}
		ran, refused = ran+len(done), refused+len(trick.Steps)-len(done)
		changed = lasting.MatchString(strings.Join(done, ";")) // what is refused is not sent at all
		if v := leaked(shown); v != "" {
			t.Errorf("%s (binary %t) shows %s:\n%s", trick.Name, binary, v, shown)
		}
	}
	t.Logf("%d steps of %d tricks ran, %d were refused; %d new worlds, %d in one session", ran, len(tricks), refused, worlds, shares)
	if ran < len(tricks) || refused < 80 {
		t.Errorf("only %d steps ran and %d were refused", ran, refused)
	}
	direct(t, m.server, "orders", m.world)
	if !strings.Contains(direct(t, m.server, "orders", "SELECT ssn FROM public.customers WHERE id = 1"), planted()[2]) {
		t.Error("the values are not there any more: the tricks were about nothing")
	}
}

// lasting is what statements have in them that leave something behind.
var lasting = regexp.MustCompile(`(?i)\b(alter|create (table|view|materialized|function|rule|trigger|procedure|index|unique|aggregate|operator|recursive|type|schema)|drop|into|insert|update|merge|delete|do|comment|keep|run|query_to_xml|call)\b`)

// Tricks that only read, and leave nothing in their session, share one: most of what a trick costs is its session.
var (
	readsOnly  = regexp.MustCompile(`^(SELECT|TABLE|VALUES|WITH x) [^;]*$`)
	keepsState = regexp.MustCompile(`(?i)set_config|cursor|lock|lo_|nextval|setval|run\(|keep|xml|INTO |UPDATE|DELETE|INSERT|MERGE`)
)

// play runs steps in a session, which tells out what it is told. It returns all that the client got, and the steps
// that were not refused.
func play(ctx context.Context, t *testing.T, c *pgx.Conn, out *strings.Builder, steps []string, binary bool) (shown string, ran []string) {
	t.Helper()
	out.Reset()
	for _, text := range steps {
		var err error
		var results []*pgconn.Result
		switch {
		case strings.HasPrefix(text, "COPY") && strings.Contains(text, "STDOUT"):
			_, err = c.PgConn().CopyTo(ctx, out, text)
		case binary:
			r := c.PgConn().ExecParams(ctx, text, nil, nil, nil, []int16{1}).Read()
			results, err = append(results, r), r.Err
		default:
			results, err = c.PgConn().Exec(ctx, text).ReadAll()
		}
		for _, r := range results {
			for _, row := range r.Rows {
				fmt.Fprintf(out, "%q\n", row)
				for i, v := range row { // numbers in their binary form
					if f := r.FieldDescriptions[i]; f.DataTypeOID == 23 && f.Format == 1 && len(v) == 4 {
						fmt.Fprintf(out, "%d\n", int32(v[0])<<24|int32(v[1])<<16|int32(v[2])<<8|int32(v[3]))
					}
				}
			}
		}
		if bad, ok := err.(*pgconn.PgError); ok {
			fmt.Fprintf(out, "%+v\n", *bad)
			if strings.HasPrefix(bad.Message, "refused") {
				continue
			}
		} else if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ran = append(ran, text)
	}
	return out.String(), ran
}

// Every road that a value may take to a client, as the clients take it.
func TestMaskedRoads(t *testing.T) {
	t.Parallel()
	m := newMaskedGateway(t, columnMasks)
	ctx := t.Context()
	for name, sql := range map[string]string{
		"plain": "SELECT id, ssn, email, salary FROM customers ORDER BY id", "table": "TABLE customers", "row": "SELECT c FROM customers c",
		"row as text": "SELECT c::text FROM customers c", "json": "SELECT row_to_json(c), to_jsonb(c) FROM customers c",
		"arrays": "SELECT array_agg(ssn), array_agg(salary), ARRAY[email] FROM customers GROUP BY email", "reverse": "SELECT reverse(ssn), encode(email::bytea, 'base64') FROM customers",
		"statistics": "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'customers'",
		"explain":    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM customers WHERE ssn = '734-19-5528x'",
		"view":       "SELECT * FROM customer_codes", "matview": "SELECT * FROM customer_mat",
		"cursor":    "BEGIN; DECLARE c CURSOR FOR SELECT ssn, salary FROM customers; FETCH 1 FROM c; FETCH ALL FROM c; COMMIT",
		"prepared":  "PREPARE p AS SELECT ssn FROM customers; EXECUTE p",
		"returning": "UPDATE customers SET name = name RETURNING ssn, email",
		"error":     "SELECT ssn::int FROM customers", "key": "INSERT INTO customers (id, email) SELECT 99, email FROM customers LIMIT 1",
		"check":  "ALTER TABLE customers ADD CONSTRAINT k CHECK (ssn < '1')",
		"notify": "LISTEN x; SELECT pg_notify('x', ssn) FROM customers; SELECT 1",
		"copy":   "COPY customers TO STDOUT", "copy csv": "COPY customers TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *, DELIMITER '[')",
		"copy query": "COPY (SELECT reverse(ssn), salary FROM customers) TO STDOUT", "temporary": "CREATE TEMP TABLE x AS SELECT ssn AS a FROM customers; SELECT a FROM x; SELECT * FROM x",
		"gexec": "SELECT 'SELECT ' || quote_literal(ssn) FROM customers \\gexec", "describe": "\\d+ customers", "watch": "SELECT ssn FROM customers \\gdesc",
	} {
		out := m.run(t, "alice", m.alice, sql+"\n", "psql", "-X")
		if v := leaked(strings.ReplaceAll(out, "734-19-5528x", "")); v != "" || out == "" {
			t.Errorf("%s shows %q:\n%s", name, v, out)
		}
	}
	if out := m.run(t, "alice", m.alice, "", "pg_dump", "--schema=public", "--inserts"); leaked(out) != "" {
		t.Errorf("pg_dump shows %s", leaked(out))
	}
	m.binary(ctx, t)
	m.psycopg(t)
	m.excepted(t)
	m.reveals(t)
	if out := m.sallyport("verify"); strings.Contains(out, "wrong") || !strings.Contains(out, "whole") {
		t.Errorf("verify: %s", out)
	}
	m.page(t)
	m.nothingKept(t)
}

// page does what the how-to shows.
func (m *maskedGateway) page(t *testing.T) {
	t.Helper()
	text := page(t, "deploy/docs/masks.md")
	declared := regexp.MustCompile("(?ms)^```yaml\n(apiVersion.*?)^```").FindStringSubmatch(text)
	shown := regexp.MustCompile("(?ms)^```\n\\$ psql \"(.*?)\" -c \"(.*?)\"\n(.*?)^```").FindStringSubmatch(text)
	if declared == nil || shown == nil {
		t.Fatal("the page shows nothing")
	}
	write(t, filepath.Join(m.dir, "mask.yaml"), strings.ReplaceAll(declared[1], "env: prod", "env: test"))
	m.sallyport("apply", "-f", filepath.Join(m.dir, "mask.yaml"))
	if out := m.run(t, "alice", m.alice, "", "psql", "-X", "-c", shown[2]); strings.Join(strings.Fields(out), " ") != strings.Join(strings.Fields(shown[3]), " ") {
		t.Errorf("psql shows\n%s\nand the page\n%s", out, shown[3])
	}
	_, masks, _ := strings.Cut(text, "# sallyport.yaml\n")
	masks, _, _ = strings.Cut(masks, "\n```")
	if masks == "" {
		t.Fatal("the page configures nothing")
	}
	newGateway(t, m.server, masks+"\n") // which starts, or the test ends
}

// binary reads binary values: they are of their types.
func (m *maskedGateway) binary(ctx context.Context, t *testing.T) {
	t.Helper()
	c := m.connect(ctx, t, "alice", m.alice, nil)
	for range 2 { // the second time without a Describe
		var email, ssn string
		var salary int32
		if err := c.QueryRow(ctx, "SELECT email, ssn, salary FROM customers WHERE id = $1", 1).Scan(&email, &ssn, &salary); err != nil {
			t.Fatal(err)
		}
		if email != strings.Repeat("*", 21)+".org" || ssn != "[redacted]" || salary != 0 {
			t.Errorf("%q %q %d", email, ssn, salary)
		}
	}
	var numbers []int32
	var texts []string
	var document map[string]any
	err := c.QueryRow(ctx, "SELECT array_agg(salary), array_agg(ssn), jsonb_build_object('a', max(ssn)) FROM customers").Scan(&numbers, &texts, &document)
	if s := fmt.Sprint(numbers, texts); s != "[0] [[redacted]]" && err == nil {
		t.Errorf("arrays %s", s)
	} else if err == nil {
		t.Error("a redacted document is read as an object")
	}
	var raw json.RawMessage
	if err := c.QueryRow(ctx, "SELECT jsonb_build_object('a', max(ssn)) FROM customers").Scan(&raw); err != nil || string(raw) != `"[redacted]"` {
		t.Errorf("document %s %v", raw, err)
	}
	var out bytes.Buffer
	if _, err := c.PgConn().CopyTo(ctx, &out, "COPY customers (id, ssn, salary) TO STDOUT (FORMAT binary)"); err != nil || leaked(out.String()) != "" || !strings.Contains(out.String(), "[redacted]") {
		t.Errorf("binary COPY: %v %q", err, out.String())
	}
	rows, err := c.Query(ctx, "SELECT ssn FROM customers", pgx.QueryExecModeDescribeExec)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || strings.Join(all, " ") != "[redacted] [redacted]" {
		t.Errorf("%q %v", all, err)
	}
	n, err := c.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"id", "ssn", "email"}, pgx.CopyFromRows([][]any{{50, "861-42-9937", "yggdrasil.frob@x.org"}}))
	if err != nil || n != 1 {
		t.Errorf("binary COPY in: %d %v", n, err)
	}
	if _, err := c.Exec(ctx, "INSERT INTO customers (id, ssn) VALUES ($1, $2)", 51, "734-19-5528"); err != nil {
		t.Error(err)
	}
	if _, err := c.PgConn().CopyFrom(ctx, strings.NewReader("52\t861-42-9937\n53\t734-19-5528\n"), "COPY customers (id, ssn) FROM STDIN"); err != nil {
		t.Error(err)
	}
	if got := direct(t, m.server, "orders", "SELECT string_agg(ssn, ' ' ORDER BY id) FROM customers WHERE id >= 50"); got != "861-42-9937 734-19-5528 861-42-9937 734-19-5528" {
		t.Errorf("stored %q", got)
	}
}

// excepted is somebody who sees what the others do not, errors too.
func (m *maskedGateway) excepted(t *testing.T) {
	t.Helper()
	out := m.run(t, "carol", m.carol, "SELECT ssn, email, salary FROM customers WHERE id = 1;\nCOPY customers (id, ssn) TO STDOUT;\nSELECT ssn::int FROM customers;\n", "psql", "-XAt")
	for _, want := range []string{"734-19-5528|zanzibar.quux@example.org|918273", "1\t734-19-5528", `invalid input syntax for type integer: "`} {
		if !strings.Contains(out, want) {
			t.Errorf("carol does not see %q in:\n%s", want, out)
		}
	}
}

// reveals asks for what carol's session conceals, as somebody excepted and as somebody who is not.
func (m *maskedGateway) reveals(t *testing.T) {
	t.Helper()
	id := ""
	m.await("carol's session to be closed", func() bool {
		for _, s := range m.sessions() {
			if s.Principal == "carol" && !s.Open {
				id = s.ID
			}
		}
		return id != ""
	})
	ask := func(token, why string) (values string, err error) {
		c, err := client.New(client.Config{URL: "http://" + m.web, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Values []struct {
				Row    int
				Column int
				Name   string
				Text   string
			}
		}
		err = c.Do(t.Context(), "POST", "/sessions/"+id+"/reveal", nil, map[string]string{"reason": why}, &answer)
		return fmt.Sprint(answer.Values), err
	}
	got, err := ask(m.carol, "a question")
	for _, want := range []string{"{1 1 ssn 734-19-5528}", "{1 3 salary 918273}", "{1 2  734-19-5528}"} {
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("carol is revealed %s %v, not %s", got, err, want)
		}
	}
	if got, err := ask(m.carol, " "); err == nil || leaked(got) != "" || !strings.Contains(err.Error(), "why") {
		t.Errorf("without a reason: %s %v", got, err)
	}
	m.revealsByCommand(t, id)
	if got, err := ask(m.alice, "a question"); err == nil || leaked(got) != "" || !strings.Contains(err.Error(), "not excepted") {
		t.Errorf("alice is revealed %s %v", got, err)
	}
	out := m.sallyport("events", "--since", "1h")
	if strings.Count(out, `"reveal"`) != 3 || strings.Count(out, `"which customer was called"`) != 2 || leaked(out) != "" {
		t.Errorf("the revealing is told %d times", strings.Count(out, `"reveal"`))
	}
}

// revealsByCommand does it as the how-to says, and for errors.
func (m *maskedGateway) revealsByCommand(t *testing.T, id string) {
	t.Helper()
	shown := regexp.MustCompile("(?ms)^\\$ sallyport reveal SESSION (\\d+) --reason \"(.*?)\"\n(.*?)^```").FindStringSubmatch(page(t, "deploy/docs/masks.md"))
	if shown == nil {
		t.Fatal("the page reveals nothing")
	}
	command := regexp.MustCompile(`"number":(\d+)[^\n]*SELECT ssn, email, salary`).FindStringSubmatch(m.entries(id))
	if command == nil {
		t.Fatal("no such command")
	}
	as := func(token string, args ...string) (string, error) {
		c := m.command(append([]string{"reveal", id, "--url", "http://" + m.web}, args...)...)
		c.Env = append(c.Env, "SALLYPORT_TOKEN="+token)
		out, err := c.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	want := strings.ReplaceAll(strings.TrimSpace(shown[3]), "command "+shown[1], "command "+command[1])
	if out, err := as(m.carol, command[1], "--reason", shown[2]); err != nil || out != want {
		t.Errorf("%v:\n%s\nand the page has\n%s", err, out, want)
	}
	if out, err := as(m.carol, "--reason", shown[2], "--json"); err != nil || !strings.Contains(out, `"part":"error message"`) || !strings.Contains(out, `invalid input syntax for type integer: \"`) {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{{}, {"--reason", " "}, {"x", "--reason", "y"}} {
		if out, err := as(m.carol, args...); err == nil || leaked(out) != "" {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out, err := as(m.alice, "--reason", "curious"); err == nil || !strings.Contains(out, "not excepted") || leaked(out) != "" {
		t.Errorf("alice: %v: %s", err, out)
	}
}

// psycopg is a client that uses server-side cursors and COPY.
func (m *maskedGateway) psycopg(t *testing.T) {
	t.Helper()
	script := `
import psycopg2, sys
c = psycopg2.connect("")
k = c.cursor("named"); k.itersize = 1
k.execute("SELECT id, ssn, salary, email FROM customers WHERE id < 10")
for row in k: print(row)
k = c.cursor()
k.execute("SELECT customers FROM customers WHERE id < 10"); print(k.fetchall())
k.copy_to(sys.stdout, "customers", columns=("id", "ssn"))
k.copy_expert("COPY customers TO STDOUT WITH CSV", sys.stdout)
`
	out := m.run(t, "alice", m.alice, script, python, "-")
	if leaked(out) != "" || strings.Count(out, "[redacted]") < 6 || strings.Contains(out, "Traceback") {
		t.Errorf("psycopg2:\n%s", out)
	}
}
