package pgsql

import (
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// do walks a DO block.
func (w *walker) do(s *pgtypes.DoStmt) {
	w.kind("DO")
	language, body := "plpgsql", ""
	for _, a := range s.Args {
		switch d := a.GetDefElem(); d.GetDefname() {
		case "language":
			language = lower(d.Arg.GetString_().GetSval())
		case "as":
			body = d.Arg.GetString_().GetSval()
		}
	}
	if language != "plpgsql" {
		w.opaque = true
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
		return
	}
	w.plpgsql("DO " + dollar(body))
	if w.opaque {
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
	}
}

// callProcedure notes a CALL. A procedure is there to change something, and what is not known.
func (w *walker) callProcedure(s *pgtypes.CallStmt) {
	w.kind("CALL")
	names := parts(s.Funccall.GetFuncname())
	if n := len(names); (n == 0 || n == 1 || names[0] != schemaCatalog) && !w.procedures(names) {
		w.opaque = true
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
	}
	w.visit(s.Funccall)
}

// createFunction walks a CREATE FUNCTION or PROCEDURE and its body.
func (w *walker) createFunction(s *pgtypes.CreateFunctionStmt) {
	w.exact = true
	w.kind("CREATE", map[bool]string{true: "CREATE_PROCEDURE", false: "CREATE_FUNCTION"}[s.IsProcedure])
	language, body := "", []string(nil)
	for _, o := range s.Options {
		d := o.GetDefElem()
		switch d.GetDefname() {
		case "language":
			language = lower(d.Arg.GetString_().GetSval())
		case "as":
			body = parts(d.Arg.GetList().GetItems())
		case "security":
			if d.Arg.GetBoolean().GetBoolval() {
				w.kind("SECURITY_DEFINER")
			}
		}
	}
	before := len(w.effects)
	w.nesting++ // it runs later: its effects are unknown ones
	w.nodes(s.Parameters)
	w.body(s, language, body)
	w.nesting--
	if len(w.effects) > before { // whoever calls it changes what names mean
		w.opaque = true
	}
}

func (w *walker) body(s *pgtypes.CreateFunctionStmt, language string, body []string) {
	outer := w.deferred
	w.deferred = true
	defer func() { w.deferred = outer }()
	switch {
	case s.SqlBody != nil:
		w.visit(s.SqlBody) // resolved now
		return
	case len(body) != 1:
		w.opaque = true // an object file and a symbol
	case language == "sql":
		w.nested(body[0])
	case language == "plpgsql":
		w.plpgsql(header(s) + dollar(body[0]))
	case language == "internal": // another name for what is built in
		w.functions.add(qualify(schemaCatalog, body[0]))
	default:
		w.opaque = true
	}
}

// header is a CREATE FUNCTION with what PL/pgSQL's parser needs to know of the real one: names and
// modes of its parameters, and whether it is a trigger's or returns a set. Assigning to a field of a
// composite parameter is beyond that parser; the body is then opaque.
func header(s *pgtypes.CreateFunctionStmt) string {
	var in, table []string
	for _, n := range s.Parameters {
		p := n.GetFunctionParameter()
		if p.GetMode() == pgtypes.FunctionParameterMode_FUNC_PARAM_TABLE {
			table = append(table, identifierOf(p.GetName())+" int")
			continue
		}
		in = append(in, mode(p.GetMode())+identifierOf(p.GetName())+" int")
	}
	returns := ""
	names := parts(s.ReturnType.GetNames())
	switch {
	case len(table) > 0:
		returns = " RETURNS TABLE (" + strings.Join(table, ", ") + ")"
	case len(names) > 0 && (names[len(names)-1] == "trigger" || names[len(names)-1] == "event_trigger"):
		returns = " RETURNS " + names[len(names)-1]
	case s.ReturnType.GetSetof():
		returns = " RETURNS SETOF int"
	case s.ReturnType != nil:
		returns = " RETURNS int"
	}
	return "CREATE " + map[bool]string{true: "PROCEDURE", false: "FUNCTION"}[s.IsProcedure] +
		" f(" + strings.Join(in, ", ") + ")" + returns + " LANGUAGE plpgsql AS "
}

func mode(m pgtypes.FunctionParameterMode) string {
	switch m {
	case pgtypes.FunctionParameterMode_FUNC_PARAM_OUT:
		return "OUT "
	case pgtypes.FunctionParameterMode_FUNC_PARAM_INOUT:
		return "INOUT "
	}
	return ""
}

func identifierOf(name string) string {
	if name == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// dollar quotes text so that nothing in it ends the quotes.
func dollar(text string) string {
	tag := "$sallyport"
	for strings.Contains(text+"$", tag+"$") || strings.HasSuffix(text, tag) {
		tag += "x"
	}
	return tag + "$" + text + tag + "$"
}
