package search

import "github.com/RoaringBitmap/roaring/v2"

// and is what all sets have.
func and(first set, others ...set) set {
	for _, o := range others {
		first = combine(first, o, func(a, b *roaring.Bitmap) *roaring.Bitmap {
			if a == nil || b == nil {
				return nil
			}
			return roaring.And(a, b)
		})
	}
	return first
}

// or is what any set has.
func or(first set, others ...set) set {
	for _, o := range others {
		first = combine(first, o, func(a, b *roaring.Bitmap) *roaring.Bitmap {
			switch {
			case a == nil:
				return b
			case b == nil:
				return a
			}
			return roaring.Or(a, b)
		})
	}
	return first
}

// except is what the first set has and no other.
func except(first set, others ...set) set {
	for _, o := range others {
		first = combine(first, o, func(a, b *roaring.Bitmap) *roaring.Bitmap {
			if a == nil || b == nil {
				return a
			}
			return roaring.AndNot(a, b)
		})
	}
	return first
}

func combine(a, b set, f func(a, b *roaring.Bitmap) *roaring.Bitmap) set {
	out := make(set, len(a))
	for i := range a {
		if out[i] = f(a[i], b[i]); out[i] != nil && out[i].IsEmpty() {
			out[i] = nil
		}
	}
	return out
}

// count is how many documents a set has.
func (s set) count() (n uint64) {
	for _, b := range s {
		if b != nil {
			n += b.GetCardinality()
		}
	}
	return n
}

// both is how many documents two sets have in common.
func both(a, b set) (n uint64) {
	for i := range a {
		if a[i] != nil && b[i] != nil {
			n += a[i].AndCardinality(b[i])
		}
	}
	return n
}

// each hands the documents of a set to f, by segment and in order.
func (s set) each(f func(segment int, document uint32) error) error {
	for i, b := range s {
		if b == nil {
			continue
		}
		for it := b.Iterator(); it.HasNext(); {
			if err := f(i, it.Next()); err != nil {
				return err
			}
		}
	}
	return nil
}
