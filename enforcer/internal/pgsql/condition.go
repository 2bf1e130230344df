package pgsql

import (
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// truth is what a condition does to the rows of a statement's target.
type truth int

const (
	filters truth = iota // it depends on the row
	always               // it lets every row through, or none of its doing: it does not depend on the row
	never                // it lets no row through
)

// decide says what a condition does to the rows of target. A condition that mentions no column of
// the target is all or nothing: it counts as always, unless its constants make it false.
func (w *walker) decide(target *pgtypes.RangeVar, n *pgtypes.Node) truth {
	c := &conditioner{w: w, target: target, alias: aliasOf(target.GetAlias(), target.GetRelname())}
	return c.decide(n)
}

type conditioner struct {
	w      *walker
	target *pgtypes.RangeVar
	alias  string
}

func (c *conditioner) decide(n *pgtypes.Node) truth {
	if n == nil {
		return always
	}
	if b := n.GetBoolExpr(); b != nil {
		return c.boolean(b)
	}
	if n.GetCurrentOfExpr() != nil {
		return filters
	}
	if !c.refers(n) {
		v, numeric := fold(n)
		c.w.exact = c.w.exact || numeric
		if v.known && !v.truthy() {
			return never
		}
		return always
	}
	return c.selfEvident(n)
}

func (c *conditioner) boolean(b *pgtypes.BoolExpr) truth {
	switch b.Boolop {
	case pgtypes.BoolExprType_NOT_EXPR:
		return c.not(c.decide(b.Args[0]), b.Args[0])
	case pgtypes.BoolExprType_OR_EXPR:
		all := never
		for _, a := range b.Args {
			switch c.decide(a) {
			case always:
				return always
			case filters:
				all = filters
			}
		}
		if all == filters && c.complementary(b.Args) {
			return always
		}
		return all
	}
	all := always
	for _, a := range b.Args {
		switch c.decide(a) {
		case never:
			return never
		case filters:
			all = filters
		}
	}
	return all
}

// not turns a truth round. What is all or nothing stays so, unless it is known to be true.
func (c *conditioner) not(t truth, n *pgtypes.Node) truth {
	switch t {
	case never: // false or null
		if v, _ := fold(n); v.known && v.null {
			return never
		}
		return always
	case always:
		v, numeric := fold(n)
		c.w.exact = c.w.exact || numeric
		if v.known && v.truthy() {
			return never
		}
		return always
	}
	return filters
}

// selfEvident finds conditions that mention columns and still hold for every row (or for every row
// without a null there): x = x, x LIKE '%', x IN (SELECT x FROM the same table).
func (c *conditioner) selfEvident(n *pgtypes.Node) truth {
	if s := n.GetSubLink(); s != nil && c.sameTable(s) {
		return always
	}
	if t := n.GetNullTest(); t != nil && systemColumn(t.Arg) {
		return map[bool]truth{true: always, false: never}[t.Nulltesttype == pgtypes.NullTestType_IS_NOT_NULL]
	}
	e := n.GetAExpr()
	if e == nil {
		return filters
	}
	names := parts(e.Name)
	if len(names) == 0 {
		return filters
	}
	op := names[len(names)-1]
	if v, _ := fold(e.Rexpr); v.known && v.number == nil && v.truth == nil && !v.null && matchesAll(e.Kind, op, v.text) {
		return always
	}
	for _, x := range e.Rexpr.GetList().GetItems() { // IN, BETWEEN
		if op == "=" && same(e.Lexpr, x) {
			return always
		}
	}
	if e.Kind == pgtypes.A_Expr_Kind_AEXPR_BETWEEN && allSame(e.Lexpr, e.Rexpr.GetList().GetItems()) {
		return always
	}
	if !same(e.Lexpr, e.Rexpr) {
		return c.joinsItself(e, op)
	}
	switch {
	case e.Kind == pgtypes.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return always
	case e.Kind == pgtypes.A_Expr_Kind_AEXPR_OP && (op == "=" || op == "<=" || op == ">="):
		return always
	case e.Kind == pgtypes.A_Expr_Kind_AEXPR_OP && (op == "<>" || op == "<" || op == ">"), e.Kind == pgtypes.A_Expr_Kind_AEXPR_DISTINCT:
		return never
	}
	return filters
}

// systemColumn reports whether n is a column that is never null.
func systemColumn(n *pgtypes.Node) bool {
	names := parts(n.GetColumnRef().GetFields())
	if len(names) == 0 {
		return false
	}
	switch names[len(names)-1] {
	case "ctid", "tableoid", "xmin", "xmax", "cmin", "cmax":
		return true
	}
	return false
}

// matchesAll reports whether a pattern matches every string.
func matchesAll(kind pgtypes.A_Expr_Kind, op, pattern string) bool {
	switch {
	case kind == pgtypes.A_Expr_Kind_AEXPR_LIKE && op == "~~", kind == pgtypes.A_Expr_Kind_AEXPR_ILIKE && op == "~~*":
		return pattern != "" && strings.Trim(pattern, "%") == ""
	case kind == pgtypes.A_Expr_Kind_AEXPR_OP && (op == "~" || op == "~*"):
		switch pattern {
		case "", ".*", "^", "$", "^.*$", "^.*", ".*$":
			return true
		}
	}
	return false
}

func allSame(n *pgtypes.Node, others []*pgtypes.Node) bool {
	for _, x := range others {
		if !same(n, x) {
			return false
		}
	}
	return len(others) > 0
}

// joinsItself finds t.x = alias.x where alias is the target once more.
func (c *conditioner) joinsItself(e *pgtypes.A_Expr, op string) truth {
	a, b := parts(e.Lexpr.GetColumnRef().GetFields()), parts(e.Rexpr.GetColumnRef().GetFields())
	if op != "=" || len(a) < 2 || len(b) < 2 || a[len(a)-1] != b[len(b)-1] {
		return filters
	}
	target := c.w.relation(c.target)
	for s := c.w.scope; s != nil; s = s.outer {
		for _, r := range s.refs {
			other := a[len(a)-2]
			if other == c.alias {
				other = b[len(b)-2]
			}
			if r.alias == other && r.alias != c.alias && slices.Equal(r.tables, target) {
				return always
			}
		}
	}
	return filters
}

// sameTable reports whether s is x IN (SELECT … FROM target) without a condition.
func (c *conditioner) sameTable(s *pgtypes.SubLink) bool {
	q := s.Subselect.GetSelectStmt()
	if q == nil || len(q.FromClause) != 1 || q.LimitCount != nil || q.LimitOffset != nil || q.HavingClause != nil {
		return false
	}
	r := q.FromClause[0].GetRangeVar()
	if r == nil || r.Relname != c.target.GetRelname() || q.WhereClause != nil && c.decide(q.WhereClause) != always {
		return false
	}
	return s.SubLinkType == pgtypes.SubLinkType_ANY_SUBLINK || s.SubLinkType == pgtypes.SubLinkType_EXISTS_SUBLINK
}

// refers reports whether n mentions a column of the target. An unqualified column inside a
// subquery that has a FROM is taken for one of its own.
func (c *conditioner) refers(m proto.Message) bool { return c.find(m.ProtoReflect(), false) }

func (c *conditioner) find(m protoreflect.Message, inner bool) bool {
	switch n := m.Interface().(type) {
	case *pgtypes.ColumnRef:
		names := parts(n.Fields)
		if len(names) > 1 {
			return names[len(names)-2] == c.alias || names[0] == c.alias
		}
		return !inner
	case *pgtypes.SubLink:
		if n.Testexpr != nil && c.find(n.Testexpr.ProtoReflect(), inner) {
			return true
		}
		if n.Subselect == nil {
			return false
		}
		return c.find(n.Subselect.ProtoReflect(), inner || len(n.Subselect.GetSelectStmt().GetFromClause()) > 0)
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		if !f.IsList() {
			found = c.find(v.Message(), inner)
			return !found
		}
		for i, l := 0, v.List(); i < l.Len() && !found; i++ {
			found = c.find(l.Get(i).Message(), inner)
		}
		return !found
	})
	return found
}

