package postgres_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgproto3/v2"
	"github.com/jackc/pgx/v5"

	"sallyport/ingress/postgres"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
)

// call makes a FunctionCall with arguments in binary: numbers of four bytes, and bytes.
func call(function uint32, arguments ...any) *pgproto3.FunctionCall {
	c := &pgproto3.FunctionCall{Function: function, ArgFormatCodes: []uint16{1}, ResultFormatCode: 1}
	for _, a := range arguments {
		switch a := a.(type) {
		case int:
			c.Arguments = append(c.Arguments, binary.BigEndian.AppendUint32(nil, uint32(a)))
		case string:
			c.Arguments = append(c.Arguments, []byte(a))
		default:
			c.Arguments = append(c.Arguments, nil)
		}
	}
	return c
}

const (
	loOpen, loClose, loRead, loWrite, loSeek, loTell, loUnlink, loCreate = 952, 953, 954, 955, 956, 958, 964, 715

	readWrite = 0x60000
)

// The functions of large objects go the same way at the gateway and at the server.
func TestFunctionCalls(t *testing.T) {
	g := start(t, options{})
	steps := []pgproto3.FrontendMessage{
		call(loCreate, 880001), call(loCreate, 880001), &query{String: "begin"}, call(loOpen, 880001, readWrite),
		call(loWrite, 0, strings.Repeat("large ", 70_000)), call(loSeek, 0, 5, 0), call(loTell, 0), call(loRead, 0, 300_000),
		call(loRead, 0, 10), call(loClose, 0), &query{String: "commit"}, call(loRead, 0, 10), call(loRead, nil, nil), call(loRead),
		&pgproto3.FunctionCall{Function: loOpen, Arguments: [][]byte{[]byte("880001"), []byte("131072")}},
		&query{String: "begin"}, call(loOpen, 1, readWrite), call(loOpen, 880001, readWrite), &query{String: "rollback"},
		call(loUnlink, 880001), call(loUnlink, 880001),
	}
	run := func(c *raw) string {
		defer c.Close()
		var b strings.Builder
		for i, s := range steps {
			c.send(s)
			fmt.Fprintf(&b, "%d\n%s", i, c.until('Z'))
		}
		return b.String()
	}
	want := run(rawDirect(t, g.pg))
	if diff := cmp.Diff(want, run(g.raw(t))); diff != "" {
		t.Errorf("conversation (-server +gateway):\n%s", diff)
	}
	if strings.Count(want, "\nV ") < 10 {
		t.Errorf("the calls did not succeed:\n%s", want)
	}
	var wrote, read int
	es := g.Only(t)
	for _, e := range es {
		wrote += len(e.GetText().GetData())
		read += len(e.GetRows().GetCells())
	}
	if wrote < 420_000 || read < 300_000 {
		t.Errorf("on the log: %d bytes written, %d read", wrote, read)
	}
	if texts := commands(es); texts[0] != "SELECT pg_catalog.lo_create($1)" || texts[7] != "SELECT pg_catalog.loread($1, $2)" {
		t.Errorf("recorded %q", texts)
	}
	rs := results(es)
	if len(rs) != len(steps) || rs[7].Rows != 1 || rs[7].Tag != "SELECT 1" || rs[1].Error.GetCode() != "23505" {
		t.Errorf("results %v", rs)
	}
}

// A call is judged as the SELECT that it stands for, and other functions are not called at all.
func TestFunctionCallsAreJudged(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		if strings.Contains(a.Text, "lo_unlink") {
			a.Text = sessiontest.Forbidden
		}
		v := sessiontest.Judge(a)
		return v
	})
	c := g.raw(t)
	for _, s := range []struct {
		call *pgproto3.FunctionCall
		code string
	}{{call(loCreate, 880002), ""}, {call(loUnlink, 880002), "42501"}, {call(764, "/etc/passwd"), "0A000"},
		{&pgproto3.FunctionCall{Function: loOpen, ResultFormatCode: 2}, "08P01"}} {
		c.send(s.call)
		if e, status := c.failure(); e.Code != s.code || status != 'I' {
			t.Errorf("%d: %+v, status %c", s.call.Function, e, status)
		}
	}
	_ = c.Close()
	if got := strings.Join(commands(g.Only(t)), "\n"); !strings.Contains(got, "SELECT pg_catalog.lo_unlink($1)") {
		t.Errorf("recorded %s", got)
	}
	if _, err := g.direct(t).Exec(t.Context(), "select lo_unlink(880002)"); err != nil {
		t.Errorf("the refused call ran: %v", err)
	}
}

// The numbers that the gateway knows functions by are the server's.
func TestFunctionNumbers(t *testing.T) {
	checkFunctions(t, start(t, options{}).direct(t))
}

func checkFunctions(t *testing.T, c *pgx.Conn) {
	t.Helper()
	for oid, want := range postgres.Callables() {
		var name string
		var arguments []uint32
		var result uint32
		err := c.QueryRow(t.Context(), "select proname, proargtypes::oid[], prorettype from pg_proc where oid = $1 and pronamespace = 'pg_catalog'::regnamespace", oid).
			Scan(&name, &arguments, &result)
		if got := fmt.Sprint(name, arguments, result); err != nil || got != want {
			t.Errorf("%d is %s %v, want %s", oid, got, err, want)
		}
	}
}
