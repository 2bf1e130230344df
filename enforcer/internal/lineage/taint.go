package lineage

// Taint is what masked columns a value may come from, as the masks that cover them.
type Taint struct {
	Masks  uint64 // bit i: mask i of the World; the highest bit: nobody can say, so all of them
	Column string // one of the columns, for people
}

// unseen is the bit of what nobody can say.
const unseen = uint64(1) << 63

// maxMasks is how many masks have a bit of their own. Those beyond share the last.
const maxMasks = 62

// Bit is where the mask of that index stands in a Taint.
func Bit(mask int) uint64 { return 1 << min(mask, maxMasks) }

// Any reports whether the value comes from a masked column, or may.
func (t Taint) Any() bool { return t.Masks != 0 }

// Unseen reports whether it cannot be said where the value comes from.
func (t Taint) Unseen() bool { return t.Masks&unseen != 0 }

// and is what comes from t, u or both.
func (t Taint) and(u Taint) Taint {
	if t.Column == "" {
		t.Column = u.Column
	}
	t.Masks |= u.Masks
	return t
}
