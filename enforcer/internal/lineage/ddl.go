package lineage

import (
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// define walks a statement that defines, changes or removes objects. What it makes out of masked
// columns is a store: it can be read where the masks do not reach.
func (e *eval) define(n *pgtypes.Node) table {
	switch v := n.GetNode().(type) {
	case *pgtypes.Node_ViewStmt:
		out := e.query(v.ViewStmt.Query.GetSelectStmt())
		e.keep(out, "makes the view "+v.ViewStmt.GetView().GetRelname()+" of")
	case *pgtypes.Node_CreateFunctionStmt:
		e.createFunction(v.CreateFunctionStmt)
	case *pgtypes.Node_CreateTrigStmt:
		e.createTrigger(v.CreateTrigStmt)
	case *pgtypes.Node_RuleStmt:
		e.rule(v.RuleStmt)
	case *pgtypes.Node_AlterTableStmt:
		e.alterTable(v.AlterTableStmt)
	case *pgtypes.Node_RenameStmt:
		e.rename(v.RenameStmt)
	case *pgtypes.Node_AlterObjectSchemaStmt:
		s := v.AlterObjectSchemaStmt
		if s.Relation != nil {
			e.moved(s.Relation, s.Newschema, s.Relation.Relname)
		}
	case *pgtypes.Node_CreateStmt:
		e.createTable(v.CreateStmt)
	case *pgtypes.Node_CreateForeignTableStmt, *pgtypes.Node_ImportForeignSchemaStmt:
		e.refuse("a foreign table shows what cannot be followed")
	case *pgtypes.Node_AlterForeignServerStmt, *pgtypes.Node_CreateForeignServerStmt:
		e.refuse("a foreign server shows what cannot be followed")
	case *pgtypes.Node_IndexStmt:
		e.index(v.IndexStmt)
	case *pgtypes.Node_CreatePolicyStmt:
		e.over(v.CreatePolicyStmt.Table, v.CreatePolicyStmt.Qual, v.CreatePolicyStmt.WithCheck)
	case *pgtypes.Node_AlterPolicyStmt:
		e.over(v.AlterPolicyStmt.Table, v.AlterPolicyStmt.Qual, v.AlterPolicyStmt.WithCheck)
	case *pgtypes.Node_CreateSchemaStmt:
		for _, x := range v.CreateSchemaStmt.SchemaElts {
			e.statement(x)
		}
	default:
		e.other(n)
	}
	return table{}
}

// keep notes that what a query gives is stored.
func (e *eval) keep(out table, what string) { e.store(out.everything(), what) }

// other walks the rest: its relations are touched, and the functions it names are kept for later.
func (e *eval) other(n *pgtypes.Node) {
	var walk func(m proto.Message)
	walk = func(m proto.Message) {
		e.budget.step()
		switch m := m.(type) {
		case *pgtypes.RangeVar:
			e.relation(m)
			return
		case *pgtypes.TypeName: // of a function, in CREATE AGGREGATE and CREATE OPERATOR
			e.mention(pgsql.Strings(m.Names))
			return
		case *pgtypes.ObjectWithArgs:
			e.mention(pgsql.Strings(m.Objname))
			return
		case *pgtypes.FuncCall:
			e.keep(table{rest: e.call(m)}, "keeps a function of")
			return
		case *pgtypes.SelectStmt:
			e.keep(table{rest: e.subquery(m)}, "keeps a query of")
			return
		}
		m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Kind() != protoreflect.MessageKind {
				return true
			}
			if f.IsList() {
				for i, l := 0, v.List(); i < l.Len(); i++ {
					walk(l.Get(i).Message().Interface())
				}
				return true
			}
			walk(v.Message().Interface())
			return true
		})
	}
	switch n.GetNode().(type) {
	case *pgtypes.Node_DropStmt, *pgtypes.Node_GrantStmt, *pgtypes.Node_GrantRoleStmt, *pgtypes.Node_CommentStmt,
		*pgtypes.Node_VariableSetStmt, *pgtypes.Node_AlterOwnerStmt, *pgtypes.Node_AlterFunctionStmt:
		return
	}
	walk(n)
}

// mention notes that a function becomes part of something that calls it later, unseen.
func (e *eval) mention(names []string) {
	if len(names) == 0 {
		return
	}
	_, found := e.candidates(names)
	for _, f := range found {
		s := e.world.summarise(f, e)
		if f.Language == languageC {
			continue
		}
		e.store(s.taint, "makes something that calls "+f.Name+", which reads")
	}
}

func (e *eval) createAs(s *pgtypes.CreateTableAsStmt) {
	e.found.impure = true
	e.into(s.Into, e.statement(s.Query))
}

// into makes a table of a query's rows.
func (e *eval) into(into *pgtypes.IntoClause, out table) {
	e.found.impure = true
	if !into.GetSkipData() {
		e.keep(out, "makes the table "+into.GetRel().GetRelname()+" of")
	}
}

