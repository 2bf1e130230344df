package search

import (
	"context"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/search/internal/query"
	"sallyport/search/internal/words"
)

// evaluator finds the documents that a parsed query matches, and notes what to highlight.
type evaluator struct {
	view   *view
	now    time.Time
	wanted []wanted

	prompted map[query.Term][]schemas.RunID // what each prompt: of the query stands for
}

// wanted is a text that hits may contain.
type wanted struct {
	parts  []string // where
	phrase []string // terms at successive positions, "" for any
	whole  string   // one term that the phrase is, too, if any
	prefix string   // or the beginning of one term
}

// matching returns what of the set within matches n; nil matches everything.
func (e *evaluator) matching(ctx context.Context, n query.Node, within set) (set, error) {
	if n == nil {
		return within, nil
	}
	found, err := e.node(ctx, n, scope{parts: query.Parts, shown: true, within: within})
	return and(within, found), err
}

func (v *view) everything() (set, error) { return v.postings(fieldAny, anyTerm) }

// scope is where words are looked for, and whether they are to be highlighted.
type scope struct {
	parts  []string
	shown  bool
	within set // nothing else is of interest; what is found may have more
}

func (e *evaluator) node(ctx context.Context, n query.Node, s scope) (set, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case query.And:
		return e.and(ctx, n, s)
	case query.Or:
		return e.or(ctx, n, s)
	case query.Not:
		return e.and(ctx, query.And{Nodes: []query.Node{n}}, s)
	case query.Term:
		return e.term(n, s)
	}
	panic("unknown node") // the parser makes no other
}

// and narrows where its words are looked for to the parts that a field: beside them names.
func (e *evaluator) and(ctx context.Context, n query.And, s scope) (set, error) {
	for _, child := range n.Nodes {
		if parts := partsOf(child); parts != nil {
			s.parts = slices.DeleteFunc(slices.Clone(s.parts), func(p string) bool { return !slices.Contains(parts, p) })
		}
	}
	out := s.within
	// A phrase is looked for in documents, so what narrows them comes first.
	nodes := slices.Clone(n.Nodes)
	slices.SortStableFunc(nodes, func(a, b query.Node) int { return costs(a) - costs(b) })
	for _, child := range nodes {
		in, join := s, and
		in.within = out
		if negated, is := child.(query.Not); is {
			child, in.shown, join = negated.Node, !s.shown, except
		}
		found, err := e.node(ctx, child, in)
		if err != nil {
			return nil, err
		}
		out = join(out, found)
	}
	return out, nil
}

// costs is 1 for what looks into documents, else 0.
func costs(n query.Node) int {
	switch n := n.(type) {
	case query.And:
		return slices.Max(each(n.Nodes, costs))
	case query.Or:
		return slices.Max(each(n.Nodes, costs))
	case query.Not:
		return costs(n.Node)
	case query.Term:
		if (n.Field == query.Text || n.Field == query.Error) && !n.Prefix && len(words.Phrase(n.Value)) > 1 {
			return 1
		}
	}
	return 0
}

func each[A, B any](as []A, f func(A) B) []B {
	out := make([]B, len(as))
	for i, a := range as {
		out[i] = f(a)
	}
	return out
}

func (e *evaluator) or(ctx context.Context, n query.Or, s scope) (set, error) {
	out := make(set, len(e.view.segments))
	for _, child := range n.Nodes {
		found, err := e.node(ctx, child, s)
		if err != nil {
			return nil, err
		}
		out = or(out, found)
	}
	return out, nil
}

// partsOf returns the parts that n, a field: or several with OR between, names.
func partsOf(n query.Node) []string {
	switch n := n.(type) {
	case query.Term:
		if n.Field == query.In {
			return []string{n.Value}
		}
	case query.Or:
		var all []string
		for _, child := range n.Nodes {
			parts := partsOf(child)
			if parts == nil {
				return nil
			}
			all = append(all, parts...)
		}
		return all
	}
	return nil
}

func (e *evaluator) term(t query.Term, s scope) (set, error) {
	switch t.Field {
	case query.Text:
		return e.text(t, s)
	case query.Error:
		code, err := e.keyword(t)
		if err != nil || len(words.Phrase(t.Value)) == 0 {
			return code, err
		}
		said, err := e.text(t, scope{[]string{query.Failure}, s.shown, s.within})
		return or(code, said), err
	case query.After, query.Before:
		return e.time(t)
	case query.Prompt:
		return e.view.ofRuns(e.prompted[t])
	}
	return e.keyword(t)
}

func (e *evaluator) keyword(t query.Term) (set, error) {
	v := strings.ToLower(t.Value)
	if t.Prefix {
		return e.view.between(string(t.Field), v, afterPrefix(v))
	}
	return e.view.postings(string(t.Field), v)
}

func (e *evaluator) time(t query.Term) (set, error) {
	at, err := query.ParseTime(t.Value, e.now)
	if err != nil {
		return nil, err
	}
	if t.Field == query.Before {
		return e.view.span(time.Time{}, at)
	}
	return e.view.span(at, time.Time{})
}

// text looks for words in each part of the scope.
func (e *evaluator) text(t query.Term, s scope) (set, error) {
	w := wanted{parts: s.parts}
	if t.Prefix {
		w.prefix, _ = words.Prefix(t.Value)
	} else {
		w.phrase, w.whole = words.Phrase(t.Value), words.Whole(t.Value)
	}
	if s.shown {
		e.wanted = append(e.wanted, w)
	}
	out := make(set, len(e.view.segments))
	for _, p := range s.parts {
		found, err := w.in(e.view, p, s.within)
		if err != nil {
			return nil, err
		}
		out = or(out, found)
	}
	return out, nil
}

func (w wanted) in(v *view, part string, within set) (set, error) {
	switch {
	case w.prefix != "":
		return v.between(textField(part), w.prefix, afterPrefix(w.prefix))
	case len(w.phrase) == 1:
		return v.postings(textField(part), w.phrase[0])
	}
	return v.phrase(part, w.phrase, w.whole, within)
}

// readable is what may be read. Everything is looked for within it alone: totals must not tell of
// what is not shown.
func (v *view) readable(targets []string, all bool) (set, error) {
	if all {
		return v.everything()
	}
	allowed := make(set, len(v.segments))
	for _, t := range targets {
		one, err := v.postings(fieldReader, t)
		if err != nil {
			return nil, err
		}
		allowed = or(allowed, one)
	}
	return allowed, nil
}
