package lineage

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// join evaluates a JOIN: its columns are those merged by USING, then the rest of both sides.
func (e *eval) join(j *pgtypes.JoinExpr) []*item {
	left := e.source(j.Larg)
	kept := e.scope.items
	for _, i := range left {
		i.lateral = true
	}
	e.scope.items = append(slices.Clone(kept), left...)
	right := e.source(j.Rarg)
	e.scope.items = kept
	for _, i := range left {
		i.lateral = false
	}
	l, r := bare(left), bare(right)
	e.budget.take(len(l.columns) + len(r.columns))
	using := pgsql.Strings(j.UsingClause)
	if j.IsNatural {
		using = shared(l, r)
		if l.open || r.open {
			e.predicate(l.everything().and(r.everything()), "joins by")
		}
	}
	out, merged := merge(l, r, using)
	for _, c := range merged.columns {
		e.predicate(e.read(c.Taint), "joins by")
	}
	inner := append(left, right...)
	if j.Quals != nil {
		outer, lateral := e.scope.items, e.scope.lateral
		e.scope.items, e.scope.lateral = inner, false
		e.condition(j.Quals, "joins by")
		e.scope.items, e.scope.lateral = outer, lateral
	}
	result := &item{table: out, bare: true}
	if j.Alias != nil {
		return []*item{aliased(out, j.Alias, "")}
	}
	for _, i := range inner {
		i.bare = false
	}
	if j.JoinUsingAlias != nil {
		u := aliased(merged, j.JoinUsingAlias, "")
		u.bare = false
		inner = append(inner, u)
	}
	return append(inner, result)
}

// bare is what a star means for items.
func bare(items []*item) table {
	var out table
	some := false
	for _, i := range items {
		if !i.bare {
			continue
		}
		if !some {
			out, some = table{slices.Clone(i.columns), i.open, i.rest}, true
			continue
		}
		out.columns = append(out.columns, i.columns...)
		out.open, out.rest = out.open || i.open, out.rest.and(i.rest)
	}
	return out
}

// shared are the names that NATURAL joins by, in the order of the left side.
func shared(l, r table) []string {
	var names []string
	for _, c := range l.columns {
		if _, _, sure := r.named(c.Name); sure {
			names = append(names, c.Name)
		}
	}
	return names
}

// merge joins two tables by columns that both have.
func merge(l, r table, using []string) (out, merged table) {
	for _, name := range using {
		a, _, _ := l.named(name)
		b, _, _ := r.named(name)
		merged.columns = append(merged.columns, Column{name, a.and(b)})
	}
	out.columns = slices.Clone(merged.columns)
	for _, side := range []table{l, r} {
		for _, c := range side.columns {
			if !slices.Contains(using, c.Name) {
				out.columns = append(out.columns, c)
			}
		}
		out.open, out.rest = out.open || side.open, out.rest.and(side.rest)
	}
	return out, merged
}
