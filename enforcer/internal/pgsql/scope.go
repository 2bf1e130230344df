package pgsql

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// scope is what names in a query may refer to: tables of one FROM, and CTEs.
type scope struct {
	outer *scope
	ctes  map[string]bool
	refs  []ref
}

// ref is one item of a FROM.
type ref struct {
	alias  string
	tables []string // it may be any of these; none: a subquery, a function, a CTE
}

// within runs f in a new scope.
func (w *walker) within(f func()) {
	w.scope = &scope{outer: w.scope}
	f()
	w.scope = w.scope.outer
}

// cte reports whether r names a CTE.
func (w *walker) cte(r *pgtypes.RangeVar) bool {
	if r.GetSchemaname() != "" {
		return false
	}
	for s := w.scope; s != nil; s = s.outer {
		if s.ctes[r.GetRelname()] {
			return true
		}
	}
	return false
}

// with makes the CTEs of a query known in the scope, and walks them.
func (w *walker) with(c *pgtypes.WithClause) {
	if c == nil {
		return
	}
	known := map[string]bool{}
	if w.scope.ctes == nil {
		w.scope.ctes = known
	}
	if c.Recursive {
		for _, n := range c.Ctes {
			known[n.GetCommonTableExpr().GetCtename()] = true
		}
	}
	for _, n := range c.Ctes {
		w.within(func() { w.visit(n.GetCommonTableExpr()) })
		known[n.GetCommonTableExpr().GetCtename()] = true
	}
}

// target makes the table of an INSERT, UPDATE, DELETE or MERGE known in the scope.
func (w *walker) target(r *pgtypes.RangeVar, reads bool) []string {
	names := w.relation(r)
	w.written(names...)
	if reads {
		w.reads.add(names...)
	}
	w.scope.refs = append(w.scope.refs, ref{alias: aliasOf(r.GetAlias(), r.GetRelname()), tables: names})
	return names
}

func aliasOf(a *pgtypes.Alias, otherwise string) string {
	if a.GetAliasname() != "" {
		return a.Aliasname
	}
	return otherwise
}

// from makes the items of a FROM known in the scope, then walks their conditions.
func (w *walker) from(items []*pgtypes.Node) {
	for _, item := range items {
		w.item(item)
	}
	for _, item := range items {
		w.conditions(item)
	}
}

func (w *walker) item(n *pgtypes.Node) {
	add := func(alias string, tables []string) {
		w.scope.refs = append(w.scope.refs, ref{alias, tables})
	}
	switch {
	case n.GetRangeVar() != nil:
		r := n.GetRangeVar()
		add(aliasOf(r.Alias, r.Relname), w.read(r))
	case n.GetJoinExpr() != nil:
		j := n.GetJoinExpr()
		w.item(j.Larg)
		w.item(j.Rarg)
		if j.Alias != nil { // hides the names inside
			var tables []string
			for _, r := range w.scope.refs {
				tables = append(tables, r.tables...)
			}
			add(j.Alias.Aliasname, tables)
		}
	case n.GetRangeSubselect() != nil:
		s := n.GetRangeSubselect()
		w.lateral(s.Lateral, s.Subquery)
		add(aliasOf(s.Alias, ""), nil)
	case n.GetRangeTableSample() != nil:
		w.item(n.GetRangeTableSample().Relation)
	case n.GetRangeFunction() != nil:
		add(aliasOf(n.GetRangeFunction().Alias, ""), nil)
	}
}

// lateral walks a subquery of a FROM; only a lateral one sees the items before it.
func (w *walker) lateral(lateral bool, query proto.Message) {
	if lateral {
		w.visit(query)
		return
	}
	refs := w.scope.refs
	w.scope.refs = nil
	w.visit(query)
	w.scope.refs = refs
}

// conditions walks what item left out.
func (w *walker) conditions(n *pgtypes.Node) {
	switch {
	case n.GetRangeVar() != nil, n.GetRangeSubselect() != nil:
	case n.GetJoinExpr() != nil:
		j := n.GetJoinExpr()
		w.conditions(j.Larg)
		w.conditions(j.Rarg)
		for _, name := range parts(j.UsingClause) {
			w.named(name)
		}
		w.visit(j.Quals)
	case n.GetRangeTableSample() != nil:
		w.children(n.GetRangeTableSample(), "relation")
	default:
		w.visit(n)
	}
}

// column notes every column that a reference may mean.
func (w *walker) column(c *pgtypes.ColumnRef) {
	names := parts(c.Fields)
	star := len(names) < len(c.Fields)
	switch {
	case star && len(names) == 0:
		if w.scope != nil {
			w.scope.each(func(r ref) { w.of(r, "*") })
		}
	case star:
		w.qualified(names, "*")
	case len(names) == 1:
		w.named(names[0])
	case len(names) > 1:
		w.qualified(names[:len(names)-1], names[len(names)-1])
	}
}

func (s *scope) each(f func(ref)) {
	for _, r := range s.refs {
		f(r)
	}
}

func (w *walker) of(r ref, column string) {
	for _, t := range r.tables {
		if column == "*" {
			w.columns.add(t + ".*")
		} else {
			w.columns.add(t + "." + quote(column))
		}
	}
}

// named notes an unqualified column: of any table in scope, inner and outer. The name of a table
// is its whole row.
func (w *walker) named(name string) {
	if name == "" { // an index on an expression
		return
	}
	for s := w.scope; s != nil; s = s.outer {
		s.each(func(r ref) {
			if r.alias == name {
				w.of(r, "*")
			}
			w.of(r, name)
		})
	}
}

// qualified notes a column of the table that qualifier names; of no table in scope, it is a field
// of a composite column, and the qualifier's first name may be that column.
func (w *walker) qualified(qualifier []string, column string) {
	last := qualifier[len(qualifier)-1]
	for s := w.scope; s != nil; s = s.outer {
		found := false
		s.each(func(r ref) {
			if r.alias == last {
				w.of(r, column)
				w.field(r, column)
				found = true
			}
		})
		if found {
			return
		}
	}
	if len(qualifier) > 1 {
		w.columns.add(qualify(qualifier[len(qualifier)-2:]...) + "." + map[bool]string{true: "*", false: quote(column)}[column == "*"])
		return
	}
	w.named(qualifier[0])
}
