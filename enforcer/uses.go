package enforcer

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// uses says which variables an expression mentions.
type uses struct {
	now      bool
	text     bool // or the digest
	observed bool
	sql      factUses
	exec     factUses
	file     factUses
	forward  factUses
}

// factUses says what of an object of the command an expression mentions.
type factUses struct{ any, opaque, unparsed bool }

// facts reports whether the expression rests on the meaning of a command.
func (u uses) facts() bool { return u.sql.any || u.exec.any || u.file.any || u.forward.any }

// usesOf finds the variables of an expression. An object that is used as a whole counts as all its
// fields.
func usesOf(checked *cel.Ast) uses {
	var u uses
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			u.now = u.now || e.AsIdent() == "now"
		case ast.SelectKind:
			u.add(pathOf(e))
		}
	}))
	whole(checked.NativeRep().Expr(), false, &u)
	return u
}

func (u *uses) add(path string) {
	switch path {
	case "command.text", "command.digest":
		u.text = true
	case "command.observed":
		u.observed = true
	}
	rest, ok := strings.CutPrefix(path, "command.")
	object, field, selected := strings.Cut(rest, ".")
	if of := u.object(object); ok && selected && of != nil {
		of.any = true
		of.opaque = of.opaque || field == "opaque"
		of.unparsed = of.unparsed || field == "unparsed"
	}
}

// object returns what is noted of an object of the command, nil when there is none of that name.
func (u *uses) object(name string) *factUses {
	switch name {
	case "sql":
		return &u.sql
	case "exec":
		return &u.exec
	case "file":
		return &u.file
	case "forward":
		return &u.forward
	}
	return nil
}

// pathOf writes a chain of selections: "command.sql.kinds", empty when it begins with no variable.
func pathOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if of := pathOf(e.AsSelect().Operand()); of != "" {
			return of + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// whole finds `command` and its objects where no field of them is selected.
func whole(e ast.Expr, selected bool, u *uses) {
	if p := pathOf(e); !selected && p == "command" {
		u.text, u.observed = true, true
		u.sql.any, u.exec.any, u.file.any, u.forward.any = true, true, true, true
	} else if object, ok := strings.CutPrefix(p, "command."); ok && !selected {
		if of := u.object(object); of != nil {
			of.any = true
		}
	}
	switch e.Kind() {
	case ast.SelectKind:
		whole(e.AsSelect().Operand(), true, u)
	case ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			whole(e.AsCall().Target(), false, u)
		}
		for _, a := range e.AsCall().Args() {
			whole(a, false, u)
		}
	case ast.ListKind:
		for _, a := range e.AsList().Elements() {
			whole(a, false, u)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			whole(entry.AsMapEntry().Key(), false, u)
			whole(entry.AsMapEntry().Value(), false, u)
		}
	case ast.StructKind:
		for _, f := range e.AsStruct().Fields() {
			whole(f.AsStructField().Value(), false, u)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			whole(part, false, u)
		}
	}
}
