package words_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/search/internal/words"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT * FROM customers", "select:1 from:2 customers:3"},
		{"customer_id", "customer:1 customer_id:1 id:2"},
		{"_private__x", "private:1 _private__x:1 x:2"},
		{"public.Customer_ID, x", "public:1 public.customer_id:1 customer:2 customer_id:2 id:3 x:4"},
		{"<alice@example.com>.", "alice:1 alice@example.com:1 example:2 com:3"},
		{"-12.50", "12:1 12.50:1 50:2"},
		{"https://a.b", "https:1 https://a.b:1 a:2 b:3"},
		{"a----b", "a:1 b:2"},
		{"a- b", "a:1 b:2"},
		{"___ . x", "x:1"},
		{"Ünïcode naïve", "ünïcode:1 naïve:2"},
		{"東京 tower", "東:1 京:2 tower:3"},
		{"a\xffb", "a:1 b:2"},
		{"", ""},
		{strings.Repeat("x", words.MaxTerm+1), strings.Repeat("x", words.MaxTerm) + ":1 x:2"},
	} {
		var got []string
		for _, k := range words.Split(c.text) {
			got = append(got, fmt.Sprintf("%s:%d", k.Term, k.Position))
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%q: %s", c.text, d)
		}
	}
}

func TestPhrase(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"drop table", []string{"drop", "table"}},
		{"customer_id", []string{"customer_id"}},
		{"customer_id = 5", []string{"customer_id", "", "5"}},
		{"id from a_b.c", []string{"id", "from", "a_b", "", "c"}},
		{"alice@example.com", []string{"alice", "example", "com"}},
		{"; --", nil},
	} {
		if d := cmp.Diff(c.want, words.Phrase(c.text)); d != "" {
			t.Errorf("%q: %s", c.text, d)
		}
	}
}

func TestWhole(t *testing.T) {
	for text, want := range map[string]string{
		"Alice@example.com": "alice@example.com", "2026-11-22": "2026-11-22", " <a.b>, ": "a.b", "a_b.c": "a_b.c",
		"a": "", "a_b": "", "a.b c": "", "a b.c": "", "a.b c.d": "", "": "", "; --": "",
	} {
		if got := words.Whole(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzSplit holds that offsets are inside the text and rise, that positions are whole, and that a
// text's phrase stands in the text's tokens.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a_b.c@d", "東京a", "___", "\xff", "a-_-b", strings.Repeat("é", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := map[string]bool{}
		position, start := 0, 0
		for _, k := range words.Split(text) {
			if k.Start < 0 || k.End > len(text) || k.Start >= k.End || k.End-k.Start > words.MaxTerm {
				t.Fatalf("offsets %+v", k)
			}
			if k.Kind == words.Part {
				if k.Position != position+1 || k.Start < start {
					t.Fatalf("part %+v after position %d", k, position)
				}
				position, start = k.Position, k.End
			} else if k.Position != position {
				t.Fatalf("%+v does not stand with part %d", k, position)
			}
			at[fmt.Sprint(k.Position, k.Term)] = true
		}
		for i, term := range words.Phrase(text) {
			if term != "" && !at[fmt.Sprint(i+1, term)] {
				t.Fatalf("phrase term %q is not at %d", term, i+1)
			}
		}
		if p, ok := words.Prefix(text); ok && p == "" {
			t.Fatal("empty prefix")
		}
	})
}