// complementary reports whether two arms of an OR are each other's opposite: x IS NULL and x IS NOT
// NULL, x = 1 and x <> 1. Numbers in them decide, so the shape does not.
func (c *conditioner) complementary(args []*pgtypes.Node) bool {
	if len(args) > 64 {
		return false
	}
	for i, a := range args {
		for _, b := range args[i+1:] {
			if opposite(a, b) || opposite(b, a) {
				c.w.exact = true
				return true
			}
			c.w.exact = c.w.exact || a.GetAExpr() != nil && b.GetAExpr() != nil
		}
	}
	return false
}

func opposite(a, b *pgtypes.Node) bool {
	if n := a.GetBoolExpr(); n != nil && n.Boolop == pgtypes.BoolExprType_NOT_EXPR {
		return same(n.Args[0], b)
	}
	if x, y := a.GetNullTest(), b.GetNullTest(); x != nil && y != nil {
		return x.Nulltesttype != y.Nulltesttype && same(x.Arg, y.Arg)
	}
	x, y := a.GetAExpr(), b.GetAExpr()
	if x == nil || y == nil || x.Kind != pgtypes.A_Expr_Kind_AEXPR_OP || y.Kind != x.Kind {
		return false
	}
	ops := map[string]string{"=": "<>", "<": ">=", ">": "<=", "~": "!~"}
	p, q := parts(x.Name), parts(y.Name)
	if len(p) != 1 || len(q) != 1 || ops[p[0]] != q[0] {
		return false
	}
	return same(x.Lexpr, y.Lexpr) && same(x.Rexpr, y.Rexpr)
}

// same reports whether two expressions are written alike, wherever they stand. A call is never the
// same as another: it may be volatile.
func same(a, b *pgtypes.Node) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return alike(a.ProtoReflect(), b.ProtoReflect())
}

func alike(a, b protoreflect.Message) bool {
	if a.Descriptor() != b.Descriptor() {
		return false
	}
	switch a.Interface().(type) {
	case *pgtypes.FuncCall, *pgtypes.SubLink:
		return false
	}
	equal := true
	fields := a.Descriptor().Fields()
	for i := 0; i < fields.Len() && equal; i++ {
		f := fields.Get(i)
		if f.Name() == "location" {
			continue
		}
		equal = a.Has(f) == b.Has(f) && (!a.Has(f) || alikeField(f, a.Get(f), b.Get(f)))
	}
	return equal
}

func alikeField(f protoreflect.FieldDescriptor, a, b protoreflect.Value) bool {
	if f.Kind() != protoreflect.MessageKind {
		return a.Equal(b)
	}
	if !f.IsList() {
		return alike(a.Message(), b.Message())
	}
	x, y := a.List(), b.List()
	if x.Len() != y.Len() {
		return false
	}
	for i := range x.Len() {
		if !alike(x.Get(i).Message(), y.Get(i).Message()) {
			return false
		}
	}
	return true
}
