package search

import (
	"strings"
	"unicode/utf8"
)

// maxText is the most text that one document holds; maxOverlap is how much of the end of one piece
// of a longer text begins the next, so that phrases across the cut are found.
const (
	maxText    = 32 << 10
	maxOverlap = 256
)

// split cuts text into pieces for a document each; there is always one, if an empty one.
func split(text string) []string {
	var out []string
	for len(text) > maxText {
		end := cut(text, maxText)
		out = append(out, text[:end])
		text = text[cutAfter(text, end-maxOverlap, end):]
	}
	return append(out, text)
}

// cut returns where to end a piece of at most n bytes: at a space if one is near, else between
// characters.
func cut(text string, n int) int {
	if i := strings.LastIndexAny(text[n-maxOverlap:n], " \t\n,;|"); i >= 0 {
		return n - maxOverlap + i + 1
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// cutAfter returns where to begin the next piece: after the first space from n on, else at end.
func cutAfter(text string, n, end int) int {
	if i := strings.IndexAny(text[n:end], " \t\n,;|"); i >= 0 {
		return n + i + 1
	}
	return end
}

// pack joins lines into pieces for a document each; only a line that is longer is cut.
func pack(lines []string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	for _, line := range lines {
		if b.Len()+len(line) >= maxText {
			flush()
		}
		if len(line) >= maxText {
			out = append(out, split(line)...)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	flush()
	return out
}
