package search_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/search"
	"sallyport/search/internal/words"
)

// someWords and joints make texts in which words are common, rare, names and parts of names, and repeated.
var (
	someWords = []string{"and", "state", "id", "a", "customer_id", "order_items", "4711", "x9", "7", "2026", "東京", "_x", "alice@example.com", "a.b"}
	joints    = []string{" ", " ", " ", ", ", " = ", ".", "_", "__", "\n"}
)

func someText(r *rand.Rand, most int) string {
	var b strings.Builder
	for i := range 1 + r.IntN(most) {
		if i > 0 {
			b.WriteString(joints[r.IntN(len(joints))])
		}
		b.WriteString(someWords[r.IntN(len(someWords))])
	}
	return b.String()
}

// manyPairs is a text with more different pairs than are noted, and some more.
func manyPairs(r *rand.Rand) string {
	var b strings.Builder
	for range 90 {
		fmt.Fprintf(&b, "%c%c ", 'a'+r.IntN(26), 'a'+r.IntN(26))
	}
	return b.String() + someText(r, 12)
}

// stands reports whether terms stand in a row in a text.
func stands(text string, terms []string) bool {
	at := map[string]bool{}
	last := 0
	for _, t := range words.Split(text) {
		at[fmt.Sprint(t.Position, t.Term)] = true
		last = t.Position
	}
	for first := 1; first <= last; first++ {
		in := true
		for i, term := range terms {
			in = in && (term == "" || at[fmt.Sprint(first+i, term)])
		}
		if in {
			return true
		}
	}
	return false
}

// colliding are words that are noted like two others when they stand next to each other.
func colliding(a, b string) (first, second string) {
	for i := 0; ; i++ {
		first, second = "and", fmt.Sprintf("%c%c%c%c", rune('a'+i%26), rune('a'+i/26%26), rune('a'+i/26/26%26), rune('a'+i/26/26/26))
		if words.Pair(first, second) == words.Pair(a, b) {
			return first, second
		}
	}
}

// TestPhrases holds what phrases find, however it is found, against the texts themselves.
func TestPhrases(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), alice())
	texts := map[uint64][]string{} // of the command of a number, its own and its parameters
	for i := range 400 {
		own := []string{someText(r, 12)}
		switch {
		case i%10 == 0:
			own[0] = manyPairs(r)
		case i%4 == 0:
			own = append(own, someText(r, 6), someText(r, 6))
		}
		c := &schemas.Command{Text: own[0]}
		for _, p := range own[1:] {
			c.Parameters = append(c.Parameters, &schemas.Value{Type: 25, Data: []byte(p)})
		}
		texts[w.command(c, allow())] = own
	}
	first, second := colliding("state", "id")
	for _, text := range []string{"state id x9 " + first + " x9 " + second, first + " " + second} {
		texts[w.command(&schemas.Command{Text: text}, allow())] = []string{text}
	}
	w.end()
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	found := 0
	for i := range 300 {
		phrase := someText(r, 4)
		if i == 0 {
			phrase = first + " " + second
		}
		terms := words.Phrase(phrase)
		var want, got []uint64
		for n, own := range texts {
			if slices.ContainsFunc(own, func(text string) bool { return stands(text, terms) }) {
				want = append(want, n)
			}
		}
		for cursor, first := "", true; first || cursor != ""; first = false {
			found, err := s.Search(context.Background(), search.Query{Text: `"` + phrase + `"`, Limit: 200, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range found.Hits {
				got = append(got, h.Number)
			}
			cursor = found.Next
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%q, as %q: found %d, want %d", phrase, terms, got, want)
		}
		if len(terms) > 1 {
			found += len(got)
		}
	}
	if found < 500 {
		t.Errorf("phrases of several words found %d in all: too few to tell", found)
	}
}
