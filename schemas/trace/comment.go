package trace

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read of a comment. What is beyond them is not read at all: it is in the text.
const (
	MaxComment = 8 << 10 // bytes of the comment
	MaxPairs   = 32
	MaxKey     = 64   // bytes of a key
	MaxValue   = 1024 // bytes of a value, decoded
)

// Comment returns the pairs of a comment in sqlcommenter's form at the end (or else the beginning) of
// a statement's text: key='value',key='value', each URL-encoded. Without one it returns nil. A comment
// with anything else in it is none: half of what it says could be misread.
func Comment(text string) map[string]string {
	text = strings.TrimRightFunc(text, func(r rune) bool { return r == ';' || unicode.IsSpace(r) })
	if strings.HasSuffix(text, "*/") {
		tail := text[max(0, len(text)-MaxComment):]
		if i := strings.LastIndex(tail[:len(tail)-2], "/*"); i >= 0 {
			return pairs(tail[i+2 : len(tail)-2])
		}
		return nil
	}
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	if !strings.HasPrefix(text, "/*") {
		return nil
	}
	head := text[2:min(len(text), MaxComment)]
	if i := strings.Index(head, "*/"); i >= 0 {
		return pairs(head[:i])
	}
	return nil
}

// pairs reads the inside of a comment.
func pairs(s string) map[string]string {
	s = strings.TrimSpace(s)
	found := map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, "='")
		if !ok || len(found) == MaxPairs {
			return nil
		}
		end := closing(rest)
		if end < 0 {
			return nil
		}
		k, ok := decode(strings.TrimSpace(key), MaxKey)
		v, fine := decode(rest[:end], MaxValue)
		if !ok || !fine || k == "" {
			return nil
		}
		found[k] = v
		s = strings.TrimSpace(rest[end+1:])
		if s == "" {
			return found
		}
		if s, ok = strings.CutPrefix(s, ","); !ok || strings.TrimSpace(s) == "" {
			return nil
		}
	}
	return nil
}

// closing is where the quote is that ends a value: one that no backslash stands before.
func closing(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			return i
		}
	}
	return -1
}

// decode undoes the escape of quotes, and then URL-encoding.
func decode(s string, most int) (string, bool) {
	s, err := url.PathUnescape(strings.ReplaceAll(s, `\'`, `'`))
	return s, err == nil && len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}
