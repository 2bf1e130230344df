package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sallyport/approvals"
	"sallyport/ingress/postgres"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const reader = "estimates"

// startEstimated is startHeld with an account for estimates, and a table of 10,000 rows that it may read.
// planned says what is asked instead of a text.
func startEstimated(t *testing.T, planned func(text string) *schemas.Planned, change ...func(*options)) (*gateway, *desk, *pgx.Conn) {
	t.Helper()
	t.Setenv("SALLYPORT_TEST_READER", "secret of estimates")
	o := options{target: func(r *resources.Target) {
		r.Postgres.Estimate = &resources.Credential{Username: reader, Password: &resources.SecretRef{Env: "SALLYPORT_TEST_READER"}}
	}}
	for _, f := range change {
		f(&o)
	}
	g, d := startHeld(t, o)
	g.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := judgeHeld(a)
		if v.Outcome == schemas.Outcome_OUTCOME_HOLD {
			v.Planned = planned(a.Text)
		}
		return v
	})
	admin := g.direct(t)
	for _, sql := range []string{
		"do $$ begin create role " + reader + " login; exception when duplicate_object then null; end $$",
		"alter role " + reader + " nosuperuser password 'secret of estimates'",
		"drop schema if exists est cascade", "create schema est", "grant usage on schema est to " + reader,
		"create table est.t (a int primary key, b text)", "insert into est.t select i, 'x' from generate_series(1, 10000) i", "analyze est.t",
		"create table est.hidden (a int)", "grant select on est.t to " + reader,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return g, d, admin
}

// estimated waits until the only request that is pending has its estimate.
func (d *desk) estimated() (a *approvals.Approval) {
	d.t.Helper()
	eventually(d.t, "there is an estimate", func() bool {
		a = d.waiting(1)[0]
		return a.Estimate != nil && !a.Estimate.Pending
	})
	return a
}

func instead(text string) func(string) *schemas.Planned {
	return func(string) *schemas.Planned { return &schemas.Planned{Text: text} }
}

// A reviewer sees what the planner expects; the person who asks does not, and nothing has run.
func TestEstimate(t *testing.T) {
	g, d, _ := startEstimated(t, instead("SELECT 1 FROM t"))
	c := g.pgx(t)
	if _, err := c.Exec(t.Context(), "set search_path = est"); err != nil { // the effect is the enforcer's to tell
		t.Fatal(err)
	}
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := judgeHeld(a)
		v.Planned = &schemas.Planned{Text: "SELECT 1 FROM est.t"}
		return v
	})
	wait := async(func() error { _, err := c.Exec(t.Context(), "delete from est.t -- please"); return err })
	a := d.estimated()
	if e := a.Estimate; e.Failure != "" || e.Rows != 10000 || len(e.Scans) != 1 || e.Scans[0] != (approvals.Scan{Node: e.Scans[0].Node, Relation: "est.t", Rows: 10000}) || !strings.Contains(e.Scans[0].Node, "Scan") {
		t.Errorf("estimate %+v", e)
	}
	var own approvals.Approval
	if d.do(user, "GET", "/api/v1/approvals/"+a.ID, "", &own); own.ID != a.ID || own.Estimate != nil {
		t.Errorf("who asks sees %+v", own.Estimate)
	}
	var n int
	if err := g.direct(t).QueryRow(t.Context(), "select count(*) from est.t").Scan(&n); err != nil || n != 10000 {
		t.Errorf("%d rows, %v: it ran", n, err)
	}
	d.review("bob", a.ID, "deny", "")
	if wait() == nil {
		t.Error("it was denied")
	}
}

// Bound values are part of the question, by their new numbers, whatever their form.
func TestEstimateParameters(t *testing.T) {
	g, d, _ := startEstimated(t, func(string) *schemas.Planned {
		return &schemas.Planned{Text: "SELECT 1 FROM est.t WHERE a < $1", Parameters: []uint32{2}}
	})
	for name, mode := range map[string]pgx.QueryExecMode{"binary": pgx.QueryExecModeDescribeExec, "text": pgx.QueryExecModeExec} {
		t.Run(name, func(t *testing.T) {
			c := g.pgx(t)
			wait := async(func() error {
				_, err := c.Exec(t.Context(), "update est.t set b = $1 where a < $2 -- please", mode, "y", 101)
				return err
			})
			a := d.estimated()
			if e := a.Estimate; e.Failure != "" || e.Rows < 50 || e.Rows > 200 {
				t.Errorf("estimate %+v", e)
			}
			d.review("bob", a.ID, "deny", "")
			if wait() == nil {
				t.Error("it was denied")
			}
		})
	}
}

