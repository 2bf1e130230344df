package pgsql

import (
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// What exists already: views, triggers, rules and functions of the catalogue.

// apart runs f as in a text of its own, under a search path that is known.
func (w *walker) apart(path []string, f func()) {
	outer := w.env
	env := outer
	env.path, env.known, env.own, env.temps = path, true, false, outer.temps
	w.env = env
	w.inside++
	f()
	w.inside--
	known := w.env.known
	w.env = outer
	w.env.known = outer.known && known // a function may have set the path
}

// unmoved runs f, which depends on no number in the client's text.
func (w *walker) unmoved(f func()) {
	exact, effects := w.exact, len(w.effects)
	f()
	w.exact = exact || len(w.effects) > effects
}

// relationOf returns what the catalogue says of a qualified name.
func (w *walker) relationOf(qualified string) *schemas.Relation {
	if w.env.catalogue == nil {
		return nil
	}
	schema, name, ok := strings.Cut(qualified, ".")
	if ok && !strings.Contains(qualified, `"`) {
		return w.env.catalogue.Relation(schema, name)
	}
	for _, r := range w.env.catalogue.Relations() {
		if qualify(r.Schema, r.Name) == qualified {
			return r
		}
	}
	return nil
}

// view adds what a view reads; to write to it is to write to that.
func (w *walker) view(qualified string, written bool) {
	r := w.relationOf(qualified)
	if r == nil || r.Definition == "" || r.Schema == schemaCatalog || r.Schema == "information_schema" {
		return
	}
	key := struct {
		oid     uint32
		written bool
	}{r.Oid, written}
	if w.entered[key] {
		return
	}
	w.entered[key] = true
	reads, opaque := w.reads, w.opaque
	w.reads = set{}
	w.unmoved(func() { w.apart(nil, func() { w.quietly(func() { w.nested(r.Definition) }) }) })
	found := w.reads.sorted()
	w.reads, w.opaque = reads, opaque
	w.reads.add(found...)
	if written {
		w.writes.add(found...)
	}
}

// quietly runs f without its kinds: that a view is a query is nobody's statement.
func (w *walker) quietly(f func()) {
	kinds, unfiltered := w.kinds, w.unfiltered
	w.kinds = set{}
	f()
	w.kinds, w.unfiltered = kinds, unfiltered
}

// setsOff notes what a write to a table sets off: the functions of its triggers by name, what they do
// being the table's owner's word; and rules, which may make anything of it.
func (w *walker) setsOff(qualified string) {
	r := w.relationOf(qualified)
	if r == nil || r.Schema == schemaCatalog {
		return
	}
	w.functions.add(r.Triggers...)
	if r.Rules {
		w.opaque = true
	}
}

// known walks the bodies of the functions that a call may mean.
func (w *walker) known(names, called []string, f *pgtypes.FuncCall) {
	if w.env.catalogue == nil {
		return
	}
	name := names[len(names)-1]
	for _, c := range w.env.catalogue.Called(name) {
		for _, q := range called {
			if q == qualify(c.Schema, c.Name) && fits(c, len(f.Args)) {
				w.body1(c)
			}
		}
	}
}

// field walks the functions that t.f may call, when t has no column f.
func (w *walker) field(r ref, name string) {
	if w.env.catalogue == nil {
		return
	}
	for _, t := range r.tables {
		if x := w.relationOf(t); x != nil && slices.ContainsFunc(x.Columns, func(a *schemas.Attribute) bool { return a.Name == name }) {
			return
		}
	}
	for _, f := range w.env.catalogue.Called(name) {
		if f.Arguments > 0 && fits(f, 1) {
			w.functions.add(qualify(f.Schema, f.Name))
			w.body1(f)
		}
	}
}

// fits reports whether a function can be called with that many arguments. A CALL gives some for output
// parameters, by the version of the server.
func fits(f *schemas.Function, n int) bool {
	return f.Kind == "p" || n >= int(f.Arguments)-int(f.Defaults) && n <= int(f.Arguments) || f.Variadic && n >= int(f.Arguments)-1
}

// procedures reports whether the catalogue has the procedures that a CALL may mean, so that the walk
// of their bodies says what they do.
func (w *walker) procedures(names []string) bool {
	if w.env.catalogue == nil || len(names) == 0 {
		return false
	}
	for _, q := range w.called(names) {
		for _, f := range w.env.catalogue.Called(names[len(names)-1]) {
			if q == qualify(f.Schema, f.Name) && (f.Language == "sql" || f.Language == "plpgsql") {
				return true
			}
		}
	}
	return false
}

// body1 walks the body of a function that exists, once.
func (w *walker) body1(f *schemas.Function) {
	if w.entered[f] {
		return
	}
	w.entered[f] = true
	path, own := w.env.path, false
	for _, s := range f.Settings {
		if name, value, _ := strings.Cut(s, "="); name == "search_path" {
			path, own = nil, true
			path, _ = identifiers(value, ',')
		}
	}
	walk := func() {
		if own {
			w.apart(path, func() { w.source(f) })
			return
		}
		w.inside++
		w.source(f)
		w.inside--
	}
	kinds := w.kinds
	w.kinds = set{}
	w.nesting++
	w.unmoved(walk)
	w.nesting--
	found := w.kinds
	w.kinds = kinds
	delete(found, "SELECT") // that a function computes is no statement of anybody's
	w.kinds.add(found.sorted()...)
}

// source walks a body in SQL or PL/pgSQL. In another language, a function that may change something is
// opaque, unless it is a part of the server or an extension's, written in C.
func (w *walker) source(f *schemas.Function) {
	switch f.Language {
	case "sql":
		text := strings.TrimSpace(f.Source)
		if head := strings.ToUpper(text); strings.HasPrefix(head, "BEGIN ATOMIC") || strings.HasPrefix(head, "RETURN") {
			w.statementsOf("CREATE FUNCTION f() RETURNS int "+text, func(stmts []*pgtypes.RawStmt) {
				for _, s := range stmts {
					w.visit(s.Stmt.GetCreateFunctionStmt().GetSqlBody())
				}
			})
			return
		}
		w.nested(text)
	case "plpgsql":
		opaque := w.opaque
		w.plpgsql(HeadingOf(f) + dollar(f.Source))
		if f.Volatility != "v" { // it can change nothing
			w.opaque = opaque
		}
	case "internal":
		w.functions.add(qualify(schemaCatalog, f.Source))
	case "c":
	default:
		w.opaque = w.opaque || f.Volatility == "v"
	}
}

// HeadingOf is a CREATE FUNCTION with what the parser must know of the real one.
func HeadingOf(f *schemas.Function) string {
	const trigger, eventTrigger = 2279, 3838
	var in, out []string
	for i, n := range f.ArgumentNames {
		mode := byte('i')
		if i < len(f.ArgumentModes) {
			mode = f.ArgumentModes[i]
		}
		quoted := ""
		if n != "" {
			quoted = `"` + strings.ReplaceAll(n, `"`, `""`) + `"`
		}
		switch mode {
		case 't':
			out = append(out, quoted+" int")
		case 'o':
			in = append(in, "OUT "+quoted+" int")
		case 'b':
			in = append(in, "INOUT "+quoted+" int")
		default:
			in = append(in, quoted+" int")
		}
	}
	if len(f.ArgumentNames) == 0 {
		for range f.Arguments {
			in = append(in, "int")
		}
	}
	returns := " RETURNS int"
	switch {
	case f.Kind == "p":
		return "CREATE PROCEDURE f(" + strings.Join(in, ", ") + ") LANGUAGE plpgsql AS "
	case len(out) > 0:
		returns = " RETURNS TABLE (" + strings.Join(out, ", ") + ")"
	case f.ResultType == trigger:
		returns = " RETURNS trigger"
	case f.ResultType == eventTrigger:
		returns = " RETURNS event_trigger"
	case strings.ContainsAny(f.ArgumentModes, "ob"):
		returns = map[bool]string{true: " RETURNS SETOF record", false: ""}[f.ReturnsSet]
	case f.ReturnsSet:
		returns = " RETURNS SETOF int"
	case f.ResultType == 2278:
		returns = " RETURNS void"
	}
	return "CREATE FUNCTION f(" + strings.Join(in, ", ") + ")" + returns + " LANGUAGE plpgsql AS "
}
