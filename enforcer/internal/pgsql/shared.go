package pgsql

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// What package lineage shares with the facts.

// Parse returns the tree of a text that Analyze could parse, or of one inside it.
func (a *Analyzer) Parse(text string) (*pgtypes.ParseResult, error) { return a.parse(text) }

// Tokens returns the tokens of text with their places in bytes.
func (a *Analyzer) Tokens(text string) ([]*pgtypes.ScanToken, error) { return a.tokens(text) }

// Foreign says why the server may lex text otherwise than the parser does; empty if it may not.
func Foreign(text string, s *schemas.SessionState) string { return foreign(text, s) }

// Constant returns what a constant expression of type text comes to.
func Constant(n *pgtypes.Node) (string, bool) {
	v, _ := fold(n)
	return v.text, v.known && !v.null && v.number == nil && v.truth == nil
}

// Strings returns the strings of a list of names.
func Strings(nodes []*pgtypes.Node) []string { return parts(nodes) }

// Identifiers splits a list of identifiers as PostgreSQL does; ok is false when it would not.
func Identifiers(text string, separator byte) (names []string, ok bool) {
	return identifiers(text, separator)
}

// Qualify writes parts with dots between, as the facts do.
func Qualify(parts ...string) string { return qualify(parts...) }

// Lower folds a name as PostgreSQL does.
func Lower(s string) string { return lower(s) }

// BuiltinFunction reports whether pg_catalog has a function of that name.
func BuiltinFunction(name string) bool { return catalogFunctions().has(name) }

// BuiltinRelation reports whether pg_catalog has a relation of that name.
func BuiltinRelation(name string) bool { return catalogRelations().has(name) }

// Remote reports whether a function runs SQL in a place that is not seen.
func Remote(name string) bool { return remotes.has(name) }

// RunsText reports whether the first argument of a function (the second of ts_rewrite) is SQL.
func RunsText(name string) bool { return runsText.has(name) }

// ReadsUnnamed reports whether a function reads tables that an argument names, or all of them.
func ReadsUnnamed(name string) bool {
	return readsTable.has(name) || readsSchema.has(name) || readsAll.has(name)
}

// Off reports whether the value of a boolean option is clearly false.
func Off(n *pgtypes.Node) bool { return off(n) }

// ParseBody returns the tree of a CREATE FUNCTION or DO in PL/pgSQL, as JSON.
func (a *Analyzer) ParseBody(text string) (string, error) { return a.parseBody(text) }

// Assigned returns the right side of "target := expression".
func (a *Analyzer) Assigned(text string) (string, bool) { return a.assigned(text) }

// Dollar quotes text so that nothing in it ends the quotes.
func Dollar(text string) string { return dollar(text) }

// Quoted returns what Dollar put in quotes.
func Quoted(text string) (string, bool) { return quoted(text) }

// Heading is a CREATE FUNCTION with what PL/pgSQL's parser needs to know of s, up to its body.
func Heading(s *pgtypes.CreateFunctionStmt) string { return header(s) }
