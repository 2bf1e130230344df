package lineage

import (
	"fmt"
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// call returns what the value of a function comes from: of its arguments, what they are ordered,
// filtered and windowed by, and what it reads by itself.
func (e *eval) call(f *pgtypes.FuncCall) Taint {
	names := pgsql.Strings(f.Funcname)
	t := e.exprs(f.Args)
	for _, n := range f.AggOrder {
		t = t.and(e.condition(n, "orders by"))
	}
	t = t.and(e.condition(f.AggFilter, "filters by"))
	if f.Over != nil {
		t = t.and(e.window(f.Over))
	}
	if len(names) == 0 {
		return t.and(e.world.unknown("a function that is not known"))
	}
	name := names[len(names)-1]
	if t.Any() {
		if rowsOf[name] {
			e.predicate(t, "counts rows by")
		} else if !total[name] {
			e.computes(t)
		}
		if e.guess > 0 {
			e.hideAll(f.Args)
		}
	}
	return e.function(names, len(f.Args), t, f)
}

// function returns t, which the arguments come from, with what a function adds. f is the call, if
// it is written as one.
func (e *eval) function(names []string, arguments int, t Taint, f *pgtypes.FuncCall) Taint {
	name := names[len(names)-1]
	builtin, candidates := e.candidates(names)
	if builtin {
		t = t.and(e.builtin(name, t, f))
	}
	matched := false
	for _, c := range candidates {
		if takes(c, arguments) {
			matched = true
			t = t.and(e.user(c, t))
		}
	}
	if !builtin && !matched {
		e.found.code, e.found.hidden, e.found.impure = true, true, true
		e.store(t, "passes to "+name+", a function that is not known,")
		if pgsql.Remote(name) {
			return t.and(e.remote(name))
		}
		return t.and(e.world.unknown("the function " + name + ", which is not known"))
	}
	return e.read(t)
}

// candidates returns the functions that a name may stand for.
func (e *eval) candidates(names []string) (builtin bool, found []*schemas.Function) {
	name := names[len(names)-1]
	if len(names) > 1 {
		schema := names[len(names)-2]
		if schema == "pg_catalog" || schema == "information_schema" {
			return true, nil
		}
		return false, e.world.catalogue.Functions(schema, name)
	}
	builtin = pgsql.BuiltinFunction(name)
	if !e.env.Known || e.anywhere {
		return builtin, e.world.catalogue.Called(name)
	}
	for _, schema := range e.path() {
		found = append(found, e.world.catalogue.Functions(schema, name)...)
	}
	if e.world.catalogue == nil && slices.Index(e.env.Path, "pg_catalog") > 0 {
		builtin = false // something before it may hide it
	}
	return builtin, found
}

// path is the search path with "$user" expanded, without pg_catalog and temporary schemas.
func (e *eval) path() []string {
	var path []string
	for _, s := range e.env.Path {
		switch s {
		case "pg_catalog":
			continue
		case "$user":
			s = e.env.User
		}
		path = append(path, s)
	}
	return path
}

// takes reports whether a function can be called with that many arguments. A CALL gives some for output
// parameters, by the version of the server.
func takes(f *schemas.Function, n int) bool {
	return f.Kind == "p" || n >= int(f.Arguments)-int(f.Defaults) && n <= int(f.Arguments) || f.Variadic && n >= int(f.Arguments)-1
}

// builtin returns what a function of pg_catalog adds to what its arguments come from.
func (e *eval) builtin(name string, t Taint, f *pgtypes.FuncCall) Taint {
	if changing[name] {
		e.found.impure = true
	}
	if keepsArgument(name) {
		e.found.impure = true
		e.store(t, "passes to "+name)
	}
	switch {
	case readers[name]:
		return e.world.unknown(name)
	case name == "lo_import", name == "pg_file_write":
		e.refuse(name + " brings in a file that cannot be seen")
	case pgsql.Remote(name):
		return e.remote(name)
	case pgsql.RunsText(name), name == "ts_rewrite" && f != nil && len(f.Args) == 2:
		return e.runs(name, f)
	case pgsql.ReadsUnnamed(name):
		return e.named(name, f)
	}
	return Taint{}
}

// remote is a function that runs SQL elsewhere: perhaps here again.
func (e *eval) remote(name string) Taint {
	e.found.code, e.found.impure = true, true
	switch {
	case strings.HasPrefix(name, "dblink_connect"), name == "dblink_disconnect", name == "dblink_close", name == "postgres_fdw_disconnect":
		return Taint{}
	case name == "xpath_table", name == "connectby", name == "plpgsql_check_function": // they only read
	default:
		e.refuse(name + " runs SQL in a place that is not seen")
	}
	return e.world.unknown(name)
}

// runs is a function that is given SQL.
func (e *eval) runs(name string, f *pgtypes.FuncCall) Taint {
	at := 0
	if name == "ts_rewrite" {
		at = 1
	}
	if f == nil || at >= len(f.Args) {
		return e.world.unknown(name)
	}
	text, ok := pgsql.Constant(f.Args[at])
	if !ok {
		e.refuse(name + " runs SQL that is computed")
		return e.world.unknown(name)
	}
	return e.nested(text)
}

// named is a function that reads a table by its name.
func (e *eval) named(name string, f *pgtypes.FuncCall) Taint {
	if !strings.HasPrefix(name, "table_") || f == nil || len(f.Args) == 0 {
		return e.world.unknown(name)
	}
	if strings.HasSuffix(name, "_xmlschema") {
		return Taint{}
	}
	node := f.Args[0]
	if c := node.GetTypeCast(); c != nil {
		node = c.Arg
	}
	text, ok := pgsql.Constant(node)
	names, proper := pgsql.Identifiers(text, '.')
	if !ok || !proper || len(names) == 0 || len(names) > 2 {
		return e.world.unknown(name)
	}
	r := &pgtypes.RangeVar{Relname: names[len(names)-1]}
	if len(names) == 2 {
		r.Schemaname = names[0]
	}
	return e.read(e.relation(r).everything())
}

// nested walks a text inside the client's, all of it.
func (e *eval) nested(text string) Taint {
	e.found.exact = true
	tree, err := e.world.parser.Parse(text)
	if err != nil || e.budget.nesting >= maxNesting {
		e.refuse("text that cannot be parsed")
		return e.world.unknown("text that cannot be parsed")
	}
	outer, seen := e.scope, e.seen
	e.scope, e.seen = nil, Taint{}
	e.budget.nesting++
	var t Taint
	e.quoted(func() {
		for _, s := range tree.Stmts {
			t = t.and(e.statement(s.Stmt).everything())
		}
	})
	t = t.and(e.seen)
	e.budget.nesting--
	e.scope, e.seen = outer, seen.and(t)
	return t
}

// quoted walks a text that stands in a literal: what is secret in it makes the literal one.
func (e *eval) quoted(f func()) {
	literals, parameters := e.found.literals, e.found.parameters
	e.found.literals, e.found.parameters = nil, nil
	f()
	e.found.whole = e.found.whole || len(e.found.literals) > 0
	e.found.literals, e.found.parameters = literals, parameters
}

// user returns what a function of somebody's adds to what its arguments come from.
func (e *eval) user(f *schemas.Function, t Taint) Taint {
	if f.Language == languageC && pgsql.Remote(f.Name) {
		e.store(t, "passes to "+f.Name)
		return e.remote(f.Name)
	}
	s := e.world.summarise(f, e)
	if s.findings.code {
		e.found.code = true
	}
	if s.taint.Any() || s.unknown {
		e.found.hidden = true
	}
	e.found.touches = e.found.touches || s.findings.touches
	if s.findings.impure || s.unknown {
		e.found.impure = true
		e.store(t, "passes to "+f.Name+", a function that may keep it,")
	}
	if e.kept && s.findings.code {
		e.store(t, "makes something that passes to "+f.Name)
	}
	if s.dynamic && f.Volatility == "v" {
		e.refuse(fmt.Sprintf("the function %s runs SQL that is computed", f.Name))
	}
	if f.Arguments > 0 {
		for _, p := range s.findings.predicates {
			e.predicate(p.Taint, "calls a function that "+p.What)
		}
	}
	return s.taint
}
