package enforcer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/enforcer"
	"sallyport/schemas"
)

type maskTrick struct {
	Name  string   `yaml:"name"`
	Steps []string `yaml:"steps"`
}

// planted are the values of masked columns in world.sql.
var planted = []string{
	"zanzibar.quux@example.org", "yggdrasil.frob@example.net", "734-19-5528", "861-42-9937", "918273", "645191",
}

// leaks returns a planted value that text holds, as it is, reversed, encoded or in pieces.
func leaks(text string) string {
	text = strings.ToLower(text)
	for _, p := range planted {
		reversed := []byte(p)
		slices.Reverse(reversed)
		for _, form := range []string{p, string(reversed)} {
			for i := 0; i+6 <= len(form); i++ {
				piece := form[i : i+6]
				if piece == "xample" || strings.Contains("@example.org@example.net", piece) || strings.Contains("gro.elpmaxe@ten.elpmaxe@", piece) {
					continue
				}
				for _, f := range []string{piece, hex.EncodeToString([]byte(piece))} {
					if strings.Contains(text, strings.ToLower(f)) {
						return p
					}
				}
			}
		}
		if strings.Contains(text, strings.ToLower(base64.StdEncoding.EncodeToString([]byte(p))[:8])) {
			return p
		}
	}
	return ""
}

// maskServer is a PostgreSQL with the world of the masks in it.
type maskServer struct {
	t     *testing.T
	url   string
	root  *pgconn.PgConn
	world string
	made  int  // how often
	dirty bool // the world is not as it was made
	known served
	last  []byte // digest of the catalogue of the world
}

func newMaskServer(ctx context.Context, t *testing.T) *maskServer {
	s := &maskServer{t: t, url: postgres(t)}
	root, err := pgconn.Connect(ctx, s.url+" user=postgres dbname=postgres")
	if err != nil {
		t.Fatal(err)
	}
	s.root = root
	s.must(ctx, "CREATE ROLE app LOGIN; GRANT pg_read_all_stats TO app")
	s.must(ctx, "CREATE DATABASE orders")
	_ = root.Close(ctx)
	if s.root, err = pgconn.Connect(ctx, s.url+" user=postgres dbname=orders"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.root.Close(context.WithoutCancel(ctx)) })
	return s
}

// renew makes the world anew, if the last trick may have changed it.
func (s *maskServer) renew(ctx context.Context, changes bool) {
	s.t.Helper()
	if s.dirty || s.last == nil {
		s.must(ctx, s.world)
		s.made++
		c, digest := loadCatalogue(ctx, s.t, s.root)
		s.known, s.last = served{string(digest): c}, digest
	}
	s.dirty = changes
}

// changes reports whether steps may change the world.
func changes(steps []string) bool {
	return slices.ContainsFunc(steps, func(text string) bool {
		return !regexp.MustCompile(`^(SELECT|TABLE|VALUES|EXPLAIN|COPY|SET|BEGIN|FETCH|DECLARE|PREPARE|SHOW|WITH x) ?`).MatchString(text) || regexp.MustCompile(`(?i)lo_|setval|keep|run\(|xml\(|INTO |ssn_hidden|UPDATE|CREATE|DELETE`).MatchString(text)
	})
}

func (s *maskServer) must(ctx context.Context, sql string) {
	s.t.Helper()
	if _, err := s.root.Exec(ctx, sql).ReadAll(); err != nil {
		s.t.Fatal(err)
	}
}

// player plays statements as a gateway would: it asks, keeps the session's state, and shows what the
// plan lets through.
type player struct {
	t       *testing.T
	conn    *pgconn.PgConn
	root    *pgconn.PgConn
	e       *enforcer.Enforcer
	served  served
	state   *schemas.SessionState
	notices []*pgconn.PgError
}

func (s *maskServer) player(ctx context.Context, e *enforcer.Enforcer) *player {
	p := &player{t: s.t, root: s.root, e: e, served: s.known, state: fresh()}
	config, err := pgconn.ParseConfig(s.url + " user=app dbname=orders")
	if err != nil {
		s.t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { p.notices = append(p.notices, (*pgconn.PgError)(n)) }
	if p.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		s.t.Fatal(err)
	}
	p.state.ServerVersion = p.conn.ParameterStatus("server_version")
	p.state.Database = "orders"
	p.state.Catalogue = s.last
	return p
}

