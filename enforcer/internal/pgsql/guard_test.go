package pgsql_test

import (
	"strings"
	"testing"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// Each of these, a hundred thousand levels deep, would end the process in the C parser.
func TestDeepTextsAreNotParsed(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for name, text := range map[string]func(n int) string{
		"sum":     func(n int) string { return "SELECT 1" + strings.Repeat("+1", n) },
		"sum and": func(n int) string { return "SELECT true AND 1" + strings.Repeat("+1", n) + " = 1" },
		"cast":    func(n int) string { return "SELECT 1" + strings.Repeat("::int", n) },
		"postfix": func(n int) string { return "SELECT 1" + strings.Repeat(" ISNULL", n) },
		"between": func(n int) string { return "SELECT 1" + strings.Repeat(" BETWEEN 1 AND 1 IS TRUE", n) },
		"case": func(n int) string {
			return "SELECT CASE WHEN true THEN 1 END" + strings.Repeat(" + CASE WHEN true THEN 1 END", n)
		},
		"paren": func(n int) string { return "SELECT " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) },
		"paren first": func(n int) string {
			return "SELECT " + strings.Repeat("(", n/50) + "1" + strings.Repeat(strings.Repeat("+1", 50)+")", n/50)
		},
		"call":     func(n int) string { return "SELECT " + strings.Repeat("f(", n) + "1" + strings.Repeat(")", n) },
		"subquery": func(n int) string { return strings.Repeat("SELECT (", n) + "SELECT 1" + strings.Repeat(")", n) },
		"not":      func(n int) string { return "SELECT " + strings.Repeat("NOT ", n) + "true" },
		"minus":    func(n int) string { return "SELECT " + strings.Repeat("- ", n) + "1" },
		"array":    func(n int) string { return "SELECT " + strings.Repeat("ARRAY[", n) + "1" + strings.Repeat("]", n) },
		"index":    func(n int) string { return "SELECT a" + strings.Repeat("[1]", n) },
		"union":    func(n int) string { return "SELECT 1, 2" + strings.Repeat(" UNION ALL SELECT 1, 2", n) },
		"except":   func(n int) string { return "SELECT 1" + strings.Repeat(" EXCEPT SELECT 1", n) },
		"join":     func(n int) string { return "SELECT 1 FROM a" + strings.Repeat(" JOIN a ON true AND true", n) },
		"nested case": func(n int) string {
			return "SELECT " + strings.Repeat("CASE WHEN ", n) + "true" + strings.Repeat(" THEN true END", n)
		},
		"collate":   func(n int) string { return "SELECT 'a'" + strings.Repeat(` COLLATE "C"`, n) },
		"time zone": func(n int) string { return "SELECT a" + strings.Repeat(" AT TIME ZONE b", n) },
		"operator":  func(n int) string { return "SELECT a" + strings.Repeat(" OPERATOR(x.+) b", n) },
		"like":      func(n int) string { return "SELECT a" + strings.Repeat(" || b", n) },
		"explain":   func(n int) string { return strings.Repeat("EXPLAIN ", n) + "SELECT 1" },
		"in do":     func(n int) string { return "DO $$ BEGIN PERFORM 1" + strings.Repeat("+1", n) + "; END $$" },
		"in do, blocks": func(n int) string {
			return "DO $$ " + strings.Repeat("BEGIN ", n) + "NULL;" + strings.Repeat("END;", n) + " $$"
		},
		"in a function": func(n int) string {
			return "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1" + strings.Repeat("+1", n) + "'"
		},
		"in an argument": func(n int) string {
			return "SELECT query_to_xml('SELECT 1" + strings.Repeat("+1", n) + "', true, true, '')"
		},
	} {
		t.Run(name, func(t *testing.T) {
			if f := a.Analyze(text(60_000), fresh(), nil).Facts; !f.Unparsed && !f.Opaque {
				t.Errorf("parsed: %v", f)
			}
			for _, n := range []int{1500, 9000} { // whatever comes of it, it comes back
				a.Analyze(text(n), fresh(), nil)
			}
			if f := a.Analyze(text(50), fresh(), nil).Facts; f.Unparsed && name != "explain" && name != "in do, blocks" && name != "between" {
				t.Errorf("not parsed: %v", f)
			}
		})
	}
}

func TestLongTextsAreParsed(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for name, text := range map[string]string{
		"rows":       "INSERT INTO t VALUES (1, 'a', f(2))" + strings.Repeat(", (1, 'a', f(2))", 5000),
		"in list":    "SELECT 1 FROM t WHERE a IN (1" + strings.Repeat(", 1", 20000) + ")",
		"or":         "SELECT 1 FROM t WHERE a = 1" + strings.Repeat(" OR a = 1 AND (b = 2 OR c IS NULL)", 2000),
		"case":       "SELECT CASE a" + strings.Repeat(" WHEN 1 THEN 'x'", 2000) + " END FROM t",
		"statements": strings.Repeat("SELECT 1 + 1;", 10000),
		"literal":    "SELECT '" + strings.Repeat("x", 1<<20) + "'",
		"columns":    "SELECT a" + strings.Repeat(", lower(a) || b", 1500) + " FROM t",
	} {
		if f := a.Analyze(text, fresh(), nil).Facts; f.Unparsed {
			t.Errorf("%s: %v", name, f.ParseError)
		}
	}
}

func TestLimits(t *testing.T) {
	a := pgsql.New(pgsql.Config{MaxText: 10_000, MaxTokens: 3000})
	for name, text := range map[string]string{
		"text":   "SELECT '" + strings.Repeat("x", 10_000) + "'",
		"tokens": "SELECT 1" + strings.Repeat(",1", 3000),
	} {
		if f := a.Analyze(text, fresh(), nil).Facts; !f.Unparsed || f.ParseError == "" {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestLexedOtherwise(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for _, c := range []struct {
		text     string
		change   func(*schemas.SessionState)
		unparsed bool
	}{
		{`SELECT '\'`, func(*schemas.SessionState) {}, false},
		{`SELECT '\'`, func(s *schemas.SessionState) { s.StandardConformingStrings = false }, true},
		{`SELECT 'a'`, func(s *schemas.SessionState) { s.StandardConformingStrings = false }, false},
		{"SELECT 'ä'", func(s *schemas.SessionState) { s.ClientEncoding = "LATIN1" }, true},
		{"SELECT 'ä'", func(s *schemas.SessionState) { s.ClientEncoding = "SQL_ASCII" }, true},
		{"SELECT 'a'", func(s *schemas.SessionState) { s.ClientEncoding = "GB18030" }, false},
		{"SELECT 'ä'", func(s *schemas.SessionState) { s.ClientEncoding = "Utf_8" }, false},
		{"SELECT 'ä'", func(s *schemas.SessionState) { s.ClientEncoding = "" }, false},
		{"SELECT '\xff'", func(*schemas.SessionState) {}, true},
		{"SELECT 1\x00", func(*schemas.SessionState) {}, true},
	} {
		s := fresh()
		c.change(s)
		if f := a.Analyze(c.text, s, nil).Facts; f.Unparsed != c.unparsed {
			t.Errorf("%q %v: %v", c.text, s, f)
		}
	}
	if f := a.Analyze("SELECT * FROM t", nil, nil).Facts; !f.Opaque {
		t.Errorf("no state: %v", f)
	}
}
