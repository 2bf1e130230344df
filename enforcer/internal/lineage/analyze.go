package lineage

import (
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// MarkerMasked is what is recorded in place of a constant that is bound for a masked column. It is a
// string literal, so that what is recorded is still SQL.
const MarkerMasked = "'‹masked›'"

// Result is what one text gives and does. It is shared: nobody changes it.
type Result struct {
	Statements []Statement
	Predicates []Use // masked columns decide about rows
	Stores     []Use // masked values are kept where no mask covers them
	Refusals   []Use // code that cannot be seen into, or that reads masked columns and tells nobody what it does with them
	Touches    bool  // relations with masked columns take part
	Code       bool  // functions outside pg_catalog run
	Hidden     bool  // code that cannot be seen runs, or code that reads masked columns
	Touched    Taint // of everything
	Spans      []*schemas.Span
	Parameters []uint32
	Exact      bool                // it is about the exact text only
	Temporary  map[string][]string // columns of the temporary relations made of queries
}

// Statement is what one statement gives.
type Statement struct {
	Rows    bool // it may give rows
	Columns []Column
	Open    bool // there are others, or they have names that are not known
	Rest    Taint
	Starred bool // its columns are those that the catalogue knew
	Copy    *Copy
}

// Clear reports whether nothing masked is in the rows.
func (s *Statement) Clear() bool { return !s.Everything().Any() }

// Everything is the taint of all columns.
func (s *Statement) Everything() Taint { return table{s.Columns, s.Open, s.Rest}.everything() }

// Named reports whether the names of all columns are known.
func (s *Statement) Named() bool {
	return !s.Open && !slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == unnamed })
}

// Analyze follows what is masked through a text, given what its statements find (as
// pgsql.Analysis.Before has it).
func (w *World) Analyze(text, version string, before []pgsql.Before) *Result {
	key := resultKey(text, version, before)
	if r := w.results.get(key); r != nil {
		return r
	}
	r := w.analyze(text, major(version), before)
	w.results.put(key, r, len(text))
	return r
}

func (w *World) analyze(text string, major int, before []pgsql.Before) *Result {
	tree, err := w.parser.Parse(text)
	if err != nil || len(tree.Stmts) != len(before) {
		return w.unparsed()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &Result{Temporary: map[string][]string{}}
	if !w.walk(tree, text, major, before, r) {
		return w.unparsed()
	}
	return r
}

// unparsed is the result for what cannot be understood.
func (w *World) unparsed() *Result {
	t := w.unknown("a text that cannot be parsed")
	return &Result{
		Refusals: []Use{{t, "a text that cannot be parsed"}}, Touches: true, Code: true, Hidden: true, Touched: t, Exact: true,
	}
}

// walk reports whether all of it was walked within bounds.
func (w *World) walk(tree *pgtypes.ParseResult, text string, major int, before []pgsql.Before, r *Result) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, spent := p.(exhausted); !spent {
				panic(p)
			}
			ok = false
		}
	}()
	b := newBudget()
	var literals []*pgtypes.A_Const
	whole := false
	for i, s := range tree.Stmts {
		e := newEval(w, Environment{Path: before[i].Path, Known: before[i].Known, User: before[i].User, Temps: before[i].Temporary}, b)
		e.major = major
		e.prepared, e.cursors = before[i].Prepared, before[i].Cursors
		r.Statements = append(r.Statements, e.top(s.Stmt, r))
		r.gather(e)
		literals = append(literals, e.found.literals...)
		whole = whole || e.found.whole
	}
	r.Spans = w.spans(text, literals, whole)
	r.Exact = r.Exact || len(r.Spans) > 0
	return true
}

