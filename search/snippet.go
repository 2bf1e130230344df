package search

import (
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport/search/internal/words"
)

// Length of a snippet in bytes of text, and how much of it comes before the first match.
const (
	snippetSize = 240
	snippetLead = 60
)

// span is a part of a text.
type span struct{ start, end int }

// shown is the text of a record that answers a query best.
type shown struct {
	field   string
	snippet string
}

// show picks the text of r in which most of what was wanted is, and cuts a snippet from it.
func (r *record) show(ws []wanted) shown {
	best, most := text{field: r.Part}, -1
	var spans []span
	for _, t := range r.texts() {
		found, n := find(t, ws)
		if n > most {
			best, most, spans = t, n, found
		}
	}
	return shown{field: best.field, snippet: snippet(best.text, spans)}
}

// find returns where in t what is wanted stands, in order and without overlaps, and how many of ws
// are there.
func find(t text, ws []wanted) (spans []span, n int) {
	if !slices.ContainsFunc(ws, func(w wanted) bool { return slices.Contains(w.parts, t.field) }) {
		return nil, 0
	}
	tokens := words.Split(t.text)
	for _, w := range ws {
		if !slices.Contains(w.parts, t.field) {
			continue
		}
		if found := w.find(tokens); len(found) > 0 {
			spans = append(spans, found...)
			n++
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	return merge(spans), n
}

func merge(spans []span) []span {
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (w wanted) find(tokens []words.Token) []span {
	var out []span
	for i, t := range tokens {
		if w.prefix != "" {
			if strings.HasPrefix(t.Term, w.prefix) {
				out = append(out, span{t.Start, t.End})
			}
			continue
		}
		if t.Term == w.phrase[0] {
			if end, ok := w.follow(tokens[i:]); ok {
				out = append(out, span{t.Start, end})
			}
		}
	}
	return out
}

// follow returns where the phrase that begins with the first token ends.
func (w wanted) follow(tokens []words.Token) (end int, ok bool) {
	first := tokens[0]
	end = first.End
	next := 0
	for p, term := range w.phrase[1:] {
		position := first.Position + p + 1
		for next < len(tokens) && tokens[next].Position < position {
			next++
		}
		found := false
		for i := next; i < len(tokens) && tokens[i].Position == position; i++ {
			if term == "" || tokens[i].Term == term {
				end, found = max(end, tokens[i].End), true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	return end, true
}

// snippet is the piece of text around the first span, as HTML with the spans marked.
func snippet(text string, spans []span) string {
	from := 0
	if len(spans) > 0 && spans[0].end > snippetSize {
		from = back(text, spans[0].start-snippetLead)
	}
	to := min(len(text), from+snippetSize)
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	at := from
	for _, s := range spans {
		if s.start >= to {
			break
		}
		s.start, s.end = max(s.start, at), min(s.end, to)
		if s.start >= s.end {
			continue
		}
		b.WriteString(html.EscapeString(text[at:s.start]))
		b.WriteString("<mark>" + html.EscapeString(text[s.start:s.end]) + "</mark>")
		at = s.end
	}
	b.WriteString(html.EscapeString(text[at:to]))
	if to < len(text) {
		b.WriteString("…")
	}
	return b.String()
}

// back returns the first place from n on, but near, where a word begins.
func back(text string, n int) int {
	n = max(n, 0)
	if i := strings.IndexAny(text[n:min(len(text), n+snippetLead)], " \t\n"); i >= 0 && n > 0 {
		return n + i + 1
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}
