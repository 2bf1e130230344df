package search_test

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport/search"
)

func TestSnippet(t *testing.T) {
	far := strings.Repeat("filler ", 100) + "drop TABLE x"
	for _, c := range []struct{ text, phrase, want string }{
		{"a <b> & c", "b", "a &lt;<mark>b</mark>&gt; &amp; c"},
		{"SELECT 1", "nothing", "SELECT 1"},
		{"x x x", "x", "<mark>x</mark> <mark>x</mark> <mark>x</mark>"},
		{"my_id = 4", "my_id 4", "<mark>my_id = 4</mark>"},
		{far, "drop table", "…" + strings.Repeat("filler ", 8) + "<mark>drop TABLE</mark> x"},
		{strings.Repeat("é", 200), "x", strings.Repeat("é", 120) + "…"},
	} {
		if got := search.SnippetOf(c.text, c.phrase); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.phrase, c.text, got, c.want)
		}
	}
}

// FuzzSnippet holds that a snippet is a piece of its text, escaped, with whole marks.
func FuzzSnippet(f *testing.F) {
	f.Add("a <b> c", "b")
	f.Add(strings.Repeat("é_x ", 300)+"drop table", "drop table")
	f.Fuzz(func(t *testing.T, text, phrase string) {
		got := search.SnippetOf(text, phrase)
		plain := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(got)
		if strings.ContainsAny(plain, "<>") || strings.Count(got, "<mark>") != strings.Count(got, "</mark>") {
			t.Fatalf("not escaped: %q", got)
		}
		plain = html.UnescapeString(plain)
		for _, p := range []string{plain, strings.TrimPrefix(plain, "…"), strings.TrimSuffix(plain, "…"), strings.TrimSuffix(strings.TrimPrefix(plain, "…"), "…")} {
			if strings.Contains(text, p) {
				if utf8.ValidString(text) && !utf8.ValidString(got) {
					t.Fatalf("a character was cut: %q", got)
				}
				return
			}
		}
		t.Fatalf("%q is not a piece of %q", plain, text)
	})
}

// FuzzSplit holds that pieces are short, and that nothing is lost between them.
func FuzzSplit(f *testing.F) {
	f.Add("ab ", 20_000)
	f.Add("é", 40_000)
	f.Fuzz(func(t *testing.T, unit string, n int) {
		if n < 0 || n > 40_000 || n*len(unit) > 1<<18 || !utf8.ValidString(unit) {
			return
		}
		var b strings.Builder
		for i := range n { // without a period, so that a piece is in one place only
			fmt.Fprintf(&b, "%s%d", unit, i)
		}
		text := b.String()
		at := 0
		for _, p := range search.Split(text) {
			if len(p) > 32<<10 {
				t.Fatalf("a piece of %d bytes", len(p))
			}
			begins := -1
			for overlap := 0; overlap <= 256 && begins < 0; overlap++ {
				if at-overlap >= 0 && strings.HasPrefix(text[at-overlap:], p) {
					begins = at - overlap
				}
			}
			if begins < 0 {
				t.Fatalf("a gap at %d", at)
			}
			at = begins + len(p)
		}
		if at < len(text) {
			t.Fatalf("%d of %d bytes", at, len(text))
		}
	})
}
