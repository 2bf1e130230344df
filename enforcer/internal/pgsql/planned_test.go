package pgsql_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

const (
	notPlain    = "it is not one plain SELECT, INSERT, UPDATE, DELETE or MERGE"
	foreignCall = "planning it could run functions that are not PostgreSQL's own"
	unwritable  = "it cannot be written as a SELECT"
)

// What the planner is asked about, in place of what would run.
func TestPlanned(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for text, want := range map[string]struct {
		text       string
		parameters []uint32
		failure    string
	}{
		"SELECT a FROM t WHERE b = 'it''s'":                  {text: "SELECT a FROM t WHERE b = 'it''s'"},
		"SELECT a FROM t FOR UPDATE":                         {text: "SELECT a FROM t"},
		"SELECT 1 FROM (SELECT a FROM t FOR SHARE) x":        {text: "SELECT 1 FROM (SELECT a FROM t) x"},
		"DELETE FROM t":                                      {text: "SELECT 1 FROM t"},
		"DELETE FROM ONLY s.t AS x USING u WHERE x.a = u.a":  {text: "SELECT 1 FROM ONLY s.t x, u WHERE x.a = u.a"},
		"DELETE FROM t WHERE a = $2 AND b = $4 OR c = $2":    {text: "SELECT 1 FROM t WHERE (a = $1 AND b = $2) OR c = $1", parameters: []uint32{2, 4}},
		"UPDATE t SET a = $1 WHERE b = $2 RETURNING a":       {text: "SELECT 1 FROM t WHERE b = $1", parameters: []uint32{2}},
		"UPDATE t SET a = f(b) FROM u WHERE t.a = u.a":       {text: "SELECT 1 FROM t, u WHERE t.a = u.a"},
		"WITH x AS (SELECT 1 AS a) DELETE FROM t USING x":    {text: "WITH x AS (SELECT 1 AS a) SELECT 1 FROM t, x"},
		"INSERT INTO t VALUES (1, f(2)), (DEFAULT, 3)":       {text: "VALUES (1), (1)"},
		"INSERT INTO t DEFAULT VALUES":                       {text: "SELECT 1"},
		"INSERT INTO t SELECT a FROM u WHERE b > 3":          {text: "SELECT a FROM u WHERE b > 3"},
		"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x": {text: "WITH x AS (SELECT 1) SELECT * FROM x"},
		"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE": {
			text: "SELECT 1 FROM u JOIN t ON t.a = u.a"},
		"MERGE INTO t USING u ON t.a = u.a WHEN NOT MATCHED THEN INSERT VALUES (f(1))": {
			text: "SELECT 1 FROM u LEFT JOIN t ON t.a = u.a"},
		"MERGE INTO t USING u ON t.a = u.a WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)": {
			text: "SELECT 1 FROM u FULL JOIN t ON t.a = u.a"},
		`DELETE FROM t WHERE a = E'\\' OR b = U&'\0041'`: {text: `SELECT 1 FROM t WHERE a = E'\\' OR b = 'A'`},

		"DELETE FROM t; DELETE FROM u":  {failure: notPlain},
		"":                              {failure: notPlain},
		"DELET FROM t":                  {failure: notPlain},
		"DROP TABLE t":                  {failure: notPlain},
		"EXPLAIN ANALYZE DELETE FROM t": {failure: notPlain},
		"ANALYZE DELETE":                {failure: notPlain},
		"EXECUTE p":                     {failure: notPlain},
		"COPY t FROM STDIN":             {failure: notPlain},
		"SELECT a INTO u FROM t":        {failure: notPlain},
		"WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x":            {failure: notPlain},
		"INSERT INTO t WITH x AS (UPDATE t SET a = 1 RETURNING 1) TABLE x": {failure: notPlain},
		"DELETE FROM t WHERE CURRENT OF c":                                 {failure: unwritable},
		"SELECT f(1) FROM t":                                               {failure: foreignCall},
		"DELETE FROM t WHERE a = public.f(1)":                              {failure: foreignCall},
		"DELETE FROM t WHERE a OPERATOR(public.=) 1":                       {failure: foreignCall},
		"SELECT set_config('a.b', 'c', false)":                             {failure: notPlain},
		"SELECT pg_read_file('/etc/passwd')":                               {failure: notPlain},
		"SELECT * FROM dblink('', 'DROP TABLE t') AS x(a int)":             {failure: notPlain},
		"SELECT query_to_xml('DELETE FROM t', true, true, '')":             {failure: notPlain},
	} {
		t.Run(text, func(t *testing.T) {
			got := a.Planned(text, fresh(), nil)
			if got.Text != want.text && want.failure == "" || got.Failure != want.failure || !slices.Equal(got.Parameters, want.parameters) {
				t.Errorf("got %v", got)
			}
			if got.Failure != "" && got.Text != "" {
				t.Errorf("there is a text for what is refused: %q", got.Text)
			}
		})
	}
}

// What only the session sees, nobody else can be asked about.
func TestPlannedNeedsTheState(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for want, change := range map[string]func(*schemas.SessionState){
		"the session has temporary tables, which nobody else sees": func(s *schemas.SessionState) { s.Temporary = []*schemas.Temporary{{Name: "t"}} },
		"it is not known where the session looks for tables":       func(s *schemas.SessionState) { s.SearchPathKnown = false },
	} {
		s := fresh()
		change(s)
		if d := cmp.Diff(want, a.Planned("DELETE FROM t", s, nil).Failure); d != "" {
			t.Error(d)
		}
	}
}

// Whatever the text, what is planned is one SELECT by the same grammar.
func FuzzPlanned(f *testing.F) {
	for _, s := range []string{"DELETE FROM t WHERE a = $1", "UPDATE t SET a = 1 FROM u", "INSERT INTO t VALUES (1)",
		"MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT $3, $1"} {
		f.Add(s)
	}
	a := pgsql.New(pgsql.Config{})
	f.Fuzz(func(t *testing.T, text string) {
		p := a.Planned(text, fresh(), nil)
		if p.Failure != "" {
			return
		}
		facts := a.Analyze(p.Text, fresh(), nil).Facts
		if !slices.Equal(facts.Kinds, []string{"SELECT"}) || len(facts.Writes) > 0 || facts.Statements != 1 || facts.Opaque {
			t.Errorf("%q is planned as %q: %v", text, p.Text, facts)
		}
	})
}
