package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// evaluates marks what makes bash run something while it evaluates: arithmetic takes the value of a variable for an
// expression, in which a subscript may be a substitution (bash 5.2, "Shell Arithmetic").
func (w *walker) evaluates(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.ArithmExp:
		w.arithmetic(n.X)
	case *syntax.ArithmCmd:
		w.found.arithmetic = true
		w.arithmetic(n.X)
	case *syntax.LetClause:
		for _, x := range n.Exprs {
			w.arithmetic(x)
		}
	case *syntax.CStyleLoop:
		w.arithmetic(n.Init)
		w.arithmetic(n.Cond)
		w.arithmetic(n.Post)
	case *syntax.ParamExp:
		w.parameter(n)
	case *syntax.Assign:
		w.arithmetic(n.Index)
	case *syntax.ArrayElem:
		w.arithmetic(n.Index)
	case *syntax.BinaryTest:
		if n.Op >= syntax.TsEql && n.Op <= syntax.TsGtr {
			w.number(n.X)
			w.number(n.Y)
		}
	case *syntax.UnaryTest:
		if n.Op == syntax.TsVarSet || n.Op == syntax.TsRefVar {
			w.name(n.X)
		}
	case *syntax.ExtGlob: // in zsh, parentheses after a pattern may run something
		w.found.opaque = true
	}
}

func (w *walker) parameter(p *syntax.ParamExp) {
	switch {
	case p.Excl && p.Names == 0 && !isAll(p.Index), p.NestedParam != nil, p.Flags != nil:
		w.found.opaque = true
	case p.Exp != nil && p.Exp.Op == syntax.OtherParamOps && p.Exp.Word.Lit() == "P": // as a prompt
		w.found.opaque = true
	}
	if p.Index != nil && !isAll(p.Index) {
		w.arithmetic(p.Index)
	}
	if p.Slice != nil {
		w.arithmetic(p.Slice.Offset)
		w.arithmetic(p.Slice.Length)
	}
}

// isAll reports the subscripts @ and *.
func isAll(x syntax.ArithmExpr) bool {
	word, ok := x.(*syntax.Word)
	return ok && (word.Lit() == "@" || word.Lit() == "*")
}

// arithmetic marks an expression that rests on anything but numbers.
func (w *walker) arithmetic(x syntax.ArithmExpr) {
	switch x := x.(type) {
	case nil:
	case *syntax.BinaryArithm:
		w.arithmetic(x.X)
		w.arithmetic(x.Y)
	case *syntax.UnaryArithm:
		w.arithmetic(x.X)
	case *syntax.ParenArithm:
		w.arithmetic(x.X)
	case *syntax.Word:
		if !w.isNumeric(x) {
			w.found.opaque = true
		}
	default:
		w.found.opaque = true
	}
}

func (w *walker) isNumeric(word *syntax.Word) bool {
	for _, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if !integer.MatchString(p.Value) && (len(word.Parts) > 1 || !w.vars.isNumber(p.Value)) && !isNumeral(p.Value) {
				return false
			}
		case *syntax.ParamExp:
			if p.Length || p.Param == nil || p.Exp != nil || p.Repl != nil {
				if !p.Length {
					return false
				}
				continue
			}
			if p.Index != nil || p.Excl || p.Slice != nil || !w.vars.isNumber(p.Param.Value) {
				return false
			}
		case *syntax.ArithmExp:
		default:
			return false
		}
	}
	return len(word.Parts) > 0
}

// isNumeral reports numbers in other bases: 0x1f, 16#ff.
func isNumeral(s string) bool {
	return s != "" && s[0] >= '0' && s[0] <= '9' && strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '#'
	}) < 0
}

// number marks an operand of [[ … -eq … ]] that is not a number.
func (w *walker) number(x syntax.TestExpr) {
	if word, ok := x.(*syntax.Word); !ok || !w.isNumeric(word) {
		w.found.opaque = true
	}
}

// name marks the operand of [[ -v … ]] that is not a plain name.
func (w *walker) name(x syntax.TestExpr) {
	if word, ok := x.(*syntax.Word); !ok || !plainName.MatchString(word.Lit()) {
		w.found.opaque = true
	}
}
