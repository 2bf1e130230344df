package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
)

type (
	query    = pgproto3.Query
	parse    = pgproto3.Parse
	bind     = pgproto3.Bind
	execute  = pgproto3.Execute
	describe = pgproto3.Describe
	closing  = pgproto3.Close
	sync_    = pgproto3.Sync
	flush    = pgproto3.Flush
)

// bad is what policy refuses at the gateway, and what is an error of its own on the server:
// everything around it must come out the same.
const bad = "BAD"

// long is as much of a name as PostgreSQL looks at.
var long = strings.Repeat("n", 63)

// refusals are conversations, in steps; after each step answers are read up to ReadyForQuery, as
// often as it has queries and Syncs.
var refusals = map[string][][]pgproto3.FrontendMessage{
	"simple": {
		{&query{String: "insert into r values (1)"}}, {&query{String: bad}}, {&query{String: "insert into r values (2)"}},
	},
	"simple in a transaction": {
		{&query{String: "begin"}}, {&query{String: "insert into r values (1)"}}, {&query{String: bad}},
		{&query{String: "insert into r values (2)"}}, {&query{String: "commit"}}, {&query{String: "insert into r values (3)"}},
	},
	"simple in a failed transaction": {
		{&query{String: "begin"}}, {&query{String: "select 1/0"}}, {&query{String: bad}}, {&query{String: "rollback"}},
	},
	"several statements": {
		{&query{String: "insert into r values (1); " + bad + "; insert into r values (2)"}}, {&query{String: "select 1"}},
	},
	"several statements in a transaction": {
		{&query{String: "begin; insert into r values (1)"}}, {&query{String: "select 1; " + bad}}, {&query{String: "commit"}},
	},
	"after a savepoint": {
		{&query{String: "begin; insert into r values (1); savepoint a"}}, {&query{String: bad}},
		{&query{String: "rollback to a"}}, {&query{String: "insert into r values (2); commit"}},
	},
	"extended": {
		{&parse{Query: bad}, &bind{}, &describe{ObjectType: 'P'}, &execute{}, &sync_{}}, {&query{String: "select 1"}},
	},
	"extended, flushed first": {
		{&parse{Query: bad}, &flush{}, &bind{}, &execute{}, &flush{}, &sync_{}}, {&query{String: "select 1"}},
	},
	"extended in a transaction": {
		{&query{String: "begin"}},
		{&parse{Query: "insert into r values (1)"}, &bind{}, &execute{}, &parse{Query: bad}, &bind{}, &execute{}, &sync_{}},
		{&query{String: "insert into r values (2)"}}, {&query{String: "commit"}},
	},
	"pipelined before": {
		{&parse{Query: "insert into r values (1)"}, &bind{}, &execute{}, &parse{Query: bad}, &bind{}, &execute{},
			&parse{Query: "insert into r values (2)"}, &bind{}, &execute{}, &sync_{}},
	},
	"pipelined over Syncs": {
		{&parse{Query: "insert into r values (1)"}, &bind{}, &execute{}, &sync_{}, &parse{Query: bad}, &bind{}, &execute{}, &sync_{},
			&parse{Query: "insert into r values (2)"}, &bind{}, &execute{}, &sync_{}},
	},
	"named": {
		{&parse{Name: "a", Query: "insert into r values (1)"}, &sync_{}}, {&parse{Name: "b", Query: bad}, &sync_{}},
		{&bind{PreparedStatement: "b"}, &execute{}, &sync_{}}, {&bind{PreparedStatement: "a"}, &execute{}, &sync_{}},
	},
	"the unnamed statement is lost": {
		{&parse{Query: "insert into r values (1)"}, &sync_{}}, {&parse{Query: bad}, &sync_{}}, {&bind{}, &execute{}, &sync_{}},
	},
	"an error before it wins": {
		{&parse{Query: "select 1/0"}, &bind{}, &execute{}, &parse{Query: bad}, &bind{}, &execute{}, &sync_{}}, {&query{String: "select 1"}},
	},
	"query inside of a skipped part": {
		{&parse{Query: bad}, &query{String: "insert into r values (1)"}, &sync_{}}, {&query{String: "select 1"}},
	},
	"portal with a row limit": {
		{&query{String: "begin"}},
		{&parse{Query: "select generate_series(1,5)"}, &bind{DestinationPortal: "p"}, &execute{Portal: "p", MaxRows: 2}, &sync_{}},
		{&execute{Portal: "p", MaxRows: 2}, &sync_{}}, {&query{String: bad}}, {&execute{Portal: "p"}, &sync_{}}, {&query{String: "rollback"}},
	},
	"duplicate name": {
		{&parse{Name: "d", Query: "select 1"}, &sync_{}}, {&parse{Name: "d", Query: "select 2"}, &sync_{}},
		{&bind{PreparedStatement: "d"}, &execute{}, &sync_{}}, {&closing{ObjectType: 'S', Name: "d"}, &sync_{}},
		{&bind{PreparedStatement: "d"}, &execute{}, &sync_{}}, {&parse{Name: "d", Query: "select 3"}, &bind{PreparedStatement: "d"}, &execute{}, &sync_{}},
	},
	"names that differ too late to be told apart": {
		{&parse{Name: long + "1", Query: "select 1"}, &sync_{}}, {&parse{Name: long + "2", Query: "select 2"}, &sync_{}},
		{&closing{ObjectType: 'S', Name: long + "3"}, &parse{Name: long + "4", Query: "select 4"}, &sync_{}},
		{&bind{PreparedStatement: long + "1", DestinationPortal: long + "5"}, &execute{Portal: long + "6"}, &sync_{}},
	},
	"names that mean nothing": {
		{&bind{PreparedStatement: "x"}, &execute{}, &sync_{}}, {&execute{Portal: "y"}, &sync_{}}, {&describe{ObjectType: 'S', Name: "x"}, &sync_{}},
		{&query{String: "begin"}}, {&execute{Portal: "y"}, &sync_{}}, {&query{String: "commit"}},
	},
	"a portal ends with its transaction": {
		{&parse{Query: "select 1"}, &bind{DestinationPortal: "p"}, &sync_{}}, {&execute{Portal: "p"}, &sync_{}},
	},
	"error at commit": {
		{&query{String: "create temp table u (a int unique deferrable initially deferred)"}},
		{&parse{Query: "insert into u values (1), (1)"}, &bind{}, &execute{}, &sync_{}}, {&query{String: "select count(*) from u"}},
	},
	"empty": {{&query{String: ""}}, {&query{String: ";"}}, {&parse{}, &bind{}, &execute{}, &sync_{}}, {&sync_{}}},
}

