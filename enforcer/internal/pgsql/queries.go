package pgsql

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"
)

// query walks a SELECT, VALUES or TABLE. source says that it is what an INSERT inserts: a VALUES
// there is no SELECT.
func (w *walker) query(s *pgtypes.SelectStmt, source bool) {
	if !source || len(s.ValuesLists) == 0 {
		w.kind("SELECT")
	}
	w.within(func() {
		w.with(s.WithClause)
		if s.Larg != nil || s.Rarg != nil {
			w.visit(s.Larg)
			w.visit(s.Rarg)
		}
		w.from(s.FromClause)
		if s.IntoClause != nil {
			w.kind("CREATE", "CREATE_TABLE", "SELECT_INTO")
			w.written(w.relation(s.IntoClause.Rel)...)
			w.madeTemporary(s.IntoClause.Rel, nil)
		}
		w.children(s, "with_clause", "larg", "rarg", "from_clause", "into_clause", "locking_clause")
	})
}

func (w *walker) insert(s *pgtypes.InsertStmt) {
	w.kind("INSERT")
	w.within(func() {
		w.with(s.WithClause)
		if q := s.SelectStmt.GetSelectStmt(); q != nil {
			w.query(q, true)
		}
		names := w.target(s.Relation, len(s.ReturningList) > 0 || s.OnConflictClause != nil)
		w.scope.refs = append(w.scope.refs, ref{alias: "excluded"})
		for _, c := range s.Cols {
			w.of(ref{tables: names}, c.GetResTarget().GetName())
			w.nodes(c.GetResTarget().GetIndirection())
		}
		w.assigned(names, s.OnConflictClause.GetTargetList())
		w.visit(s.OnConflictClause)
		w.nodes(s.ReturningList)
	})
}

func (w *walker) update(s *pgtypes.UpdateStmt) {
	w.kind("UPDATE")
	w.within(func() {
		w.with(s.WithClause)
		names := w.target(s.Relation, len(s.ReturningList) > 0 || s.WhereClause != nil)
		w.from(s.FromClause)
		w.assigned(names, s.TargetList)
		w.children(s, "with_clause", "relation", "from_clause")
		w.unconditional(s.Relation, s.WhereClause)
	})
}

func (w *walker) delete(s *pgtypes.DeleteStmt) {
	w.kind("DELETE")
	w.within(func() {
		w.with(s.WithClause)
		w.target(s.Relation, len(s.ReturningList) > 0 || s.WhereClause != nil)
		w.from(s.UsingClause)
		w.children(s, "with_clause", "relation", "using_clause")
		w.unconditional(s.Relation, s.WhereClause)
	})
}

func (w *walker) merge(s *pgtypes.MergeStmt) {
	w.kind("MERGE")
	w.within(func() {
		w.with(s.WithClause)
		names := w.target(s.Relation, true)
		w.from([]*pgtypes.Node{s.SourceRelation})
		for _, n := range s.MergeWhenClauses {
			w.when(s, n.GetMergeWhenClause(), names)
		}
		w.children(s, "with_clause", "relation", "source_relation")
	})
}

// when notes what one WHEN of a MERGE does.
func (w *walker) when(s *pgtypes.MergeStmt, c *pgtypes.MergeWhenClause, names []string) {
	w.assigned(names, c.GetTargetList())
	switch c.GetCommandType() {
	case pgtypes.CmdType_CMD_INSERT:
		w.kind("INSERT")
		return
	case pgtypes.CmdType_CMD_UPDATE:
		w.kind("UPDATE")
	case pgtypes.CmdType_CMD_DELETE:
		w.kind("DELETE")
	default:
		return
	}
	if c.MatchKind == pgtypes.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_SOURCE {
		w.unconditional(s.Relation, c.Condition)
		return
	}
	if w.decide(s.Relation, s.JoinCondition) == always {
		w.unconditional(s.Relation, c.Condition)
	}
}

// assigned notes the columns that a SET names.
func (w *walker) assigned(tables []string, targets []*pgtypes.Node) {
	for _, t := range targets {
		if name := t.GetResTarget().GetName(); name != "" {
			w.of(ref{tables: tables}, name)
		}
	}
}

// unconditional notes an UPDATE or DELETE whose condition lets every row through.
func (w *walker) unconditional(target *pgtypes.RangeVar, where *pgtypes.Node) {
	if !w.planOnly && (where == nil || w.decide(target, where) == always) {
		w.unfiltered = true
	}
}

// copy walks a COPY.
func (w *walker) copy(s *pgtypes.CopyStmt) {
	w.kind("COPY")
	switch {
	case s.IsProgram:
		w.kind("COPY_PROGRAM")
		w.opaque = true
	case s.Filename != "":
		w.kind("SERVER_FILE")
	case s.IsFrom:
		w.copiesIn = w.copiesIn || !w.planOnly
	}
	if s.Relation == nil {
		w.visit(s.Query)
		return
	}
	w.within(func() {
		names := w.relation(s.Relation)
		w.scope.refs = []ref{{alias: s.Relation.Relname, tables: names}}
		if s.IsFrom {
			w.written(names...)
		} else {
			w.reads.add(names...)
		}
		for _, c := range parts(s.Attlist) {
			w.of(ref{tables: names}, c)
		}
		if len(s.Attlist) == 0 {
			w.of(ref{tables: names}, "*")
		}
		w.visit(s.WhereClause)
	})
}

// explain walks an EXPLAIN; without ANALYZE the statement is planned only.
func (w *walker) explain(s *pgtypes.ExplainStmt) {
	w.kind("EXPLAIN")
	analyze := false
	for _, o := range s.Options {
		if d := o.GetDefElem(); lower(d.GetDefname()) == "analyze" && !off(d.GetArg()) {
			analyze = true
		}
	}
	outer := w.planOnly
	w.planOnly = outer || !analyze
	w.visit(s.Query)
	w.planOnly = outer
}

// off reports whether the value of a boolean option is clearly false.
func off(n *pgtypes.Node) bool {
	switch {
	case n.GetString_() != nil:
		v := lower(n.GetString_().Sval)
		return v == "false" || v == "off"
	case n.GetBoolean() != nil:
		return !n.GetBoolean().Boolval
	case n.GetInteger() != nil:
		return n.GetInteger().Ival == 0
	}
	return false
}
