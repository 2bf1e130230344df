package lineage

import (
	"cmp"
	"slices"
)

// maxSteps bounds the work on one text, views and functions that it uses included. What is left undone
// then cannot be vouched for.
const maxSteps = 400_000

// maxColumns is PostgreSQL's limit for a result (MaxTupleAttributeNumber), with room for what is
// joined before columns are chosen.
const maxColumns = 1664 * 4

// maxNesting is how deep texts within texts are followed.
const maxNesting = 12

// budget is the work of one text.
type budget struct {
	steps   int
	nesting int
	open    map[uint32]bool   // views that are being looked into
	calls   map[*summary]bool // functions that are
	cycles  int               // times that one was met inside itself
}

func newBudget() *budget {
	return &budget{open: map[uint32]bool{}, calls: map[*summary]bool{}}
}

// exhausted is what a walk panics with when its budget is spent; analyze recovers it.
type exhausted struct{}

func (b *budget) step() { b.take(1) }

func (b *budget) take(n int) {
	if b.steps += n; b.steps > maxSteps {
		panic(exhausted{})
	}
}

func sortOrigins(o []Origin) {
	slices.SortFunc(o, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Attribute, b.Attribute))
	})
}
