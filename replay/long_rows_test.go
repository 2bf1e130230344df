package replay_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"sallyport/replay"
	"sallyport/schemas"
)

// A row that is longer than a frame is whole, once, in the entry in which it ends, wherever reading begins.
func TestALongRowIsWhole(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	n := s.Command(&schemas.Command{Text: "SELECT long"}, schemas.Outcome_OUTCOME_ALLOW)
	s.Columns(n, &schemas.Column{Name: "a", Type: 25}, &schemas.Column{Name: "b", Type: 25})
	before := s.Frame(rowsOf(n, "before", "it"))
	const pieces = 9
	long := strings.Repeat("0123456789", 100)
	cells := cellsOf(long, "the end")
	var at []uint64
	for i := range pieces {
		piece := cells[i*len(cells)/pieces : (i+1)*len(cells)/pieces]
		f := &schemas.Rows{Command: n, Columns: 2, Cells: piece, More: i < pieces-1}
		if !f.More {
			f.Count = 1
		}
		at = append(at, s.Frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: f}}))
	}
	after := s.Frame(rowsOf(n, "after", "it"))
	s.Result(&schemas.Result{Command: n, Tag: "SELECT 3", Rows: 3})
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	for from := uint64(1); from <= after; from++ {
		_, body := w.get("root", fmt.Sprintf("/sessions/%s/entries?from=%d", first, from))
		page := decode[struct{ Entries []replay.Entry }](t, body)
		got := map[uint64]string{}
		for _, e := range page.Entries {
			if e.Rows == nil {
				continue
			}
			for _, row := range e.Rows.Rows {
				got[e.Number] += *row[0] + "|" + *row[1] + ";"
			}
			if e.Rows.Problem != "" || e.Rows.More != (e.Number >= at[0] && e.Number < at[pieces-1]) {
				t.Errorf("from %d: entry %d: %+v", from, e.Number, e.Rows)
			}
		}
		want := map[uint64]string{before: "before|it;", at[pieces-1]: long + "|the end;", after: "after|it;"}
		for n, text := range want {
			if n < from {
				text = ""
			}
			if got[n] != text {
				t.Errorf("from %d: entry %d has %.60q", from, n, got[n])
			}
			delete(got, n)
		}
		if len(got) > 0 {
			t.Errorf("from %d: other rows in %d entries", from, len(got))
		}
	}
}

func cellsOf(cells ...string) (all []byte) {
	for _, c := range cells {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(c))), c...)
	}
	return all
}

func rowsOf(command uint64, cells ...string) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: command, Columns: uint32(len(cells)), Count: 1, Cells: cellsOf(cells...)}}}
}
