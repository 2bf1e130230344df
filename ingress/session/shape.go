package session

// Shape appends to dst the token shape of SQL text: the text with plain number literals outside
// of quotes replaced, integers of up to nine digits by 0 and decimals by 0.0. Two texts with the
// same shape differ in nothing but such numbers.
//
// It is conservative, and returns ok false (only the exact text may then be reused) for whatever
// could make it misjudge where quotes are or what a token is: a backslash, a comment, a dollar
// quote, a byte outside of printable ASCII and white space, a letter, digit or & right before a
// quote (E”, U&"", N”, …), or a quote that is not closed. Digits that touch a letter, an
// underscore, a dollar, a dot or a quote are no plain number and are kept.
func Shape(dst []byte, text string) (shape []byte, ok bool) {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'' || c == '"':
			end := quoted(text, i)
			if end < 0 {
				return dst, false
			}
			dst = append(dst, text[i:end]...)
			i = end
		case digit(c) || c == '.':
			dst, i = number(dst, text, i)
		case opaque(text, i):
			return dst, false
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, true
}

// quoted returns the end of the quoted text that starts at i, -1 when it has none to be sure of.
func quoted(text string, i int) int {
	q := text[i]
	if i > 0 && (word(text[i-1]) || text[i-1] == '&') {
		return -1
	}
	for j := i + 1; j < len(text); j++ {
		switch c := text[j]; {
		case c == '\\' || !plainByte(c):
			return -1
		case c == q && j+1 < len(text) && text[j+1] == q:
			j++
		case c == q:
			return j + 1
		}
	}
	return -1
}

// number copies the run of digits and dots at i, or what stands for it.
func number(dst []byte, text string, i int) ([]byte, int) {
	end, dots := i, 0
	for end < len(text) && (digit(text[end]) || text[end] == '.') {
		if text[end] == '.' {
			dots++
		}
		end++
	}
	run := text[i:end]
	before := i > 0 && (word(text[i-1]) || text[i-1] == '\'' || text[i-1] == '"')
	after := end < len(text) && (word(text[end]) || text[end] == '\'' || text[end] == '"')
	switch {
	case before || after || dots > 1 || run[0] == '.' || run[len(run)-1] == '.':
		return append(dst, run...), end
	case dots == 1:
		return append(dst, "0.0"...), end
	case len(run) > 9:
		return append(dst, run...), end
	}
	return append(dst, '0'), end
}

// opaque reports whether what starts at i makes tokens uncertain.
func opaque(text string, i int) bool {
	c := text[i]
	next := byte(0)
	if i+1 < len(text) {
		next = text[i+1]
	}
	switch {
	case c == '\\' || !plainByte(c):
		return true
	case c == '-' && next == '-', c == '/' && next == '*':
		return true
	case c == '$':
		return !digit(next) // $1 is a parameter, all else may open a dollar quote
	}
	return false
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func word(c byte) bool {
	return digit(c) || c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func plainByte(c byte) bool {
	return ' ' <= c && c <= '~' || c == '\n' || c == '\t' || c == '\r'
}