// A refusal leaves client and target where an error of the target's own would have.
func TestRefusalIsLikeNativeError(t *testing.T) {
	g := start(t, options{})
	admin := g.direct(t)
	for name, steps := range refusals {
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
				var sum string
				if err := admin.QueryRow(t.Context(), "select coalesce(string_agg(a::text, ',' order by a), '') from r").Scan(&sum); err != nil {
					t.Fatal(err)
				}
				return b.String(), sum
			}
			wantText, wantRows := run(rawDirect(t, g.pg), "insert inti nowhere")
			gotText, gotRows := run(g.raw(t), "insert into r values (99) /* "+sessiontest.Forbidden+" */")
			if diff := cmp.Diff(wantText, gotText); diff != "" {
				t.Errorf("conversation (-server +gateway):\n%s", diff)
			}
			if wantRows != gotRows {
				t.Errorf("committed %q, want %q", gotRows, wantRows)
			}
		})
	}
}

func replaced(step []pgproto3.FrontendMessage, replacement string) []pgproto3.FrontendMessage {
	var out []pgproto3.FrontendMessage
	for _, m := range step {
		switch m := m.(type) {
		case *query:
			out = append(out, &query{String: strings.ReplaceAll(m.String, bad, replacement)})
		case *parse:
			out = append(out, &parse{Name: m.Name, Query: strings.ReplaceAll(m.Query, bad, replacement)})
		default:
			out = append(out, m)
		}
	}
	return out
}

