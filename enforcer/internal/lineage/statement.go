package lineage

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// statement walks one statement, top-level or nested, and returns the rows it gives.
func (e *eval) statement(n *pgtypes.Node) table {
	e.budget.step()
	switch v := n.GetNode().(type) {
	case nil:
		return table{}
	case *pgtypes.Node_SelectStmt:
		return e.query(v.SelectStmt)
	case *pgtypes.Node_RawStmt:
		return e.statement(v.RawStmt.Stmt)
	case *pgtypes.Node_ReturnStmt:
		return table{columns: []Column{{"return", e.expr(v.ReturnStmt.Returnval)}}}
	case *pgtypes.Node_InsertStmt:
		return e.insert(v.InsertStmt)
	case *pgtypes.Node_UpdateStmt:
		return e.update(v.UpdateStmt)
	case *pgtypes.Node_DeleteStmt:
		return e.delete(v.DeleteStmt)
	case *pgtypes.Node_MergeStmt:
		return e.merge(v.MergeStmt)
	case *pgtypes.Node_ExplainStmt:
		return e.explain(v.ExplainStmt)
	case *pgtypes.Node_DeclareCursorStmt:
		e.query(v.DeclareCursorStmt.Query.GetSelectStmt())
		return table{}
	case *pgtypes.Node_PrepareStmt:
		e.statement(v.PrepareStmt.Query)
		return table{}
	case *pgtypes.Node_VariableShowStmt:
		return table{open: true}
	case *pgtypes.Node_CreateTableAsStmt:
		e.createAs(v.CreateTableAsStmt)
		return table{}
	case *pgtypes.Node_DoStmt:
		e.do(v.DoStmt)
		return table{}
	case *pgtypes.Node_CallStmt:
		return e.procedure(v.CallStmt)
	case *pgtypes.Node_TransactionStmt, *pgtypes.Node_ConstraintsSetStmt: // what was deferred may fail now
		e.found.touches = true
		return table{}
	case *pgtypes.Node_CopyStmt:
		out, _ := e.copy(v.CopyStmt)
		if v.CopyStmt.IsFrom {
			return table{}
		}
		return out
	case *pgtypes.Node_ExecuteStmt:
		return e.execute(v.ExecuteStmt)
	case *pgtypes.Node_FetchStmt:
		return e.fetch(v.FetchStmt)
	case *pgtypes.Node_ClosePortalStmt, *pgtypes.Node_DeallocateStmt, *pgtypes.Node_DiscardStmt, *pgtypes.Node_ListenStmt,
		*pgtypes.Node_UnlistenStmt, *pgtypes.Node_NotifyStmt, *pgtypes.Node_VariableSetStmt, *pgtypes.Node_CheckPointStmt:
		return table{}
	}
	e.found.impure = true
	return e.define(n)
}

// execute runs what was prepared. The server may have resolved its names when that was done.
func (e *eval) execute(s *pgtypes.ExecuteStmt) table {
	text, ok := e.prepared[s.Name]
	if !ok {
		e.exprs(s.Params)
		e.refuse("a prepared statement that is not known")
		return table{open: true, rest: e.world.unknown("a prepared statement that is not known")}
	}
	out, parameters := e.again(text)
	for _, n := range parameters {
		if i := int(n) - 1; i >= 0 && i < len(s.Params) {
			e.hide(s.Params[i])
		}
	}
	return out.tainted(e.exprs(s.Params))
}

// fetch gives rows of a cursor.
func (e *eval) fetch(s *pgtypes.FetchStmt) table {
	text, ok := e.cursors[s.Portalname]
	if s.Ismove {
		return table{}
	}
	if !ok {
		e.found.touches = true
		return table{open: true, rest: e.world.unknown("a cursor that is not known")}
	}
	out, _ := e.again(text)
	return out
}

// again evaluates a statement that was parsed before.
func (e *eval) again(text string) (out table, parameters []int32) {
	e.found.exact = true
	tree, err := e.world.parser.Parse(text)
	if err != nil || len(tree.Stmts) != 1 || e.budget.nesting >= maxNesting {
		return table{open: true, rest: e.world.unknown("a statement that cannot be parsed")}, nil
	}
	inner := newEval(e.world, e.env, e.budget)
	inner.anywhere, inner.prepared, inner.planOnly, inner.major = true, e.prepared, e.planOnly, e.major
	e.budget.nesting++
	out = inner.statement(tree.Stmts[0].Stmt)
	e.budget.nesting--
	e.seen = e.seen.and(inner.seen)
	f := inner.found
	e.found.predicates = append(e.found.predicates, f.predicates...)
	e.found.stores = append(e.found.stores, f.stores...)
	e.found.refusals = append(e.found.refusals, f.refusals...)
	e.found.impure, e.found.touches = e.found.impure || f.impure, e.found.touches || f.touches
	e.found.code, e.found.hidden = e.found.code || f.code, e.found.hidden || f.hidden
	return out, f.parameters
}

// explain is an EXPLAIN: a plan shows constants, statistics and what was found.
func (e *eval) explain(s *pgtypes.ExplainStmt) table {
	analyze := false
	for _, o := range s.Options {
		if d := o.GetDefElem(); pgsql.Lower(d.GetDefname()) == "analyze" && !pgsql.Off(d.GetArg()) {
			analyze = true
		}
	}
	outer, seen := e.planOnly, e.seen
	e.planOnly, e.seen = outer || !analyze, Taint{}
	t := e.statement(s.Query).everything().and(e.seen)
	e.planOnly, e.seen = outer, seen.and(t)
	return table{columns: []Column{{"QUERY PLAN", t}}}
}