// refresh takes a new snapshot of the catalogue.
func (p *player) refresh(ctx context.Context) {
	c, digest := loadCatalogue(ctx, p.t, p.root)
	p.served[string(digest)] = c
	p.state.Catalogue = digest
}

// step asks about a text and, if it may, runs it. It returns what is shown; allowed is false when it
// was not run.
func (p *player) step(ctx context.Context, text string) (shown string, allowed bool, answer *schemas.VerdictAnswer) {
	a := ask(text)
	a.State = p.state
	answer = p.e.Verdict(ctx, a)
	if answer.Outcome != schemas.Outcome_OUTCOME_ALLOW {
		return "", false, answer
	}
	shown = p.run(ctx, text, answer.Plan)
	p.learn(ctx, answer.Effects)
	return shown, true, answer
}

// run executes text and writes what plan lets through; without a plan, everything.
func (p *player) run(ctx context.Context, text string, plan *schemas.MaskPlan) string {
	var out strings.Builder
	p.notices = nil
	var results []*pgconn.Result
	var err error
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(text)), "COPY") {
		var data bytes.Buffer
		_, err = p.conn.CopyTo(ctx, &data, text)
		out.WriteString(copied(data.String(), plan))
	} else {
		results, err = p.conn.Exec(ctx, text).ReadAll()
	}
	for i, r := range results {
		out.WriteString(rows(r, plan, i))
	}
	for _, n := range p.notices {
		out.WriteString(told(n, plan))
	}
	if bad := new(pgconn.PgError); errors.As(err, &bad) {
		out.WriteString(told(bad, plan))
	}
	return out.String()
}

// told is what of an error or notice is shown.
func told(e *pgconn.PgError, plan *schemas.MaskPlan) string {
	if plan != nil && plan.Messages != schemas.Messages_MESSAGES_UNSPECIFIED {
		return e.Code + "\n"
	}
	return fmt.Sprintln(e.Code, e.Message, e.Detail, e.Hint, e.Where)
}