// createFunction looks into a body that is being made: who is masked may not keep code that reads
// what is masked, nor code that nobody can see into.
func (e *eval) createFunction(s *pgtypes.CreateFunctionStmt) {
	e.found.exact = true
	language, source, ok := "", []string(nil), true
	for _, o := range s.Options {
		switch d := o.GetDefElem(); d.GetDefname() {
		case "language":
			language = pgsql.Lower(d.Arg.GetString_().GetSval())
		case "as":
			source = pgsql.Strings(d.Arg.GetList().GetItems())
		}
	}
	inner := newEval(e.world, e.env, e.budget)
	inner.variables = map[string]bool{"found": true, "new": true, "old": true}
	for _, w := range pgsql.Strings(s.Funcname) {
		inner.variables[w] = true
	}
	for n := range parameters(&schemas.Function{}) {
		inner.variables[n] = true
	}
	for _, n := range s.Parameters {
		inner.variables[n.GetFunctionParameter().GetName()] = true
		e.keep(table{rest: e.expr(n.GetFunctionParameter().GetDefexpr())}, "keeps a default of")
	}
	t, dynamic := Taint{}, false
	switch {
	case s.SqlBody != nil:
		for _, n := range flatten(s.SqlBody) {
			t = t.and(inner.statement(n).everything())
		}
	case len(source) != 1:
		ok = false
	case language == languageSQL:
		t = inner.nested(source[0])
	case language == languagePLpgSQL:
		t, ok, dynamic = inner.body(pgsql.Heading(s) + pgsql.Dollar(source[0]))
	case language == languageInternal:
		t = inner.builtin(source[0], Taint{}, nil)
	default:
		ok = false
	}
	t = t.and(inner.seen)
	for _, p := range inner.found.predicates {
		t = t.and(p.Taint)
	}
	for _, p := range append(inner.found.stores, inner.found.refusals...) {
		t = t.and(p.Taint)
	}
	if !ok || dynamic {
		e.refuse("a function that cannot be seen into is made")
		return
	}
	e.store(t, "makes a function that reads")
}

// createTrigger refuses triggers on masked tables: their functions get whole rows.
func (e *eval) createTrigger(s *pgtypes.CreateTrigStmt) {
	i := e.relation(s.Relation)
	e.store(i.everything(), "makes a trigger that is given")
	e.mention(pgsql.Strings(s.Funcname))
}

// rule walks a CREATE RULE: its actions see new and old.
func (e *eval) rule(s *pgtypes.RuleStmt) {
	i := e.relation(s.Relation)
	e.within(func() {
		for _, name := range []string{"new", "old"} {
			e.scope.items = append(e.scope.items, &item{table: i.table, alias: name, relation: true, system: true})
		}
		for _, n := range s.Actions {
			seen := e.seen
			e.seen = Taint{}
			t := e.statement(n).everything().and(e.seen)
			e.store(t, "makes a rule that reads")
			e.seen = seen.and(t)
		}
		e.condition(s.WhereClause, "filters by")
	})
}

// over evaluates conditions on the rows of a table.
func (e *eval) over(r *pgtypes.RangeVar, conditions ...*pgtypes.Node) {
	i := e.relation(r)
	for _, c := range conditions {
		e.lasting(c, i, "filters by")
	}
}

// lasting evaluates an expression that the server keeps, and will evaluate for each row of a table. It
// may hold the table's own columns against something; but neither read others nor hand them to
// somebody's function, which could tell them.
func (e *eval) lasting(n *pgtypes.Node, i *item, what string) {
	if n == nil {
		return
	}
	e.within(func() {
		e.kept = true
		e.scope.items = []*item{i}
		e.condition(n, what)
		e.kept = false
		bare := *i
		bare.table = table{open: i.open}
		for _, c := range i.columns {
			bare.columns = append(bare.columns, Column{Name: c.Name})
		}
		e.scope.items = []*item{&bare}
		e.store(e.expr(n), "keeps an expression that reads")
	})
}

func (e *eval) index(s *pgtypes.IndexStmt) {
	i := e.relation(s.Relation)
	for _, n := range s.IndexParams {
		e.lasting(n.GetIndexElem().GetExpr(), i, "indexes by")
	}
	e.lasting(s.WhereClause, i, "filters by")
}

func (e *eval) createTable(s *pgtypes.CreateStmt) {
	i := &item{alias: s.Relation.GetRelname(), relation: true, bare: true, table: table{open: true}}
	for _, r := range s.InhRelations {
		parent := e.relation(r.GetRangeVar())
		i.table = sum(i.table, parent.table)
	}
	e.within(func() {
		e.scope.items = []*item{i}
		e.columnsOf(s.TableElts, i)
	})
}

