package mask_test

import (
	"regexp"
	"strings"
	"testing"

	"sallyport/ingress/mask"
)

// TestRules holds that every rule can be compiled, and has keywords that the automaton can look for: one
// that could not would be silent.
func TestRules(t *testing.T) {
	n := 0
	err := mask.Rules(func(text string, keywords, allow []string) {
		n++
		for _, e := range append(allow, text) {
			if _, err := regexp.Compile(e); err != nil {
				t.Error(err)
			}
		}
		if len(keywords) == 0 {
			t.Errorf("%s has no keyword", text)
		}
		for _, w := range keywords {
			if w == "" || len(w) > 40 || w != strings.ToLower(w) || strings.Contains(w, "\n") {
				t.Errorf("the keyword %q of %s", w, text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 220 {
		t.Errorf("there are %d rules", n)
	}
}

// BenchmarkKeywords is text full of words that rules look for, without a secret: the dear case.
func BenchmarkKeywords(b *testing.B) {
	for name, line := range map[string]string{
		"config": "auth:\n  token_ttl: 15m\n  api: v1\n  access: public\n  key: primary\n  password: ${PASSWORD}\n",
		"prose":  "The token is kept as a key, and the password gives access to the api.\n",
	} {
		text := []byte(strings.Repeat(line, 1000))
		s := set(b, mask.Redact, mask.Secret)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for range b.N {
				s.Apply(nil, text)
			}
			b.ReportMetric(float64(len(text))*float64(b.N)/1e6/(cpu(b)-before), "MB/cpu-s")
		})
	}
}

func BenchmarkNewScanner(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		scanner(b, mask.Secret)
	}
}