// top walks a statement of the client's.
func (e *eval) top(n *pgtypes.Node, r *Result) Statement {
	if c := n.GetCopyStmt(); c != nil {
		out, format := e.copy(c)
		return Statement{Rows: !c.IsFrom, Columns: out.columns, Open: out.open, Rest: out.rest, Copy: format, Starred: true}
	}
	out := e.statement(n)
	s := Statement{Columns: out.columns, Open: out.open, Rest: out.rest, Starred: e.found.starred}
	s.Rows = out.open || len(out.columns) > 0
	if q := n.GetSelectStmt(); q != nil && into(q) != nil {
		r.temporary(into(q), out)
		return Statement{}
	}
	if c := n.GetCreateTableAsStmt(); c != nil && c.Into.GetRel().GetRelpersistence() == "t" {
		kept := e.found
		e.found = &findings{}
		r.temporary(c.Into, e.statement(c.Query))
		e.found = kept
	}
	if v := n.GetViewStmt(); v != nil && v.View.GetRelpersistence() == "t" {
		kept := e.found
		e.found = &findings{}
		r.temporary(&pgtypes.IntoClause{Rel: v.View, ColNames: v.Aliases}, e.query(v.Query.GetSelectStmt()))
		e.found = kept
	}
	return s
}

// into finds the INTO of a SELECT, which stands in the first of those that are combined.
func into(s *pgtypes.SelectStmt) *pgtypes.IntoClause {
	for ; s != nil; s = s.Larg {
		if s.IntoClause != nil {
			return s.IntoClause
		}
	}
	return nil
}

// temporary notes the columns of a relation made of a query. Of one that holds what is masked they are
// not known: then it is masked whole.
func (r *Result) temporary(into *pgtypes.IntoClause, out table) {
	out = out.renamed(pgsql.Strings(into.ColNames))
	names := []string{}
	for _, c := range out.columns {
		if c.Taint.Any() || c.Name == unnamed {
			out.open = true
		}
		names = append(names, c.Name)
	}
	if out.open {
		names = nil
	}
	r.Temporary[into.GetRel().GetRelname()] = names
}

// gather adds what a statement brought to light.
func (r *Result) gather(e *eval) {
	f := e.found
	r.Predicates = merged(r.Predicates, f.predicates)
	r.Stores = merged(r.Stores, f.stores)
	r.Refusals = merged(r.Refusals, f.refusals)
	r.Touches, r.Code, r.Hidden = r.Touches || f.touches, r.Code || f.code, r.Hidden || f.hidden
	r.Touched = r.Touched.and(e.seen)
	r.Exact = r.Exact || f.exact
	for _, p := range f.parameters {
		if p > 0 && !slices.Contains(r.Parameters, uint32(p)) {
			r.Parameters = append(r.Parameters, uint32(p))
		}
	}
	slices.Sort(r.Parameters)
}

func merged(all, more []Use) []Use {
	for _, u := range more {
		if !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	return all
}

// spans finds the literals in the text; whole says that those within literals are not known.
func (w *World) spans(text string, literals []*pgtypes.A_Const, whole bool) []*schemas.Span {
	if len(literals) == 0 && !whole {
		return nil
	}
	everything := []*schemas.Span{{Length: uint64(len(text)), Marker: MarkerMasked}}
	tokens, err := w.parser.Tokens(text)
	if err != nil {
		return everything
	}
	places := map[int]bool{}
	for _, l := range literals {
		places[int(l.Location)] = true
	}
	var spans []*schemas.Span
	met := map[int]bool{}
	for i, t := range tokens {
		from := int(t.Start)
		if !literal(t.Token) {
			if places[from] && strings.HasPrefix(text[from:], "-") && i+1 < len(tokens) && literal(tokens[i+1].Token) {
				places[int(tokens[i+1].Start)] = true // a negative number
				met[from] = true
			}
			continue
		}
		if places[from] || whole && t.Token == pgtypes.Token_SCONST {
			spans = append(spans, &schemas.Span{Offset: uint64(from), Length: uint64(t.End - t.Start), Marker: MarkerMasked})
			met[from] = true
		}
	}
	for at := range places {
		if !met[at] { // it must be there: rather too much than too little
			return everything
		}
	}
	return spans
}

func literal(t pgtypes.Token) bool {
	switch t {
	case pgtypes.Token_SCONST, pgtypes.Token_USCONST, pgtypes.Token_BCONST, pgtypes.Token_XCONST, pgtypes.Token_ICONST, pgtypes.Token_FCONST:
		return true
	}
	return false
}
