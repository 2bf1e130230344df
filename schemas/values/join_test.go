package values_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
	"sallyport/schemas/values"
)

// split makes Rows frames of rows of so many columns, each at most size bytes of cells, wherever that cuts.
func split(columns uint32, rows [][]byte, size int) (frames []*schemas.Rows) {
	var all []byte
	var ends []int
	for _, r := range rows {
		all = append(all, r...)
		ends = append(ends, len(all))
	}
	for at := 0; at < len(all); at += size {
		end := min(at+size, len(all))
		f := &schemas.Rows{Command: 7, Columns: columns, Cells: all[at:end], More: true}
		for _, e := range ends {
			if e > at && e <= end {
				f.Count++
			}
			if e == end {
				f.More = false
			}
		}
		frames = append(frames, f)
	}
	return frames
}

func rowOf(cells ...[]byte) (row []byte) {
	for _, c := range cells {
		if c == nil {
			row = binary.BigEndian.AppendUint32(row, 0xFFFFFFFF)
			continue
		}
		row = append(binary.BigEndian.AppendUint32(row, uint32(len(c))), c...)
	}
	return row
}

// However rows are cut, they come whole, once, and in the frame in which they end.
func FuzzJoin(f *testing.F) {
	f.Add([]byte("one"), []byte("two three"), uint8(1))
	f.Add([]byte(""), bytes.Repeat([]byte("x"), 1000), uint8(7))
	f.Fuzz(func(t *testing.T, a, b []byte, size uint8) {
		rows := [][]byte{rowOf(a, b), rowOf(nil, a), rowOf(b, nil), rowOf(b, b)}
		want, got := bytes.Join(rows, nil), []byte(nil)
		var j values.Joiner
		for _, frame := range split(2, rows, int(size)+1) {
			before := bytes.Clone(frame.Cells)
			whole, err := j.Join(frame)
			if err != nil || whole == nil != (frame.Count == 0) || j.Going() != frame.More {
				t.Fatalf("%+v gives %+v, %v", frame, whole, err)
			}
			if whole != nil {
				n := uint32(0)
				for _, err := range values.Rows(whole) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				if n != frame.Count || whole.Columns != 2 || whole.Command != 7 {
					t.Fatalf("%d rows of %+v", n, frame)
				}
				got = append(got, whole.Cells...)
			}
			if !bytes.Equal(frame.Cells, before) {
				t.Fatal("it changed what it was given")
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// What no gateway writes does no harm.
func FuzzJoinAnything(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 1}, uint32(3), uint32(1<<31), true)
	f.Fuzz(func(t *testing.T, cells []byte, columns, count uint32, more bool) {
		var j values.Joiner
		for range 3 {
			whole, err := j.Join(&schemas.Rows{Columns: columns, Count: count, Cells: cells, More: more})
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range values.Rows(whole) {
				if err != nil && !errors.Is(err, values.ErrMalformed) {
					t.Fatal(err)
				}
			}
		}
	})
}

// A row that is too long is told of once, and what follows it is whole again.
func TestJoinTooLong(t *testing.T) {
	var j values.Joiner
	piece := make([]byte, 16<<20)
	told := 0
	for range 6 {
		if _, err := j.Join(&schemas.Rows{Columns: 1, Cells: piece, More: true}); errors.Is(err, values.ErrTooLong) {
			told++
		}
	}
	if told != 1 || !j.Going() {
		t.Errorf("told %d times, going %t", told, j.Going())
	}
	if whole, err := j.Join(&schemas.Rows{Columns: 1, Count: 1, Cells: piece}); whole != nil || !errors.Is(err, values.ErrTooLong) {
		t.Errorf("its end: %+v, %v", whole, err)
	}
	if whole, err := j.Join(&schemas.Rows{Columns: 1, Count: 1, Cells: rowOf([]byte("x"))}); err != nil || whole.GetCount() != 1 {
		t.Errorf("after it: %+v, %v", whole, err)
	}
}
