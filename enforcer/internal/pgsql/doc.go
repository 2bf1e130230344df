// Package pgsql turns PostgreSQL's SQL into facts, with PostgreSQL's own grammar (libpg_query 17).
//
//	text, session state
//	      |
//	   refusable: NUL, not UTF-8, lexed otherwise by the server, too large, too deep ---> unparsed
//	      |
//	    parse --- syntax error -----------------------------------------------------> unparsed
//	      |
//	     walk --> statements, nested ones, bodies, prepared ones --> kinds, tables, columns, …
//
// The rule for doubt: where the text alone does not decide (which schema of the search path holds
// a table, which table an unqualified column belongs to), every possibility is in the facts, and
// what cannot be seen at all makes them opaque. So a policy that forbids a table errs towards
// forbidding.
//
// A catalogue, where there is one, adds what exists: bodies of functions, queries of views, functions of
// triggers, the schema "$user". What triggers and rewrite rules do is not followed. Operators and casts
// are not resolved to their functions.
//
// The C parser recurses without a limit on left-deep trees and would take the process with it;
// guard.go bounds depth by tokens before it parses.
//
// References: PostgreSQL 17 src/backend/parser/gram.y and scan.l, src/pl/plpgsql/src/pl_gram.y.
package pgsql
