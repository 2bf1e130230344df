package search

import (
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// view is the index as it was at one moment. Queries are answered from the bitmaps that it keeps of
// every term, a segment at a time, so that a count costs the same whether ten documents match or a
// million. It is used by one goroutine.
type view struct {
	reader   index.IndexReader
	segments []*scorch.SegmentSnapshot
	terms    map[string][]segment.TermDictionary // by field, then as segments
}

// set is documents of a view: a bitmap a segment, nil where there is none. A bitmap in a set may be
// the index's own, so it is never changed.
type set []*roaring.Bitmap

// view opens a view of the store. The caller closes it.
func (s *store) view() (*view, error) {
	r, err := s.reader()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	snapshot, ok := r.(*scorch.IndexSnapshot)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the index is a %T", r), r.Close())
	}
	return &view{reader: r, segments: snapshot.Segments(), terms: map[string][]segment.TermDictionary{}}, nil
}

func (v *view) close() error { return v.reader.Close() }

// dictionaries are the terms of a field in each segment.
func (v *view) dictionaries(field string) ([]segment.TermDictionary, error) {
	if ds, ok := v.terms[field]; ok {
		return ds, nil
	}
	ds := make([]segment.TermDictionary, len(v.segments))
	for i, s := range v.segments {
		d, err := s.Segment().Dictionary(field)
		if err != nil {
			return nil, fmt.Errorf("read the terms of %s: %w", field, err)
		}
		ds[i] = d
	}
	v.terms[field] = ds
	return ds, nil
}

// postings are the documents that have a term in a field.
func (v *view) postings(field, term string) (set, error) {
	ds, err := v.dictionaries(field)
	if err != nil {
		return nil, err
	}
	out := make(set, len(ds))
	for i, d := range ds {
		if out[i], err = v.bitmap(i, d, []byte(term)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v *view) bitmap(i int, d segment.TermDictionary, term []byte) (*roaring.Bitmap, error) {
	list, err := d.PostingsList(term, v.segments[i].Deleted(), nil)
	if err != nil {
		return nil, fmt.Errorf("read postings: %w", err)
	}
	it := list.Iterator(false, false, false, nil)
	if whole, ok := it.(segment.OptimizablePostingsIterator); ok {
		if n, one := whole.DocNum1Hit(); one {
			return roaring.BitmapOf(uint32(n)), nil
		}
		if b := whole.ActualBitmap(); b != nil {
			return b, nil
		}
	}
	var b *roaring.Bitmap
	for {
		p, err := it.Next()
		if err != nil {
			return nil, fmt.Errorf("read postings: %w", err)
		}
		if p == nil {
			return b, nil
		}
		if b == nil {
			b = roaring.New()
		}
		b.Add(uint32(p.Number()))
	}
}

// between are the documents with a term of a field in [from, until); an empty until is unbounded.
func (v *view) between(field, from, until string) (set, error) {
	out := make(set, len(v.segments))
	err := v.each(field, from, until, func(i int, d segment.TermDictionary, e *index.DictEntry) error {
		b, err := v.bitmap(i, d, []byte(e.Term))
		if err != nil || b == nil {
			return err
		}
		if out[i] == nil {
			out[i] = roaring.New()
		}
		out[i].Or(b)
		return nil
	})
	return out, err
}

// each hands the terms of a field in [from, until) to f, a segment after the other.
func (v *view) each(field, from, until string, f func(segment int, d segment.TermDictionary, e *index.DictEntry) error) error {
	ds, err := v.dictionaries(field)
	if err != nil {
		return err
	}
	for i, d := range ds {
		it := d.AutomatonIterator(nil, bound(from), bound(until))
		for {
			e, err := it.Next()
			if err != nil {
				return fmt.Errorf("read the terms of %s: %w", field, err)
			}
			if e == nil {
				break
			}
			if err := f(i, d, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func bound(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// afterPrefix is the first string that is after all that begin with s; empty: there is none.
func afterPrefix(s string) string {
	b := []byte(s)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// columns hands the values of fields that a document keeps for it to f. Documents of a segment are
// asked for in order.
type columns struct {
	v      *view
	fields []string
	at     int
	state  segment.DocVisitState
}

func (v *view) values(fields ...string) *columns { return &columns{v: v, fields: fields, at: -1} }

func (r *columns) of(i int, n uint32, f func(field string, value []byte)) error {
	s, ok := r.v.segments[i].Segment().(segment.DocValueVisitable)
	if !ok {
		return fmt.Errorf("segment %d keeps no values", i)
	}
	if r.at != i {
		r.at, r.state = i, nil
	}
	var err error
	r.state, err = s.VisitDocValues(uint64(n), r.fields, f, r.state)
	if err != nil {
		return fmt.Errorf("read values: %w", err)
	}
	return nil
}

// record reads what is stored of a document.
func (v *view) record(i int, n uint32) (r *record, err error) {
	var b []byte
	err = v.segments[i].VisitDocument(uint64(n), func(field string, _ byte, value []byte, _ []uint64) bool {
		if field == fieldStored {
			b = append(b, value...)
			return false
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return decodeRecord(b)
}
