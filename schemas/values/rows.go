package values

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"sallyport/schemas"
)

// ErrMalformed is wrapped by every error about bytes that do not have the form that they claim.
var ErrMalformed = errors.New("malformed value")

// Cell is one value of a row. Data belongs to the frame it came from.
type Cell struct {
	Data []byte
	Null bool
}

// mostEmptyRows bounds a claim that costs its author nothing: rows without columns have no bytes.
const mostEmptyRows = 1 << 20

const null = 0xFFFFFFFF

// Rows walks the rows of r. The slice is reused: it is valid until the next row. A malformed
// frame ends the walk with one error after the rows that were whole.
func Rows(r *schemas.Rows) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		if err := plausible(r); err != nil {
			yield(nil, err)
			return
		}
		rest := r.GetCells()
		row := make([]Cell, min(int(r.GetColumns()), len(rest)/4)) // a claim without rows is not believed
		for range r.GetCount() {
			var err error
			if rest, err = nextRow(row, rest); err != nil {
				yield(nil, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if len(rest) > 0 {
			yield(nil, fmt.Errorf("%w: %d bytes after the last row", ErrMalformed, len(rest)))
		}
	}
}

// plausible refuses counts that the bytes cannot hold, before anything is allocated for them.
func plausible(r *schemas.Rows) error {
	columns, count := uint64(r.GetColumns()), uint64(r.GetCount())
	if columns == 0 && count > mostEmptyRows || columns*count > uint64(len(r.GetCells())/4) {
		return fmt.Errorf("%w: %d rows of %d cells in %d bytes", ErrMalformed, count, columns, len(r.GetCells()))
	}
	return nil
}

func nextRow(row []Cell, b []byte) ([]byte, error) {
	for i := range row {
		if len(b) < 4 {
			return nil, fmt.Errorf("%w: the length of a cell is cut short", ErrMalformed)
		}
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		if n == null {
			row[i] = Cell{Null: true}
			continue
		}
		if uint64(n) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: a cell of %d bytes in %d", ErrMalformed, n, len(b))
		}
		row[i], b = Cell{Data: b[:n:n]}, b[n:]
	}
	return b, nil
}
