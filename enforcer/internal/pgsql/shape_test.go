package pgsql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"sallyport/enforcer/internal/pgsql"
)

// numbers are what may stand in place of each other in one shape.
var numbers = []string{"0", "1", "2", "7", "0.0", "1.5", ".5", "2.", "99999999999999999999", "2147483648", "60", "00"}

// template draws SQL in which # stands for a number.
func template(t *rapid.T) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	var expression func(depth int) string
	expression = func(depth int) string {
		if depth == 0 {
			return pick("leaf", "#", "#", "a", "t.b", "'x'", "true", "NULL", "$1", "-#")
		}
		x, y := expression(depth-1), expression(depth-1)
		switch pick("node", "cmp", "arith", "and", "or", "not", "null", "cast", "in", "between", "sub", "call", "case", "array", "like") {
		case "cmp":
			return x + pick("op", " = ", " <> ", " < ", " >= ") + y
		case "arith":
			return "(" + x + pick("op", " + ", " || ", " / ") + y + ")"
		case "and":
			return "(" + x + " AND " + y + ")"
		case "or":
			return "(" + x + " OR " + y + ")"
		case "not":
			return "NOT (" + x + ")"
		case "null":
			return "(" + x + ") IS " + pick("null", "NULL", "NOT NULL")
		case "cast":
			return "(" + x + ")::" + pick("type", "int", "text", "numeric(#)", "float", "float(#)", "bool", "varchar(#)", "int[#]", "interval second(#)", "char(#)", "time(#)")
		case "in":
			return "(" + x + ") IN (" + y + ", #)"
		case "between":
			return "(" + x + ") BETWEEN # AND (" + y + ")"
		case "sub":
			return pick("sub", "EXISTS ", "a IN ") + "(SELECT a FROM " + pick("from", "t", "u") + " WHERE " + y + pick("tail", "", " LIMIT #", " FETCH FIRST # ROWS ONLY") + ")"
		case "call":
			return pick("f", "lower", "f", "query_to_xml", "set_config", "table_to_xml", "crypt") + "(" + x + ", " + y + ", true)"
		case "case":
			return "CASE WHEN " + x + " THEN " + y + " ELSE # END"
		case "array":
			return "(ARRAY[#, #])[" + x + "]"
		}
		return "(" + x + ") LIKE (" + y + ")"
	}
	where := expression(rapid.IntRange(0, 3).Draw(t, "depth"))
	statement := pick("statement", "SELECT a, # FROM t WHERE %", "DELETE FROM t WHERE %", "UPDATE t SET a = # WHERE %",
		"INSERT INTO t VALUES (#, %)", "SELECT %", "EXPLAIN SELECT %", "EXPLAIN (ANALYZE #) DELETE FROM t WHERE %",
		"WITH x AS (DELETE FROM t WHERE %) SELECT #", "SET a.b = #", "SET search_path = s#", "PREPARE p AS SELECT #", "FETCH # FROM c",
		"MERGE INTO t USING u ON % WHEN MATCHED THEN DELETE", "SELECT # FROM t TABLESAMPLE system (#)", "EXECUTE p(#)",
		"CREATE TABLE x (a numeric(#))", "DO $$ BEGIN DELETE FROM t WHERE #=#; END $$", "COPY t TO STDOUT", "DELETE FROM t WHERE a = # OR a <> #",
		"DELETE FROM t WHERE # = # OR a = #", "DELETE FROM t WHERE a < # OR a >= #", "SELECT a FROM t GROUP BY a ORDER BY # LIMIT # OFFSET #")
	return strings.ReplaceAll(statement, "%", where)
}

func fill(t *rapid.T, template string) string {
	var b strings.Builder
	for _, r := range template {
		if r == '#' {
			b.WriteString(rapid.SampledFrom(numbers).Draw(t, "number"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// What is said of a shape is true of every text of that shape.
func TestShapeIsSafe(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		s := template(t)
		one, other := fill(t, s), fill(t, s)
		x := a.Analyze(one, fresh(), nil)
		if !x.ByShape {
			return
		}
		said++
		y := a.Analyze(other, fresh(), nil)
		if d := cmp.Diff(x.Facts, y.Facts, protocmp.Transform()); d != "" {
			t.Fatalf("%s\n%s\n%s", one, other, d)
		}
		if d := cmp.Diff(x.Effects, y.Effects, protocmp.Transform()); d != "" || len(y.Secrets) > 0 || x.CopiesIn != y.CopiesIn {
			t.Fatalf("%s\n%s\n%s %v", one, other, d, y.Secrets)
		}
	})
	if said == 0 {
		t.Error("no text was said to be one of its shape")
	}
}
