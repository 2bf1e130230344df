package lineage

import (
	"fmt"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// query returns the columns of a SELECT, VALUES or TABLE.
func (e *eval) query(s *pgtypes.SelectStmt) (out table) {
	if s == nil {
		return table{open: true, rest: e.world.unknown("a query that is none")}
	}
	e.budget.step()
	e.within(func() {
		e.with(s.WithClause)
		switch {
		case s.Op != pgtypes.SetOperation_SETOP_NONE && s.Op != pgtypes.SetOperation_SET_OPERATION_UNDEFINED:
			out = e.combined(s)
		case len(s.ValuesLists) > 0:
			out = e.values(s.ValuesLists)
			e.sorted(s, out)
		default:
			out = e.selected(s)
		}
		e.condition(s.LimitCount, "limits by")
		e.condition(s.LimitOffset, "limits by")
	})
	if s.IntoClause != nil {
		e.into(s.IntoClause, out)
	}
	return out
}

// selected is a SELECT with a target list.
func (e *eval) selected(s *pgtypes.SelectStmt) table {
	e.from(s.FromClause)
	e.condition(s.WhereClause, "filters by")
	for _, n := range s.WindowClause {
		w := n.GetWindowDef()
		e.scope.windows[w.GetName()] = e.window(w)
	}
	out := e.targets(s.TargetList)
	e.condition(s.HavingClause, "filters by")
	e.grouped(s, out)
	e.distinct(s, out)
	e.sorted(s, out)
	return out
}

// targets evaluates a target list.
func (e *eval) targets(list []*pgtypes.Node) table {
	var out table
	for _, n := range list {
		t := n.GetResTarget()
		if e.expandable(t.GetVal(), &out) {
			continue
		}
		name := t.GetName()
		if name == "" {
			name = e.figured(t.GetVal())
		}
		out.columns = append(out.columns, Column{name, e.expr(t.GetVal())})
	}
	return out
}

// expandable adds what a star stands for, if n is one.
func (e *eval) expandable(n *pgtypes.Node, out *table) bool {
	if ref := n.GetColumnRef(); ref != nil {
		names := pgsql.Strings(ref.Fields)
		if len(names) == len(ref.Fields) {
			return false
		}
		if len(names) == 0 {
			for _, i := range e.scope.items {
				if i.bare {
					e.spread(i.table, out)
				}
			}
			return true
		}
		if i := e.called(before(names), names[len(names)-1]); i != nil {
			e.spread(i.table, out)
		} else {
			e.spread(table{open: true, rest: e.variable(names)}, out)
		}
		return true
	}
	if x := n.GetAIndirection(); x != nil && len(x.Indirection) > 0 && x.Indirection[len(x.Indirection)-1].GetAStar() != nil {
		if ref := x.Arg.GetColumnRef(); ref != nil && len(x.Indirection) == 1 {
			if i := e.row(ref); i != nil {
				e.spread(i.table, out)
				return true
			}
		}
		e.spread(table{open: true, rest: e.expr(n)}, out)
		return true
	}
	return false
}

// spread adds all columns of t.
func (e *eval) spread(t table, out *table) {
	e.found.starred = true
	e.budget.take(len(t.columns))
	out.columns = append(out.columns, t.columns...)
	out.open, out.rest = out.open || t.open, out.rest.and(t.rest)
	if len(out.columns) > maxColumns { // no result has as many: what it is made of is not as it seems
		panic(exhausted{})
	}
	e.read(t.everything())
}

// values is a VALUES list.
func (e *eval) values(lists []*pgtypes.Node) table {
	var out table
	for _, row := range lists {
		column := 0
		for _, n := range row.GetList().GetItems() {
			var star table
			if e.expandable(n, &star) {
				out.open, out.rest = true, out.rest.and(star.everything())
				continue
			}
			if column == len(out.columns) {
				out.columns = append(out.columns, Column{Name: fmt.Sprintf("column%d", column+1)})
			}
			out.columns[column].Taint = out.columns[column].Taint.and(e.expr(n))
			column++
		}
	}
	if out.open { // which column a value is in is not known
		return table{open: true, rest: out.everything()}
	}
	return out
}

// combined is a UNION, INTERSECT or EXCEPT: each column comes from both sides.
func (e *eval) combined(s *pgtypes.SelectStmt) table {
	l, r := e.query(s.Larg), e.query(s.Rarg)
	out := table{open: l.open} // the left side says how many columns there are
	if l.open {
		out.rest = l.everything().and(r.everything())
	}
	for i, c := range l.columns {
		t := c.Taint.and(out.rest)
		if r.open {
			t = t.and(r.everything())
		} else if i < len(r.columns) {
			t = t.and(r.columns[i].Taint)
		}
		out.columns = append(out.columns, Column{c.Name, t})
	}
	if s.Op != pgtypes.SetOperation_SETOP_UNION || !s.All {
		e.predicate(out.everything(), "compares rows by")
	}
	e.sorted(s, out)
	if i := into(s); i != nil { // it stands in the first of the queries, and takes the rows of all
		e.into(i, out)
	}
	return out
}

// grouped notes what rows are grouped by.
func (e *eval) grouped(s *pgtypes.SelectStmt, out table) {
	for _, n := range s.GroupClause {
		e.key(n, out, s.TargetList, "groups by")
	}
	if s.GroupDistinct {
		e.found.exact = true
	}
}

func (e *eval) distinct(s *pgtypes.SelectStmt, out table) {
	for _, n := range s.DistinctClause {
		if n.GetNode() == nil { // DISTINCT without ON
			e.predicate(out.everything(), "compares rows by")
			continue
		}
		e.key(n, out, s.TargetList, "compares rows by")
	}
}

func (e *eval) sorted(s *pgtypes.SelectStmt, out table) {
	for _, n := range s.SortClause {
		e.key(n.GetSortBy().GetNode(), out, s.TargetList, "sorts by")
	}
}

// key notes what rows are grouped or sorted by: an output column by its number or name, or an
// expression.
func (e *eval) key(n *pgtypes.Node, out table, _ []*pgtypes.Node, what string) {
	if c := n.GetAConst(); c != nil {
		if _, number := c.Val.(*pgtypes.A_Const_Ival); number {
			at := int(c.GetIval().GetIval())
			if out.everything().Any() {
				e.found.exact = true
			}
			switch {
			case out.open:
				e.predicate(out.everything(), what)
			case at > 0 && at <= len(out.columns):
				e.predicate(out.columns[at-1].Taint, what)
			}
		}
		return
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		name := pgsql.Strings(ref.Fields)
		if len(name) == 1 {
			t, found, _ := out.named(name[0])
			if found {
				e.predicate(t, what)
			}
			if u, ok := e.column(name[0]); ok && (!found || what == "groups by") {
				e.predicate(e.read(u), what)
				return
			}
			if found {
				return
			}
		}
	}
	e.condition(n, what)
}

// with makes the CTEs of a query known in the current scope.
func (e *eval) with(c *pgtypes.WithClause) {
	if c == nil {
		return
	}
	if !c.Recursive {
		for _, n := range c.Ctes {
			e.scope.ctes[n.GetCommonTableExpr().GetCtename()] = e.common(n.GetCommonTableExpr())
		}
		return
	}
	for _, n := range c.Ctes { // each may refer to itself and to those after it
		e.scope.ctes[n.GetCommonTableExpr().GetCtename()] = table{open: true}
	}
	for again := true; again; {
		again = false
		for _, n := range c.Ctes {
			name := n.GetCommonTableExpr().GetCtename()
			next := e.common(n.GetCommonTableExpr())
			again = again || !same(e.scope.ctes[name], next)
			e.scope.ctes[name] = next
		}
	}
}

// common evaluates a CTE as far as those it refers to are known.
func (e *eval) common(x *pgtypes.CommonTableExpr) table {
	var out table
	e.within(func() { out = e.statement(x.GetCtequery()) })
	return cycle(x, out.renamed(pgsql.Strings(x.GetAliascolnames())))
}

// same reports whether two evaluations of a CTE brought the same.
func same(a, b table) bool {
	if a.open != b.open || a.rest.Masks != b.rest.Masks || len(a.columns) != len(b.columns) {
		return false
	}
	for i := range a.columns {
		if a.columns[i].Name != b.columns[i].Name || a.columns[i].Taint.Masks != b.columns[i].Taint.Masks {
			return false
		}
	}
	return true
}

// cycle adds the columns of SEARCH and CYCLE.
func cycle(x *pgtypes.CommonTableExpr, t table) table {
	var extra []string
	if s := x.GetSearchClause(); s != nil {
		extra = append(extra, s.SearchSeqColumn)
	}
	if c := x.GetCycleClause(); c != nil {
		extra = append(extra, c.CycleMarkColumn, c.CyclePathColumn)
	}
	if len(extra) == 0 {
		return t
	}
	all := t.everything()
	out := table{open: t.open, rest: t.rest}
	out.columns = append(out.columns, t.columns...)
	for _, name := range extra {
		out.columns = append(out.columns, Column{name, all})
	}
	return out
}