// rows is what of a result is shown.
func rows(r *pgconn.Result, plan *schemas.MaskPlan, at int) string {
	var out strings.Builder
	for _, row := range r.Rows {
		for i, v := range row {
			if masks(r.FieldDescriptions, plan, at, i) {
				out.WriteString("‹masked›\t")
			} else {
				out.Write(append(slices.Clone(v), '\t'))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// masks reports whether a plan masks a column of a result.
func masks(fields []pgconn.FieldDescription, plan *schemas.MaskPlan, at, column int) bool {
	if plan == nil {
		return false
	}
	if at >= len(plan.Results) {
		return plan.Whole.GetClient() != 0
	}
	for _, o := range plan.Origins {
		if o.Table == fields[column].TableOID && o.Attribute == uint32(fields[column].TableAttributeNumber) && o.By.GetClient() != 0 {
			return true
		}
	}
	r := plan.Results[at]
	if r.Clear {
		return false
	}
	if len(r.Columns) != len(fields) {
		return true
	}
	for i, f := range fields {
		if r.Columns[i].Name != f.Name {
			return true
		}
	}
	return r.Columns[column].By.GetClient() != 0
}

// copied is what of COPY's data is shown.
func copied(data string, plan *schemas.MaskPlan) string {
	if plan == nil {
		return data
	}
	r := plan.Results[0]
	if r.Clear {
		return data
	}
	if len(r.Columns) == 0 || r.Copy.GetFormat() != "text" {
		return "‹masked›"
	}
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(data, "\n"), "\n") {
		fields := strings.Split(line, r.Copy.Delimiter)
		for i, f := range fields {
			if len(fields) != len(r.Columns) || r.Columns[i].By.GetClient() != 0 {
				f = "‹masked›"
			}
			out.WriteString(f + "\t")
		}
	}
	return out.String()
}

// learn takes effects into the state.
func (p *player) learn(ctx context.Context, effects []*schemas.StateEffect) {
	for _, e := range effects {
		value := ""
		if len(e.Values) > 0 {
			value = e.Values[0]
		}
		switch e.Kind {
		case schemas.StateEffect_KIND_SEARCH_PATH:
			p.state.SearchPath, p.state.SearchPathKnown = e.Values, true
		case schemas.StateEffect_KIND_UNKNOWN:
			p.state.SearchPathKnown = false
		case schemas.StateEffect_KIND_PREPARE:
			p.state.Prepared = append(p.state.Prepared, &schemas.Prepared{Name: e.Name, Text: value})
		case schemas.StateEffect_KIND_CURSOR:
			p.state.Cursors = append(p.state.Cursors, &schemas.Prepared{Name: e.Name, Text: value})
		case schemas.StateEffect_KIND_TEMPORARY:
			p.state.Temporary = append(p.state.Temporary, &schemas.Temporary{Name: e.Name, Columns: e.Values})
		}
	}
	if slices.ContainsFunc(effects, func(e *schemas.StateEffect) bool { return e.Kind == schemas.StateEffect_KIND_CATALOGUE }) {
		p.refresh(ctx)
	}
}

// Each trick is played on a real server, as the owner of the tables, through the plan that the enforcer
// makes: nothing of a planted value is shown. Played without it, most of them show one: the suite is
// not about nothing.
func TestMasksOnAServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s := newMaskServer(ctx, t)
	var tricks []maskTrick
	if err := yaml.UnmarshalWithOptions(file(t, "testdata/evasions/masks/tricks.yaml"), &tricks, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	s.world = string(file(t, "testdata/evasions/masks/world.sql"))
	rs := load(t, string(file(t, "testdata/evasions/masks/masks.yaml")))
	real, played := 0, 0
	for _, trick := range tricks {
		t.Run(trick.Name, func(t *testing.T) {
			s.t = t
			s.renew(ctx, changes(trick.Steps))
			e, _ := newEnforcer(t, rs, func(c *enforcer.Config) { c.Catalogues = s.known })
			p := s.player(ctx, e)
			played++
			var ran []string
			for _, text := range trick.Steps {
				shown, allowed, answer := p.step(ctx, text)
				if allowed {
					ran = append(ran, text)
				}
				if answer.Failure != "" {
					t.Errorf("%s: %s", text, answer.Failure)
				}
				if value := leaks(shown); value != "" {
					t.Errorf("%s\nshows %s:\n%s\n%v", text, value, shown, answer.Plan.Results)
				}
				if testing.Verbose() && !allowed {
					t.Logf("%s: %s", text, answer.Reasons[0].Message)
				}
			}
			_ = p.conn.Close(ctx)
			s.dirty = changes(ran)

			raw := s.raw(ctx, e, trick.Steps)
			if leaks(raw) != "" {
				real++
			} else if testing.Verbose() {
				t.Logf("shows nothing without masks either: %s", raw)
			}
		})
	}
	t.Logf("of %d tricks, %d show a planted value without the plan; %d worlds", played, real, s.made)
	if real < played*3/4 {
		t.Errorf("only %d of %d tricks show anything without masks: is the world as they need it?", real, played)
	}
}

// raw is what steps show without masks. The world is left as it is where that can be: what runs in a transaction is
// taken back.
func (s *maskServer) raw(ctx context.Context, e *enforcer.Enforcer, steps []string) (shown string) {
	s.t.Helper()
	undone := !slices.ContainsFunc(steps, func(text string) bool { return ownTransaction.MatchString(bodies.ReplaceAllString(text, "")) })
	s.renew(ctx, !undone && changes(steps))
	p := s.player(ctx, e)
	defer p.conn.Close(ctx)
	run := func(sql string) {
		if _, err := p.conn.Exec(ctx, sql).ReadAll(); err != nil {
			s.t.Fatal(err)
		}
	}
	if undone {
		run("BEGIN")
		defer run("ROLLBACK")
	}
	for _, text := range steps {
		if undone {
			run("SAVEPOINT step")
		}
		shown += p.run(ctx, text, nil)
		if undone && p.conn.TxStatus() == 'E' {
			run("ROLLBACK TO step")
		}
	}
	return shown
}

// bodies are texts of functions and DO blocks, whose BEGIN and END are not a transaction's.
var bodies = regexp.MustCompile(`(?s)\$\w*\$.*?\$\w*\$`)

// ownTransaction is of steps that do not run within a transaction, or end one; or leave what none takes back.
var ownTransaction = regexp.MustCompile(`(?i)(^|; ?)(begin|start|commit|end|rollback|savepoint|release|abort)\b|concurrently|setval|nextval|currval|prepare transaction|with hold|refcursor|application_name`)

// What holds nothing masked is shown as it is, and its errors too.
func TestOrdinaryStatementsAreClear(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s := newMaskServer(ctx, t)
	var statements []string
	if err := yaml.UnmarshalWithOptions(file(t, "testdata/evasions/masks/clear.yaml"), &statements, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	s.world = string(file(t, "testdata/evasions/masks/world.sql"))
	s.renew(ctx, true)
	e, _ := newEnforcer(t, load(t, string(file(t, "testdata/evasions/masks/masks.yaml"))), func(c *enforcer.Config) { c.Catalogues = s.known })
	statements = append(statements, described(t, s.url)...)
	statements = append(statements, dumped(t, s.url)...)
	for _, text := range statements {
		p := s.player(ctx, e)
		a := ask(text)
		a.State = p.state
		answer := e.Verdict(ctx, a)
		if answer.Outcome != schemas.Outcome_OUTCOME_ALLOW {
			t.Errorf("%s\nrefused: %v", text, answer.Reasons)
			_ = p.conn.Close(ctx)
			continue
		}
		if strings.HasPrefix(text, "COPY") {
			var raw bytes.Buffer
			_, err := p.conn.CopyTo(ctx, &raw, text)
			if err != nil || strings.Contains(copied(raw.String(), answer.Plan), "‹masked›") {
				t.Errorf("%s: %v\nis masked", text, err)
			}
			_ = p.conn.Close(ctx)
			continue
		}
		results, err := p.conn.Exec(ctx, text).ReadAll()
		if bad := new(pgconn.PgError); err != nil && !(errors.As(err, &bad) && bad.Code == "42501") { // some are for superusers
			t.Errorf("%s: %v", text, err)
		}
		for i, r := range results {
			for j := range r.FieldDescriptions {
				if masks(r.FieldDescriptions, answer.Plan, i, j) {
					t.Errorf("%s\ncolumn %s is masked: %v", text, r.FieldDescriptions[j].Name, answer.Plan.Results)
					break
				}
			}
		}
		_ = p.conn.Close(ctx)
	}
}

// described are the queries that psql makes of its commands.
func described(t *testing.T, url string) []string {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-X", "-E", url + " user=app dbname=orders"}
	for _, c := range []string{
		`\d`, `\d+`, `\d customers`, `\d+ customers`, `\d customer_codes`, `\d+ events`, `\dt *.*`, `\di`, `\ds`, `\dv`, `\dm`, `\df`, `\df+`, `\du`, `\dn+`,
		`\l`, `\dx`, `\dT`, `\do`, `\dp`, `\dC`, `\dD`, `\dconfig`, `\dRp`, `\dX`, `\sf shout`, `\sv customer_codes`, `\det`, `\des`, `\dL`, `\dF`, `\dO`, `\db`, `\dE`, `\dg`,
	} {
		args = append(args, "-c", c)
	}
	out, err := exec.Command(psql, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	var queries []string
	for _, m := range regexp.MustCompile(`(?s)\*+ QUERY \*+\n(.*?)\n\*+\n`).FindAllStringSubmatch(string(out), -1) {
		queries = append(queries, m[1])
	}
	if len(queries) < 40 {
		t.Fatalf("psql tells %d queries only", len(queries))
	}
	return queries
}

// dumped are the queries with which pg_dump finds out what there is, as the server logs them.
func dumped(t *testing.T, url string) []string {
	t.Helper()
	c := exec.Command("pg_dump", "--verbose", "--schema-only", "-d", url+" user=postgres dbname=orders")
	c.Env = append(os.Environ(), "PGOPTIONS=-c log_statement=all -c client_min_messages=log")
	var out, told bytes.Buffer
	c.Stdout, c.Stderr = &out, &told
	if err := c.Run(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, told.String())
	}
	var queries []string
	for _, m := range strings.Split(told.String(), "LOG:  statement: ")[1:] {
		text, _, _ := strings.Cut(m, "\npg_dump: ")
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "SELECT") {
			queries = append(queries, text)
		}
	}
	if len(queries) < 20 {
		t.Fatalf("pg_dump asks %d queries only:\n%s", len(queries), told.String())
	}
	return queries
}
