// Package lineage follows masked columns through SQL: from the columns of tables to the columns of
// results, and to wherever else a statement takes them.
//
//	masks, catalogue          text, what names mean (package pgsql)
//	      |                              |
//	    World: columns of relations,     |
//	    views, functions (kept) -------> eval: one walk a text
//	                                     |  FROM: namespaces as in parse_relation.c
//	                                     |  targets: every part of an expression counts
//	                                     v
//	      Result: columns with their Taint, conditions, stores, refusals, secrets
//
// # The rule
//
// A value is tainted by a masked column when any part of the expression that it is the value of
// mentions the column: arguments, conditions of CASE and FILTER, orders and windows of aggregates, and
// all that a subquery in the expression mentions. A row of a FROM is tainted in its columns only: that
// it is there at all because of a condition is a predicate, which a mask can deny. What cannot be
// resolved (a relation, column, function or cursor that is not known, a text that cannot be parsed, work
// beyond the budget) is tainted by every mask.
//
// Columns of tables are masked by pattern, and with them those of the whole inheritance tree; columns
// of views by what their queries read, too. Where a name can mean several relations (a prepared statement
// keeps what it was resolved to, a temporary table may be gone), all of those with masked columns count.
//
// # Functions
//
// Those of pg_catalog compute, but for the lists in builtin.go. Bodies in SQL and PL/pgSQL are walked
// once: what they read taints what they return; in PL/pgSQL no flow between variables is followed. In C,
// what is immutable or stable computes, and so do some of well-known extensions. All others, and those
// that run SQL that is computed, cannot be vouched for.
//
// # Stores
//
// A tainted value may go only where masks cover it as well. What an operator's own triggers,
// rules, generated columns and functions do with a value that may be written is theirs to answer for:
// it is not followed.
//
// # What is not done
//
// Types are not resolved: overloads count together, casts and operators of user-defined types are taken
// to compute. Time, row counts and the order of rows are not hidden.
//
// References: PostgreSQL 17 src/backend/parser/parse_relation.c, parse_clause.c, parse_target.c,
// parse_func.c; src/backend/utils/cache/plancache.c.
package lineage
