package lineage

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
)

// nameless is what PostgreSQL calls a column that it has no name for.
const nameless = "?column?"

// Strengths of a name, as parse_target.c's FigureColnameInternal returns them.
const (
	none   = 0
	weak   = 1 // a cast around it gives its own
	strong = 2
)

// figure names a column as PostgreSQL does (FigureColname), a scalar subquery's aside.
func figure(n *pgtypes.Node) string {
	return (*eval)(nil).figured(n)
}

func (e *eval) figured(n *pgtypes.Node) string {
	if name, strength := e.name(n); strength != none {
		return name
	}
	return nameless
}

// name is FigureColnameInternal.
func (e *eval) name(n *pgtypes.Node) (string, int) {
	switch v := n.GetNode().(type) {
	case *pgtypes.Node_ColumnRef:
		return lastOf(pgsql.Strings(v.ColumnRef.Fields))
	case *pgtypes.Node_AIndirection:
		if name, s := lastOf(pgsql.Strings(v.AIndirection.Indirection)); s != none {
			return name, s
		}
		return e.name(v.AIndirection.Arg)
	case *pgtypes.Node_FuncCall:
		name, s := lastOf(pgsql.Strings(v.FuncCall.Funcname))
		if name == "extract" && v.FuncCall.Funcformat == pgtypes.CoercionForm_COERCE_SQL_SYNTAX {
			return e.since(14, "date_part", name), strong
		}
		return name, s
	case *pgtypes.Node_AConst:
		if _, boolean := v.AConst.Val.(*pgtypes.A_Const_Boolval); boolean {
			if name := e.since(15, "bool", ""); name != "" {
				return name, weak
			}
		}
	case *pgtypes.Node_AExpr:
		if v.AExpr.Kind == pgtypes.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", strong
		}
	case *pgtypes.Node_TypeCast:
		name, s := e.name(v.TypeCast.Arg)
		if s <= weak {
			if last, ok := lastOf(pgsql.Strings(v.TypeCast.TypeName.GetNames())); ok != none {
				return last, weak
			}
		}
		return name, s
	case *pgtypes.Node_CollateClause:
		return e.name(v.CollateClause.Arg)
	case *pgtypes.Node_GroupingFunc:
		return "grouping", strong
	case *pgtypes.Node_MergeSupportFunc:
		return "merge_action", strong
	case *pgtypes.Node_SubLink:
		return e.sublinkName(v.SubLink)
	case *pgtypes.Node_CaseExpr:
		name, s := e.name(v.CaseExpr.Defresult)
		if s <= weak {
			return "case", weak
		}
		return name, s
	}
	return fixed(n)
}

// since is a name that is another one from a version of the server on.
func (e *eval) since(major int, before, after string) string {
	switch {
	case e == nil || e.major == 0:
		return unnamed
	case e.major < major:
		return before
	}
	return after
}

func lastOf(names []string) (string, int) {
	if len(names) == 0 {
		return "", none
	}
	return names[len(names)-1], strong
}

// sublinkName is the name of a subquery's single column.
func (e *eval) sublinkName(s *pgtypes.SubLink) (string, int) {
	switch s.SubLinkType {
	case pgtypes.SubLinkType_EXISTS_SUBLINK:
		return "exists", strong
	case pgtypes.SubLinkType_ARRAY_SUBLINK:
		return "array", strong
	case pgtypes.SubLinkType_EXPR_SUBLINK:
		if e == nil {
			return "", none
		}
		kept, seen := *e.found, e.seen
		out := e.query(s.Subselect.GetSelectStmt())
		*e.found, e.seen = kept, seen
		if len(out.columns) == 1 && !out.open {
			return out.columns[0].Name, strong
		}
		return unnamed, strong
	}
	return "", none
}

// unnamed stands for a name that cannot be told: PostgreSQL knows none with a NUL.
const unnamed = "\x00"

// fixed are the nodes that are always called the same.
func fixed(n *pgtypes.Node) (string, int) {
	switch v := n.GetNode().(type) {
	case *pgtypes.Node_AArrayExpr:
		return "array", strong
	case *pgtypes.Node_RowExpr:
		return "row", strong
	case *pgtypes.Node_CoalesceExpr:
		return "coalesce", strong
	case *pgtypes.Node_MinMaxExpr:
		if v.MinMaxExpr.Op == pgtypes.MinMaxOp_IS_LEAST {
			return "least", strong
		}
		return "greatest", strong
	case *pgtypes.Node_SqlvalueFunction:
		if name, ok := valueNames[v.SqlvalueFunction.Op]; ok {
			return name, strong
		}
	case *pgtypes.Node_XmlExpr:
		if name, ok := xmlNames[v.XmlExpr.Op]; ok {
			return name, strong
		}
	case *pgtypes.Node_XmlSerialize:
		return "xmlserialize", strong
	case *pgtypes.Node_JsonParseExpr:
		return "json", strong
	case *pgtypes.Node_JsonScalarExpr:
		return "json_scalar", strong
	case *pgtypes.Node_JsonSerializeExpr:
		return "json_serialize", strong
	case *pgtypes.Node_JsonObjectConstructor:
		return "json_object", strong
	case *pgtypes.Node_JsonArrayConstructor, *pgtypes.Node_JsonArrayQueryConstructor:
		return "json_array", strong
	case *pgtypes.Node_JsonObjectAgg:
		return "json_objectagg", strong
	case *pgtypes.Node_JsonArrayAgg:
		return "json_arrayagg", strong
	case *pgtypes.Node_JsonFuncExpr:
		if name, ok := jsonNames[v.JsonFuncExpr.Op]; ok {
			return name, strong
		}
	}
	return "", none
}

var valueNames = map[pgtypes.SQLValueFunctionOp]string{
	pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_DATE: "current_date", pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_TIME: "current_time",
	pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N: "current_time", pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP: "current_timestamp",
	pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N: "current_timestamp", pgtypes.SQLValueFunctionOp_SVFOP_LOCALTIME: "localtime",
	pgtypes.SQLValueFunctionOp_SVFOP_LOCALTIME_N: "localtime", pgtypes.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP: "localtimestamp",
	pgtypes.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N: "localtimestamp", pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_ROLE: "current_role",
	pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_USER: "current_user", pgtypes.SQLValueFunctionOp_SVFOP_USER: "user",
	pgtypes.SQLValueFunctionOp_SVFOP_SESSION_USER: "session_user", pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG: "current_catalog",
	pgtypes.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA: "current_schema",
}

var xmlNames = map[pgtypes.XmlExprOp]string{
	pgtypes.XmlExprOp_IS_XMLCONCAT: "xmlconcat", pgtypes.XmlExprOp_IS_XMLELEMENT: "xmlelement", pgtypes.XmlExprOp_IS_XMLFOREST: "xmlforest",
	pgtypes.XmlExprOp_IS_XMLPARSE: "xmlparse", pgtypes.XmlExprOp_IS_XMLPI: "xmlpi", pgtypes.XmlExprOp_IS_XMLROOT: "xmlroot",
	pgtypes.XmlExprOp_IS_XMLSERIALIZE: "xmlserialize",
}

var jsonNames = map[pgtypes.JsonExprOp]string{
	pgtypes.JsonExprOp_JSON_EXISTS_OP: "json_exists", pgtypes.JsonExprOp_JSON_QUERY_OP: "json_query", pgtypes.JsonExprOp_JSON_VALUE_OP: "json_value",
}
