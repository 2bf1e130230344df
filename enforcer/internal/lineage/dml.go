package lineage

import (
	"fmt"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// destination is the table of an INSERT, UPDATE, DELETE or MERGE.
func (e *eval) destination(r *pgtypes.RangeVar) *item {
	e.found.impure = true
	i := e.relation(r)
	for _, c := range e.relations(r) {
		if c.known.GetRules() { // what they do instead may give rows
			i.open, i.rest = true, e.world.unknown("a rule of "+r.Relname)
			e.found.hidden = true
		}
		if len(c.known.GetTriggers()) > 0 {
			e.triggers(c)
		}
	}
	return i
}

// triggers notes the code that a write sets off. What it stores where is its owner's doing; what it
// says in notices and errors must not get out.
func (e *eval) triggers(c candidate) {
	e.found.code = true
	for _, name := range c.known.GetTriggers() {
		for at, r := range name { // either part may have dots in it
			if r != '.' {
				continue
			}
			for _, f := range e.world.catalogue.Functions(name[:at], name[at+1:]) {
				s := e.world.summarise(f, e)
				if s.taint.Any() || s.unknown {
					e.found.hidden = true
				}
			}
		}
	}
}

// put notes that a value goes into a column.
func (e *eval) put(value Taint, n *pgtypes.Node, to Taint, column string) {
	if to.Any() {
		e.hide(n)
	}
	if left := e.world.uncovered(value, to); left.Any() {
		e.store(left, "stores in "+column)
	}
}

func (e *eval) insert(s *pgtypes.InsertStmt) (out table) {
	e.within(func() {
		e.with(s.WithClause)
		var source table
		if s.SelectStmt != nil {
			source = e.query(s.SelectStmt.GetSelectStmt())
		}
		i := e.destination(s.Relation)
		e.inserted(s, i, source)
		e.scope.items = []*item{i}
		e.conflict(s, i, source)
		out = e.returning(i, s.ReturningList)
	})
	return out
}

// inserted puts the columns of source into those of the destination.
func (e *eval) inserted(s *pgtypes.InsertStmt, i *item, source table) {
	columns := i.columns
	if len(s.Cols) > 0 {
		columns = nil
		for _, c := range s.Cols {
			t, found, _ := i.named(c.GetResTarget().GetName())
			if i.open || !found {
				t = Taint{}
			}
			columns = append(columns, Column{c.GetResTarget().GetName(), t})
		}
	}
	if source.open {
		e.put(source.everything(), nil, Taint{}, pgsql.Qualify(i.alias))
		return
	}
	values := constants(s.SelectStmt.GetSelectStmt())
	for n, c := range source.columns {
		var to Taint
		name := i.alias
		if n < len(columns) {
			to, name = columns[n].Taint, columns[n].Name
			if i.open && len(s.Cols) == 0 {
				to = Taint{}
			}
		}
		e.put(c.Taint, nil, to, name)
		if to.Any() || i.open && i.rest.Any() {
			for _, row := range values {
				if n < len(row) {
					e.hide(row[n])
				}
			}
		}
	}
}

// constants are the rows of expressions that an INSERT inserts, those of a SELECT included.
func constants(s *pgtypes.SelectStmt) [][]*pgtypes.Node {
	if s == nil {
		return nil
	}
	if s.Larg != nil {
		return append(constants(s.Larg), constants(s.Rarg)...)
	}
	var rows [][]*pgtypes.Node
	for _, n := range s.ValuesLists {
		rows = append(rows, n.GetList().GetItems())
	}
	if len(s.TargetList) > 0 {
		var row []*pgtypes.Node
		for _, n := range s.TargetList {
			row = append(row, n.GetResTarget().GetVal())
		}
		rows = append(rows, row)
	}
	return rows
}

// conflict is ON CONFLICT: excluded holds what would have been inserted.
func (e *eval) conflict(s *pgtypes.InsertStmt, i *item, source table) {
	c := s.OnConflictClause
	if c == nil {
		return
	}
	excluded := &item{table: i.table.tainted(Taint{}), alias: "excluded", relation: true, bare: false}
	if all := source.everything(); all.Any() {
		excluded.table = i.table.tainted(all)
	}
	e.conditions(c.Infer.GetIndexElems(), "looks for conflicts by")
	e.condition(c.Infer.GetWhereClause(), "filters by")
	e.scope.items = append(e.scope.items, excluded)
	e.assign(c.TargetList, i)
	e.condition(c.WhereClause, "filters by")
	e.scope.items = []*item{i}
}

// assign evaluates the SET of an UPDATE.
func (e *eval) assign(list []*pgtypes.Node, i *item) {
	for _, n := range list {
		t := n.GetResTarget()
		to, found, _ := i.named(t.GetName())
		if !found || i.open {
			to = Taint{}
		}
		value := e.assigned(t.GetVal())
		for _, x := range t.GetIndirection() {
			value = value.and(e.expr(x))
		}
		e.put(value, t.GetVal(), to, t.GetName())
		if i.open && i.rest.Any() {
			e.hide(t.GetVal())
		}
	}
}

// assigned is the value of one column, also of a list that is set as a row.
func (e *eval) assigned(n *pgtypes.Node) Taint {
	m := n.GetMultiAssignRef()
	if m == nil {
		return e.expr(n)
	}
	if r := m.Source.GetRowExpr(); r != nil && int(m.Colno) <= len(r.Args) && m.Colno > 0 {
		return e.expr(r.Args[m.Colno-1])
	}
	return e.expr(m.Source)
}

func (e *eval) update(s *pgtypes.UpdateStmt) (out table) {
	e.within(func() {
		e.with(s.WithClause)
		i := e.destination(s.Relation)
		e.scope.items = []*item{i}
		e.lateral(i, s.FromClause)
		e.assign(s.TargetList, i)
		e.condition(s.WhereClause, "filters by")
		out = e.returning(i, s.ReturningList)
	})
	return out
}

// lateral evaluates the FROM of an UPDATE or USING of a DELETE: subqueries in it do not see the
// destination.
func (e *eval) lateral(i *item, list []*pgtypes.Node) {
	i.lateral = true
	e.from(list)
	i.lateral = false
}

func (e *eval) delete(s *pgtypes.DeleteStmt) (out table) {
	e.within(func() {
		e.with(s.WithClause)
		i := e.destination(s.Relation)
		e.scope.items = []*item{i}
		e.lateral(i, s.UsingClause)
		e.condition(s.WhereClause, "filters by")
		out = e.returning(i, s.ReturningList)
	})
	return out
}

func (e *eval) merge(s *pgtypes.MergeStmt) (out table) {
	e.within(func() {
		e.with(s.WithClause)
		i := e.destination(s.Relation)
		i.lateral = true
		e.scope.items = []*item{i}
		e.from([]*pgtypes.Node{s.SourceRelation})
		i.lateral = false
		// RETURNING * has the source first (gram.y, MERGE: the source is the left side of the join)
		e.scope.items = append(e.scope.items[1:], i)
		e.condition(s.JoinCondition, "joins by")
		for _, n := range s.MergeWhenClauses {
			e.when(n.GetMergeWhenClause(), i)
		}
		out = e.returning(i, s.ReturningList)
	})
	return out
}

// when is one WHEN of a MERGE.
func (e *eval) when(c *pgtypes.MergeWhenClause, i *item) {
	e.condition(c.GetCondition(), "merges by")
	if c.GetCommandType() != pgtypes.CmdType_CMD_INSERT {
		e.assign(c.GetTargetList(), i)
		return
	}
	columns := i.columns
	if len(c.TargetList) > 0 {
		columns = nil
		for _, n := range c.TargetList {
			t, found, _ := i.named(n.GetResTarget().GetName())
			if !found || i.open {
				t = Taint{}
			}
			columns = append(columns, Column{n.GetResTarget().GetName(), t})
		}
	}
	for n, v := range c.Values {
		to, name := Taint{}, fmt.Sprint("column ", n+1)
		if n < len(columns) {
			to, name = columns[n].Taint, columns[n].Name
		}
		var star table
		if e.expandable(v, &star) {
			e.put(star.everything(), nil, Taint{}, name)
			continue
		}
		e.put(e.expr(v), v, to, name)
	}
}

// returning evaluates a RETURNING list; old and new are the row before and after.
func (e *eval) returning(i *item, list []*pgtypes.Node) table {
	if len(list) == 0 {
		if i.open && i.rest.Unseen() && e.found.hidden { // a rule's SELECT
			return table{open: true, rest: i.rest}
		}
		return table{}
	}
	for _, name := range []string{"old", "new"} {
		if e.called("", name) == nil {
			e.scope.items = append(e.scope.items, &item{table: i.table, alias: name, relation: true, system: true})
		}
	}
	return e.targets(list)
}
