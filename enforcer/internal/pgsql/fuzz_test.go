package pgsql_test

import (
	"testing"

	"sallyport/enforcer/internal/pgsql"
)

// FuzzAnalyze: whatever the text and the state, there is an answer that hangs together.
func FuzzAnalyze(f *testing.F) {
	for _, text := range []string{
		"SELECT a, b.* FROM t b WHERE c = 'x' OR 1=1", "WITH x AS (DELETE FROM t RETURNING *) TABLE x",
		"DO $$ DECLARE a int := 1; BEGIN EXECUTE 'x' || a; FOR a IN 1..2 LOOP PERFORM f(a); END LOOP; END $$",
		"ALTER ROLE a PASSWORD E'x\\'y'; COPY t FROM STDIN", "PREPARE p(int) AS SELECT $1; EXECUTE p(1)",
		"SET search_path = a, \"B\"; SELECT set_config('search_path', 'x', true)", "CREATE FUNCTION f(a int, OUT b text) LANGUAGE plpgsql AS 'BEGIN b := a; END'",
		"MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", "SELECT U&\"d\\0061t\" FROM \"a.b\".\"c\"\"d\"",
	} {
		f.Add(text, "public", true, "UTF8", "SELECT 1")
	}
	a := pgsql.New(pgsql.Config{MaxText: 1 << 16})
	f.Fuzz(func(t *testing.T, text, path string, conforming bool, encoding, prepared string) {
		s := fresh()
		s.SearchPath = []string{path}
		s.StandardConformingStrings, s.ClientEncoding = conforming, encoding
		s.Prepared = append(s.Prepared, newPrepared(prepared))
		r := a.Analyze(text, s, nil)
		end := uint64(0)
		for _, span := range r.Secrets {
			if span.Offset < end || span.Length == 0 || span.Offset+span.Length > uint64(len(text)) {
				t.Fatalf("%q: %v", text, r.Secrets)
			}
			end = span.Offset + span.Length
		}
		if r.Facts.Unparsed && (r.Facts.ParseError == "" || r.ByShape) || r.Facts.UnfilteredWrite && len(r.Facts.Writes) == 0 {
			t.Fatalf("%q: %v", text, r)
		}
	})
}