// What goes wrong is said in the gateway's words, and never with a value of the target's.
func TestEstimateFails(t *testing.T) {
	question := ""
	g, d, admin := startEstimated(t, func(string) *schemas.Planned { return &schemas.Planned{Text: question} })
	for _, sql := range []string{
		// They lie: both write, or would if they could.
		`create function est.writes() returns void language plpgsql as $$ begin insert into est.t values (0); end $$`,
		`create function est.turns() returns void language plpgsql as $$ begin set transaction read write; insert into est.t values (0); end $$`,
		`create function est.lies() returns int language plpgsql immutable as $$ begin perform est.writes(); return 1; end $$`,
		`create function est.defines() returns int language plpgsql immutable security definer as $$ begin perform est.writes(); return 1; end $$`,
		`create function est.frees() returns int language plpgsql immutable as $$ begin perform est.turns(); return 1; end $$`,
		`create function est.tells() returns int language plpgsql immutable as $$ begin raise 'value-of-the-target'; end $$`,
		"grant insert on est.t to " + reader,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"SELECT 1 FROM est.hidden":          "the account for estimates may not read all of it",
		"SELECT 1 FROM est.nowhere":         "the account for estimates does not find all that it names",
		"SELECT est.lies() FROM est.t":      "the target refused: SQLSTATE 25006",
		"SELECT est.defines() FROM est.t":   "the target refused: SQLSTATE 25006",
		"SELECT est.frees() FROM est.t":     "the target refused: SQLSTATE 25001",
		"SELECT est.tells() FROM est.t":     "the target refused: SQLSTATE P0001",
		"SELECT 1; DELETE FROM est.t":       "the target refused: SQLSTATE 42601",
		"ANALYZE DELETE FROM est.t":         "the target refused: SQLSTATE 42601",
		"SELECT 'value-of-the-client'::int": "the target refused: SQLSTATE 22P02",
	} {
		question = text
		a := holdOnce(t, g, d)
		if a.Estimate.Failure != want {
			t.Errorf("%s: %q, want %q", text, a.Estimate.Failure, want)
		}
	}
	if _, err := admin.Exec(t.Context(), "alter role "+reader+" superuser"); err != nil {
		t.Fatal(err)
	}
	question = "SELECT 1 FROM est.t"
	if a := holdOnce(t, g, d); a.Estimate.Failure != "the account for estimates is a superuser" {
		t.Errorf("a superuser: %q", a.Estimate.Failure)
	}
	if _, err := admin.Exec(t.Context(), "alter role "+reader+" nosuperuser password 'another'"); err != nil {
		t.Fatal(err)
	}
	if a := holdOnce(t, g, d); a.Estimate.Failure != "the account for estimates cannot reach the target" {
		t.Errorf("a wrong password: %q", a.Estimate.Failure)
	}
	var n int
	if err := admin.QueryRow(t.Context(), "select count(*) from est.t").Scan(&n); err != nil || n != 10000 {
		t.Errorf("%d rows, %v: something was written", n, err)
	}
}

// holdOnce holds a command, waits for its estimate, and denies it.
func holdOnce(t *testing.T, g *gateway, d *desk) *approvals.Approval {
	t.Helper()
	c := g.pgx(t)
	wait := async(func() error { _, err := c.Exec(t.Context(), "delete from est.t -- please"); return err })
	a := d.estimated()
	d.review("bob", a.ID, "deny", "")
	if wait() == nil {
		t.Error("it was denied")
	}
	return a
}

// A planner that takes its time delays neither the hold nor what is decided, and is let go.
func TestEstimateDelaysNothing(t *testing.T) {
	g, d, admin := startEstimated(t, instead("SELECT est.slow() FROM est.t"), func(o *options) {
		o.session = func(c *session.Config) { c.EstimateTime = time.Hour }
		o.config = func(c *postgres.Config) { c.Limits.Estimates = 1 }
	})
	if _, err := admin.Exec(t.Context(), `create function est.slow() returns int language plpgsql immutable as $$ begin perform pg_sleep(600); return 1; end $$`); err != nil {
		t.Fatal(err)
	}
	asking := func() (n int) {
		if err := admin.QueryRow(context.Background(), "select count(*) from pg_stat_activity where usename = $1 and query like '%est.slow()%'", reader).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 2 { // the second finds the only place taken, or free again
		c := g.pgx(t)
		wait := async(func() error {
			_, err := c.Exec(t.Context(), fmt.Sprintf("insert into h values (%d) -- please", i))
			return err
		})
		a := d.waiting(1)[0]
		if i == 0 {
			eventually(t, "the planner is asked", func() bool { return asking() == 1 })
		}
		if a.Estimate == nil || !a.Estimate.Pending {
			t.Errorf("estimate %+v, want one on its way", a.Estimate)
		}
		d.review("bob", a.ID, "approve", "")
		if err := wait(); err != nil {
			t.Error(err)
		}
		if b := d.becomes(a.ID, "used"); b.Estimate != nil {
			t.Errorf("after it was decided: %+v", b.Estimate)
		}
	}
	if g.rows(t) != 2 {
		t.Error("not both ran")
	}
	if _, err := admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", reader); err != nil {
		t.Error(err) // the server notices by itself that the gateway has left when it has something to say
	}
}

// What cannot be asked is said with the request itself, and without an account nobody is asked.
func TestEstimateIsNotAsked(t *testing.T) {
	g, d, _ := startEstimated(t, func(string) *schemas.Planned { return &schemas.Planned{Failure: "it is not plain"} })
	if a := holdOnce(t, g, d); a.Estimate.Failure != "it is not plain" {
		t.Errorf("estimate %+v", a.Estimate)
	}
	without, d := startHeld(t, options{env: sessiontest.New(t, postgres.Protocol)})
	c := without.pgx(t)
	wait := async(func() error { _, err := c.Exec(t.Context(), "insert into h values (1) -- please"); return err })
	a := d.waiting(1)[0]
	if a.Estimate != nil {
		t.Errorf("estimate %+v", a.Estimate)
	}
	d.review("bob", a.ID, "deny", "")
	_ = wait()
}
