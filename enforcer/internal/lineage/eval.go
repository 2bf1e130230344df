package lineage

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// Environment is what names mean when a statement begins.
type Environment struct {
	Path  []string // "$user" not expanded
	Known bool
	User  string
	Temps []*schemas.Temporary
}

// eval walks one text. It belongs to one call.
type eval struct {
	world  *World
	env    Environment
	budget *budget

	scope     *scope
	seen      Taint           // all that was looked at
	variables map[string]bool // in the body of a function: what is not a column
	anywhere  bool            // names may have been resolved under another path
	planOnly  bool            // EXPLAIN without ANALYZE
	major     int             // the server's version; 0: not known
	prepared  map[string]string
	cursors   map[string]string
	kept      bool // the expression is kept, to be evaluated later
	guess     int  // inside a condition: constants compared are secrets
	found     *findings
}

// findings is what a walk brings to light besides taints.
type findings struct {
	predicates []Use
	stores     []Use
	refusals   []Use
	impure     bool // it may change something
	touches    bool // a relation with masked columns takes part
	code       bool // functions of others run
	hidden     bool // code that cannot be seen runs, or code that reads masked columns
	literals   []*pgtypes.A_Const
	parameters []int32
	whole      bool // secrets are in texts within the text
	starred    bool // a star was spread
	exact      bool // it depends on the numbers in the text
}

// Use is something done with what is masked.
type Use struct {
	Taint Taint
	What  string
}

func newEval(w *World, env Environment, b *budget) *eval {
	return &eval{world: w, env: env, budget: b, found: &findings{}}
}

func (e *eval) predicate(t Taint, what string) {
	if t.Any() {
		e.found.predicates = append(e.found.predicates, Use{t, what})
	}
}

func (e *eval) store(t Taint, what string) {
	if t.Any() && !e.planOnly {
		e.found.stores = append(e.found.stores, Use{t, what})
	}
}

// refuse notes code that nobody can vouch for.
func (e *eval) refuse(what string) {
	e.found.hidden = true
	if !e.planOnly {
		e.found.refusals = append(e.found.refusals, Use{e.world.unknown(what), what})
	}
}

// condition evaluates something that decides about rows.
func (e *eval) condition(n *pgtypes.Node, what string) Taint {
	if n == nil {
		return Taint{}
	}
	e.guess++
	t := e.expr(n)
	e.guess--
	e.predicate(t, what)
	return t
}

func (e *eval) conditions(list []*pgtypes.Node, what string) Taint {
	var t Taint
	for _, n := range list {
		t = t.and(e.condition(n, what))
	}
	return t
}

func (e *eval) exprs(list []*pgtypes.Node) Taint {
	var t Taint
	for _, n := range list {
		t = t.and(e.expr(n))
	}
	return t
}

// children evaluates everything below m.
func (e *eval) children(m proto.Message) Taint {
	var t Taint
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		if f.IsList() {
			for i, l := 0, v.List(); i < l.Len(); i++ {
				t = t.and(e.message(l.Get(i).Message().Interface()))
			}
			return true
		}
		t = t.and(e.message(v.Message().Interface()))
		return true
	})
	return t
}

func (e *eval) message(m proto.Message) Taint {
	switch m := m.(type) {
	case *pgtypes.Node:
		return e.expr(m)
	case *pgtypes.SelectStmt:
		return e.subquery(m)
	case *pgtypes.FuncCall:
		return e.call(m)
	case *pgtypes.WindowDef:
		return e.window(m)
	case *pgtypes.RangeVar, *pgtypes.TypeName:
		return Taint{}
	}
	return e.children(m)
}

// expr returns what the value of an expression comes from. That is what any part of it comes from.
func (e *eval) expr(n *pgtypes.Node) Taint {
	e.budget.step()
	switch v := n.GetNode().(type) {
	case nil:
		return Taint{}
	case *pgtypes.Node_AConst, *pgtypes.Node_ParamRef, *pgtypes.Node_String_, *pgtypes.Node_TypeName, *pgtypes.Node_SetToDefault, *pgtypes.Node_RangeVar:
		return Taint{}
	case *pgtypes.Node_ColumnRef:
		return e.columnRef(v.ColumnRef)
	case *pgtypes.Node_FuncCall:
		return e.call(v.FuncCall)
	case *pgtypes.Node_SubLink:
		return e.sublink(v.SubLink)
	case *pgtypes.Node_SelectStmt:
		return e.subquery(v.SelectStmt)
	case *pgtypes.Node_AExpr:
		return e.operator(n, v.AExpr)
	case *pgtypes.Node_AIndirection:
		return e.indirection(v.AIndirection)
	case *pgtypes.Node_BoolExpr, *pgtypes.Node_CaseExpr:
		t := e.below(n)
		e.computes(t)
		if c := n.GetCaseExpr(); c.GetArg() != nil && t.Any() { // held against each WHEN
			for _, w := range c.Args {
				e.hide(w.GetCaseWhen().GetExpr())
			}
		}
		return t
	case *pgtypes.Node_TypeCast:
		return e.cast(v.TypeCast)
	}
	return e.below(n)
}

