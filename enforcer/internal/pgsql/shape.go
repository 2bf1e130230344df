package pgsql

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"
)

// byShape reports whether a statement is of a kind whose facts can hold for a whole shape: the text
// with its plain numbers aside. Whether they do, the walk finds out.
func byShape(n *pgtypes.Node) bool {
	switch {
	case n.GetSelectStmt() != nil, n.GetInsertStmt() != nil, n.GetUpdateStmt() != nil, n.GetDeleteStmt() != nil:
		return true
	case n.GetTransactionStmt() != nil:
		return true
	case n.GetExplainStmt() != nil:
		e := n.GetExplainStmt()
		return len(e.Options) == 0 && byShape(e.Query)
	}
	return false
}
