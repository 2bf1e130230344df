package query_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/search/internal/query"
)

var now = time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "<nil>"},
		{"  ", "<nil>"},
		{`who:alice target:orders kind:DROP "customers" verdict:held after:2026-11-01`, `who:alice target:orders kind:DROP customers verdict:hold after:2026-11-01`},
		{"drop table", "drop table"},
		{`"drop table"`, `"drop table"`},
		{"a AND b OR c", "(a b) OR c"},
		{"a (b OR c)", "a (b OR c)"},
		{"-a NOT b", "-a -b"},
		{"--a", "--a"},
		{"NOT (a b)", "-(a b)"},
		{"cust*", "cust*"},
		{`"cust"*`, "cust*"},
		{"kind:(DROP OR TRUNCATE)", "kind:DROP OR kind:TRUNCATE"},
		{"kind:(DROP OR TRUNCATE) -who:(a b)", "(kind:DROP OR kind:TRUNCATE) -(who:a who:b)"},
		{"WHO:Alice Verdict:DENIED field:Row", "who:Alice verdict:deny field:rows"},
		{`who:"-x"`, `who:"-x"`},
		{`who:-x`, `who:"-x"`},
		{`who:OR`, `who:"OR"`},
		{`table:public.customers`, `table:public.customers`},
		{`10:30`, `10:30`},
		{`"who:alice"`, `"who:alice"`},
		{`"a \"b\" \\c"`, `"a \"b\" \\c"`},
		{`who:a:b`, `who:a:b`},
		{`or and not`, `or and not`},
		{`"OR"`, `"OR"`},
		{`label:env=prod`, `label:env=prod`},
		{`after:2h before:yesterday`, `after:2h before:yesterday`},
		{`after:"2026-11-01 10:00"`, `after:"2026-11-01 10:00"`},
		{`foo"bar baz"`, `foo "bar baz"`},
		{`who:a*`, `who:a*`},
	} {
		n, err := query.Parse(c.in, now)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		got := "<nil>"
		if n != nil {
			got = n.String()
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.in, d)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		in string
		at int
	}{
		{"*foo", 1},
		{"a b*c", 4},
		{"a (b", 3},
		{"a b)", 4},
		{"()", 2},
		{`é "b`, 3},
		{"foo:bar", 1},
		{"customer_id foo:bar", 13},
		{"who:", 1},
		{"who: alice", 1},
		{"a OR", 5},
		{"OR a", 1},
		{"a AND AND b", 7},
		{"- a", 1},
		{"a -", 3},
		{"a ;", 3},
		{"x*", 1},
		{`"a b"*`, 1},
		{"verdict:maybe", 9},
		{"field:nowhere", 7},
		{"after:soon", 7},
		{"after:99999999-01-01", 7},
		{"who:(a kind:b)", 8},
		{"count(*)", 7},
		{`who:""`, 5},
		{"a \xff", 3},
		{"((((((((((((((((((((((((((((((((((((((a", 33},
	} {
		n, err := query.Parse(c.in, now)
		var e *query.SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v, %v, want an error", c.in, n, err)
			continue
		}
		if e.At != c.at {
			t.Errorf("%q: %v, want it at %d", c.in, e, c.at)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-01":                "2026-11-01T00:00:00Z",
		"2026-11-01T10:20":          "2026-11-01T10:20:00Z",
		"2026-11-01T10:20:30+02:00": "2026-11-01T08:20:30Z",
		"2026-11-01T10:20:30.5Z":    "2026-11-01T10:20:30.5Z",
		"now":                       "2026-11-22T15:04:05Z",
		"today":                     "2026-11-22T00:00:00Z",
		"yesterday":                 "2026-11-21T00:00:00Z",
		"90m":                       "2026-11-22T13:34:05Z",
		"2w":                        "2026-11-08T15:04:05Z",
	} {
		got, err := query.ParseTime(in, now)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if s := got.Format(time.RFC3339Nano); s != want {
			t.Errorf("%q: got %s, want %s", in, s, want)
		}
	}
}

// terms draws terms of every field, with values that need quotes.
func terms() *rapid.Generator[query.Node] {
	return rapid.Custom(func(t *rapid.T) query.Node {
		f := rapid.SampledFrom([]query.Field{query.Text, query.Who, query.Table, query.Verdict, query.In, query.After}).Draw(t, "field")
		term := query.Term{Field: f}
		switch f {
		case query.Verdict:
			term.Value = rapid.SampledFrom([]string{"allow", "deny", "hold"}).Draw(t, "verdict")
		case query.In:
			term.Value = rapid.SampledFrom(query.Parts).Draw(t, "part")
		case query.After:
			term.Value = rapid.SampledFrom([]string{"2h", "2026-11-01", "2026-11-01 10:00"}).Draw(t, "time")
		default:
			term.Value = "x1" + rapid.StringMatching(`[a-zA-Z0-9_:\-"*()\\ é]{0,12}`).Draw(t, "value")
			if rapid.Bool().Draw(t, "front") {
				term.Value = rapid.SampledFrom([]string{"-", ":", "who:", "(", `"`}).Draw(t, "odd") + term.Value
			}
			if f == query.Text && rapid.IntRange(0, 3).Draw(t, "star") == 0 {
				term.Value, term.Prefix = "cust", true
			}
		}
		return term
	})
}

func nodes(depth int) *rapid.Generator[query.Node] {
	if depth == 0 {
		return terms()
	}
	return rapid.Custom(func(t *rapid.T) query.Node {
		switch rapid.IntRange(0, 3).Draw(t, "node") {
		case 0:
			return query.Not{Node: nodes(depth-1).Draw(t, "not")}
		case 1:
			return query.And{Nodes: rapid.SliceOfN(nodes(depth-1), 2, 3).Draw(t, "and")}
		case 2:
			return query.Or{Nodes: rapid.SliceOfN(nodes(depth-1), 2, 3).Draw(t, "or")}
		}
		return terms().Draw(t, "term")
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := nodes(3).Draw(t, "query")
		got, err := query.Parse(want.String(), now)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s: %s", want, d)
		}
	})
}

// FuzzParse holds that any text is refused with a position inside it, or parses to a query whose
// printed form parses to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`who:a "b c" -d OR (e f*)`, `kind:(A OR -B)`, `\"`, "after:7d", "é:x", "--", "a:\"b\\\"\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := query.Parse(text, now)
		if err != nil {
			var e *query.SyntaxError
			if !errors.As(err, &e) || e.At < 1 || e.At > len([]rune(text))+1 {
				t.Fatalf("%v", err)
			}
			return
		}
		if n == nil {
			return
		}
		again, err := query.Parse(n.String(), now)
		if err != nil {
			if len(n.String()) > query.MaxBytes {
				return
			}
			t.Fatalf("%q printed as %q: %v", text, n, err)
		}
		if d := cmp.Diff(n, again); d != "" {
			t.Fatal(d)
		}
	})
}
