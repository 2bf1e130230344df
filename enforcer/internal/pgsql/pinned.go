package pgsql

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
)

// meaningful are the settings that change what a text means, or who runs it.
var meaningful = []string{
	"search_path", "role", "session_authorization", "standard_conforming_strings", "client_encoding", "backslash_quote",
}

// pinned returns the calls of set_config in
//
//	SELECT set_config(name, 'value', false) FROM pg_settings WHERE name = 'setting'
//
// when the setting is not a meaningful one. It is how pg_dump sets what only some servers have.
func (w *walker) pinned(s *pgtypes.SelectStmt) map[*pgtypes.FuncCall]bool {
	if s == nil || s.WithClause != nil || s.Larg != nil || len(s.FromClause) != 1 || len(s.TargetList) != 1 {
		return nil
	}
	f := s.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	if f == nil || len(f.Args) != 3 || !column(f.Args[0], "name") || !w.settingsView(s.FromClause[0].GetRangeVar()) {
		return nil
	}
	where := s.WhereClause.GetAExpr()
	if where == nil || where.Kind != pgtypes.A_Expr_Kind_AEXPR_OP || !slices.Equal(parts(where.Name), []string{"="}) || !column(where.Lexpr, "name") {
		return nil
	}
	setting, _ := fold(where.Rexpr)
	text, _ := fold(f.Args[1])
	local, _ := fold(f.Args[2])
	if !setting.known || setting.null || setting.number != nil || !text.known || !local.known || slices.Contains(meaningful, lower(setting.text)) {
		return nil
	}
	return map[*pgtypes.FuncCall]bool{f: true}
}

func (w *walker) settingsView(r *pgtypes.RangeVar) bool {
	if r == nil || r.Alias != nil || r.Catalogname != "" {
		return false
	}
	if r.Schemaname != "" {
		return r.Schemaname == "pg_catalog" && r.Relname == "pg_settings"
	}
	names, sure := w.env.candidates(r.Relname, true)
	return r.Relname == "pg_settings" && sure && slices.Equal(names, []string{"pg_catalog.pg_settings"})
}

func column(n *pgtypes.Node, name string) bool {
	c := n.GetColumnRef()
	return c != nil && len(c.Fields) == 1 && c.Fields[0].GetString_().GetSval() == name
}
