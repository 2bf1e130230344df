package values

import (
	"encoding/binary"
	"errors"

	"sallyport/schemas"
)

// MostRow is the longest row, in bytes, that is joined: it is held in memory.
const MostRow = 64 << 20

// ErrTooLong says that rows are left out, because one of them is longer than MostRow.
var ErrTooLong = errors.New("a row is longer than 64 MiB")

// Joiner makes rows whole that begin in one Rows frame of a command and go on in the next. It takes
// all frames of one command, in order. The zero value is ready; it is not safe for concurrent use.
type Joiner struct {
	begun    []byte // of the row that goes on
	skipping bool   // that row is too long
}

// Join returns the rows that end in r, whole, or nil if none does; the error is ErrTooLong. What it
// returns belongs to the caller, as far as r does.
func (j *Joiner) Join(r *schemas.Rows) (*schemas.Rows, error) {
	if r.GetMore() && r.GetCount() == 0 {
		return nil, j.keep(r.GetCells())
	}
	if j.skipping {
		j.skipping = r.GetMore() // where in r the long row ends nobody knows
		return nil, ErrTooLong
	}
	cells := r.GetCells()
	if len(j.begun) > 0 {
		cells = append(j.begun, cells...)
	}
	j.begun = nil
	whole := len(cells)
	var err error
	if r.GetMore() {
		whole = rowsEnd(cells, uint64(r.GetCount())*uint64(r.GetColumns()))
		err = j.keep(cells[whole:])
	}
	if r.GetCount() == 0 {
		return nil, err
	}
	return &schemas.Rows{Command: r.GetCommand(), Columns: r.GetColumns(), Count: r.GetCount(), Cells: cells[:whole:whole]}, err
}

// Going reports whether a row has begun and not ended.
func (j *Joiner) Going() bool { return len(j.begun) > 0 || j.skipping }

func (j *Joiner) keep(part []byte) error {
	if j.skipping {
		return nil
	}
	if len(j.begun)+len(part) > MostRow {
		j.begun, j.skipping = nil, true
		return ErrTooLong
	}
	j.begun = append(j.begun, part...)
	return nil
}

// rowsEnd returns where the first n cells end.
func rowsEnd(cells []byte, n uint64) int {
	at := 0
	for ; n > 0; n-- {
		if len(cells)-at < 4 {
			return len(cells)
		}
		size := binary.BigEndian.Uint32(cells[at:])
		at += 4
		if size == null {
			continue
		}
		if uint64(size) > uint64(len(cells)-at) {
			return len(cells)
		}
		at += int(size)
	}
	return at
}
