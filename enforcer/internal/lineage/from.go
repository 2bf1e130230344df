package lineage

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// from makes the items of a FROM known in the current scope. Each sees those before it only where it
// is LATERAL; a condition sees all of its join.
func (e *eval) from(list []*pgtypes.Node) {
	added := len(e.scope.items)
	for _, n := range list {
		items := e.source(n)
		for _, i := range items {
			i.lateral = true
		}
		e.scope.items = append(e.scope.items, items...)
	}
	for _, i := range e.scope.items[added:] {
		i.lateral = false
	}
}

// source evaluates one item of a FROM.
func (e *eval) source(n *pgtypes.Node) []*item {
	e.budget.step()
	switch v := n.GetNode().(type) {
	case *pgtypes.Node_RangeVar:
		return []*item{e.named1(v.RangeVar)}
	case *pgtypes.Node_RangeSubselect:
		s := v.RangeSubselect
		var t table
		e.seeing(s.Lateral, func() { t = e.query(s.Subquery.GetSelectStmt()) })
		return []*item{aliased(t, s.Alias, "")}
	case *pgtypes.Node_RangeFunction:
		var i *item
		e.seeing(true, func() { i = e.rangeFunction(v.RangeFunction) })
		return []*item{i}
	case *pgtypes.Node_RangeTableFunc:
		var t Taint
		e.seeing(true, func() { t = e.children(v.RangeTableFunc) })
		e.predicate(t, "counts rows by")
		return []*item{aliased(xmlColumns(v.RangeTableFunc).tainted(t), v.RangeTableFunc.Alias, "xmltable")}
	case *pgtypes.Node_JsonTable:
		var t Taint
		e.seeing(true, func() { t = e.children(v.JsonTable) })
		e.predicate(t, "counts rows by")
		return []*item{aliased(table{columns: jsonColumns(v.JsonTable.Columns, nil)}.tainted(t), v.JsonTable.Alias, "json_table")}
	case *pgtypes.Node_RangeTableSample:
		items := e.source(v.RangeTableSample.Relation)
		e.conditions(v.RangeTableSample.Args, "samples by")
		e.condition(v.RangeTableSample.Repeatable, "samples by")
		return items
	case *pgtypes.Node_JoinExpr:
		return e.join(v.JoinExpr)
	}
	return []*item{aliased(table{open: true, rest: e.world.unknown("a source of rows that is not known")}, nil, "")}
}

// seeing evaluates what may or may not see the items before it.
func (e *eval) seeing(lateral bool, f func()) {
	s := e.scope
	was := s.lateral
	s.lateral = lateral
	f()
	s.lateral = was
}

// named1 is a table or CTE.
func (e *eval) named1(r *pgtypes.RangeVar) *item {
	if r.Schemaname == "" {
		if t, ok := e.cte(r.Relname); ok {
			return aliased(t, r.Alias, r.Relname)
		}
	}
	return e.relation(r)
}

// aliased is a FROM item by its alias, or else by name.
func aliased(t table, a *pgtypes.Alias, name string) *item {
	i := &item{table: t, alias: name, relation: name != "", bare: true}
	if a != nil {
		i.alias, i.relation = a.Aliasname, true
		i.table = t.renamed(pgsql.Strings(a.Colnames))
	}
	return i
}

func xmlColumns(x *pgtypes.RangeTableFunc) table {
	var t table
	for _, n := range x.Columns {
		t.columns = append(t.columns, Column{Name: n.GetRangeTableFuncCol().GetColname()})
	}
	return t
}

func jsonColumns(list []*pgtypes.Node, columns []Column) []Column {
	for _, n := range list {
		c := n.GetJsonTableColumn()
		if len(c.GetColumns()) > 0 {
			columns = jsonColumns(c.Columns, columns)
			continue
		}
		columns = append(columns, Column{Name: c.GetName()})
	}
	return columns
}

// rangeFunction is a function in FROM, or several.
func (e *eval) rangeFunction(f *pgtypes.RangeFunction) *item {
	var out table
	for _, n := range f.Functions {
		list := n.GetList().GetItems()
		if len(list) == 0 {
			continue
		}
		t := e.expr(list[0])
		if len(list) > 1 && list[1].GetList() != nil {
			out = sum(out, defined(list[1].GetList().GetItems(), t))
			continue
		}
		out = sum(out, e.produced(list[0], t, f.Alias))
	}
	if len(f.Coldeflist) > 0 {
		out = defined(f.Coldeflist, out.everything())
	}
	if f.Ordinality {
		if out.open { // where it stands is not known
			out.columns = append(out.columns, Column{"ordinality", out.everything()})
		} else {
			out.columns = append(slices.Clone(out.columns), Column{"ordinality", out.everything()})
		}
	}
	name := ""
	if len(f.Functions) > 0 {
		name = figure(first(f.Functions[0].GetList().GetItems()))
	}
	return aliased(out, f.Alias, name)
}

