package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgproto3/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/approvals"
	"sallyport/ingress/postgres"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// startHeld is start with an approvals service, and a table to write to.
func startHeld(t testing.TB, o options) (*gateway, *desk) {
	t.Helper()
	g := start(t, o)
	g.Enforcer.Set("r1", judgeHeld)
	admin := g.direct(t)
	for _, sql := range []string{"drop table if exists h", "create table h (a int)"} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return g, openDesk(t, g.Log)
}

// rows of h.
func (g *gateway) rows(t testing.TB) (n int) {
	t.Helper()
	if err := g.direct(t).QueryRow(context.Background(), "select count(*) from h").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// async runs f, and returns what gives its error.
func async(f func() error) func() error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error { return <-done }
}

// story is the kinds of the facts about holds, in order.
func story(es []*schemas.Entry) []string {
	var out []string
	for _, e := range es {
		switch {
		case e.GetVerdict() != nil:
			out = append(out, strings.ToLower(strings.TrimPrefix(e.GetVerdict().Outcome.String(), "OUTCOME_")))
		case e.GetHeld() != nil:
			out = append(out, "held")
		case e.GetDecided() != nil:
			out = append(out, e.GetDecided().Decision)
		case e.GetResult() != nil && e.GetResult().Error != nil:
			out = append(out, "error "+e.GetResult().Error.Code)
		case e.GetResult() != nil:
			out = append(out, e.GetResult().Tag)
		}
	}
	return out
}

func TestHoldPsqlApproved(t *testing.T) {
	g, d := startHeld(t, options{})
	var out, errs string
	wait := async(func() error {
		out, errs = g.psql(t, "insert into h values (1) /* please */;\nselect count(*) from h;\n", "-At")
		return nil
	})
	a := d.waiting(1)[0]
	if g.rows(t) != 0 {
		t.Error("it ran before it was approved")
	}
	if a.Text != "insert into h values (1) /* please */;" || a.Principal != user || a.Target != "orders" {
		t.Errorf("request %+v", a)
	}
	if code := d.review("bob", a.ID, "approve", "go on"); code != http.StatusOK {
		t.Fatalf("review: %d", code)
	}
	_ = wait()
	if !strings.HasSuffix(out, "1\n") {
		t.Errorf("stdout %q", out)
	}
	for _, want := range []string{"NOTICE:  held for approval: that needs a DBA", "https://sallyport.example/approvals/" + a.ID} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr %q lacks %q", errs, want)
		}
	}
	es := g.Only(t)
	if diff := cmp.Diff([]string{"hold", "held", "approved", "INSERT 0 1", "allow", "SELECT 1"}, story(es)); diff != "" {
		t.Error(diff)
	}
	for _, e := range es {
		if x := e.GetDecided(); x != nil && (x.Approval != a.ID || len(x.By) != 1 || x.By[0] != "bob" || x.Reason != "go on") {
			t.Errorf("decided %v", x)
		}
	}
	if b := d.becomes(a.ID, "used"); b.Used == nil || b.Command == 0 {
		t.Errorf("after it: %+v", b)
	}
}

