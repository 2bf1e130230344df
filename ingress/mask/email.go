package mask

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const (
	maxLocal  = 64  // bytes before the sign, RFC 5321 section 4.5.3.1.1
	maxDomain = 255 // bytes after it, section 4.5.3.1.2
)

// escapedAt returns the length of an at sign written as an escape: JSON, percent or HTML.
func escapedAt(v []byte) int {
	for _, e := range [...]string{`\u0040`, `%40`, `&#64;`, `&#x40;`, `&#X40;`, `&commat;`} {
		if len(v) >= len(e) && string(v[:len(e)]) == e {
			return len(e)
		}
	}
	return 0
}

// email finds the address around the sign in sign:after.
func email(sc *scan, sign, after int) {
	end := domainEnd(sc.v, after)
	if end == 0 {
		return
	}
	if start := localStart(sc.v, sign); start < sign {
		sc.add(kindEmail, start, end)
	}
}

// localStart returns where the part before the sign begins; sign when there is none.
func localStart(v []byte, sign int) int {
	i := sign
	for i > 0 && sign-i < maxLocal {
		n := localBefore(v, i)
		if n == 0 {
			break
		}
		i -= n
	}
	i = afterEscape(v, i, sign)
	for i < sign && (v[i] == '.' || v[i] == '-' || v[i] == '\'' || v[i] == '%' || v[i] == '~') {
		i++
	}
	if v[max(sign-1, 0)] == '.' {
		return sign
	}
	return i
}

// afterEscape moves the start i of a local part where it begins inside an escape of JSON: the letter
// of \n is no part of the address, the character of \u00e9 is.
func afterEscape(v []byte, i, sign int) int {
	odd := false
	for k := i; k > 0 && v[k-1] == '\\' && i-k < maxLocal; k-- {
		odd = !odd
	}
	switch {
	case !odd || i == sign:
		return i
	case v[i] == 'u':
		return i - 1
	case v[i] == 'b', v[i] == 'f', v[i] == 'n', v[i] == 'r', v[i] == 't':
		return i + 1
	}
	return i
}

// localBefore returns the length of the character before i, if a local part may have it.
func localBefore(v []byte, i int) int {
	switch c := v[i-1]; {
	case alnum(c), c == '.', c == '_', c == '-', c == '+', c == '%', c == '\'', c == '~':
		return 1
	case c < utf8.RuneSelf:
		return 0
	}
	r, n := utf8.DecodeLastRune(v[:i])
	return wideLetter(r, n)
}

func wideLetter(r rune, n int) int {
	if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)) {
		return n
	}
	return 0
}

// domainEnd returns where the domain that starts at i ends, or 0 if there is none: labels of letters,
// digits and hyphens (or letters of any script), at least one dot, a last label that is a word.
func domainEnd(v []byte, i int) int {
	start, label, dots := i, i, 0
	end, last := 0, 0 // of the longest domain that is one; where its last label starts
	for i < len(v) && i-start < maxDomain {
		c := v[i]
		switch {
		case alnum(c):
			i++
		case c == '-' && i > label:
			i++
		case c == '.' && i > label && v[i-1] != '-':
			dots++
			i++
			label = i
			continue
		case c >= utf8.RuneSelf:
			n := wideLetter(utf8.DecodeRune(v[i:]))
			if n == 0 {
				return domain(v, start, end, last)
			}
			i += n
		default:
			return domain(v, start, end, last)
		}
		if dots > 0 && v[i-1] != '-' && topLevel(v[label:i]) {
			end, last = i, label
		}
	}
	return domain(v, start, end, last)
}

// topLevel reports whether a label can be the last of a domain.
func topLevel(label []byte) bool {
	if len(label) < 2 || label[0]-'0' <= 9 {
		return false
	}
	for _, c := range label {
		if c-'0' <= 9 || c == '-' {
			return len(label) > 4 && bytes.EqualFold(label[:4], []byte("xn--"))
		}
	}
	return true
}

// domain refuses what only looks like one: the names of images for dense screens (icon@2x.png), and
// labels that go on with a digit.
func domain(v []byte, start, end, last int) int {
	if end == 0 || end < len(v) && alnum(v[end]) {
		return 0
	}
	if last-start == 3 && v[start]-'0' <= 9 && v[start+1] == 'x' {
		switch string(bytes.ToLower(v[last:end])) {
		case "png", "jpg", "jpeg", "gif", "webp", "svg":
			return 0
		}
	}
	return end
}
