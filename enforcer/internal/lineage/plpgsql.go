package lineage

import (
	"encoding/json"
	"sort"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// plpgsql looks into a body in PL/pgSQL. What flows where between its variables is not followed: all
// that it reads, it may return.
func (w *World) plpgsql(f *schemas.Function, s *summary, e *eval) {
	t, ok, dynamic := e.body(pgsql.HeadingOf(f) + pgsql.Dollar(f.Source))
	s.taint = t
	s.dynamic = dynamic
	s.unknown = !ok || dynamic
}

// body walks a CREATE FUNCTION or DO in PL/pgSQL. ok is false when it cannot be understood; dynamic
// says that it runs SQL that is computed.
func (e *eval) body(text string) (t Taint, ok, dynamic bool) {
	if e.budget.nesting >= maxNesting {
		return Taint{}, false, false
	}
	data, err := e.world.parser.ParseBody(text)
	var tree any
	if err != nil || json.Unmarshal([]byte(data), &tree) != nil {
		return Taint{}, false, false
	}
	names := map[string]bool{}
	for n := range e.variables {
		names[n] = true
	}
	b := &body{e: e}
	b.names(tree, names)
	outer, seen := e.variables, e.seen
	e.variables, e.seen = names, Taint{}
	e.budget.nesting++
	e.quoted(func() { b.walk(tree, "") })
	e.budget.nesting--
	t = b.taint.and(e.seen)
	e.variables, e.seen = outer, seen.and(t)
	if b.count == 0 || b.failed {
		return t, false, b.dynamic > 0
	}
	return t, true, b.dynamic > 0 || e.dynamicTokens(text)
}

// dynamicTokens reports whether a body has an EXECUTE that a walk did not meet.
func (e *eval) dynamicTokens(text string) bool {
	inside, ok := pgsql.Quoted(text)
	if !ok {
		return true
	}
	tokens, err := e.world.parser.Tokens(inside)
	if err != nil {
		return true
	}
	for _, t := range tokens {
		if t.Token == pgtypes.Token_EXECUTE {
			return true
		}
	}
	return false
}

// body is one PL/pgSQL body that is walked.
type body struct {
	e       *eval
	taint   Taint
	count   int
	dynamic int
	failed  bool
}

// names collects the variables of a body.
func (b *body) names(v any, into map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			b.names(x, into)
		}
	case map[string]any:
		for _, key := range []string{"refname", "label"} {
			if n, ok := v[key].(string); ok {
				into[n] = true
			}
		}
		for _, x := range v {
			b.names(x, into)
		}
	}
}

func (b *body) walk(v any, key string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			b.walk(x, key)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			b.enter(k, v[k], key)
		}
	}
}

func (b *body) enter(k string, v any, parent string) {
	if k == "PLpgSQL_expr" {
		b.expression(v, parent)
		return
	}
	if strings.HasPrefix(k, "PLpgSQL_stmt_") {
		b.count++
	}
	if m, ok := v.(map[string]any); ok && (k == "PLpgSQL_stmt_dynexecute" || k == "PLpgSQL_stmt_dynfors") {
		m["dynquery"] = m["query"]
		delete(m, "query")
	}
	b.walk(v, k)
}

func (b *body) expression(v any, parent string) {
	m, _ := v.(map[string]any)
	query, ok := m["query"].(string)
	mode, _ := m["parseMode"].(float64)
	switch {
	case !ok:
		b.failed = true
	case parent == "dynquery":
		b.run(query)
	case mode == 0:
		b.sql(query)
	case mode == 2:
		b.sql("SELECT " + query)
	case mode >= 3:
		if query, ok = b.e.world.parser.Assigned(query); !ok {
			b.failed = true
			return
		}
		b.sql("SELECT " + query)
	default:
		b.failed = true
	}
}

// sql walks a statement of the body.
func (b *body) sql(text string) {
	tree, err := b.e.world.parser.Parse(text)
	if err != nil {
		b.failed = true
		return
	}
	outer := b.e.scope
	b.e.scope = nil
	for _, s := range tree.Stmts {
		b.taint = b.taint.and(b.e.statement(s.Stmt).everything())
	}
	b.e.scope = outer
}

// run follows EXECUTE of a constant.
func (b *body) run(expression string) {
	tree, err := b.e.world.parser.Parse("SELECT " + expression)
	if err == nil && len(tree.Stmts) == 1 {
		if targets := tree.Stmts[0].Stmt.GetSelectStmt().GetTargetList(); len(targets) == 1 {
			if text, ok := pgsql.Constant(targets[0].GetResTarget().GetVal()); ok {
				b.sql(text)
			}
		}
	}
	b.dynamic++
	b.e.found.impure = true
}