func TestHoldDenied(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	ctx := t.Context()
	if _, err := c.Exec(ctx, "begin"); err != nil {
		t.Fatal(err)
	}
	wait := async(func() error { _, err := c.Exec(ctx, "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	d.review("bob", a.ID, "deny", "not today")
	var pg *pgconn.PgError
	if err := wait(); !errors.As(err, &pg) || pg.Code != "42501" || pg.Message != "refused: denied by bob: not today" {
		t.Errorf("got %+v", pg)
	}
	if s := c.PgConn().TxStatus(); s != 'E' {
		t.Errorf("transaction status %c", s)
	}
	if _, err := c.Exec(ctx, "rollback"); err != nil {
		t.Error(err)
	}
	if code := d.review("carol", a.ID, "approve", ""); code != http.StatusConflict {
		t.Errorf("a late review: %d", code)
	}
	_ = c.Close(ctx)
	if diff := cmp.Diff([]string{"allow", "BEGIN", "hold", "held", "denied", "error 42501", "allow", "ROLLBACK"}, story(g.Only(t))); diff != "" {
		t.Error(diff)
	}
	if g.rows(t) != 0 {
		t.Error("it ran")
	}
}

// A hold that is refused leaves client and target where an error would have, and one that is
// approved where the command itself would have: in transactions, pipelines, and everything else
// that refusals are tried in. In each the replies before it arrive before the notice.
func TestHoldIsLikeNative(t *testing.T) {
	for decision, texts := range map[string][2]string{
		"deny":    {"insert inti nowhere", "insert into r values (99) /* " + held + " */"},
		"approve": {"insert into r values (99)", "insert into r values (99) /* " + held + " */"},
	} {
		t.Run(decision, func(t *testing.T) {
			g, d := startHeld(t, options{})
			d.always(decision)
			admin := g.direct(t)
			for name, steps := range refusals {
				if decision == "deny" && slices.Contains([]string{"named", "the unnamed statement is lost", "query inside of a skipped part"}, name) {
					continue // there the server would refuse to parse: what is held is parsed
				}
				t.Run(name, func(t *testing.T) {
					run := func(c *raw, replacement string) (transcript, rows string) {
						defer c.Close()
						for _, sql := range []string{"drop table if exists r", "create table r (a int)"} {
							if _, err := admin.Exec(t.Context(), sql); err != nil {
								t.Fatal(err)
							}
						}
						var b strings.Builder
						for _, step := range steps {
							c.send(replaced(step, replacement)...)
							for range ends(step) {
								b.WriteString(c.until('Z'))
							}
						}
						if err := admin.QueryRow(t.Context(), "select coalesce(string_agg(a::text, ',' order by a), '') from r").Scan(&rows); err != nil {
							t.Fatal(err)
						}
						return withoutNotices(b.String()), rows
					}
					wantText, wantRows := run(rawDirect(t, g.pg), texts[0])
					gotText, gotRows := run(g.raw(t), texts[1])
					if decision == "deny" {
						wantText, gotText = parsed(wantText), parsed(gotText)
					}
					if diff := cmp.Diff(wantText, gotText); diff != "" {
						t.Errorf("conversation (-server +gateway):\n%s", diff)
					}
					if wantRows != gotRows {
						t.Errorf("committed %q, want %q", gotRows, wantRows)
					}
				})
			}
		})
	}
}

func withoutNotices(transcript string) string {
	var b strings.Builder
	for l := range strings.Lines(transcript) {
		if l[0] != 'N' {
			b.WriteString(l)
		}
	}
	return b.String()
}

// parsed leaves out what tells where in the extended protocol an error was found: a text that is
// held is parsed, and bound, and fails only when it is to run.
func parsed(transcript string) string {
	var b strings.Builder
	for l := range strings.Lines(transcript) {
		if !strings.HasPrefix(l, "1 ") && !strings.HasPrefix(l, "2 ") && !strings.HasPrefix(l, "n ") && !strings.HasPrefix(l, "t ") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// What came before a held command in a pipeline is answered before the client is told.
func TestHoldDeliversEarlierReplies(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.raw(t)
	c.send(&parse{Query: "select 1"}, &bind{}, &execute{}, &parse{Query: "insert into h values (1) -- please"}, &bind{}, &execute{},
		&parse{Query: "select 2"}, &bind{}, &execute{}, &sync_{})
	got := c.until('N')
	if !strings.Contains(got, "C \"SELECT 1") || !strings.HasSuffix(strings.TrimSpace(before(got)), `2 ""`) {
		t.Errorf("before the notice: %s", got)
	}
	d.review("bob", d.waiting(1)[0].ID, "approve", "")
	if got := c.until('Z'); !strings.Contains(got, "INSERT 0 1") || !strings.Contains(got, "SELECT 1") || !strings.HasSuffix(got, "Z \"I\"\n") {
		t.Errorf("after it: %s", got)
	}
}

// before is a transcript without its last line.
func before(transcript string) string {
	lines := strings.Split(strings.TrimSpace(transcript), "\n")
	return strings.Join(lines[:len(lines)-1], "\n")
}

// Each Execute is held, with its own parameters.
func TestHoldBindsParameters(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	ctx := t.Context()
	if _, err := c.Prepare(ctx, "p", "insert into h values ($1) -- please"); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for i, decision := range []string{"approve", "deny"} {
		wait := async(func() error { _, err := c.Exec(ctx, "p", i+7); return err })
		a := d.waiting(1)[0]
		if len(a.Parameters) != 1 || *a.Parameters[0].Text != []string{"7", "8"}[i] || a.CommandKind != "execute" {
			t.Errorf("request %+v", a.Parameters)
		}
		digests = append(digests, a.Digest)
		d.review("bob", a.ID, decision, "")
		if err := wait(); (err == nil) != (i == 0) {
			t.Errorf("%s: %v", decision, err)
		}
	}
	if digests[0] == digests[1] {
		t.Error("other parameters have the same digest")
	}
	if g.rows(t) != 1 {
		t.Error("what was denied ran")
	}
}

func TestHoldCancelled(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	wait := async(func() error { _, err := c.Exec(t.Context(), "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait(); code(err) != "57014" || !strings.Contains(err.Error(), "canceling statement due to user request") {
		t.Errorf("got %v", err)
	}
	d.becomes(a.ID, "withdrawn")
	if code := d.review("bob", a.ID, "approve", ""); code != http.StatusConflict {
		t.Errorf("a late review: %d", code)
	}
	if _, err := c.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("the session does not go on: %v", err)
	}
	if g.rows(t) != 0 {
		t.Error("it ran")
	}
}

// Ctrl-C in psql withdraws the request, and psql goes on.
func TestHoldPsqlInterrupted(t *testing.T) {
	g, d := startHeld(t, options{})
	cmd, out := g.psqlProcess(t, "insert into h values (1); -- please", "select 'still here'")
	a := d.waiting(1)[0]
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	d.becomes(a.ID, "withdrawn")
	_ = cmd.Wait() // psql -c ends with status 1, or goes on to the next: it says what it saw
	if !strings.Contains(out.String(), "canceling statement due to user request") {
		t.Errorf("psql said %q", out)
	}
}

// psqlProcess starts a psql that runs commands, and returns once it was told that one of them is held: the session has
// recorded it by then.
func (g *gateway) psqlProcess(t testing.TB, commands ...string) (*exec.Cmd, *told) {
	t.Helper()
	args := []string{"-X", "-At"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	cmd := exec.Command("psql", append(args, g.dsn())...)
	out := new(told)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	eventually(t, "psql is told that it waits", func() bool { return strings.Contains(out.String(), "held for approval") })
	return cmd, out
}

// told is what a process says, to be read while it runs.
type told struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestHoldClientLeaves(t *testing.T) {
	g, d := startHeld(t, options{})
	cmd, _ := g.psqlProcess(t, "insert into h values (1); -- please")
	a := d.waiting(1)[0]
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	d.becomes(a.ID, "withdrawn")
	es := g.Only(t)
	if diff := cmp.Diff([]string{"hold", "held", "withdrawn", "error "}, story(es)); diff != "" {
		t.Error(diff)
	}
	if c := es[len(es)-1].GetClosed(); c.Reason != "client" {
		t.Errorf("closed %v", c)
	}
}

// A client may send ahead while its command is held: nothing of it is lost, nor forwarded.
func TestHoldKeepsWhatIsSentAhead(t *testing.T) {
	g, d := startHeld(t, options{tls: true})
	c := g.pgx(t)
	wait := async(func() error {
		batch := &pgx.Batch{}
		batch.Queue("insert into h values (1) -- please")
		for i := range 200 {
			batch.Queue("insert into h select $1 where length($2) > 0", i, strings.Repeat("x", 1000))
		}
		return c.SendBatch(t.Context(), batch).Close()
	})
	a := d.waiting(1)[0]
	if g.rows(t) != 0 {
		t.Error("something ran")
	}
	d.review("bob", a.ID, "approve", "")
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	if n := g.rows(t); n != 201 {
		t.Errorf("%d rows", n)
	}
}

func TestHoldStatementTimeout(t *testing.T) {
	g, d := startHeld(t, options{})
	for name, c := range map[string]struct {
		extra  []string
		before []string
	}{
		"set":       {before: []string{"set statement_timeout = '200ms'"}},
		"at start":  {extra: []string{"statement_timeout=200"}},
		"set local": {before: []string{"begin", "set local statement_timeout = 200"}},
	} {
		t.Run(name, func(t *testing.T) {
			g.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
				v := judgeHeld(a)
				if _, value, ok := strings.Cut(a.Text, "statement_timeout = "); ok {
					v.Effects = []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_SETTING, Name: "statement_timeout",
						Values: []string{strings.Trim(value, "'")}, Local: strings.Contains(a.Text, "local")}}
				}
				return v
			})
			conn := g.pgx(t, c.extra...)
			for _, sql := range c.before {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			_, err := conn.Exec(t.Context(), "insert into h values (1) -- please")
			if code(err) != "57014" || !strings.Contains(err.Error(), "statement timeout") {
				t.Errorf("got %v", err)
			}
			d.waiting(0)
		})
	}
}

func TestHoldExpires(t *testing.T) {
	for name, service := range map[string]bool{"marked by the service": true, "marked by the gateway": false} {
		t.Run(name, func(t *testing.T) {
			g, d := startHeld(t, options{session: func(c *session.Config) { c.HoldGrace = 50 * time.Millisecond }})
			g.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
				v := judgeHeld(a)
				if v.Approval != nil {
					v.Approval, _ = (&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "p", Expires: int64(400 * time.Millisecond)}}}).MarshalVT()
				}
				return v
			})
			c := g.pgx(t)
			wait := async(func() error { _, err := c.Exec(t.Context(), "insert into h values (1) -- please"); return err })
			d.waiting(1)
			if !service {
				d.stop()
			}
			if err := wait(); code(err) != "42501" || !strings.Contains(err.Error(), "nobody approved it within 400ms") {
				t.Errorf("got %v", err)
			}
			if g.rows(t) != 0 {
				t.Error("it ran")
			}
		})
	}
}

