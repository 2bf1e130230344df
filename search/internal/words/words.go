// Package words cuts text into the tokens that are indexed, searched for and highlighted.
//
// Three kinds of token share one sequence of positions, a position for each part:
//
//	customer_id = alice.b@example.com
//	part   customer·id·alice·b·example·com      runs of letters and digits
//	name   customer_id                          parts joined by underscores
//	run    alice.b@example.com                  parts and names joined by . @ : / + -
//
// A name or run stands at the position of its first part. Terms are lower case. There are no stop
// words and no stemming: in SQL every word matters. Each Han, Hiragana and Katakana character is a
// part of its own. A part longer than [MaxTerm] is cut into several at successive positions, so
// that nothing is too long to be found; names and runs that long are left out.
package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTerm is the longest term in bytes of source text.
const MaxTerm = 128

// maxJoint is how many separators may stand between two names of one run ("https://host").
const maxJoint = 3

// Kind says what a token is.
type Kind uint8

// Kinds of token.
const (
	Part Kind = iota
	Name
	Run
)

// Token is one occurrence of a term.
type Token struct {
	Term       string // lower case
	Start, End int    // byte offsets into the text
	Position   int    // 1, 2, 3 … over the parts
	Kind       Kind
}

// Split returns the tokens of text by rising position; at one position the part comes first.
func Split(text string) []Token {
	s := splitter{text: text, run: none, name: none}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		s.step(i, r, size)
		i += size
	}
	s.endRun(len(text))
	return s.sorted()
}

type mark struct {
	start, end int
	position   int // of the first part in it
	parts      int // parts, or for a run names, in it
	under      bool
}

var none = mark{start: -1}

// splitter is one pass over a text. The open part, name and run nest.
type splitter struct {
	text      string
	parts     []Token
	wider     []Token // names and runs
	partStart int
	inPart    bool
	name, run mark
	joint     int // separators since the last name of the open run
}

func (s *splitter) step(at int, r rune, size int) {
	switch {
	case ideograph(r):
		s.endPart(at)
		s.beginPart(at)
		s.endPart(at + size)
	case wordRune(r, size):
		s.beginPart(at)
		if at+size-s.partStart > MaxTerm {
			s.endPart(at)
			s.beginPart(at)
		}
	case r == '_':
		s.endPart(at)
		s.beginName(at)
		s.name.under = true
	case strings.ContainsRune(".@:/+-", r):
		s.endName(at)
		if s.joint++; s.joint > maxJoint {
			s.endRun(at)
		}
	default:
		s.endRun(at)
	}
}

func wordRune(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.IsNumber(r)
}

func ideograph(r rune) bool {
	return r >= 0x3040 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func (s *splitter) beginPart(at int) {
	if s.inPart {
		return
	}
	s.beginName(at)
	s.inPart, s.partStart = true, at
}

func (s *splitter) endPart(at int) {
	if !s.inPart {
		return
	}
	s.inPart = false
	s.parts = append(s.parts, s.token(s.partStart, at, len(s.parts)+1, Part))
	s.name.parts++
	if s.name.parts == 1 {
		s.name.position = len(s.parts)
	}
}

func (s *splitter) beginName(at int) {
	if s.name.start >= 0 {
		return
	}
	s.name = mark{start: at}
	if s.run.start < 0 {
		s.run = mark{start: at}
	}
	s.joint = 0
}

func (s *splitter) endName(at int) {
	s.endPart(at)
	if s.name.start < 0 {
		return
	}
	n := s.name
	s.name = none
	if n.parts == 0 { // underscores only
		if s.run.parts == 0 {
			s.run = none
		}
		return
	}
	if n.under && at-n.start <= MaxTerm {
		s.wider = append(s.wider, s.token(n.start, at, n.position, Name))
	}
	s.run.parts++
	s.run.end = at
	if s.run.parts == 1 {
		s.run.position = n.position
	}
}

func (s *splitter) endRun(at int) {
	s.endName(at)
	if r := s.run; r.start >= 0 && r.parts > 1 && r.end-r.start <= MaxTerm {
		s.wider = append(s.wider, s.token(r.start, r.end, r.position, Run))
	}
	s.run, s.joint = none, 0
}

func (s *splitter) token(start, end, position int, k Kind) Token {
	return Token{Term: strings.ToLower(s.text[start:end]), Start: start, End: end, Position: position, Kind: k}
}

// sorted merges the wider tokens into the parts: names and runs end after parts that follow
// their first one, so they were found later than they are placed.
func (s *splitter) sorted() []Token {
	if len(s.wider) == 0 {
		return s.parts
	}
	after := make(map[int][]Token, len(s.wider))
	for _, t := range s.wider {
		after[t.Position] = append(after[t.Position], t)
	}
	out := make([]Token, 0, len(s.parts)+len(s.wider))
	for _, p := range s.parts {
		out = append(append(out, p), after[p.Position]...)
	}
	return out
}

// Phrase returns the terms that stand at successive positions wherever text does: a name where
// one begins, else a part, and "" where the name before says it all. It is empty when text has
// neither letters nor digits.
func Phrase(text string) []string {
	var out []string
	covered := 0 // position that the last name reaches to
	for _, t := range Split(text) {
		switch t.Kind {
		case Part:
			if t.Position <= covered {
				out = append(out, "")
			} else {
				out = append(out, t.Term)
			}
		case Name:
			out[len(out)-1] = t.Term
			covered = t.Position + strings.Count(partsOf(t.Term), " ")
		}
	}
	return trimGaps(out)
}

// Whole returns the run that text is, "" when it is not one. Where that stands, so does the phrase of text.
func Whole(text string) string {
	tokens := Split(text)
	for _, t := range tokens {
		if t.Kind == Run && t.Position == 1 && t.Start <= tokens[0].Start && t.End >= tokens[len(tokens)-1].End {
			return t.Term
		}
	}
	return ""
}

// partsOf returns the parts of a name with one space between.
func partsOf(name string) string {
	var terms []string
	for _, t := range Split(name) {
		if t.Kind == Part {
			terms = append(terms, t.Term)
		}
	}
	return strings.Join(terms, " ")
}

func trimGaps(terms []string) []string {
	for len(terms) > 0 && terms[len(terms)-1] == "" {
		terms = terms[:len(terms)-1]
	}
	return terms
}

// Prefix returns what a term must begin with to match text with a star after it, and false when
// there is nothing to look for.
func Prefix(text string) (string, bool) {
	tokens := Split(text)
	if len(tokens) == 0 {
		return "", false
	}
	start := tokens[0].Start
	for _, t := range tokens {
		start = min(start, t.Start)
	}
	return strings.ToLower(text[start:]), true
}
