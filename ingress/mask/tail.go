package mask

import (
	"bytes"
	"unicode/utf8"
)

// longestNumber is more bytes than any number has that is found, separators and what stands around
// it included.
const longestNumber = 256

// tail returns from where on bytes must be held because more bytes may change what is found there.
func (s *Scanner) tail(sc *scan) int {
	cut := len(sc.v) - sc.begun
	if sc.isOpen {
		cut = min(cut, sc.open)
	}
	if s.on[kindEmail] {
		cut = min(cut, emailTail(sc.v))
	}
	if s.on[kindCard] || s.on[kindPhone] || s.on[kindIBAN] || s.on[kindID] {
		cut = min(cut, numberTail(sc.v))
	}
	if len(s.rules) > 0 {
		cut = min(cut, lineTail(sc))
	}
	return max(cut, sc.from)
}

// lineTail is the start of the stretch that is not whole yet.
func lineTail(sc *scan) int {
	start := sc.line
	if n := bytes.LastIndexByte(sc.v[sc.from:], '\n'); n >= 0 {
		start = sc.from + n + 1
	}
	k := max(start, len(sc.v)-maxWord)
	return start + (k-start)/stretch*stretch
}

// emailTail is the start of the address that the value may end in.
func emailTail(v []byte) int {
	start := localTail(v, len(v))
	low := max(0, len(v)-maxDomain-8)
	for i := len(v) - 1; i >= low; i-- {
		n := 0
		switch v[i] {
		case '@':
			n = 1
		case '\\', '&', '%':
			n = escapedAt(v[i:])
		case ' ', '\n', '"', ',':
			return start
		}
		if n > 0 {
			start = min(start, localTail(v, i))
		}
	}
	return start
}

// localTail is the start of the local part that ends at i, with the escapes it may have begun.
func localTail(v []byte, i int) int {
	end := i
	for i > 0 && end-i < maxLocal+8 {
		c := v[i-1]
		if !alnum(c) && c < utf8.RuneSelf && bytes.IndexByte([]byte(`._-+%'~\&#;`), c) < 0 {
			break
		}
		i--
	}
	return i
}

// numberTail is the start of the number that the value may end in: of the last words, tied by what
// separates groups of digits, the first that has a digit, and a short word before that.
func numberTail(v []byte) int {
	i, start := len(v), len(v)
	without := 0 // words without a digit in a row
	for i > 0 && len(v)-i < longestNumber && without < 4 {
		end := i
		for i > 0 && len(v)-i < longestNumber && between(v[i-1]) {
			i--
		}
		if end-i > 12 {
			break
		}
		word, hasDigit := i, false
		for i > 0 && len(v)-i < longestNumber && (alnum(v[i-1]) || v[i-1] >= utf8.RuneSelf || v[i-1] == '_') {
			c := v[i-1]
			hasDigit = hasDigit || c-'0' <= 9 || c >= utf8.RuneSelf
			i--
		}
		switch {
		case i == end:
			return grown(v, start)
		case hasDigit || without == 0 && word-i <= 6:
			start = i
		}
		if hasDigit {
			without = 0
		} else {
			without++
		}
	}
	return grown(v, start)
}

// between reports whether c can stand between two groups of a number, or before the first.
func between(c byte) bool {
	switch c {
	case ' ', '-', '.', '/', '(', ')', '+':
		return true
	}
	return false
}

// grown takes what stands directly before a number to it: a plus, a bracket, two letters and a space.
func grown(v []byte, start int) int {
	for n := 0; n < 4 && start > 0 && (between(v[start-1]) || letter(v[start-1])); n++ {
		start--
	}
	return start
}