// do is a DO block: it gives no rows, but what it reads it may tell in other ways.
func (e *eval) do(s *pgtypes.DoStmt) {
	e.found.impure, e.found.code, e.found.hidden, e.found.exact = true, true, true, true
	language, text := languagePLpgSQL, ""
	for _, a := range s.Args {
		switch d := a.GetDefElem(); d.GetDefname() {
		case "language":
			language = pgsql.Lower(d.Arg.GetString_().GetSval())
		case "as":
			text = d.Arg.GetString_().GetSval()
		}
	}
	if language != languagePLpgSQL {
		e.refuse("a DO block in a language that is not seen into")
		return
	}
	outer := e.variables
	e.variables = map[string]bool{"found": true, "sqlstate": true, "sqlerrm": true}
	t, ok, dynamic := e.body("DO " + pgsql.Dollar(text))
	e.variables = outer
	switch {
	case !ok:
		e.refuse("a DO block that cannot be parsed")
	case dynamic:
		e.refuse("a DO block that runs SQL that is computed")
	case t.Any():
		e.found.refusals = append(e.found.refusals, Use{t, "a DO block that reads it"})
	}
}

// procedure is a CALL. Its output parameters are a row.
func (e *eval) procedure(s *pgtypes.CallStmt) table {
	e.found.impure = true
	names := pgsql.Strings(s.Funccall.GetFuncname())
	t := e.call(s.Funccall)
	builtin, found := e.candidates(names)
	if builtin && len(found) == 0 {
		return table{}
	}
	if t.Any() {
		e.found.refusals = append(e.found.refusals, Use{t, "a procedure that reads it or is given it"})
	}
	return table{open: true, rest: t}
}

// copy is a COPY. It returns what of it goes over the wire.
func (e *eval) copy(s *pgtypes.CopyStmt) (table, *Copy) {
	format := copyFormat(s.Options)
	var out table
	switch {
	case s.Relation == nil:
		out = e.statement(s.Query)
	default:
		i := e.relation(s.Relation)
		out = e.copied(s, i)
		format.Own = e.own(s)
		e.within(func() {
			e.scope.items = []*item{i}
			e.condition(s.WhereClause, "filters by")
		})
	}
	switch {
	case s.IsFrom && (s.IsProgram || s.Filename != ""):
		e.refuse("COPY brings in a file that cannot be seen")
	case !s.IsFrom && (s.IsProgram || s.Filename != ""):
		e.store(out.everything(), "copies out of the database")
		return table{}, nil
	}
	return out, format
}

// copied are the columns that COPY takes of a relation.
func (e *eval) copied(s *pgtypes.CopyStmt, i *item) table {
	names := pgsql.Strings(s.Attlist)
	if len(names) == 0 {
		out := table{open: i.open, rest: i.rest}
		generated := map[string]bool{}
		for _, c := range e.relations(s.Relation) {
			for _, a := range c.known.GetColumns() {
				if a.Generated {
					generated[a.Name] = true
				}
			}
		}
		for _, c := range i.columns {
			if !generated[c.Name] {
				out.columns = append(out.columns, c)
			}
		}
		if !s.IsFrom {
			e.read(out.everything())
		}
		return out
	}
	var out table
	for _, n := range names {
		t, found, _ := i.named(n)
		if !found && !systemColumns[n] {
			t = e.world.unknown("a column that is not known")
		}
		if !s.IsFrom {
			e.read(t)
		}
		out.columns = append(out.columns, Column{n, t})
	}
	return out
}

// own is what is known of the columns of the one table that COPY names.
func (e *eval) own(s *pgtypes.CopyStmt) map[string]Own {
	found := e.relations(s.Relation)
	if len(found) != 1 {
		return nil
	}
	own := map[string]Own{}
	for _, a := range found[0].known.GetColumns() {
		own[a.Name] = Own{Type: a.Type, Plain: plain(found[0].known, a)}
	}
	return own
}

// Copy is how COPY writes rows.
type Copy struct {
	Format, Delimiter, Null, Quote, Escape string
	Header                                 bool
	Own                                    map[string]Own // by column
}

// Own is a column of a table.
type Own struct {
	Type  uint32 // OID
	Plain bool   // see plain
}

func copyFormat(options []*pgtypes.Node) *Copy {
	c := &Copy{Format: "text"}
	nullSet := false
	for _, o := range options {
		d := o.GetDefElem()
		value := d.GetArg().GetString_().GetSval()
		switch pgsql.Lower(d.GetDefname()) {
		case "format":
			c.Format = pgsql.Lower(value)
		case "delimiter":
			c.Delimiter = value
		case "null":
			c.Null, nullSet = value, true
		case "quote":
			c.Quote = value
		case "escape":
			c.Escape = value
		case "header":
			c.Header = !pgsql.Off(d.GetArg())
		case "binary":
			c.Format = "binary"
		case "csv":
			c.Format = "csv"
		}
	}
	switch c.Format {
	case "csv":
		c.Delimiter, c.Quote = or(c.Delimiter, ","), or(c.Quote, `"`)
		c.Escape = or(c.Escape, c.Quote)
	case "text":
		c.Delimiter = or(c.Delimiter, "\t")
		if !nullSet {
			c.Null = `\N`
		}
	}
	return c
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
