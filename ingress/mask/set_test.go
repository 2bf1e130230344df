package mask_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/ingress/mask"
)

func rules(t testing.TB, rules ...mask.Rule) *mask.Set {
	t.Helper()
	s, err := mask.NewSet(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApply(t *testing.T) {
	s := rules(t,
		mask.Rule{Name: "pay", Transform: transform(mask.Partial), Detect: []mask.Detector{mask.CreditCard}},
		mask.Rule{Name: "people", Transform: transform(mask.Redact), Detect: []mask.Detector{mask.Email, mask.CreditCard}},
	)
	out, hits, null := s.Apply([]byte("<"), []byte("a joe@example.com b 4111111111111111, amy@example.com"))
	if got, want := string(out), "<a [redacted] b ************1111, [redacted]"; got != want || null {
		t.Errorf("out is %q, null %v", got, null)
	}
	if d := cmp.Diff([]mask.Hit{{Rule: 1, Count: 2}, {Rule: 0, Count: 1}}, hits); d != "" {
		t.Error(d)
	}
}

func TestApplyNothing(t *testing.T) {
	s := set(t, mask.Redact, all()...)
	if out, hits, null := s.Apply([]byte("<"), []byte("nothing here")); string(out) != "<" || hits != nil || null {
		t.Errorf("out %q, hits %v, null %v", out, hits, null)
	}
}

func TestApplyNull(t *testing.T) {
	s := set(t, mask.Null, mask.Email)
	out, hits, null := s.Apply([]byte("<"), []byte("a joe@example.com"))
	if string(out) != "<" || total(hits) != 1 || !null {
		t.Errorf("out %q, hits %v, null %v", out, hits, null)
	}
}

func TestNewSetRefuses(t *testing.T) {
	for name, r := range map[string]mask.Rule{
		"no transform":  {Name: "a", Detect: []mask.Detector{mask.Email}},
		"no detector":   {Name: "a", Transform: transform(mask.Redact), Detect: []mask.Detector{"mail"}},
		"external name": {Name: "a", Transform: transform(mask.Redact), Detect: []mask.Detector{mask.ExternalDetector}},
	} {
		if _, err := mask.NewSet(r); err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNothingFoundIsLeft holds that nothing a detector finds is in what Apply gives out.
func TestNothingFoundIsLeft(t *testing.T) {
	sc := scanner(t, all()...)
	s := set(t, mask.Redact, all()...)
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(texts().Draw(t, "text"))
		matches := sc.Find(nil, text)
		out, hits, _ := s.Apply(nil, text)
		if len(matches) != total(hits) {
			t.Fatalf("%d finds and %d hits", len(matches), total(hits))
		}
		end, left := 0, []byte(nil)
		for _, m := range matches {
			if m.Start < end || m.End <= m.Start || m.End > len(text) {
				t.Fatalf("the matches %v are not in order", matches)
			}
			left = append(append(left, text[end:m.Start]...), mask.Redacted...)
			end = m.End
		}
		left = append(left, text[end:]...)
		if hits != nil && !bytes.Equal(out, left) {
			t.Fatalf("%q became %q, not %q", text, out, left)
		}
		if utf8.Valid(text) && !utf8.Valid(out) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

// TestDigitsAreGone plants cards in the middle of whatever cannot hide them.
func TestDigitsAreGone(t *testing.T) {
	s := set(t, mask.Hash, mask.CreditCard)
	rapid.Check(t, func(t *rapid.T) {
		sep := rapid.SampledFrom([]string{"", " ", "-", "\u00a0", "–", "\u200b", "."}).Draw(t, "sep")
		card := rapid.StringMatching(`4[0-9]{14}`).Draw(t, "card")
		card += check(card)
		written := card[:4] + sep + card[4:8] + sep + card[8:12] + sep + card[12:]
		before := rapid.StringMatching(`([a-z ,;:"=(]*[,;:"=( ])?`).Draw(t, "before")
		after := rapid.StringMatching(`([,;:"=) ][a-z ,;:"=)]*)?`).Draw(t, "after")
		out, hits, _ := s.Apply(nil, []byte(before+written+after))
		if total(hits) != 1 || bytes.Contains(out, []byte(written)) || !bytes.HasPrefix(out, []byte(before)) || !bytes.HasSuffix(out, []byte(after)) {
			t.Fatalf("%q became %q", before+written+after, out)
		}
	})
}

// check is the digit that makes a number whole by Luhn's formula.
func check(number string) string {
	sum := 0
	for i := range len(number) {
		x := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return string(rune('0' + (10-sum%10)%10))
}

func FuzzApply(f *testing.F) {
	for _, p := range pieces() {
		f.Add([]byte(p))
	}
	s := set(f, mask.Redact, all()...)
	sc := scanner(f, all()...)
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		out, hits, _ := s.Apply(nil, value)
		if !bytes.Equal(before, value) {
			t.Fatal("the value was changed")
		}
		if hits != nil && utf8.Valid(value) && !utf8.Valid(out) {
			t.Fatalf("%q became %q", value, out)
		}
		end := 0
		for _, m := range sc.Find(nil, value) {
			if m.Start < end || m.Start >= m.End || m.End > len(value) {
				t.Fatalf("%v after %d of %d bytes", m, end, len(value))
			}
			end = m.End
		}
	})
}
