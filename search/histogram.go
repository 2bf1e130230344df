package search

import "time"

// Histogram is hits over time, in bars of equal width.
type Histogram struct {
	From    time.Time `json:"from"` // where the first bar begins
	Seconds int64     `json:"seconds"`
	Counts  []uint64  `json:"counts"` // of each bar
}

// bars is how many bars a histogram has at most.
const bars = 60

// widths are how wide bars can be; each is a whole number of a unit.
var widths = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, day, 7 * day, 30 * day, 365 * day,
}

const day = 24 * time.Hour

// histogram counts s over time; nil when it is empty.
func (v *view) histogram(s set) (*Histogram, error) {
	first, last, err := v.extent(s)
	if err != nil || first < 0 {
		return nil, err
	}
	width := int64(widths[len(widths)-1])
	for _, w := range widths {
		if w := int64(w); last/w-first/w < bars {
			width = w
			break
		}
	}
	u := units[0]
	for _, longer := range units {
		if width%longer.length == 0 {
			u = longer
		}
	}
	h := &Histogram{From: time.Unix(0, first/width*width).UTC(), Seconds: width / int64(time.Second), Counts: make([]uint64, last/width-first/width+1)}
	terms, err := v.units(u, first/u.length*u.length, last+u.length)
	if err != nil {
		return nil, err
	}
	for _, term := range terms {
		begins, err := u.begins(term)
		if err != nil {
			return nil, err
		}
		in, err := v.postings(fieldTime, term)
		if err != nil {
			return nil, err
		}
		if bar := begins/width - first/width; bar >= 0 && bar < int64(len(h.Counts)) {
			h.Counts[bar] += both(s, in)
		}
	}
	return h, nil
}

// extent is the first and the last moment, to 10 ms, at which s has a document; first is negative when it has
// none.
func (v *view) extent(s set) (first, last int64, err error) {
	if first, err = v.edge(s, len(units)-1, 0, lastMoment, false); err != nil || first < 0 {
		return first, 0, err
	}
	last, err = v.edge(s, len(units)-1, first, lastMoment, true)
	return first, last, err
}

// edge is the first or the last moment of [lo, hi) at which s has a document.
func (v *view) edge(s set, level int, lo, hi int64, fromEnd bool) (int64, error) {
	u := units[level]
	terms, err := v.units(u, lo/u.length*u.length, hi)
	if err != nil {
		return -1, err
	}
	for i := range terms {
		term := terms[i]
		if fromEnd {
			term = terms[len(terms)-1-i]
		}
		in, err := v.postings(fieldTime, term)
		if err != nil {
			return -1, err
		}
		if both(s, in) == 0 {
			continue
		}
		begins, err := u.begins(term)
		if err != nil || level == 0 {
			return begins, err
		}
		return v.edge(s, level-1, begins, begins+u.length, fromEnd)
	}
	return -1, nil
}
