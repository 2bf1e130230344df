package postgres_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgproto3/v2"
	"github.com/jackc/pgx/v5"

	"sallyport/ingress/postgres"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas/resources"
)

type (
	copyData = pgproto3.CopyData
	copyDone = pgproto3.CopyDone
	copyFail = pgproto3.CopyFail
)

const copyIn = "copy r from stdin"

// copies are conversations, in steps: messages, and the type of the answer to read up to. Every
// one goes the same way at the gateway and at the server.
var copies = map[string][]struct {
	send  []pgproto3.FrontendMessage
	until string
}{
	"simple":                  {{[]pgproto3.FrontendMessage{&query{String: copyIn}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n2")}, &copyData{Data: []byte("\n3\n")}, &copyDone{}}, "Z"}},
	"simple, without waiting": {{[]pgproto3.FrontendMessage{&query{String: copyIn}, &copyData{Data: []byte("1\n")}, &copyDone{}}, "Z"}},
	"simple, query behind it": {{[]pgproto3.FrontendMessage{&query{String: copyIn}, &copyData{Data: []byte("1\n")}, &copyDone{}, &query{String: "select 1"}}, "ZZ"}},
	"given up":                {{[]pgproto3.FrontendMessage{&query{String: copyIn}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n")}, &copyFail{Message: "never mind"}}, "Z"}},
	"bad data":                {{[]pgproto3.FrontendMessage{&query{String: copyIn}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{Data: []byte("x\n")}, &copyData{Data: []byte("1\n")}, &copyDone{}}, "Z"}, {[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"fails at once":           {{[]pgproto3.FrontendMessage{&query{String: "copy nowhere from stdin"}}, "Z"}, {[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"two in one query": {{[]pgproto3.FrontendMessage{&query{String: copyIn + "; " + copyIn}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n")}, &copyDone{}}, "G"},
		{[]pgproto3.FrontendMessage{&copyData{Data: []byte("2\n")}, &copyDone{}}, "Z"}},
	"extended": {{[]pgproto3.FrontendMessage{&parse{Query: copyIn}, &bind{}, &execute{}, &flush{}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n")}, &copyDone{}, &sync_{}}, "Z"},
		{[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"extended, with a Sync too early, as libpq": {{[]pgproto3.FrontendMessage{&parse{Query: copyIn}, &bind{}, &describe{ObjectType: 'P'}, &execute{}, &sync_{}}, "G"},
		{[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n")}, &copyDone{}, &sync_{}}, "Z"}, {[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"extended, fails at once": {{[]pgproto3.FrontendMessage{&parse{Query: "copy nowhere from stdin"}, &bind{}, &execute{}, &sync_{}}, "Z"}, {[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"extended, bad data": {{[]pgproto3.FrontendMessage{&parse{Query: copyIn}, &bind{}, &execute{}, &sync_{}}, "G"},
		{[]pgproto3.FrontendMessage{&copyData{Data: []byte("x\n")}, &copyDone{}, &sync_{}}, "Z"}, {[]pgproto3.FrontendMessage{&query{String: "select 1"}}, "Z"}},
	"data that nobody asked for": {{[]pgproto3.FrontendMessage{&copyData{Data: []byte("1\n")}, &copyDone{}, &query{String: "select 1"}}, "Z"}},
	"empty":                      {{[]pgproto3.FrontendMessage{&query{String: copyIn}}, "G"}, {[]pgproto3.FrontendMessage{&copyData{}, &copyDone{}}, "Z"}},
	"out":                        {{[]pgproto3.FrontendMessage{&query{String: "copy (select generate_series(1,3)) to stdout"}}, "Z"}, {[]pgproto3.FrontendMessage{&parse{Query: "copy (values (1)) to stdout (format binary)"}, &bind{}, &execute{}, &sync_{}}, "Z"}},
}

func TestCopyConversations(t *testing.T) {
	g := start(t, options{})
	admin := g.direct(t)
	for name, steps := range copies {
		t.Run(name, func(t *testing.T) {
			run := func(c *raw) (transcript, rows string) {
				defer c.Close()
				if _, err := admin.Exec(t.Context(), "drop table if exists r; create table r (a int)", pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				for _, s := range steps {
					c.send(s.send...)
					for _, typ := range s.until {
						b.WriteString(c.until(byte(typ)))
					}
				}
				if err := admin.QueryRow(t.Context(), "select coalesce(string_agg(a::text, ',' order by a), '') from r").Scan(&rows); err != nil {
					t.Fatal(err)
				}
				return b.String(), rows
			}
			wantText, wantRows := run(rawDirect(t, g.pg))
			gotText, gotRows := run(g.raw(t))
			if diff := cmp.Diff(wantText, gotText); diff != "" {
				t.Errorf("conversation (-server +gateway):\n%s", diff)
			}
			if wantRows != gotRows {
				t.Errorf("copied %q, want %q", gotRows, wantRows)
			}
		})
	}
}

// A command in the middle of COPY data would put the answers out of step: the session ends, and
// the command does not run.
func TestCommandInsideOfCopy(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	c.send(&query{String: "create temp table c (a int)"})
	c.until('Z')
	c.send(&query{String: "copy c from stdin"}, &query{String: "select 1"})
	for {
		typ, body := c.message()
		if typ == 'E' {
			if !strings.Contains(string(body), "FATAL") {
				t.Errorf("got %q", body)
			}
			return
		}
	}
}

func TestStrictTargetAndReuseOfUnnamedStatements(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) { r.Strict = true },
		config: func(c *postgres.Config) { c.Limits.Statements = 64 << 10 }})
	c := g.raw(t)
	for range 40 { // each a quarter of what may be held
		c.send(&parse{Query: "select 1 -- " + strings.Repeat("x", 16<<10)}, &bind{}, &execute{}, &sync_{})
		if got := c.until('Z'); !strings.Contains(got, "SELECT 1") {
			t.Fatalf("got %s", got)
		}
	}
	var names []pgproto3.FrontendMessage
	for _, name := range strings.Split("abcdef", "") {
		names = append(names, &parse{Name: name, Query: "select 1 -- " + strings.Repeat("x", 16<<10)})
	}
	c.send(append(names, &sync_{})...)
	if e, _ := c.failure(); e.Code != "53400" {
		t.Errorf("got %+v", e)
	}
}

// An idle session costs little.
func TestIdleSessionIsSmall(t *testing.T) {
	g := start(t, options{env: sessiontest.New(t, postgres.Protocol), config: func(c *postgres.Config) { c.Limits.PerAddress = 1000 }})
	const n = 60
	measure := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	var conns []*raw
	before := measure()
	for range n {
		c := g.raw(t)
		c.send(&query{String: "select 1"})
		c.until('Z')
		conns = append(conns, c)
	}
	each := (measure() - before) / n
	t.Logf("%d KiB a session, the test's client included", each>>10)
	if each > 100<<10 {
		t.Errorf("an idle session takes %d KiB", each>>10)
	}
	for _, c := range conns {
		_ = c.Close()
	}
}
