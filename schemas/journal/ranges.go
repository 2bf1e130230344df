package journal

import (
	"slices"

	"sallyport/schemas"
)

// numbers is a set of numbers, as ranges in the order they were added.
type numbers []*schemas.Range

// add notes n; on one subject numbers come in rising order, so ranges stay few.
func (ns *numbers) add(n uint64) {
	if i := len(*ns) - 1; i >= 0 && (*ns)[i].Last+1 == n {
		(*ns)[i].Last = n
		return
	}
	*ns = append(*ns, &schemas.Range{First: n, Last: n})
}

// sorted returns the ranges by first number.
func (ns numbers) sorted() numbers {
	s := slices.Clone(ns)
	slices.SortFunc(s, func(a, b *schemas.Range) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	return s
}

// missing returns what lies between above and the last number and is not in ns, and whether a
// number is there twice.
func (ns numbers) missing(above uint64) (gaps []*schemas.Range, twice bool) {
	for _, r := range ns.sorted() {
		if r.First > above+1 {
			gaps = append(gaps, &schemas.Range{First: above + 1, Last: r.First - 1})
		}
		twice = twice || r.First <= above
		above = max(above, r.Last)
	}
	return gaps, twice
}

func equalRanges(a, b []*schemas.Range) bool {
	return slices.EqualFunc(a, b, func(x, y *schemas.Range) bool { return x.First == y.First && x.Last == y.Last })
}
