package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError is what is wrong with a query, and where.
type SyntaxError struct {
	At      int // character, from 1
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.At, e.Message) }

type tokenKind uint8

const (
	end tokenKind = iota
	open
	shut
	minus
	word   // bare
	quoted // its text is unescaped
	and
	or
	not
)

type token struct {
	kind tokenKind
	text string
	at   int    // byte offset
	star bool   // quoted: a star follows
	head string // "field" of field:value, with the value in text or, when empty, in the next token
}

// lexer cuts a query into tokens.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) fail(at int, format string, args ...any) *SyntaxError {
	return &SyntaxError{At: utf8.RuneCountInString(l.text[:min(at, len(l.text))]) + 1, Message: fmt.Sprintf(format, args...)}
}

// special ends a bare word.
func special(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`()"*`, r) }

func (l *lexer) next() (token, error) {
	rest := strings.TrimLeftFunc(l.text[l.pos:], unicode.IsSpace)
	l.pos = len(l.text) - len(rest)
	at := l.pos
	if rest == "" {
		return token{kind: end, at: at}, nil
	}
	switch rest[0] {
	case '(':
		l.pos++
		return token{kind: open, at: at}, nil
	case ')':
		l.pos++
		return token{kind: shut, at: at}, nil
	case '-':
		l.pos++
		return token{kind: minus, at: at}, nil
	case '"':
		return l.quoted()
	}
	return l.word()
}

// word reads a bare word, a field with its colon, or an operator.
func (l *lexer) word() (token, error) {
	at := l.pos
	if n := fieldEnd(l.text[at:]); n >= 0 {
		l.pos += n + 1
		return token{kind: word, head: l.text[at : at+n], at: at}, nil
	}
	return l.bare(at), nil
}

// bare reads to the end of a word, stars included.
func (l *lexer) bare(at int) token {
	rest := l.text[at:]
	n := strings.IndexFunc(rest, func(r rune) bool { return special(r) && r != '*' })
	if n < 0 {
		n = len(rest)
	}
	l.pos = at + n
	t := token{kind: word, text: rest[:n], at: at}
	switch t.text {
	case "AND":
		t.kind = and
	case "OR":
		t.kind = or
	case "NOT":
		t.kind = not
	}
	return t
}

// fieldEnd returns where the colon is when s begins with a field name and one, else -1.
func fieldEnd(s string) int {
	n := strings.IndexByte(s, ':')
	if n < 1 {
		return -1
	}
	for i := range n {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return -1
		}
	}
	return n
}

func (l *lexer) quoted() (token, error) {
	at := l.pos
	var b strings.Builder
	for i := at + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '"':
			t := token{kind: quoted, text: b.String(), at: at}
			l.pos = i + 1
			if l.pos < len(l.text) && l.text[l.pos] == '*' {
				t.star = true
				l.pos++
			}
			return t, nil
		case c == '\\' && i+1 < len(l.text) && (l.text[i+1] == '"' || l.text[i+1] == '\\'):
			i++
			b.WriteByte(l.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, l.fail(at, "this quote is never closed")
}
