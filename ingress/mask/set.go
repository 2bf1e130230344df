package mask

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Rule says what is looked for, and how that is masked.
type Rule struct {
	Name      string // for errors
	Transform *Transform
	Detect    []Detector // without ExternalDetector, which is External
	External  *External  // nil: none is asked
}

// Hit is what a rule found in a value.
type Hit struct {
	Rule   int  // its index among the rules of the set
	Count  int  // how many places
	Failed bool // its external detector did not answer: the whole value was masked
}

// Set is several rules over one value. It does not change once made, and is safe for concurrent use.
type Set struct {
	rules    []Rule
	scanner  *Scanner
	owner    [kinds]int // the rule that a detector belongs to
	external bool
}

// NewSet returns the set of the rules. A detector in several rules belongs to the first.
func NewSet(rules ...Rule) (*Set, error) {
	s := &Set{rules: slices.Clone(rules)}
	var all []Detector
	for i, r := range slices.Backward(s.rules) {
		if r.Transform == nil {
			return nil, fmt.Errorf("rule %q has no transform", r.Name)
		}
		for _, d := range r.Detect {
			k, ok := kindOf(d)
			if !ok {
				return nil, fmt.Errorf("rule %q: %q is no detector of a scanner", r.Name, d)
			}
			s.owner[k] = i
			all = append(all, d)
		}
		s.external = s.external || r.External != nil
	}
	var err error
	s.scanner, err = NewScanner(all)
	return s, err
}

// Apply appends value to dst with what the rules find masked, and says which rules found something.
// Without hits nothing changed and nothing was appended: the caller goes on with value itself. With null,
// a rule that masks with Null found something: there is no value at all.
func (s *Set) Apply(dst, value []byte) (out []byte, hits []Hit, null bool) {
	return s.ApplyContext(context.Background(), dst, value)
}

// ApplyContext is Apply with a context for the external detectors. When one of them does not
// answer, its rule masks the whole value.
func (s *Set) ApplyContext(ctx context.Context, dst, value []byte) (out []byte, hits []Hit, null bool) {
	var room [8]Match
	matches := s.scanner.Find(room[:0], value)
	if s.external {
		return s.applyExternal(ctx, dst, value, matches)
	}
	if len(matches) == 0 {
		return dst, nil, false
	}
	places := make([]place, 0, len(matches))
	for _, m := range matches {
		places = append(places, s.place(m))
	}
	return s.replace(dst, value, places)
}

// place is a match that knows its rule.
type place struct {
	start, end int
	rule       int
}

func (s *Set) place(m Match) place {
	k, _ := kindOf(m.Detector)
	return place{start: m.Start, end: m.End, rule: s.owner[k]}
}

func (s *Set) applyExternal(ctx context.Context, dst, value []byte, matches []Match) (out []byte, hits []Hit, null bool) {
	var places []place
	for _, m := range matches {
		places = append(places, s.place(m))
	}
	for i, r := range s.rules {
		if r.External == nil {
			continue
		}
		found, err := r.External.Find(ctx, value)
		if err != nil {
			out, null = r.Transform.Text(dst, value)
			return out, []Hit{{Rule: i, Count: 1, Failed: true}}, null
		}
		for _, m := range found {
			places = append(places, place{start: m.Start, end: m.End, rule: i})
		}
	}
	if len(places) == 0 {
		return dst, nil, false
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.start - b.start })
	return s.replace(dst, value, places)
}

// replace appends value with the places masked. What of a place an earlier one covers is left out.
func (s *Set) replace(dst, value []byte, places []place) (out []byte, hits []Hit, null bool) {
	out = dst
	end := 0
	for _, p := range places {
		p.start = max(p.start, end)
		if p.start >= p.end {
			continue
		}
		hits = count(hits, p.rule)
		out = append(out, value[end:p.start]...)
		var none bool
		if out, none = s.rules[p.rule].Transform.Text(out, value[p.start:p.end]); none {
			null = true
		}
		end = p.end
	}
	if null {
		return dst, hits, true
	}
	return append(out, value[end:]...), hits, false
}

func count(hits []Hit, rule int) []Hit {
	for i := range hits {
		if hits[i].Rule == rule {
			hits[i].Count++
			return hits
		}
	}
	return append(hits, Hit{Rule: rule, Count: 1})
}

// errExternal is why a stream refuses a set.
var errExternal = errors.New("a stream cannot ask an external detector")
