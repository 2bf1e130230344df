package search

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// A document has a term for the 10 ms, second, minute, hour and day (of UTC) in which it was written,
// so a span of time is a handful of terms, and the newest of many is found by going down from days.
// Moments are nanoseconds since 1970.

// unit is a length of time that has terms.
type unit struct {
	letter byte
	length int64 // nanoseconds
}

// units are from the shortest to the longest; each divides the next.
var units = [...]unit{
	{'c', int64(10 * time.Millisecond)}, {'s', int64(time.Second)}, {'m', int64(time.Minute)}, {'h', int64(time.Hour)}, {'d', int64(24 * time.Hour)},
}

// term is the term of the unit that a moment is in; it sorts as time does.
func (u unit) term(moment int64) string {
	return fmt.Sprintf("%c%010x", u.letter, max(moment, 0)/u.length)
}

// begins is the first moment of a term of the unit.
func (u unit) begins(term string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(term, string(u.letter)), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("the index has the time %q", term)
	}
	return n * u.length, nil
}

// lastMoment is after every time that can be asked for, and a whole number of every unit.
const lastMoment = math.MaxInt64 / int64(24*time.Hour) * int64(24*time.Hour)

// momentOf is t, within what the index can hold.
func momentOf(t time.Time) int64 {
	switch {
	case t.Unix() < 0:
		return 0
	case t.Unix() >= lastMoment/int64(time.Second):
		return lastMoment
	}
	return t.UnixNano()
}

// span are the documents written in [from, until); a zero time is unbounded.
func (v *view) span(from, until time.Time) (set, error) {
	lo, hi := int64(0), lastMoment
	if !from.IsZero() {
		lo = momentOf(from)
	}
	if !until.IsZero() {
		hi = momentOf(until)
	}
	if lo >= hi {
		return make(set, len(v.segments)), nil
	}
	// What is not a whole number of the shortest unit is at most a unit at each end.
	least := units[0].length
	up, down := roundUp(lo, least), hi/least*least
	if up > down {
		return v.within(lo, lo, hi)
	}
	out, err := v.whole(up, down)
	if err != nil {
		return nil, err
	}
	for _, edge := range [][2]int64{{lo, up}, {down, hi}} {
		if edge[0] < edge[1] {
			part, err := v.within(edge[0], edge[0], edge[1])
			if err != nil {
				return nil, err
			}
			out = or(out, part)
		}
	}
	return out, nil
}

// whole are the documents written in [lo, hi), which are whole numbers of the shortest unit.
func (v *view) whole(lo, hi int64) (set, error) {
	out := make(set, len(v.segments))
	add := func(u unit, lo, hi int64) error {
		if lo >= hi {
			return nil
		}
		part, err := v.between(fieldTime, u.term(lo), u.term(hi))
		out = or(out, part)
		return err
	}
	for i, u := range units {
		if i == len(units)-1 {
			return out, add(u, lo, hi)
		}
		next := units[i+1].length
		up, down := roundUp(lo, next), hi/next*next
		if up >= down {
			return out, add(u, lo, hi)
		}
		if err := add(u, lo, up); err != nil {
			return nil, err
		}
		if err := add(u, down, hi); err != nil {
			return nil, err
		}
		lo, hi = up, down
	}
	return out, nil
}

// roundUp is the first whole number of length that is not before moment, lastMoment at most.
func roundUp(moment, length int64) int64 {
	if moment > lastMoment-length {
		return lastMoment
	}
	return (moment + length - 1) / length * length
}

// within are the documents of the shortest unit that moment is in that were written in [lo, hi).
func (v *view) within(moment, lo, hi int64) (set, error) {
	all, err := v.postings(fieldTime, units[0].term(moment))
	if err != nil {
		return nil, err
	}
	found, err := v.documents(all)
	if err != nil {
		return nil, err
	}
	out := make(set, len(v.segments))
	for _, d := range found {
		t, err := orderTime(d.order)
		if err != nil {
			return nil, err
		}
		if t < lo || t >= hi {
			continue
		}
		if out[d.segment] == nil {
			out[d.segment] = roaring.New()
		}
		out[d.segment].Add(d.number)
	}
	return out, nil
}

// units are the terms of a unit in [lo, hi) that any document has, in order.
func (v *view) units(u unit, lo, hi int64) ([]string, error) {
	var out []string
	err := v.each(fieldTime, u.term(lo), u.term(hi), func(_ int, _ segment.TermDictionary, e *index.DictEntry) error {
		out = append(out, e.Term)
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// place is where one is, and what it is sorted by.
type place struct {
	segment int
	number  uint32
	order   string
}

// documents reads what the documents of a set are sorted by.
func (v *view) documents(s set) ([]place, error) {
	out := make([]place, 0, s.count())
	values := v.values(fieldOrder)
	err := s.each(func(i int, n uint32) error {
		d := place{segment: i, number: n}
		if err := values.of(i, n, func(_ string, value []byte) { d.order = string(value) }); err != nil {
			return err
		}
		out = append(out, d)
		return nil
	})
	return out, err
}

// orderTime is the moment of what a document is sorted by.
func orderTime(order string) (int64, error) {
	hex, _, _ := strings.Cut(order, "/")
	t, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("the index has the order %q", order)
	}
	return int64(t), nil
}