func TestHoldWithoutService(t *testing.T) {
	g, d := startHeld(t, options{})
	d.stop()
	c := g.pgx(t)
	_, err := c.Exec(t.Context(), "insert into h values (1) -- please")
	if code(err) != "42501" || !strings.Contains(err.Error(), "no approvals service answered") {
		t.Errorf("got %v", err)
	}
	d = openDesk(t, g.Log)
	d.waiting(0)
}

// The service may be killed while a request is pending: another one takes over.
func TestHoldOutlivesService(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	wait := async(func() error { _, err := c.Exec(t.Context(), "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	d.stop()
	d = openDesk(t, g.Log)
	if b := d.waiting(1)[0]; b.ID != a.ID || b.Digest != a.Digest || !b.Expires.Equal(a.Expires) {
		t.Errorf("before %+v, after %+v", a, b)
	}
	d.review("bob", a.ID, "approve", "")
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// The policies that held it are what the approval is for.
func TestHoldAndNewPolicies(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	ctx := t.Context()
	for name, x := range map[string]struct {
		judge func(*schemas.VerdictAsk) *schemas.VerdictAnswer
		want  string
	}{
		"the same need": {judgeHeld, ""},
		"denied now": {func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
			return sessiontest.Judge(&schemas.VerdictAsk{Text: sessiontest.Forbidden})
		}, "that is forbidden"},
		"another need": {func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
			v := judgeHeld(a)
			v.Approval, _ = (&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "stricter"}}}).MarshalVT()
			return v
		}, "policies changed"},
		"allowed now": {sessiontest.Judge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g.Enforcer.Set("before "+schemas.Revision(name), judgeHeld)
			wait := async(func() error { _, err := c.Exec(ctx, "insert into h values (1) -- please"); return err })
			a := d.waiting(1)[0]
			g.Enforcer.Set("after "+schemas.Revision(name), x.judge)
			d.review("bob", a.ID, "approve", "")
			err := wait()
			if x.want == "" && err != nil || x.want != "" && (code(err) != "42501" || !strings.Contains(err.Error(), x.want)) {
				t.Errorf("got %v", err)
			}
			status := "used"
			if x.want != "" {
				status = "withdrawn"
			}
			d.becomes(a.ID, status)
		})
	}
}

