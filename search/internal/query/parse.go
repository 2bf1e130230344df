package query

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a query.
const (
	MaxBytes = 4096
	MaxDepth = 32
	MaxTerms = 128
)

// Parse reads a query; nil means that it is empty and matches everything. Every error is a
// *SyntaxError. now is what relative times are checked against.
func Parse(text string, now time.Time) (Node, error) {
	if len(text) > MaxBytes {
		return nil, &SyntaxError{At: 1, Message: "the query is longer than 4096 bytes"}
	}
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{At: utf8.RuneCountInString(valid(text)) + 1, Message: "this is not UTF-8"}
	}
	p := &parser{lex: lexer{text: text}, now: now}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == end {
		return nil, nil
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind == shut {
		return nil, p.fail("this parenthesis closes nothing")
	}
	return n, nil
}

// valid returns text up to its first byte that is not UTF-8.
func valid(text string) string {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return text[:i]
			}
		}
	}
	return text
}

type parser struct {
	lex   lexer
	tok   token
	now   time.Time
	field Field // of the group that we are in
	depth int
	terms int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) fail(format string, args ...any) *SyntaxError {
	return p.lex.fail(p.tok.at, format, args...)
}

func (p *parser) or() (Node, error) {
	first, err := p.and()
	if err != nil {
		return nil, err
	}
	nodes := []Node{first}
	for p.tok.kind == or {
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.and()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return Or{nodes}, nil
}

func (p *parser) and() (Node, error) {
	first, err := p.unary()
	if err != nil {
		return nil, err
	}
	nodes := []Node{first}
	for p.tok.kind != end && p.tok.kind != shut && p.tok.kind != or {
		if p.tok.kind == and {
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return And{nodes}, nil
}

func (p *parser) unary() (Node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail("the query is nested deeper than %d", MaxDepth)
	}
	defer func() { p.depth-- }()
	switch p.tok.kind {
	case minus, not:
		return p.negation()
	case open:
		return p.group()
	case word, quoted:
		return p.term()
	case end:
		return nil, p.fail("something to search for is missing at the end")
	case shut:
		return nil, p.fail("something to search for is missing before this parenthesis")
	}
	return nil, p.fail("%s needs something before and after it; put it in quotes to search for the word", operator(p.tok.kind))
}

func operator(k tokenKind) string {
	if k == or {
		return "OR"
	}
	return "AND"
}

func (p *parser) negation() (Node, error) {
	at, dash := p.tok.at, p.tok.kind == minus
	if err := p.advance(); err != nil {
		return nil, err
	}
	if dash && (p.tok.kind == end || p.tok.at > at+1) {
		return nil, p.lex.fail(at, "a - excludes what directly follows it; put it in quotes to search for the text")
	}
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	return Not{n}, nil
}

func (p *parser) group() (Node, error) {
	at := p.tok.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != shut {
		return nil, p.lex.fail(at, "this parenthesis is never closed")
	}
	return n, p.advance()
}

func (p *parser) term() (Node, error) {
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail("the query has more than %d terms", MaxTerms)
	}
	if p.tok.head != "" {
		return p.fielded()
	}
	t, err := p.value(p.field)
	if err != nil {
		return nil, err
	}
	return t, p.advance()
}

// fielded reads what follows "field:".
func (p *parser) fielded() (Node, error) {
	f, err := p.known(p.tok.head)
	if err != nil {
		return nil, err
	}
	head := p.tok
	next := p.lex.pos
	if next < len(p.lex.text) && !special(rune(p.lex.text[next])) {
		p.tok = p.lex.bare(next) // a value may look like a field, a negation or an operator
		p.tok.kind = word
	} else if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.at != next || p.tok.kind == end || p.tok.kind == shut {
		return nil, p.lex.fail(head.at, "%s: needs a value directly after the colon", f)
	}
	if p.tok.kind == open {
		p.field = f
		defer func() { p.field = Text }()
		return p.group()
	}
	t, err := p.value(f)
	if err != nil {
		return nil, err
	}
	return t, p.advance()
}

func (p *parser) known(name string) (Field, error) {
	if p.field != Text {
		return "", p.fail("inside %s:( ) there can be no other field; put the value in quotes", p.field)
	}
	if f, ok := Known(name); ok {
		return f, nil
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return "", p.fail("there is no field %q; fields are %s. To search for the text, put it in quotes", name, strings.Join(names, ", "))
}
