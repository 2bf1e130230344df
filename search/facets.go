package search

import (
	"cmp"
	"slices"

	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"

	"sallyport/search/internal/query"
)

// facets are the fields whose commonest values a search counts.
var facets = []query.Field{query.Who, query.Target, query.Kind, query.Verdict, query.Protocol, query.In}

// Count is how many hits have a value. Values are in lower case, but for kinds.
type Count struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

const (
	facetValues     = 10     // of a field, at most
	facetByDocument = 1000   // up to so many hits are counted one by one
	facetCandidates = 10_000 // values of a field that are tried, the commonest first
)

// facets counts the commonest values of every facet in s.
func (v *view) facets(s set) (map[string][]Count, error) {
	out := make(map[string][]Count, len(facets))
	if s.count() <= facetByDocument {
		return out, v.countDocuments(s, out)
	}
	for _, f := range facets {
		counts, err := v.countTerms(s, f)
		if err != nil {
			return nil, err
		}
		out[string(f)] = counts
	}
	return out, nil
}

// countDocuments looks at the values of every document.
func (v *view) countDocuments(s set, out map[string][]Count) error {
	names := make([]string, len(facets))
	counts := make(map[string]map[string]uint64, len(facets))
	for i, f := range facets {
		names[i] = string(f)
		counts[names[i]] = map[string]uint64{}
	}
	values := v.values(names...)
	err := s.each(func(i int, n uint32) error {
		return values.of(i, n, func(field string, value []byte) { counts[field][string(value)]++ })
	})
	for field, of := range counts {
		all := make([]Count, 0, len(of))
		for value, n := range of {
			all = append(all, Count{value, n})
		}
		out[field] = commonest(query.Field(field), all)
	}
	return err
}

// countTerms tries the terms of a field from the commonest of the index on. A term is in s at most
// as often as in the index, so it stops when the rest cannot be among the commonest of s.
func (v *view) countTerms(s set, f query.Field) ([]Count, error) {
	terms, err := v.frequent(string(f), "", "")
	if err != nil {
		return nil, err
	}
	var found []Count
	least := uint64(0)
	for _, t := range terms[:min(len(terms), facetCandidates)] {
		if len(found) >= facetValues && t.Count <= least {
			break
		}
		in, err := v.postings(string(f), t.Value)
		if err != nil {
			return nil, err
		}
		if n := both(s, in); n > 0 {
			found = append(found, Count{t.Value, n})
		}
		if len(found) > 2*facetValues {
			sortCounts(found)
			found = found[:facetValues]
		}
		if len(found) >= facetValues {
			least = slices.MinFunc(found, func(a, b Count) int { return cmp.Compare(a.Count, b.Count) }).Count
		}
	}
	return commonest(f, found), nil
}

// frequent are the terms of a field in [from, until) with how many documents have them, deleted ones
// included, the commonest first.
func (v *view) frequent(field, from, until string) ([]Count, error) {
	counts := map[string]uint64{}
	err := v.each(field, from, until, func(_ int, _ segment.TermDictionary, e *index.DictEntry) error {
		counts[e.Term] += e.Count
		return nil
	})
	out := make([]Count, 0, len(counts))
	for value, n := range counts {
		out = append(out, Count{value, n})
	}
	sortCounts(out)
	return out, err
}

func sortCounts(cs []Count) {
	slices.SortFunc(cs, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
}

func commonest(f query.Field, cs []Count) []Count {
	sortCounts(cs)
	cs = cs[:min(len(cs), facetValues)]
	for i := range cs {
		cs[i].Value = spelt(f, cs[i].Value)
	}
	return cs
}
