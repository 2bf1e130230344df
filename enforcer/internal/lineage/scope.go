package lineage

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// table is what a FROM item or a query gives: columns in order, and, if it is open, others whose names
// are not known.
type table struct {
	columns []Column
	open    bool
	rest    Taint // of the columns that are not known
}

// everything is the taint of a whole row.
func (t table) everything() Taint {
	all := t.rest
	for _, c := range t.columns {
		all = all.and(c.Taint)
	}
	return all
}

// named returns the taint of every column of that name. sure says that there is one.
func (t table) named(name string) (taint Taint, found, sure bool) {
	for _, c := range t.columns {
		if c.Name == name {
			taint, found, sure = taint.and(c.Taint), true, true
		}
	}
	if t.open && !sure {
		taint, found = taint.and(t.rest), true
	}
	return taint, found, sure
}

// renamed gives the first columns the names of an alias.
func (t table) renamed(names []string) table {
	if len(names) == 0 {
		return t
	}
	columns := make([]Column, max(len(t.columns), len(names)))
	copy(columns, t.columns)
	for i := range columns {
		if i >= len(t.columns) {
			columns[i].Taint = t.rest
		}
		if i < len(names) {
			columns[i].Name = names[i]
		}
	}
	return table{columns, t.open, t.rest}
}

// tainted is t with u in every column.
func (t table) tainted(u Taint) table {
	if !u.Any() {
		return t
	}
	columns := make([]Column, len(t.columns))
	for i, c := range t.columns {
		columns[i] = Column{c.Name, c.Taint.and(u)}
	}
	return table{columns, t.open, t.rest.and(u)}
}

// both is a table that may be either of two: what they have in common by name, and all of it where the
// names differ.
func both(a, b table) table {
	out := table{open: a.open || b.open || len(a.columns) != len(b.columns), rest: a.rest.and(b.rest)}
	for i, c := range a.columns {
		t, _, sure := b.named(c.Name)
		if !sure {
			out.open = true
		}
		if !sure || i >= len(b.columns) || b.columns[i].Name != c.Name {
			out.open = true
		}
		out.columns = append(out.columns, Column{c.Name, c.Taint.and(t)})
	}
	if out.open {
		out.rest = out.rest.and(a.everything()).and(b.everything())
	}
	return out
}

// item is a table in the namespace of a query, as parse_relation.c's ParseNamespaceItem.
type item struct {
	table
	alias    string   // by which it is called; empty: it has no name
	schemas  []string // of a relation without an alias: the one it is in, or may be in
	relation bool     // it can be called by name
	bare     bool     // its columns can be called without
	lateral  bool     // only what is LATERAL sees it
	system   bool     // it has system columns
	masked   bool     // it is a relation with masked columns
}

// scope is the namespace of one query.
type scope struct {
	outer   *scope
	ctes    map[string]table
	items   []*item
	lateral bool // LATERAL items are seen
	windows map[string]Taint
}

// within runs f in a new scope inside the current one.
func (e *eval) within(f func()) {
	e.scope = &scope{outer: e.scope, ctes: map[string]table{}, windows: map[string]Taint{}}
	f()
	e.scope = e.scope.outer
}

// cte finds a CTE by name.
func (e *eval) cte(name string) (table, bool) {
	for s := e.scope; s != nil; s = s.outer {
		if t, ok := s.ctes[name]; ok {
			return t, true
		}
	}
	return table{}, false
}

// seenBy reports whether an item is there for what is looked at.
func (s *scope) seenBy(i *item) bool { return !i.lateral || s.lateral }

// column finds an unqualified column: the innermost query that has one of that name decides. Where a
// table has columns that are not known, the search goes on as well.
func (e *eval) column(name string) (Taint, bool) {
	var taint Taint
	found := false
	for s := e.scope; s != nil; s = s.outer {
		sure := false
		for _, i := range s.items {
			if !i.bare || !s.seenBy(i) {
				continue
			}
			t, ok, certain := i.named(name)
			if !certain && i.system && systemColumns[name] {
				ok, certain = true, true
			}
			if ok {
				taint, found, sure = taint.and(t), true, sure || certain
			}
		}
		if sure {
			return taint, true
		}
	}
	return taint, found
}

// called finds a FROM item by its name.
func (e *eval) called(schema, name string) *item {
	for s := e.scope; s != nil; s = s.outer {
		for _, i := range s.items {
			if i.relation && i.alias == name && s.seenBy(i) && (schema == "" || slices.Contains(i.schemas, schema)) {
				return i
			}
		}
	}
	return nil
}

var systemColumns = map[string]bool{
	"ctid": true, "xmin": true, "xmax": true, "cmin": true, "cmax": true, "tableoid": true, "oid": true,
}

// columnRef resolves a reference to a column, a whole row or a variable.
func (e *eval) columnRef(c *pgtypes.ColumnRef) Taint {
	return e.read(e.resolve(c))
}

func (e *eval) resolve(c *pgtypes.ColumnRef) Taint {
	names := pgsql.Strings(c.Fields)
	if len(names) < len(c.Fields) { // with a star, as an argument: the whole row
		if len(names) == 0 {
			return e.star()
		}
		if i := e.called(before(names), names[len(names)-1]); i != nil {
			return i.everything()
		}
		return e.variable(names)
	}
	if len(names) == 1 {
		if t, ok := e.column(names[0]); ok {
			return t
		}
		if i := e.called("", names[0]); i != nil {
			return i.everything()
		}
		return e.variable(names)
	}
	column, rest := names[len(names)-1], names[:len(names)-1]
	i := e.called(before(rest), rest[len(rest)-1])
	if i == nil {
		return e.variable(names)
	}
	t, found, sure := i.named(column)
	if sure || !found && i.system && systemColumns[column] {
		return t
	}
	if found { // a column that is not known, or as below
		return t.and(i.everything())
	}
	// t.f is f(t) when there is no such column
	return i.everything().and(e.function([]string{column}, 1, i.everything(), nil))
}

// before is the schema of a qualified name.
func before(names []string) string {
	if len(names) > 1 {
		return names[len(names)-2]
	}
	return ""
}

// variable is a name that is no column: a parameter or variable of a function, or something that is not
// known.
func (e *eval) variable(names []string) Taint {
	if e.variables != nil {
		for _, n := range names {
			if e.variables[n] {
				return Taint{}
			}
		}
	}
	return e.world.unknown("a column that is not known")
}

// star is every column that a bare star means.
func (e *eval) star() Taint {
	var t Taint
	for _, i := range e.scope.items {
		if i.bare {
			t = t.and(i.everything())
		}
	}
	return t
}

// read notes what the statement looks at.
func (e *eval) read(t Taint) Taint {
	e.seen = e.seen.and(t)
	return t
}
