package shell

import (
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

const (
	maxFields = 1000 // that one word may become
	maxBraces = 16   // in one word
)

// field is one word as the shell hands it to a program.
type field struct {
	text   string // as far as it is known: the whole, or its beginning
	known  bool
	glob   bool // not known because of a pattern alone
	escape bool // an escape that other shells read as a code: \x63
	word   *syntax.Word
}

// piece is a part of a word while it is expanded.
type piece struct {
	text  string
	known bool
	split bool // stands outside of quotes and came from an expansion: the shell splits it
	glob  bool
}

// fields expands words as far as that is known.
func (w *walker) fields(words []*syntax.Word) []field {
	var out []field
	for _, word := range words {
		out = append(out, w.expand(word)...)
		if len(out) > maxFields {
			w.found.opaque = true
			return out[:maxFields]
		}
	}
	return out
}

func (w *walker) expand(word *syntax.Word) []field {
	if w.lang != syntax.LangBash {
		return w.split(word)
	}
	if strings.Count(word.Lit(), "{") > maxBraces {
		return []field{{word: word}}
	}
	braced := &syntax.Word{Parts: append([]syntax.WordPart(nil), word.Parts...)}
	if !syntax.SplitBraces(braced) {
		return w.split(word)
	}
	if len(braced.Parts) > 2*maxBraces {
		return []field{{word: word}}
	}
	var out []field
	for each, err := range expand.BracesSeq(nil, braced) {
		if err != nil || len(out) >= maxFields {
			return []field{{word: word}}
		}
		fields := w.split(each)
		for i := range fields {
			fields[i].word = word // positions are of the source
		}
		out = append(out, fields...)
	}
	return out
}

// split expands a word and splits it into fields (XCU 2.6.5).
func (w *walker) split(word *syntax.Word) []field {
	pieces, escape := w.pieces(word.Parts, false)
	var out []field
	at := field{known: true, word: word, escape: escape}
	var text strings.Builder
	open := false
	end := func() {
		if open {
			at.text = text.String()
			out = append(out, at)
		}
		text.Reset()
		at, open = field{known: true, word: word, escape: escape}, false
	}
	add := func(s string) {
		if at.known { // what follows what is not known is not told
			text.WriteString(s)
		}
		open = true
	}
	for _, p := range pieces {
		switch {
		case !p.known:
			at.glob = p.glob && (at.known || at.glob)
			at.known, open = false, true
		case !p.split:
			add(p.text)
		default:
			for i, part := range strings.FieldsFunc(" "+p.text+" ", isBlank) {
				if i > 0 || isBlank(first(p.text)) {
					end()
				}
				add(part)
			}
			if last, _ := utf8.DecodeLastRuneInString(p.text); p.text != "" && isBlank(last) {
				end()
			}
		}
	}
	end()
	return out
}

func first(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

// literal is the value of a word where it is not split: in an assignment; with globs, in a redirection.
func (w *walker) literal(word *syntax.Word, globs bool) (string, bool) {
	if word == nil {
		return "", true
	}
	pieces, _ := w.pieces(word.Parts, false)
	var b strings.Builder
	for _, p := range pieces {
		if !p.known && (globs || !p.glob) {
			return b.String(), false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// pieces expands parts. escape reports an escape that other shells read as a code.
func (w *walker) pieces(parts []syntax.WordPart, quoted bool) (out []piece, escape bool) {
	for i, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			text, glob, code := unescape(p.Value, quoted)
			escape = escape || code
			if len(parts) == 1 && !strings.ContainsAny(p.Value, "]*?") {
				glob = false // a bracket alone
			}
			if i == 0 && !quoted && strings.HasPrefix(text, "=") {
				glob = true // zsh: the path of a program
			}
			out = append(out, piece{text: text, known: !glob, glob: glob})
		case *syntax.SglQuoted:
			text, known := p.Value, true
			if p.Dollar {
				text, known = ansiC(p.Value)
			}
			out = append(out, piece{text: text, known: known})
		case *syntax.DblQuoted:
			inner, _ := w.pieces(p.Parts, true)
			if p.Dollar { // a translation
				out = append(out, piece{})
				continue
			}
			out = append(out, piece{known: true}) // quotes make a word, if an empty one
			for _, q := range inner {
				q.split = false
				out = append(out, q)
			}
		case *syntax.ParamExp:
			value, known := w.vars.value(p)
			out = append(out, piece{text: value, known: known, split: !quoted})
		default: // substitutions, arithmetic, patterns
			out = append(out, piece{})
		}
	}
	return out, escape
}

// unescape reads a literal as it stands in the source: backslashes in it quote.
func unescape(raw string, quoted bool) (text string, glob, code bool) {
	if !strings.ContainsAny(raw, `\*?[`) {
		return raw, false, false
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '\\' && i+1 < len(raw) && (!quoted || strings.IndexByte("$`\"\\", raw[i+1]) >= 0):
			i++
			code = code || !quoted && strings.IndexByte("xXuUc01234567", raw[i]) >= 0
			b.WriteByte(raw[i])
		case !quoted && strings.IndexByte("*?[", c) >= 0:
			glob = true
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), glob, code
}

// ansiC decodes the inside of $'…' (bash 5.2, "ANSI-C Quoting"). What shells read differently is not known.
func ansiC(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte("abeEfnrtv\\'\"?", s[i]); at >= 0 {
			b.WriteByte("\a\b\x1b\x1b\f\n\r\t\v\\'\"?"[at])
			continue
		}
		base, most, from := byte(8), 3, i
		if s[i] == 'x' {
			base, most, from = 16, 2, i+1
		}
		v, n := number(s[from:], base, most)
		if n == 0 || v&0xff == 0 {
			return b.String(), false // \u, \c, an end within the word, no escape at all
		}
		b.WriteByte(byte(v))
		i = from + n - 1
	}
	return b.String(), utf8.ValidString(b.String())
}

// number reads up to most digits.
func number(s string, base byte, most int) (v, n int) {
	for n < len(s) && n < most {
		d := digit(s[n])
		if d >= base {
			break
		}
		v, n = v*int(base)+int(d), n+1
	}
	return v, n
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
