package lineage_test

import (
	"fmt"
	"strings"
	"testing"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/enforcer/internal/lineage"
	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

func columns(names ...string) (all []*schemas.Attribute) {
	for i, n := range names {
		all = append(all, &schemas.Attribute{Number: uint32(i + 1), Name: n})
	}
	return all
}

// sample is a catalogue: m is masked in every table that has it.
func sample() *catalogue.Catalogue {
	return catalogue.New(&schemas.Catalogue{
		Schemas: []string{"public", "s"},
		Relations: []*schemas.Relation{
			{Oid: 1, Schema: "public", Name: "t", Kind: "r", Columns: columns("a", "m", "b")},
			{Oid: 2, Schema: "public", Name: "u", Kind: "r", Columns: columns("a", "c")},
			{Oid: 3, Schema: "s", Name: "t", Kind: "r", Columns: columns("a", "x")},
			{Oid: 4, Schema: "public", Name: "v", Kind: "v", Columns: columns("p", "q"), Definition: "SELECT t.a, upper(t.m) FROM public.t"},
			{Oid: 5, Schema: "public", Name: "parent", Kind: "r", Columns: columns("k")},
			{Oid: 6, Schema: "public", Name: "child", Kind: "r", Columns: columns("k", "m"), Parents: []uint32{5}},
			{Oid: 7, Schema: "public", Name: "loop", Kind: "v", Columns: columns("k"), Definition: "SELECT loop.k FROM public.loop"},
			{Oid: 8, Schema: "public", Name: "bad", Kind: "v", Columns: columns("k"), Definition: "SELEC"},
		},
		Functions: []*schemas.Function{
			{Schema: "public", Name: "own", Kind: "f", Language: "sql", Source: "SELECT m FROM t", Volatility: "s"},
			{Schema: "public", Name: "pure", Kind: "f", Language: "sql", Arguments: 1, Source: "SELECT upper($1)", Volatility: "i"},
			{Schema: "public", Name: "ping", Kind: "f", Language: "sql", Source: "SELECT pong()", Volatility: "s"},
			{Schema: "public", Name: "pong", Kind: "f", Language: "sql", Source: "SELECT ping() || own()", Volatility: "s"},
			{Schema: "public", Name: "python", Kind: "f", Language: "plpython3u", Source: "x", Volatility: "i"},
			{Schema: "public", Name: "st_area", Kind: "f", Language: "c", Arguments: 1, Volatility: "i"},
			{Schema: "public", Name: "get_raw_page", Kind: "f", Language: "c", Arguments: 2, Volatility: "v"},
		},
	}, []byte("x"))
}

func world(t testing.TB) (*lineage.World, *pgsql.Analyzer, *catalogue.Catalogue) {
	parser, c := pgsql.New(pgsql.Config{}), sample()
	var masks []lineage.Mask
	p, ok := lineage.ParsePattern("m")
	if !ok {
		t.Fatal("no pattern")
	}
	masks = append(masks, lineage.Mask{Name: "mask", Columns: []lineage.Pattern{p}})
	return lineage.NewWorld(parser, c, masks), parser, c
}

func state() *schemas.SessionState {
	return &schemas.SessionState{
		User: "app", SearchPath: []string{"$user", "public", "s"}, SearchPathKnown: true,
		StandardConformingStrings: true, ClientEncoding: "UTF8", ServerVersion: "17.2",
	}
}

// short writes columns with an asterisk behind what is tainted.
func short(r *lineage.Result) string {
	var all []string
	for _, s := range r.Statements {
		var names []string
		for _, c := range s.Columns {
			name := c.Name
			if c.Taint.Any() {
				name += "*"
			}
			names = append(names, name)
		}
		if s.Open {
			names = append(names, map[bool]string{true: "...*", false: "..."}[s.Rest.Any()])
		}
		all = append(all, strings.Join(names, " "))
	}
	return strings.Join(all, "; ")
}

func TestLineage(t *testing.T) {
	w, parser, c := world(t)
	for _, x := range []struct{ text, want string }{
		{"SELECT a, m, b FROM t", "a m* b"},
		{"SELECT * FROM t", "a m* b"},
		{"SELECT t.*, u.* FROM t, u", "a m* b a c"},
		{"SELECT * FROM t JOIN u USING (a)", "a m* b c"},
		{"SELECT * FROM t NATURAL JOIN u", "a m* b c"},
		{"SELECT * FROM t x(q, w) JOIN u ON true", "q w* b a c"},
		{"SELECT t FROM t", "t*"},
		{"SELECT u FROM u", "u"},
		{"SELECT (t).a, (t).m, (t).* FROM t", "a m* a m* b"},
		{"SELECT a + 1, m || 'x', upper(m), a::text FROM t", "?column? ?column?* upper* a"},
		{"SELECT 1::text, 'x', NULL, now(), current_date, (SELECT 1), (SELECT c FROM u)", "text ?column? ?column? now current_date ?column? c"},
		{"SELECT x.y FROM (SELECT m AS y FROM t) x", "y*"},
		{"SELECT x.y FROM (SELECT a AS y, m FROM t) x", "y"},
		{"SELECT (SELECT a FROM t WHERE m = 'x')", "a*"}, // its condition plays a part in its value
		{"SELECT y FROM (SELECT a AS y FROM t WHERE m = 'x') z", "y"},
		{"WITH q AS (SELECT m FROM t) SELECT * FROM q, u", "m* a c"},
		{"WITH t AS (SELECT 1 AS m) SELECT m FROM t", "m"},
		{"WITH t AS (SELECT 1 AS m) SELECT m FROM public.t", "m*"},
		{"WITH RECURSIVE r AS (SELECT a, b FROM t UNION ALL SELECT r.a, t.m FROM r, t) SELECT * FROM r", "a b*"},
		{"WITH RECURSIVE r(x, y) AS (SELECT 1, 'a' UNION ALL SELECT x + 1, y FROM r) SELECT * FROM r", "x y"},
		{"SELECT a FROM t UNION ALL SELECT m FROM t", "a*"},
		{"SELECT a, b FROM t UNION ALL SELECT a, c FROM u", "a b"},
		{"VALUES (1, 2)", "column1 column2"},
		{"SELECT count(*), count(m), max(a) FROM t", "count count* max"},
		{"SELECT count(*) FILTER (WHERE m = 'x') FROM t", "count*"},
		{"SELECT rank() OVER w, sum(a) OVER () FROM t WINDOW w AS (ORDER BY m)", "rank* sum"},
		{"SELECT p, q FROM v", "p q*"},
		{"SELECT k FROM parent", "k"},
		{"SELECT k, m FROM child", "k m*"},
		{"SELECT k FROM loop", "k"},
		{"SELECT k FROM bad", "k*"},
		{"SELECT own(), pure(a), pure(m) FROM t", "own* pure pure*"},
		{"SELECT ping(), pong(), python(), st_area(1), get_raw_page('t', 0)", "ping* pong* python* st_area get_raw_page*"},
		{"SELECT unknown(1)", "unknown*"},
		{"SELECT x FROM s.t", "x"},
		{"SELECT x FROM nowhere", "x*"},
		{"SELECT * FROM nowhere", "...*"},
		{"SELECT nothing FROM u", "nothing*"},
		{"SELECT 1 FROM pg_class", "?column?"},
		{"SELECT histogram_bounds, tablename FROM pg_stats", "histogram_bounds* tablename"},
		{"SELECT c FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.a = u.a)", "c"},
		{"SELECT l.z FROM t, LATERAL (SELECT t.m AS z) l", "z*"},
		{"SELECT g, j.value FROM generate_series(1, 2) g, jsonb_each('{}') j", "g value"},
		{"SELECT * FROM unnest(ARRAY['x']) WITH ORDINALITY AS f(p, q)", "p q"},
		{"UPDATE t SET b = '1' RETURNING a, m", "a m*"},
		{"DELETE FROM u USING t WHERE t.a = u.a RETURNING *", "a c a m* b"},
		{"INSERT INTO u VALUES (1, 'x') RETURNING c", "c"},
		{"EXPLAIN SELECT m FROM t", "QUERY PLAN*"},
		{"EXPLAIN SELECT a FROM t", "QUERY PLAN"},
		{"FETCH c", "...*"},
		{"SELECT 1 OPERATOR(public.+) 2, 1 ==> 2", "?column? ?column?"}, // no function that an operator could call reads
		{"SHOW all", "..."},
	} {
		before := parser.Analyze(x.text, state(), c).Before
		if got := short(w.Analyze(x.text, "17.2", before)); got != x.want {
			t.Errorf("%s\ngot  %s\nwant %s", x.text, got, x.want)
		}
	}
}

// FuzzLineage: whatever the text, there is an answer within bounds, and it hangs together.
func FuzzLineage(f *testing.F) {
	for _, text := range []string{
		"SELECT m FROM t", "WITH RECURSIVE r AS (SELECT * FROM r, t UNION SELECT m FROM t) TABLE r", "SELECT (t).* FROM t JOIN u USING (a) JOIN v ON true",
		"MERGE INTO u USING t ON u.a = t.a WHEN MATCHED THEN UPDATE SET c = t.m WHEN NOT MATCHED THEN INSERT VALUES (t.*)",
		"INSERT INTO u SELECT * FROM t ON CONFLICT (a) DO UPDATE SET (a, c) = (SELECT m, excluded.c) RETURNING *",
		"DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM t LOOP RAISE NOTICE '%', r.m; END LOOP; END $$",
		"SELECT x.* FROM t, XMLTABLE('a' PASSING t.m COLUMNS a int, o FOR ORDINALITY) x", "COPY t (m) TO STDOUT (FORMAT csv)",
		"SELECT sum(a) OVER (PARTITION BY m ORDER BY 1) FROM t GROUP BY GROUPING SETS ((1), ()) ORDER BY m LIMIT 1",
		"ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (m) STORED, RENAME m TO n", "CREATE RULE r AS ON UPDATE TO t DO ALSO INSERT INTO u VALUES (new.m)",
		"SELECT query_to_xml('SELECT query_to_xml(''SELECT m FROM t'', true, true, '''')', true, true, '')", "EXECUTE p; PREPARE p AS SELECT $1; EXECUTE p(1)",
	} {
		f.Add(text)
	}
	w, parser, c := world(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		found := parser.Analyze(text, state(), c)
		r := w.Analyze(text, "", found.Before)
		if len(r.Statements) > len(found.Before) {
			t.Fatalf("%q: %d results of %d statements", text, len(r.Statements), len(found.Before))
		}
		end := uint64(0)
		for _, s := range r.Spans {
			if s.Offset < end || s.Offset+s.Length > uint64(len(text)) {
				t.Fatalf("%q: %v", text, r.Spans)
			}
			end = s.Offset + s.Length
		}
	})
}

// A text that multiplies its own work is given up within bounds, and masked.
func TestBudget(t *testing.T) {
	w, parser, c := world(t)
	var b strings.Builder
	b.WriteString("WITH RECURSIVE ")
	for i := range 12 {
		fmt.Fprintf(&b, "c%d AS (WITH RECURSIVE ", i)
	}
	b.WriteString("z AS (SELECT m FROM t)")
	for i := 11; i >= 0; i-- {
		fmt.Fprintf(&b, " SELECT * FROM %s)", map[bool]string{true: "z", false: fmt.Sprintf("c%d", i+1)}[i == 11])
	}
	b.WriteString(" SELECT * FROM c0")
	r := w.Analyze(b.String(), "", parser.Analyze(b.String(), state(), c).Before)
	if !r.Touched.Any() {
		t.Errorf("%s", short(r))
	}
}