func first(list []*pgtypes.Node) *pgtypes.Node {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// sum is a table with the columns of both.
func sum(a, b table) table {
	if len(a.columns) == 0 && !a.open {
		return b
	}
	if a.open || b.open {
		return table{append(slices.Clone(a.columns), b.columns...), true, a.everything().and(b.everything())}
	}
	return table{append(slices.Clone(a.columns), b.columns...), false, Taint{}}
}

// defined is a list of column definitions.
func defined(list []*pgtypes.Node, t Taint) table {
	var out table
	for _, n := range list {
		out.columns = append(out.columns, Column{n.GetColumnDef().GetColname(), t})
	}
	return out
}

// produced is what one function gives, all of it of the taint t.
func (e *eval) produced(n *pgtypes.Node, t Taint, alias *pgtypes.Alias) table {
	f := n.GetFuncCall()
	if f == nil { // CURRENT_DATE and the like, casts
		return table{columns: []Column{{scalar(figure(n), alias), t}}}
	}
	names := pgsql.Strings(f.Funcname)
	name := names[len(names)-1]
	builtin, candidates := e.candidates(names)
	if builtin && len(candidates) == 0 {
		if shape, ok := shapes[name]; ok && (name != "unnest" || len(f.Args) == 1) {
			out := table{}
			for _, column := range shape {
				if column == "" {
					column = scalar(name, alias)
				}
				out.columns = append(out.columns, Column{column, t})
			}
			return out
		}
	}
	var fits []*schemas.Function
	for _, c := range candidates {
		if takes(c, len(f.Args)) {
			fits = append(fits, c)
		}
	}
	if !builtin && len(fits) == 1 {
		if out, ok := e.shape(fits[0], t, e.exprsQuietly(f.Args), alias); ok {
			return out
		}
	}
	return table{open: true, rest: t}
}

// exprsQuietly evaluates again what was evaluated, for its taint alone.
func (e *eval) exprsQuietly(list []*pgtypes.Node) Taint {
	kept := *e.found
	t := e.exprs(list)
	*e.found = kept
	return t
}

// shape names the columns of a function of somebody's, where the catalogue tells. t is what the call
// comes from, arguments what its arguments do.
func (e *eval) shape(f *schemas.Function, t, arguments Taint, alias *pgtypes.Alias) (table, bool) {
	s := e.world.summarise(f, e)
	if s.known {
		return s.rows.tainted(arguments), true
	}
	var out []string
	for i, n := range f.ArgumentNames {
		if i < len(f.ArgumentModes) && slices.Contains([]byte("obt"), f.ArgumentModes[i]) {
			out = append(out, n)
		}
	}
	const record, firstNormal = 2249, 16384
	switch {
	case len(out) > 0:
		var columns []Column
		for _, n := range out {
			if len(out) == 1 && n == "" {
				n = scalar(f.Name, alias)
			}
			columns = append(columns, Column{n, t})
		}
		return table{columns: columns}, !slices.Contains(out, "") || len(out) == 1
	case f.ResultRelation != 0:
		return e.composite(f, s, t, arguments)
	case f.ResultType != 0 && f.ResultType != record && f.ResultType < firstNormal:
		return table{columns: []Column{{scalar(f.Name, alias), t}}}, true
	}
	return table{}, false
}

// composite is a function that returns rows of a relation's type.
func (e *eval) composite(f *schemas.Function, s *summary, t, arguments Taint) (table, bool) {
	r := e.world.catalogue.ByOID(f.ResultRelation)
	if r == nil {
		return table{}, false
	}
	out := table{}
	precise := f.Language == languageSQL && !s.unknown && !s.rows.open && len(s.rows.columns) == len(r.Columns)
	for i, c := range r.Columns {
		taint := t
		if precise {
			taint = s.rows.columns[i].Taint.and(arguments)
		}
		out.columns = append(out.columns, Column{c.Name, taint})
	}
	return out, true
}

// scalar names the column of a function that returns one value a row.
func scalar(name string, alias *pgtypes.Alias) string {
	if alias != nil && len(alias.Colnames) == 0 {
		return alias.Aliasname
	}
	return name
}