// ends is how many times the server will be ready: a query that is skipped has no end.
func ends(step []pgproto3.FrontendMessage) int {
	n := 0
	extended := false
	for _, m := range step {
		switch m.(type) {
		case *sync_:
			n, extended = n+1, false
		case *query:
			if !extended {
				n++
			}
		default:
			extended = true
		}
	}
	return n
}

// What runs is what is recorded, by whatever name it goes.
func TestRecordedIsWhatRuns(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	c.send(&parse{Name: long + "1", Query: "select 'first'"}, &sync_{})
	c.until('Z')
	c.send(&closing{ObjectType: 'S', Name: long + "2"}, &parse{Name: long + "3", Query: "select 'second'"}, &sync_{})
	c.until('Z')
	c.send(&bind{PreparedStatement: long + "1"}, &execute{}, &sync_{})
	if got := c.until('Z'); !strings.Contains(got, "second") {
		t.Errorf("got %s", got)
	}
	_ = c.Close()
	texts := commands(g.Only(t))
	if last := texts[len(texts)-1]; last != "select 'second'" {
		t.Errorf("recorded %q", last)
	}
}

// SQL's PREPARE and the protocol share names: one that fails leaves the name with its old text.
func TestFailedPrepareDoesNotRenameAStatement(t *testing.T) {
	g := start(t, options{})
	const prepare = "prepare a as select 'second'"
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := sessiontest.Judge(a)
		if a.Text == prepare {
			v.Effects = []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_PREPARE, Name: "a", Values: []string{"select 'second'"}}}
		}
		return v
	})
	c := g.raw(t)
	c.send(&parse{Name: "a", Query: "select 'first'"}, &sync_{})
	c.until('Z')
	c.send(&query{String: prepare})
	if e, _ := c.failure(); e.Code != "42P05" {
		t.Errorf("got %+v", e)
	}
	c.send(&bind{PreparedStatement: "a"}, &execute{}, &sync_{})
	got := c.until('Z')
	_ = c.Close()
	texts := commands(g.Only(t))
	if last := texts[len(texts)-1]; strings.Contains(got, "first") && last != "select 'first'" || strings.Contains(last, "second") {
		t.Errorf("recorded %q, ran %s", last, got)
	}
}

// A statement that SQL prepared can be run by the protocol, and is judged and recorded as what it is.
func TestSQLPreparedStatementByProtocol(t *testing.T) {
	g := start(t, options{})
	const prepare = "prepare b as select 'second'"
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := sessiontest.Judge(a)
		if a.Text == prepare {
			v.Effects = []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_PREPARE, Name: "b", Values: []string{"select 'second'"}}}
		}
		return v
	})
	c := g.raw(t)
	c.send(&query{String: prepare}, &bind{PreparedStatement: "b"}, &execute{}, &sync_{})
	c.until('Z')
	if got := c.until('Z'); !strings.Contains(got, "second") {
		t.Errorf("got %s", got)
	}
	_ = c.Close()
	texts := commands(g.Only(t))
	if last := texts[len(texts)-1]; last != "select 'second'" {
		t.Errorf("recorded %q", last)
	}
}

func TestRefusalsWords(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	c.send(&query{String: "begin"})
	c.until('Z')
	c.send(&query{String: "select 'forbidden'"})
	e, status := c.failure()
	if e.Code != "42501" || e.Message != "refused: that is forbidden" || e.Hint != "policy: no-forbidden" || status != 'E' {
		t.Errorf("got %+v, status %c", e, status)
	}
	c.send(&query{String: "rollback"})
	c.until('Z')
	c.send(&pgproto3.FunctionCall{Function: 1})
	e, status = c.failure()
	if e.Code != "0A000" || status != 'I' {
		t.Errorf("function call: %+v, status %c", e, status)
	}
	c.send(&query{String: "select 1"})
	if got := c.until('Z'); !strings.Contains(got, "SELECT 1") {
		t.Errorf("the session does not go on: %s", got)
	}
	_ = c.Close()
	es := g.Only(t)
	rs := results(es)
	if len(rs) != 5 || !rs[1].Refused || rs[1].Error.Code != "42501" || !rs[3].Refused {
		t.Errorf("results %v", rs)
	}
}
