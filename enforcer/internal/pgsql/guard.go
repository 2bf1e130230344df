package pgsql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

const (
	// maxDepth is how deep a parse tree may be. The C parser writes trees out recursively: some
	// 400 bytes of stack a level, of which the smallest stacks have 2 MiB.
	maxDepth = 2048
	// plain texts up to this size cannot be deeper: a level takes two bytes or more.
	plain = 2 * maxDepth
)

// foreign says why the server may lex text otherwise than the parser does, empty if it may not.
func foreign(text string, s *schemas.SessionState) string {
	if strings.IndexByte(text, 0) >= 0 {
		return "the text contains a NUL"
	}
	if !utf8.ValidString(text) {
		return "the text is not UTF-8"
	}
	if !s.StandardConformingStrings && strings.IndexByte(text, '\\') >= 0 {
		return "a backslash while standard_conforming_strings is off, or not known to be on"
	}
	if !utf8Client(s.ClientEncoding) && !ascii(text) {
		return fmt.Sprintf("text outside ASCII while client_encoding is %q", s.ClientEncoding)
	}
	return ""
}

// utf8Client reports whether the server takes the client's bytes for UTF-8. PostgreSQL compares
// the names of encodings by their letters and digits alone.
func utf8Client(encoding string) bool {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, encoding)
	return name == "" || name == "utf8" || name == "unicode"
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var (
	errLarge = errors.New("the text is too large to be parsed")
	errDeep  = errors.New("the text is nested too deeply to be parsed")
)

// guard refuses what the parser would not survive.
func (a *Analyzer) guard(text string) error {
	if len(text) > a.c.MaxText {
		return errLarge
	}
	if len(text) <= plain {
		return nil
	}
	tokens, err := scan(text)
	if err != nil {
		return err
	}
	if len(tokens) > a.c.MaxTokens {
		return errLarge
	}
	if depth(tokens) > maxDepth {
		return errDeep
	}
	return nil
}

// level is an open parenthesis, bracket or CASE.
type level struct {
	run   int  // tokens since the last separator, with the deepest level closed among them
	most  int  // largest run so far
	links int  // tokens that chain across separators
	cased bool // opened by CASE
}

func (l *level) total() int { return max(l.run, l.most) + l.links }

// depth is an upper bound of the depth of the tree that tokens make: within a level, the tokens
// between two separators can chain to the left; so can joins, set operations and BETWEENs, whatever
// separates them. AND and OR make flat lists.
func depth(tokens []*pgtypes.ScanToken) int {
	stack := []*level{{}}
	deepest, below := 0, 0 // below: total of the levels under the top one
	for _, t := range tokens {
		top := stack[len(stack)-1]
		switch kind := t.Token; {
		case opens(kind):
			below += top.total()
			stack = append(stack, &level{cased: kind == pgtypes.Token_CASE})
		case closes(kind, top.cased) && len(stack) > 1:
			stack = stack[:len(stack)-1]
			under := stack[len(stack)-1]
			below -= under.total()
			under.run += top.total() + 1
		case separates(kind, top.cased):
			top.most, top.run = max(top.most, top.run), 0
		case kind == pgtypes.Token_ASCII_59: // ;
			if len(stack) == 1 {
				*top = level{}
			}
		case links(kind):
			top.links++
			top.run++
		default:
			top.run++
		}
		deepest = max(deepest, below+stack[len(stack)-1].total())
	}
	return deepest
}

func opens(t pgtypes.Token) bool {
	return t == pgtypes.Token_ASCII_40 || t == pgtypes.Token_ASCII_91 || t == pgtypes.Token_CASE
}

func closes(t pgtypes.Token, cased bool) bool {
	if cased {
		return t == pgtypes.Token_END_P
	}
	return t == pgtypes.Token_ASCII_41 || t == pgtypes.Token_ASCII_93
}

func separates(t pgtypes.Token, cased bool) bool {
	switch t {
	case pgtypes.Token_ASCII_44, pgtypes.Token_AND, pgtypes.Token_OR:
		return true
	case pgtypes.Token_WHEN, pgtypes.Token_THEN, pgtypes.Token_ELSE:
		return cased
	}
	return false
}

func links(t pgtypes.Token) bool {
	switch t {
	case pgtypes.Token_JOIN, pgtypes.Token_UNION, pgtypes.Token_EXCEPT, pgtypes.Token_INTERSECT, pgtypes.Token_BETWEEN:
		return true
	}
	return false
}
