package lineage

import (
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// summary is what a function does, whatever its arguments are.
type summary struct {
	taint    Taint // of what it returns, besides what its arguments come from
	rows     table // its columns, when they are known
	known    bool  // rows is
	unknown  bool  // it cannot be seen what it does
	dynamic  bool  // it runs SQL that is computed
	findings findings
}

type summaryKey struct {
	function *schemas.Function
	path     string
}

// Languages whose functions PostgreSQL itself or an extension's author wrote.
const (
	languageSQL      = "sql"
	languagePLpgSQL  = "plpgsql"
	languageC        = "c"
	languageInternal = "internal"
)

// summarise finds out what a function does. w.mu is held.
func (w *World) summarise(f *schemas.Function, e *eval) *summary {
	env, own := setting(f, e.env)
	key := summaryKey{f, ""}
	if !own {
		key.path = env.User + "\x00" + strings.Join(env.Path, "\x00")
		if !env.Known {
			key.path = "?"
		}
	}
	if s, ok := w.summaries[key]; ok {
		if e.budget.calls[s] { // inside itself: it adds nothing to what the rest of it does
			e.budget.cycles++
		}
		return s
	}
	s := &summary{}
	w.summaries[key] = s
	e.budget.calls[s] = true
	before := e.budget.cycles
	completed := false
	defer func() {
		delete(e.budget.calls, s)
		if !completed || e.budget.cycles > before && len(e.budget.calls) > 0 {
			delete(w.summaries, key) // it may hold less than all
		}
	}()
	w.look(f, s, env, e.budget)
	completed = true
	return s
}

// look fills a summary.
func (w *World) look(f *schemas.Function, s *summary, env Environment, b *budget) {
	s.findings.code = true
	inner := newEval(w, env, b)
	inner.variables = parameters(f)
	inner.found = &s.findings
	switch {
	case f.Kind == "a" || f.Kind == "w" && f.Language != languageC:
		s.findings.code = false // its parts cannot be made of what reads masked columns
	case f.Language == languageSQL:
		w.sql(f, s, inner)
	case f.Language == languagePLpgSQL:
		w.plpgsql(f, s, inner)
	case f.Language == languageInternal:
		s.taint = inner.builtin(f.Source, Taint{}, nil)
	case f.Language == languageC:
		s.unknown = readers[f.Name] || knownReaders[f.Name] || pgsql.Remote(f.Name) || f.Volatility == "v" && !known[f.Name]
		s.findings.code = s.unknown
	default:
		s.unknown = true
	}
	if s.unknown {
		s.taint = w.unknown("the function " + f.Name + ", which cannot be seen into")
	}
}

// setting is the environment in which a body runs: with the search path of the function's own, if it
// has one.
func setting(f *schemas.Function, env Environment) (Environment, bool) {
	for _, s := range f.Settings {
		name, value, _ := strings.Cut(s, "=")
		if name != "search_path" {
			continue
		}
		path, ok := pgsql.Identifiers(value, ',')
		return Environment{Path: path, Known: ok, User: env.User, Temps: env.Temps}, true
	}
	return env, false
}

// parameters are the names that a body knows besides columns.
func parameters(f *schemas.Function) map[string]bool {
	names := map[string]bool{f.Name: true, "found": true, "new": true, "old": true, "sqlstate": true, "sqlerrm": true}
	for _, n := range f.ArgumentNames {
		if n != "" {
			names[n] = true
		}
	}
	for _, n := range strings.Fields("tg_name tg_when tg_level tg_op tg_relid tg_relname tg_table_name tg_table_schema tg_nargs tg_argv tg_event tg_tag") {
		names[n] = true
	}
	return names
}

// sql looks into a body in SQL: it returns what its last statement does.
func (w *World) sql(f *schemas.Function, s *summary, e *eval) {
	stmts, ok := w.statements(f.Source)
	if !ok || e.budget.nesting >= maxNesting {
		s.unknown = true
		return
	}
	e.budget.nesting++
	defer func() { e.budget.nesting-- }()
	var last table
	for _, n := range stmts {
		last = e.statement(n)
	}
	s.taint = last.everything()
	s.rows, s.known = outputs(f, last)
	s.unknown = len(s.findings.refusals) > 0
	s.dynamic = s.unknown
}

// statements parses a body in SQL, or one of the SQL standard.
func (w *World) statements(source string) ([]*pgtypes.Node, bool) {
	head := strings.ToUpper(strings.TrimSpace(source))
	if !strings.HasPrefix(head, "BEGIN ATOMIC") && !strings.HasPrefix(head, "RETURN") {
		tree, err := w.parser.Parse(source)
		if err != nil {
			return nil, false
		}
		var stmts []*pgtypes.Node
		for _, s := range tree.Stmts {
			stmts = append(stmts, s.Stmt)
		}
		return stmts, true
	}
	tree, err := w.parser.Parse("CREATE FUNCTION f() RETURNS int " + source)
	if err != nil || len(tree.Stmts) != 1 {
		return nil, false
	}
	body := tree.Stmts[0].Stmt.GetCreateFunctionStmt().GetSqlBody()
	return flatten(body), body != nil
}

// flatten returns the statements of a body of the SQL standard, which is a list of lists.
func flatten(n *pgtypes.Node) []*pgtypes.Node {
	if n.GetList() == nil {
		return []*pgtypes.Node{n}
	}
	var all []*pgtypes.Node
	for _, i := range n.GetList().Items {
		all = append(all, flatten(i)...)
	}
	return all
}

// outputs gives the columns of a function in FROM their names: those of its output parameters.
func outputs(f *schemas.Function, out table) (table, bool) {
	var names []string
	for i, n := range f.ArgumentNames {
		if i < len(f.ArgumentModes) && strings.ContainsRune("obt", rune(f.ArgumentModes[i])) {
			names = append(names, n)
		}
	}
	if len(names) == 0 || out.open || len(names) != len(out.columns) {
		return out, false
	}
	return out.renamed(names), true
}

// operators is what an operator of somebody's brings in. Which function it calls the catalogue does
// not say: any that an operator can call and that reads what is masked.
func (w *World) operators(e *eval) Taint {
	var t Taint
	for _, f := range w.catalogue.All() {
		if f.Kind == "f" && f.Arguments >= 1 && f.Arguments-f.Defaults <= 2 && (f.Language == languageSQL || f.Language == languagePLpgSQL) {
			if s := w.summarise(f, e); s.taint.Any() && !s.taint.Unseen() {
				t = t.and(s.taint)
			}
		}
	}
	if w.catalogue == nil {
		return w.unknown("an operator that is not known")
	}
	return t
}