// columnsOf walks the definitions of columns and constraints.
func (e *eval) columnsOf(list []*pgtypes.Node, i *item) {
	for _, n := range list {
		switch v := n.GetNode().(type) {
		case *pgtypes.Node_ColumnDef:
			e.columnDef(v.ColumnDef, i)
		case *pgtypes.Node_Constraint:
			e.constraint(v.Constraint, i)
		case *pgtypes.Node_TableLikeClause:
			e.relation(v.TableLikeClause.Relation)
		}
	}
}

func (e *eval) columnDef(c *pgtypes.ColumnDef, i *item) {
	e.keep(table{rest: e.expr(c.RawDefault)}, "computes a column from")
	for _, n := range c.Constraints {
		e.constraint(n.GetConstraint(), i)
	}
}

func (e *eval) constraint(c *pgtypes.Constraint, i *item) {
	switch c.GetContype() {
	case pgtypes.ConstrType_CONSTR_DEFAULT, pgtypes.ConstrType_CONSTR_GENERATED, pgtypes.ConstrType_CONSTR_IDENTITY:
		e.keep(table{rest: e.expr(c.RawExpr)}, "computes a column from")
	default:
		e.lasting(c.GetRawExpr(), i, "checks")
	}
	if c.GetPktable() != nil {
		other := e.relation(c.Pktable)
		for _, n := range pgsql.Strings(c.PkAttrs) {
			if t, found, _ := other.named(n); found {
				e.predicate(t, "refers to")
			}
		}
	}
	e.lasting(c.GetWhereClause(), i, "filters by")
}

func (e *eval) alterTable(s *pgtypes.AlterTableStmt) {
	i := e.relation(s.Relation)
	e.within(func() {
		e.scope.items = []*item{i}
		for _, n := range s.Cmds {
			c := n.GetAlterTableCmd()
			switch c.GetSubtype() {
			case pgtypes.AlterTableType_AT_AddInherit, pgtypes.AlterTableType_AT_DropInherit, pgtypes.AlterTableType_AT_AttachPartition,
				pgtypes.AlterTableType_AT_DetachPartition:
				e.store(i.everything(), "moves the rows of")
				if r := relationOf(c.Def); r != nil {
					e.store(e.relation(r).everything(), "moves the rows of")
				}
			case pgtypes.AlterTableType_AT_GenericOptions, pgtypes.AlterTableType_AT_AlterColumnGenericOptions:
				e.refuse("a foreign table shows what cannot be followed")
			case pgtypes.AlterTableType_AT_AddColumn, pgtypes.AlterTableType_AT_AddConstraint:
				e.columnsOf([]*pgtypes.Node{c.Def}, i)
			case pgtypes.AlterTableType_AT_AlterColumnType:
				to, _, _ := i.named(c.Name)
				e.put(e.expr(c.Def.GetColumnDef().GetRawDefault()), nil, to, c.Name)
			default:
				if c.GetDef() != nil {
					e.keep(table{rest: e.expr(c.Def)}, "computes a column from")
				}
			}
		}
	})
}

func relationOf(n *pgtypes.Node) *pgtypes.RangeVar {
	if p := n.GetPartitionCmd(); p != nil {
		return p.Name
	}
	return n.GetRangeVar()
}

// rename refuses names under which the masks would no longer find what they cover.
func (e *eval) rename(s *pgtypes.RenameStmt) {
	switch s.RenameType {
	case pgtypes.ObjectType_OBJECT_COLUMN, pgtypes.ObjectType_OBJECT_ATTRIBUTE:
		i := e.relation(s.Relation)
		t, _, _ := i.named(s.Subname)
		for _, schema := range i.schemas {
			t = e.world.uncovered(t, e.world.pattern(schema, s.Relation.Relname, s.Newname))
		}
		e.store(t, "renames")
	case pgtypes.ObjectType_OBJECT_TABLE, pgtypes.ObjectType_OBJECT_VIEW, pgtypes.ObjectType_OBJECT_MATVIEW, pgtypes.ObjectType_OBJECT_FOREIGN_TABLE:
		e.moved(s.Relation, "", s.Newname)
	case pgtypes.ObjectType_OBJECT_SCHEMA:
		for _, r := range e.world.catalogue.Relations() {
			if r.Schema == s.Subname {
				e.moved(&pgtypes.RangeVar{Schemaname: r.Schema, Relname: r.Name}, s.Newname, r.Name)
			}
		}
	}
}

// moved refuses a new place of a relation where the masks do not cover all that they did.
func (e *eval) moved(r *pgtypes.RangeVar, schema, name string) {
	if r == nil {
		return
	}
	i := e.relation(r)
	to := schema
	if to == "" && len(i.schemas) > 0 {
		to = i.schemas[0]
	}
	var lost Taint
	for _, c := range i.columns {
		lost = lost.and(e.world.uncovered(c.Taint, e.world.pattern(to, name, c.Name)))
	}
	if strings.HasPrefix(to, "pg_") {
		lost = lost.and(i.everything())
	}
	e.store(lost.and(i.rest), "renames")
}