// below evaluates the children of the node that n wraps.
func (e *eval) below(n *pgtypes.Node) Taint {
	r := n.ProtoReflect()
	f := r.WhichOneof(r.Descriptor().Oneofs().Get(0))
	if f == nil {
		return Taint{}
	}
	return e.children(r.Get(f).Message().Interface())
}

// sublink is a subquery in an expression. All that is mentioned in it plays a part in its value: it
// may be no row because of a condition.
func (e *eval) sublink(s *pgtypes.SubLink) Taint {
	t := e.expr(s.Testexpr).and(e.operands(s.OperName))
	return t.and(e.subquery(s.Subselect.GetSelectStmt()))
}

func (e *eval) subquery(s *pgtypes.SelectStmt) Taint {
	if s == nil {
		return e.world.unknown("a subquery that is none")
	}
	outer := e.seen
	e.seen = Taint{}
	t := e.query(s).everything().and(e.seen)
	e.seen = outer.and(t)
	return t
}

// operator is what A_Expr holds.
func (e *eval) operator(n *pgtypes.Node, x *pgtypes.A_Expr) Taint {
	t := e.expr(x.Lexpr).and(e.expr(x.Rexpr)).and(e.operands(x.Name))
	if !t.Any() {
		return t
	}
	name := pgsql.Strings(x.Name)
	concatenates := len(name) > 0 && name[len(name)-1] == "||"
	if !concatenates {
		e.hide(n)
	}
	if !concatenates && !compares(name) || x.Kind == pgtypes.A_Expr_Kind_AEXPR_NULLIF {
		e.computes(t)
	}
	return t
}

func compares(name []string) bool {
	return len(name) > 0 && slices.Contains([]string{"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*"}, name[len(name)-1])
}

// operands is what an operator itself brings in: those outside pg_catalog call somebody's function,
// and which is not known.
func (e *eval) operands(name []*pgtypes.Node) Taint {
	names := pgsql.Strings(name)
	if len(names) == 0 || len(names) == 1 && (builtinOperators[names[0]] || extensionOperators[names[0]]) || len(names) == 2 && names[0] == "pg_catalog" {
		return Taint{}
	}
	return e.world.operators(e)
}

// computes notes that something can fail, or take time, depending on a masked column: who may not
// filter by it may not do that either.
func (e *eval) computes(t Taint) {
	if e.guess == 0 {
		e.predicate(t, "computes with")
	}
}

// cast evaluates a cast: to a type that takes any text it tells nothing.
func (e *eval) cast(c *pgtypes.TypeCast) Taint {
	t := e.expr(c.Arg)
	names := pgsql.Strings(c.TypeName.GetNames())
	if t.Any() && (len(names) == 0 || !slices.Contains([]string{"text", "varchar", "bpchar", "name"}, names[len(names)-1])) {
		e.computes(t)
	}
	return t
}

// indirection is a field or element of something. A field of a whole row is a column.
func (e *eval) indirection(x *pgtypes.A_Indirection) Taint {
	names := pgsql.Strings(x.Indirection)
	if ref := x.Arg.GetColumnRef(); ref != nil && len(x.Indirection) == 1 && len(names) == 1 {
		if i := e.row(ref); i != nil {
			if t, found, _ := i.named(names[0]); found {
				return e.read(t)
			}
		}
	}
	t := e.expr(x.Arg)
	for _, n := range x.Indirection {
		t = t.and(e.expr(n))
	}
	if len(names) > 0 { // (x).f may be f(x)
		t = t.and(e.fields(names, t))
	}
	return t
}

// fields is what functions that are written as fields bring in.
func (e *eval) fields(names []string, t Taint) Taint {
	for _, n := range names {
		if len(e.world.catalogue.Called(n)) > 0 {
			t = t.and(e.function([]string{n}, 1, t, nil))
		}
	}
	return t
}

// row returns the FROM item whose whole row a reference means.
func (e *eval) row(c *pgtypes.ColumnRef) *item {
	names := pgsql.Strings(c.Fields)
	if len(names) != 1 || len(c.Fields) != 1 {
		return nil
	}
	if _, ok := e.column(names[0]); ok {
		return nil
	}
	return e.called("", names[0])
}

// window is what decides about a window function's value besides its arguments.
func (e *eval) window(w *pgtypes.WindowDef) Taint {
	t := e.expr(w.StartOffset).and(e.expr(w.EndOffset))
	for _, n := range append(slices.Clone(w.PartitionClause), w.OrderClause...) {
		t = t.and(e.condition(n, "orders or groups by"))
	}
	for _, name := range []string{w.Name, w.Refname} {
		if name != "" && e.scope != nil {
			t = t.and(e.scope.windows[name])
		}
	}
	return t
}
