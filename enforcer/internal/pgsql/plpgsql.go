package pgsql

import (
	"encoding/json"
	"sort"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
)

// Modes in which PL/pgSQL parses the text of an expression.
const (
	parseStatement  = 0
	parseExpression = 2
	parseAssign     = 3 // and above: the target has one, two or three names
)

// plpgsql walks a function or DO block in PL/pgSQL: every statement and expression in it. What
// EXECUTE runs is followed when its text is constant, and is opaque all the same.
func (w *walker) plpgsql(text string) {
	w.exact = true
	if w.nesting >= maxNesting {
		w.opaque = true
		return
	}
	data, err := w.a.parseBody(text)
	var tree any
	if err != nil || json.Unmarshal([]byte(data), &tree) != nil {
		w.opaque = true
		return
	}
	b := &body{w: w}
	b.walk(tree, "")
	if b.expressions == 0 && b.statements == 0 {
		w.opaque = true // nothing was understood
	}
	b.control(text)
}

// body is one PL/pgSQL body that is walked.
type body struct {
	w           *walker
	statements  int
	expressions int
	dynamic     int
}

// walk goes through the JSON of a body. key is the name under which v stands.
func (b *body) walk(v any, key string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			b.walk(e, key)
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
	switch {
	case k == "PLpgSQL_expr":
		b.expression(v, parent)
		return
	case k == "PLpgSQL_stmt_commit":
		b.w.kind("COMMIT")
	case k == "PLpgSQL_stmt_rollback":
		b.w.kind("ROLLBACK")
	case k == "PLpgSQL_stmt_dynexecute" || k == "PLpgSQL_stmt_dynfors":
		b.statements++
		if m, ok := v.(map[string]any); ok {
			m["dynquery"] = m["query"]
			delete(m, "query")
		}
	}
	if strings.HasPrefix(k, "PLpgSQL_stmt_") {
		b.statements++
	}
	b.walk(v, k)
}

func (b *body) expression(v any, parent string) {
	m, _ := v.(map[string]any)
	query, ok := m["query"].(string)
	mode, _ := m["parseMode"].(float64)
	if !ok {
		b.w.opaque = true
		return
	}
	b.expressions++
	if parent == "dynquery" {
		b.dynamic++
		b.execute(query)
		return
	}
	switch {
	case mode == parseStatement:
		b.w.nested(query)
	case mode >= parseAssign:
		if query, ok = b.w.a.assigned(query); !ok {
			b.w.opaque = true
			return
		}
		fallthrough
	case mode == parseExpression:
		b.w.value(query)
	default:
		b.w.opaque = true
	}
}

// value walks an expression, which PL/pgSQL runs as a SELECT of it. That SELECT is no statement of
// anybody's.
func (w *walker) value(expression string) {
	had := w.kinds.has("SELECT")
	outer := w.kinds
	w.kinds = set{}
	w.nested("SELECT " + expression)
	inner := w.kinds
	w.kinds = outer
	for k := range inner {
		if k != "SELECT" || had || strings.Contains(strings.ToUpper(expression), "SELECT") {
			w.kinds.add(k)
		}
	}
}

// execute follows EXECUTE.
func (b *body) execute(expression string) {
	b.w.opaque = true
	tree, err := b.w.a.parse("SELECT " + expression)
	if err != nil || len(tree.Stmts) != 1 {
		return
	}
	b.w.value(expression)
	targets := tree.Stmts[0].Stmt.GetSelectStmt().GetTargetList()
	if len(targets) != 1 {
		return
	}
	if v, _ := fold(targets[0].GetResTarget().GetVal()); v.known && !v.null && v.number == nil && v.truth == nil {
		b.w.nested(v.text)
	}
}

// assigned returns the right side of "target := expression".
func (a *Analyzer) assigned(text string) (string, bool) {
	tokens, err := a.tokens(text)
	if err != nil {
		return "", false
	}
	depth := 0
	for _, t := range tokens {
		switch t.Token {
		case pgtypes.Token_ASCII_91:
			depth++
		case pgtypes.Token_ASCII_93:
			depth--
		case pgtypes.Token_COLON_EQUALS, pgtypes.Token_ASCII_61:
			if depth == 0 {
				return text[t.End:], true
			}
		}
	}
	return "", false
}

// control holds what was found against the tokens of the body: an EXECUTE that the walk did not
// meet makes it opaque.
func (b *body) control(text string) {
	inside, ok := quoted(text)
	if !ok {
		b.w.opaque = true
		return
	}
	tokens, err := b.w.a.tokens(inside)
	if err != nil {
		b.w.opaque = true
		return
	}
	for _, t := range tokens {
		if t.Token == pgtypes.Token_EXECUTE && b.dynamic == 0 {
			b.w.opaque = true
		}
	}
}

// quoted returns what dollar put in quotes.
func quoted(text string) (string, bool) {
	start := strings.LastIndex(text, "$sallyport")
	open := strings.Index(text, "$sallyport")
	if open < 0 || start <= open {
		return "", false
	}
	tag := text[start:]
	open = strings.Index(text, tag)
	if open < 0 || open+len(tag) > start {
		return "", false
	}
	return text[open+len(tag) : start], true
}
