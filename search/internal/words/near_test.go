package words_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/search/internal/words"
)

func TestCommon(t *testing.T) {
	for term, want := range map[string]int{
		"state": 1, "ünï": 1, "東": 1, "customer_id": 2, "_private__x": 2, "a_7": 2, "7": 1, "59": 1, "1999": 1, "2026": 1,
		"": 0, "_": 0, "100": 0, "1899": 0, "20261": 0, "x9": 0, "a_100": 0, "東_京": 0, "_東京": 0, "a.b": 0, "a\u0301": 0,
		strings.Repeat("x", 16): 1, strings.Repeat("x", 17): 0, strings.Repeat("x_", 17): 0,
	} {
		if got := words.Common(term); got != want {
			t.Errorf("%q has %d parts, want %d", term, got, want)
		}
	}
}

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		texts []string
		pairs string
		again string
	}{
		{[]string{"SELECT id FROM t"}, "select id|id from|from t", ""},
		{[]string{"customer_id AND state"}, "customer id|customer_id and|id and|and state", ""},
		{[]string{"state = 4711 AND x9"}, "", ""},
		{[]string{"and state and state"}, "and state|state and", "and|state"},
		{[]string{"a b", "b a"}, "a b|b a", "a|b"},
		{[]string{"a a"}, "a a", "a"},
		{[]string{"7 4711 7 4711"}, "", ""},
		{[]string{"2026-11-27"}, "2026 11|11 27", ""},
		{[]string{""}, "", ""},
	} {
		var want []string
		for pair := range strings.SplitSeq(c.pairs, "|") {
			if a, b, ok := strings.Cut(pair, " "); ok {
				want = append(want, words.Pair(a, b))
			}
		}
		for word := range strings.SplitSeq(c.again, "|") {
			if word != "" {
				want = append(want, words.Again(word))
			}
		}
		if d := cmp.Diff(want, notes(c.texts...), cmpopts.SortSlices(strings.Compare), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q: %s", c.texts, d)
		}
	}
}

func TestTooManyPairs(t *testing.T) {
	if got := notes(distinct(64)); len(got) < 60 || slices.Contains(got, words.Unlisted) {
		t.Errorf("of 64 different pairs: %q", got)
	}
	for _, texts := range [][]string{{distinct(65)}, {distinct(40), distinct(66)}, {"b " + strings.ReplaceAll(distinct(140), " ", " x9 ")}} {
		if got := notes(texts...); !slices.Equal(got, []string{words.Unlisted}) {
			t.Errorf("%q: %q", texts, got)
		}
	}
}

// TestUnclear: two words that do not stand next to each other, and another pair with their hash.
func TestUnclear(t *testing.T) {
	word := colliding("state", "id", "and")
	text := "state id x9 and x9 " + word
	if words.Pair("and", word) != words.Pair("state", "id") {
		t.Fatalf("%q has another hash", word)
	}
	want := []string{words.Pair("state", "id"), words.Unclear("and", word)}
	if d := cmp.Diff(want, notes(text), cmpopts.SortSlices(strings.Compare)); d != "" {
		t.Errorf("%q: %s", text, d)
	}
}

func notes(texts ...string) (out []string) {
	var p words.Pairs
	for i, text := range texts {
		p = append(p, words.NewText(text))
		if i%2 == 0 {
			p[i].Analyze(nil)
		}
	}
	for _, token := range p.Analyze(nil) {
		out = append(out, string(token.Term))
	}
	return out
}

// distinct is a text with n different pairs.
func distinct(n int) string {
	var b strings.Builder
	for i := range n + 1 {
		fmt.Fprintf(&b, "w%c%c ", rune('a'+i/26), rune('a'+i%26))
	}
	return b.String()
}

// colliding is a word that makes the same hash with first as two other words make.
func colliding(a, b, first string) string {
	for i := range 26 * 26 * 26 * 26 {
		w := fmt.Sprintf("%c%c%c%c", rune('a'+i%26), rune('a'+i/26%26), rune('a'+i/26/26%26), rune('a'+i/26/26/26))
		if words.Pair(first, w) == words.Pair(a, b) {
			return w
		}
	}
	return ""
}
