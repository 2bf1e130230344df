package words

import (
	"encoding/binary"
	"strings"
	"unicode"

	"github.com/blevesearch/bleve/v2/analysis"
)

// Where a phrase of rare words stands is quickly looked up in the few texts that have them. Of words of which there
// are few, and which stand in many texts each, is noted besides which stand next to each other:
//
//	customer_id and state and state   pairs: customer_id·and and·state state·and; twice: and state
//
// So a bitmap tells who has "and state". "customer_id and state" is in whoever has both of its pairs and its
// inner words once: where there is but one "and", both pairs share it.
//
// Pairs are noted as a few bits of their hash: texts of random words have so many different ones that the index would be three
// quarters larger, where it is a fifth. A document that has two words, not next to each other, and another
// pair with the hash that they would have, is noted, too, to be looked into. So what is found is exact.

// Bounds of what is noted.
const (
	hashBits   = 13 // of a pair, and of a word
	maxCommon  = 16 // bytes of a common word,
	maxName    = 32 // and of a name made of such
	maxPairs   = 64 // different pairs of the texts of a document
	maxWords   = 96 // different common words and names of them
	shortCount = 2  // digits of a common number; years are common, too
)

// Unlisted is the term of documents whose texts have more pairs or words than are noted; they have no other.
const Unlisted = "u"

// Pair is the term of documents with texts in which one common word or name ends where another begins.
func Pair(a, b string) string { return noteOf('p', pairHash(hash(a), hash(b))) }

// Unclear is the term of those that have the Pair of two words, and may have it because of others.
func Unclear(a, b string) string { return noteOf('c', pairHash(hash(a), hash(b))) }

// Again is the term of documents whose texts have a common word or name, with which a pair begins, more than
// once. Others may have it as well.
func Again(a string) string { return noteOf('a', uint16(hash(a)>>(32-hashBits))) }

func noteOf(kind byte, h uint16) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, h))
}

// hash is FNV-1a. It is part of the format of the index.
func hash(word string) uint32 {
	h := uint32(2166136261)
	for i := range len(word) {
		h = (h ^ uint32(word[i])) * 16777619
	}
	return h
}

// pairHash depends on the order of two words.
func pairHash(a, b uint32) uint16 { return uint16((a*0x9E3779B1 ^ b) * 0x85EBCA77 >> (32 - hashBits)) }

// Common is how many parts a common word (1) or a name made of such has, 0 for any other term: words of letters, short
// numbers and years.
func Common(term string) (parts int) {
	if len(term) > maxName {
		return 0
	}
	n := 0
	for word := range strings.SplitSeq(term, "_") {
		switch {
		case word == "":
		case len(word) > maxCommon || !common(word):
			return 0
		default:
			n++
		}
	}
	if strings.Contains(term, "_") && strings.ContainsFunc(term, ideograph) { // each of them is a part
		return 0
	}
	return n
}

func common(word string) bool {
	digits := 0
	for i := range len(word) {
		if '0' <= word[i] && word[i] <= '9' {
			digits++
		}
	}
	if digits == len(word) {
		return digits <= shortCount || digits == 4 && (word[:2] == "19" || word[:2] == "20")
	}
	return digits == 0 && !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
}

// Pairs gives Bleve the notes of the texts of a document: it analyses these, whatever it is asked to.
type Pairs []*Text

// Analyze implements analysis.Analyzer.
func (p Pairs) Analyze([]byte) analysis.TokenStream {
	terms := p.terms()
	held := make([]analysis.Token, len(terms))
	out := make(analysis.TokenStream, len(terms))
	for i, t := range terms {
		held[i] = analysis.Token{Term: []byte(t), Position: i + 1}
		out[i] = &held[i]
	}
	return out
}

func (p Pairs) terms() []string {
	n := noted{numbers: map[string]uint8{}, pairs: map[[2]uint8]bool{}}
	few := true
	for _, text := range p {
		tokens := text.take()
		few = few && n.text(tokens)
	}
	if !few {
		return []string{Unlisted}
	}
	return n.terms()
}

// noted is what there is of the texts so far.
type noted struct {
	numbers map[string]uint8 // of what is common, in hashes and times
	hashes  []uint32
	times   []int
	pairs   map[[2]uint8]bool
}

// text adds a text; false: there is too much.
func (n *noted) text(tokens []Token) bool {
	numbers := make([]uint8, len(tokens)) // of what is common; else 0
	parts := make([]uint8, len(tokens))   // how many it has; else 0
	for i, t := range tokens {
		if t.Kind == Run {
			continue
		}
		if parts[i] = uint8(Common(t.Term)); parts[i] > 0 {
			numbers[i] = n.number(t.Term)
			n.times[numbers[i]]++
		}
		if len(n.hashes) > maxWords {
			return false
		}
	}
	for i, t := range tokens {
		for j := i + 1; parts[i] > 0 && j < len(tokens); j++ { // by rising position
			next := t.Position + int(parts[i])
			if tokens[j].Position > next {
				break
			}
			if tokens[j].Position == next && parts[j] > 0 {
				n.pairs[[2]uint8{numbers[i], numbers[j]}] = true
			}
		}
		if len(n.pairs) > maxPairs {
			return false
		}
	}
	return true
}

func (n *noted) number(word string) uint8 {
	i, ok := n.numbers[word]
	if !ok {
		i = uint8(len(n.hashes))
		n.numbers[word] = i
		n.hashes, n.times = append(n.hashes, hash(word)), append(n.times, 0)
	}
	return i
}

func (n *noted) terms() []string {
	var has [1 << hashBits / 64]uint64 // which hashes of pairs
	out := make([]string, 0, 2*len(n.pairs))
	for p := range n.pairs {
		h := pairHash(n.hashes[p[0]], n.hashes[p[1]])
		if has[h/64]>>(h%64)&1 == 0 {
			has[h/64] |= 1 << (h % 64)
			out = append(out, noteOf('p', h))
		}
		if n.times[p[0]] > 1 {
			out = append(out, noteOf('a', uint16(n.hashes[p[0]]>>(32-hashBits))))
		}
	}
	for i, a := range n.hashes {
		for j, b := range n.hashes {
			if h := pairHash(a, b); has[h/64]>>(h%64)&1 == 1 && !n.pairs[[2]uint8{uint8(i), uint8(j)}] {
				out = append(out, noteOf('c', h))
			}
		}
	}
	return out
}
