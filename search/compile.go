package search

import (
	"slices"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
	blevequery "github.com/blevesearch/bleve/v2/search/query"

	"sallyport/search/internal/query"
	"sallyport/search/internal/words"
)

// compiler turns a parsed query into the index's own, and notes what to highlight.
type compiler struct {
	now    time.Time
	wanted []wanted
}

// wanted is a text that hits may contain.
type wanted struct {
	parts  []string // where
	phrase []string // terms at successive positions, "" for any
	prefix string   // or the beginning of one term
}

// compile returns what matches n; nil matches everything.
func (c *compiler) compile(n query.Node) (blevequery.Query, error) {
	if n == nil {
		return everything(), nil
	}
	return c.node(n, scope{parts: query.Parts, shown: true})
}

// scope is where words are looked for, and whether they are to be highlighted.
type scope struct {
	parts []string
	shown bool
}

func (c *compiler) node(n query.Node, s scope) (blevequery.Query, error) {
	switch n := n.(type) {
	case query.And:
		return c.and(n, s)
	case query.Or:
		return c.or(n, s)
	case query.Not:
		q, err := c.node(n.Node, scope{s.parts, !s.shown})
		return butNot(nil, q), err
	case query.Term:
		return c.term(n, s)
	}
	panic("unknown node") // the parser makes no other
}

// and narrows where its words are looked for to the parts that a field: beside them names.
func (c *compiler) and(n query.And, s scope) (blevequery.Query, error) {
	for _, child := range n.Nodes {
		if parts := partsOf(child); parts != nil {
			s.parts = slices.DeleteFunc(slices.Clone(s.parts), func(p string) bool { return !slices.Contains(parts, p) })
		}
	}
	var must, not []blevequery.Query
	for _, child := range n.Nodes {
		in := s
		negated, is := child.(query.Not)
		if is {
			child, in.shown = negated.Node, !s.shown
		}
		q, err := c.node(child, in)
		if err != nil {
			return nil, err
		}
		if is {
			not = append(not, q)
		} else {
			must = append(must, q)
		}
	}
	return butNot(must, not...), nil
}

func (c *compiler) or(n query.Or, s scope) (blevequery.Query, error) {
	var any []blevequery.Query
	for _, child := range n.Nodes {
		q, err := c.node(child, s)
		if err != nil {
			return nil, err
		}
		any = append(any, q)
	}
	return bleve.NewDisjunctionQuery(any...), nil
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

func (c *compiler) term(t query.Term, s scope) (blevequery.Query, error) {
	switch t.Field {
	case query.Text:
		return c.text(t, s), nil
	case query.Error:
		code := keywordQuery(t)
		if len(words.Phrase(t.Value)) == 0 {
			return code, nil
		}
		return bleve.NewDisjunctionQuery(code, c.text(t, scope{[]string{query.Failure}, s.shown})), nil
	case query.After, query.Before:
		return c.time(t)
	}
	return keywordQuery(t), nil
}

func keywordQuery(t query.Term) blevequery.Query {
	v := strings.ToLower(t.Value)
	if t.Prefix {
		q := bleve.NewPrefixQuery(v)
		q.SetField(string(t.Field))
		return q
	}
	return exactly(string(t.Field), v)
}

func exactly(field, term string) blevequery.Query {
	q := bleve.NewTermQuery(term)
	q.SetField(field)
	return q
}

func everything() blevequery.Query { return exactly(fieldAny, anyTerm) }

func butNot(must []blevequery.Query, not ...blevequery.Query) blevequery.Query {
	if len(must) == 0 {
		must = []blevequery.Query{everything()}
	}
	if len(not) == 0 {
		return bleve.NewConjunctionQuery(must...)
	}
	q := bleve.NewBooleanQuery()
	q.AddMust(must...)
	q.AddMustNot(not...)
	return q
}

func (c *compiler) time(t query.Term) (blevequery.Query, error) {
	at, err := query.ParseTime(t.Value, c.now)
	if err != nil {
		return nil, err
	}
	yes, no := true, false
	q := bleve.NewDateRangeInclusiveQuery(at, time.Time{}, &yes, &yes)
	if t.Field == query.Before {
		q = bleve.NewDateRangeInclusiveQuery(time.Time{}, at, &yes, &no)
	}
	q.SetField(fieldTime)
	return q, nil
}

// text looks for words in each part of the scope.
func (c *compiler) text(t query.Term, s scope) blevequery.Query {
	w := wanted{parts: s.parts}
	if t.Prefix {
		w.prefix, _ = words.Prefix(t.Value)
	} else {
		w.phrase = words.Phrase(t.Value)
	}
	if s.shown {
		c.wanted = append(c.wanted, w)
	}
	if len(s.parts) == 0 {
		return bleve.NewMatchNoneQuery()
	}
	any := make([]blevequery.Query, len(s.parts))
	for i, p := range s.parts {
		any[i] = w.query(textField(p))
	}
	return bleve.NewDisjunctionQuery(any...)
}

func (w wanted) query(field string) blevequery.Query {
	switch {
	case w.prefix != "":
		q := bleve.NewPrefixQuery(w.prefix)
		q.SetField(field)
		return q
	case len(w.phrase) == 1:
		return exactly(field, w.phrase[0])
	}
	return bleve.NewPhraseQuery(w.phrase, field)
}

// readable limits q to what may be read. It is part of the query, so that totals do not tell of
// what is not shown.
func readable(q blevequery.Query, targets []string, all bool) blevequery.Query {
	if all {
		return q
	}
	allowed := make([]blevequery.Query, len(targets))
	for i, t := range targets {
		allowed[i] = exactly(fieldReader, t)
	}
	return bleve.NewConjunctionQuery(bleve.NewDisjunctionQuery(allowed...), q)
}
