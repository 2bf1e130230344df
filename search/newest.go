package search

import (
	"cmp"
	"slices"
	"time"
)

// sortable is how many documents are sorted at once; more are looked at a unit of time at a time.
const sortable = 2000

// page finds the first documents of a set in the order of time.
type page struct {
	view   *view
	oldest bool
	after  string // order of the last document of the page before; empty: there is none
	size   int
	found  []place
}

// of fills the page from a set.
func (p *page) of(s set) error {
	if p.after != "" {
		t, err := orderTime(p.after)
		if err != nil {
			return err
		}
		from, until := time.Time{}, time.Unix(0, t+1)
		if p.oldest {
			from, until = time.Unix(0, t), time.Time{}
		}
		span, err := p.view.span(from, until)
		if err != nil {
			return err
		}
		s = and(s, span)
	}
	return p.descend(s, len(units)-1, 0, lastMoment)
}

func (p *page) full() bool { return len(p.found) >= p.size }

// descend adds what a set has in [lo, hi), until the page is full.
func (p *page) descend(s set, level int, lo, hi int64) error {
	if n := s.count(); n == 0 || p.full() {
		return nil
	} else if n <= sortable || level < 0 {
		return p.take(s)
	}
	u := units[level]
	terms, err := p.view.units(u, lo, hi)
	if err != nil {
		return err
	}
	if !p.oldest {
		slices.Reverse(terms)
	}
	for _, term := range terms {
		inside, err := p.view.postings(fieldTime, term)
		if err != nil {
			return err
		}
		begins, err := u.begins(term)
		if err != nil {
			return err
		}
		if err := p.descend(and(s, inside), level-1, begins, begins+u.length); err != nil || p.full() {
			return err
		}
	}
	return nil
}

// take adds what a set has that belongs on the page. Everything in it is later than what was added
// before.
func (p *page) take(s set) error {
	found, err := p.view.documents(s)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(d place) bool { return p.after != "" && p.compare(d.order, p.after) <= 0 })
	slices.SortFunc(found, func(a, b place) int { return p.compare(a.order, b.order) })
	p.found = append(p.found, found[:min(len(found), p.size-len(p.found))]...)
	return nil
}

func (p *page) compare(a, b string) int {
	if p.oldest {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}
