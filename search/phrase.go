package search

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	"golang.org/x/sync/errgroup"
)

// phrase are the documents of a set that have terms at successive positions of one text of a part; "" is any
// term. Where the term whole is, if any, they stand as well.
func (v *view) phrase(part string, terms []string, whole string, within set) (set, error) {
	field := textField(part)
	all := within
	for _, t := range terms {
		if t == "" {
			continue
		}
		one, err := v.postings(field, t)
		if err != nil {
			return nil, err
		}
		all = and(all, one)
	}
	found, unsure, err := v.chain(part, terms, all)
	if err != nil {
		return nil, err
	}
	if whole != "" {
		sure, err := v.postings(field, whole)
		if err != nil {
			return nil, err
		}
		sure = and(all, sure)
		found, unsure = or(found, sure), except(unsure, sure)
	}
	out := make(set, len(v.segments))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, candidates := range unsure {
		if candidates == nil {
			continue
		}
		g.Go(func() (err error) {
			out[i], err = v.phraseIn(i, candidates, field, terms)
			return err
		})
	}
	err = g.Wait()
	return or(found, out), err
}

// phraseIn are those of the candidates, which have all terms, in which they stand in a row.
func (v *view) phraseIn(i int, candidates *roaring.Bitmap, field string, terms []string) (*roaring.Bitmap, error) {
	ps := make([]*positions, 0, len(terms))
	for offset, t := range terms {
		if t == "" {
			continue
		}
		list, err := v.terms[field][i].PostingsList([]byte(t), v.segments[i].Deleted(), nil)
		if err != nil {
			return nil, fmt.Errorf("read postings: %w", err)
		}
		ps = append(ps, &positions{it: list.Iterator(true, false, true, nil), offset: uint64(offset)})
	}
	out := roaring.New()
	for it := candidates.Iterator(); it.HasNext(); {
		n := it.Next()
		for _, p := range ps {
			if err := p.read(n); err != nil {
				return nil, err
			}
		}
		if inARow(ps) {
			out.Add(n)
		}
	}
	if out.IsEmpty() {
		return nil, nil
	}
	return out, nil
}

// positions are where in a document a term of a phrase stands.
type positions struct {
	it     segment.PostingsIterator
	offset uint64   // of the term in the phrase
	at     []uint64 // where the phrase would begin, with the number of the text above bit 40
}

func (p *positions) read(document uint32) error {
	p.at = p.at[:0]
	posting, err := p.it.Advance(uint64(document))
	if err != nil {
		return fmt.Errorf("read positions: %w", err)
	}
	if posting == nil || posting.Number() != uint64(document) {
		return nil
	}
	for _, l := range posting.Locations() {
		if l.Pos() <= p.offset {
			continue // the phrase would begin before the text
		}
		var text uint64
		if a := l.ArrayPositions(); len(a) > 0 {
			text = a[0]
		}
		p.at = append(p.at, text<<40|(l.Pos()-p.offset))
	}
	slices.Sort(p.at)
	return nil
}

func inARow(ps []*positions) bool {
	for _, at := range ps[0].at {
		in := true
		for _, other := range ps[1:] {
			if _, in = slices.BinarySearch(other.at, at); !in {
				break
			}
		}
		if in {
			return true
		}
	}
	return false
}