func TestHoldKilled(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.pgx(t)
	wait := async(func() error { _, err := c.Exec(t.Context(), "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	g.Control(t, schemas.SessionID(a.Session), &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_KILL, By: "carol"})
	if err := wait(); code(err) != "57P01" {
		t.Errorf("got %v", err)
	}
	d.becomes(a.ID, "withdrawn")
	if diff := cmp.Diff([]string{"hold", "held", "withdrawn", "error "}, story(g.Only(t))); diff != "" {
		t.Error(diff)
	}
}

// While it waits a client hears that the session is alive.
func TestHoldKeepsTelling(t *testing.T) {
	g, d := startHeld(t, options{session: func(c *session.Config) { c.HoldNotice = 20 * time.Millisecond }})
	c := g.raw(t)
	c.send(&query{String: "insert into h values (1) -- please"})
	for i := range 3 {
		typ, body := c.message()
		m := pgproto3.NoticeResponse{}
		if typ != 'N' || m.Decode(body) != nil || i > 0 && !strings.HasPrefix(m.Message, "still held") {
			t.Errorf("message %d: %c %s", i, typ, m.Message)
		}
	}
	d.review("bob", d.waiting(1)[0].ID, "approve", "")
	c.until('Z')
}

func TestHoldsAreBounded(t *testing.T) {
	g, d := startHeld(t, options{session: func(c *session.Config) { c.Held = 1 }})
	one, two := g.pgx(t), g.pgx(t)
	wait := async(func() error { _, err := one.Exec(t.Context(), "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	if _, err := two.Exec(t.Context(), "insert into h values (2) -- please"); !strings.Contains(err.Error(), "too many commands are held") {
		t.Errorf("got %v", err)
	}
	d.review("bob", a.ID, "approve", "")
	if err := wait(); err != nil {
		t.Error(err)
	}
	long := "insert into h values (3) -- please " + strings.Repeat("x", 300<<10)
	if _, err := two.Exec(t.Context(), long); !strings.Contains(err.Error(), "too long for a reviewer") {
		t.Errorf("got %v", err)
	}
}

// A portal is approved once, and its rows fetched in parts.
func TestHoldPortalInParts(t *testing.T) {
	g, d := startHeld(t, options{})
	c := g.raw(t)
	c.send(&query{String: "begin"})
	c.until('Z')
	c.send(&parse{Query: "select generate_series(1,3) -- please"}, &bind{DestinationPortal: "p"}, &execute{Portal: "p", MaxRows: 2}, &sync_{})
	c.until('N')
	d.review("bob", d.waiting(1)[0].ID, "approve", "")
	if got := c.until('Z'); !strings.Contains(got, "s ") {
		t.Errorf("first part: %s", got)
	}
	c.send(&execute{Portal: "p"}, &sync_{})
	if got := c.until('Z'); !strings.Contains(got, "SELECT 1") || strings.Contains(got, "held") {
		t.Errorf("second part: %s", got)
	}
	_ = c.Close()
}

// COPY FROM STDIN begins only when it is approved.
func TestHoldCopyIn(t *testing.T) {
	g, d := startHeld(t, options{})
	d.always("approve")
	c := g.pgx(t)
	tag, err := c.PgConn().CopyFrom(t.Context(), strings.NewReader("1\n2\n3\n"), "copy h from stdin -- please")
	if err != nil || tag.RowsAffected() != 3 {
		t.Errorf("got %v, %v", tag, err)
	}
}

const psycopgHeld = `
import psycopg2
c = psycopg2.connect("")
cur = c.cursor()
cur.execute("insert into h values (%s) -- please", (1,))
print(cur.rowcount, c.notices[0].split("\n")[0])
try:
    cur.execute("insert into h values (2) -- please, not forbidden to ask")
except psycopg2.errors.InsufficientPrivilege as e:
    print(e.pgcode, c.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INERROR)
c.rollback()
`

func TestHoldPsycopg(t *testing.T) {
	if exec.Command("python3", "-c", "import psycopg2").Run() != nil {
		t.Skip("no psycopg2")
	}
	g, d := startHeld(t, options{})
	var out, errs string
	wait := async(func() (err error) {
		out, errs, err = program(t, g.dsn(), nil, "python3", "-c", strings.ReplaceAll(psycopgHeld, "forbidden", "for granted"))
		return err
	})
	d.review("bob", d.waiting(1)[0].ID, "approve", "")
	eventually(t, "the second one is pending", func() bool {
		var l approvals.Listed
		d.do("bob", "GET", "/api/v1/approvals", "", &l)
		return len(l.Approvals) == 1 && strings.Contains(l.Approvals[0].Text, "(2)")
	})
	d.review("bob", d.waiting(1)[0].ID, "deny", "")
	if err := wait(); err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	if out != "1 NOTICE:  held for approval: that needs a DBA\n42501 True\n" {
		t.Errorf("it said %q", out)
	}
}

// Two gateways and two replicas of the service share one log.
func TestHoldAcrossGateways(t *testing.T) {
	g, d := startHeld(t, options{})
	target, _ := g.Targets.Target("orders")
	other := start(t, options{env: sessiontest.NewOn(t, g.Log, postgres.Protocol), target: func(r *resources.Target) { *r = *target.Target }})
	other.Enforcer.Stop()
	second := openDesk(t, g.Log)
	a, b := g.pgx(t), other.pgx(t)
	waits := []func() error{
		async(func() error { _, err := a.Exec(t.Context(), "insert into h values (1) -- please"); return err }),
		async(func() error { _, err := b.Exec(t.Context(), "insert into h values (2) -- please"); return err }),
	}
	d.waiting(2)
	for i, r := range second.waiting(2) {
		codes := make(chan int, 2)
		go func() { codes <- d.review("bob", r.ID, "approve", "") }()
		go func() { codes <- second.review("carol", r.ID, "approve", "") }()
		if x, y := <-codes, <-codes; x+y != http.StatusOK+http.StatusConflict {
			t.Errorf("request %d: reviews answered %d and %d: one decides", i, x, y)
		}
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	if n := g.rows(t); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// A client that does not wait is told where to ask, and runs the command when it comes again.
func TestHoldFailFast(t *testing.T) {
	g, d := startHeld(t, options{})
	ctx := t.Context()
	const sql = "insert into h values (1) -- please"
	c := g.pgx(t, "sallyport.hold=fail")
	_, err := c.Exec(ctx, sql)
	a := d.waiting(1)[0]
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" || !strings.Contains(pg.Hint, "https://sallyport.example/approvals/"+a.ID) {
		t.Fatalf("got %+v", err)
	}
	if _, err := c.Exec(ctx, sql); code(err) != "42501" {
		t.Errorf("unapproved: %v", err)
	}
	if again := d.waiting(1)[0]; again.ID != a.ID {
		t.Errorf("it made another request: %s", again.ID)
	}
	_ = c.Close(ctx)
	d.review("bob", a.ID, "approve", "")
	c = g.pgx(t, "options=-csallyport.hold=fail")
	if _, err := c.Exec(ctx, sql+" something else"); code(err) != "42501" {
		t.Errorf("another text: %v", err)
	}
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Errorf("approved: %v", err)
	}
	d.becomes(a.ID, "used")
	if _, err := c.Exec(ctx, sql); code(err) != "42501" {
		t.Errorf("once more: %v", err)
	}
	if n := g.rows(t); n != 1 {
		t.Errorf("%d rows", n)
	}
	// Who waits does not take what another run of the client was given.
	next := d.waiting(2)
	for _, r := range next {
		d.review("bob", r.ID, "approve", "")
	}
	waiter := g.pgx(t)
	wait := async(func() error { _, err := waiter.Exec(ctx, sql); return err })
	d.review("bob", d.waiting(1)[0].ID, "deny", "")
	if err := wait(); code(err) != "42501" {
		t.Errorf("a client that waits: %v", err)
	}
	if _, err := pgx.Connect(ctx, g.dsn("sallyport.traceparent=00-1")); code(err) != "22023" {
		t.Errorf("a wrong traceparent is answered with %v", err)
	}
	if _, err := pgx.Connect(ctx, g.dsn("sallyport.hold=maybe")); code(err) != "22023" {
		t.Errorf("an odd value: %v", err)
	}
}

// Of many that come for one approval at once, one runs.
func TestHoldFailFastOnce(t *testing.T) {
	g, d := startHeld(t, options{})
	ctx := t.Context()
	const sql = "insert into h values (1) -- please"
	var conns []*pgx.Conn
	for range 6 {
		conns = append(conns, g.pgx(t, "sallyport.hold=fail"))
	}
	for round := 1; round <= 8; round++ {
		text := fmt.Sprintf("%s, round %d", sql, round)
		if _, err := conns[0].Exec(ctx, text); code(err) != "42501" {
			t.Fatal(err)
		}
		for _, a := range d.waiting(1) {
			d.review("bob", a.ID, "approve", "")
		}
		var waits []func() error
		for _, c := range conns {
			waits = append(waits, async(func() error { _, err := c.Exec(ctx, text); return err }))
		}
		ran := 0
		for _, wait := range waits {
			if wait() == nil {
				ran++
			}
		}
		if n := g.rows(t); ran != 1 || n != round {
			t.Errorf("round %d: %d ran, %d rows", round, ran, n)
		}
		var out approvals.Listed // those that came too late made requests of their own
		d.do("bob", "GET", "/api/v1/approvals", "", &out)
		for _, a := range out.Approvals {
			d.review("bob", a.ID, "deny", "")
		}
	}
}
