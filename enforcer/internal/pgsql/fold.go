package pgsql

import (
	"math/big"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
)

// value is what an expression of constants comes to, as far as it is followed.
type value struct {
	known  bool
	null   bool
	number *big.Rat
	truth  *bool
	text   string // a string, when number and truth are nil
}

// truthy reports whether a condition of that value lets a row through.
func (v value) truthy() bool {
	switch {
	case v.null:
		return false
	case v.truth != nil:
		return *v.truth
	case v.number != nil:
		return v.number.Sign() != 0
	}
	switch strings.TrimSpace(lower(v.text)) {
	case "f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0":
		return false
	}
	return true
}

func boolean(b bool) value { return value{known: true, truth: &b} }

var nothing = value{known: true, null: true}

// fold computes an expression of constants; numeric says that a number played a part.
func fold(n *pgtypes.Node) (v value, numeric bool) {
	return folding(n, 0)
}

func folding(n *pgtypes.Node, depth int) (v value, numeric bool) {
	if n == nil || depth > 200 {
		return value{}, false
	}
	switch {
	case n.GetAConst() != nil:
		return constant(n.GetAConst())
	case n.GetTypeCast() != nil:
		return cast(n.GetTypeCast(), depth)
	case n.GetAExpr() != nil:
		return operation(n.GetAExpr(), depth)
	case n.GetBoolExpr() != nil:
		return logic(n.GetBoolExpr(), depth)
	case n.GetNullTest() != nil:
		t := n.GetNullTest()
		v, numeric := folding(t.Arg, depth+1)
		if !v.known {
			return value{}, numeric
		}
		return boolean(v.null == (t.Nulltesttype == pgtypes.NullTestType_IS_NULL)), numeric
	}
	return value{}, false
}

func constant(c *pgtypes.A_Const) (value, bool) {
	if c.Isnull {
		return nothing, false
	}
	switch v := c.Val.(type) {
	case *pgtypes.A_Const_Boolval:
		return boolean(v.Boolval.GetBoolval()), false
	case *pgtypes.A_Const_Ival:
		return value{known: true, number: new(big.Rat).SetInt64(int64(v.Ival.GetIval()))}, true
	case *pgtypes.A_Const_Fval:
		text := v.Fval.GetFval()
		if len(text) > 64 || strings.ContainsAny(text, "eExXoObB_") {
			return value{}, true
		}
		if r, ok := new(big.Rat).SetString(text); ok {
			return value{known: true, number: r}, true
		}
		return value{}, true
	case *pgtypes.A_Const_Sval:
		return value{known: true, text: v.Sval.GetSval()}, false
	}
	return value{}, false
}

// cast follows casts to text and boolean, and those that leave a number as it is.
func cast(c *pgtypes.TypeCast, depth int) (value, bool) {
	v, numeric := folding(c.Arg, depth+1)
	names := parts(c.TypeName.GetNames())
	if !v.known || v.null || len(names) == 0 {
		return v, numeric // NULL of any type
	}
	if len(names) > 1 && names[0] != schemaCatalog {
		return value{}, numeric
	}
	switch names[len(names)-1] {
	case "bool":
		return boolean(v.truthy()), numeric
	case "text", "varchar":
		if v.number == nil && v.truth == nil && len(c.TypeName.Typmods) == 0 {
			return v, numeric
		}
	case "numeric":
		if v.number != nil && len(c.TypeName.Typmods) == 0 {
			return v, numeric
		}
	case "int4", "int8", "int2":
		if v.number != nil && v.number.IsInt() {
			return v, numeric
		}
	}
	return value{}, numeric
}

func operation(e *pgtypes.A_Expr, depth int) (value, bool) {
	names := parts(e.Name)
	if len(names) != 1 || e.Kind != pgtypes.A_Expr_Kind_AEXPR_OP {
		return value{}, true // not followed, and a number may matter
	}
	b, numericB := folding(e.Rexpr, depth+1)
	if e.Lexpr == nil {
		if names[0] == "-" && b.known && b.number != nil {
			return value{known: true, number: new(big.Rat).Neg(b.number)}, true
		}
		return value{}, numericB
	}
	a, numericA := folding(e.Lexpr, depth+1)
	numeric := numericA || numericB
	if !a.known || !b.known {
		return value{}, numeric
	}
	if a.null || b.null {
		if names[0] == "=" { // with transform_null_equals it is IS NULL
			return value{}, numeric
		}
		return nothing, numeric
	}
	if names[0] == "||" && a.number == nil && b.number == nil && a.truth == nil && b.truth == nil {
		return value{known: true, text: a.text + b.text}, numeric
	}
	if order, ok := compare(a, b); ok {
		return compared(names[0], order), numeric
	}
	return value{}, numeric
}

// compare orders two numbers, truths or strings; of strings it knows only whether they are equal.
func compare(a, b value) (order int, ok bool) {
	switch {
	case a.number != nil && b.number != nil:
		return a.number.Cmp(b.number), true
	case a.truth != nil && b.truth != nil:
		if *a.truth == *b.truth {
			return 0, true
		}
		if *b.truth {
			return -1, true
		}
		return 1, true
	case a.number == nil && b.number == nil && a.truth == nil && b.truth == nil:
		if a.text == b.text {
			return 0, true
		}
		return 2, true
	}
	return 0, false
}

func compared(op string, order int) value {
	if order == 2 { // strings that differ: their order depends on the collation
		switch op {
		case "=":
			return boolean(false)
		case "<>":
			return boolean(true)
		}
		return value{}
	}
	switch op {
	case "=":
		return boolean(order == 0)
	case "<>":
		return boolean(order != 0)
	case "<":
		return boolean(order < 0)
	case "<=":
		return boolean(order <= 0)
	case ">":
		return boolean(order > 0)
	case ">=":
		return boolean(order >= 0)
	}
	return value{}
}

func logic(e *pgtypes.BoolExpr, depth int) (value, bool) {
	numeric, unknown, null := false, false, false
	and := e.Boolop == pgtypes.BoolExprType_AND_EXPR
	for _, a := range e.Args {
		v, n := folding(a, depth+1)
		numeric = numeric || n
		switch {
		case !v.known:
			unknown = true
		case v.null:
			null = true
		case e.Boolop == pgtypes.BoolExprType_NOT_EXPR:
			return boolean(!v.truthy()), numeric
		case v.truthy() != and:
			return boolean(!and), numeric
		}
	}
	switch {
	case unknown:
		return value{}, numeric
	case null:
		return nothing, numeric
	}
	return boolean(and), numeric
}
