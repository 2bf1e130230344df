package replay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (w *world) story(id schemas.SessionID) replay.Session {
	w.t.Helper()
	w.gateway.Story(id).Close(&schemas.Closed{Reason: "client", Commands: 4})
	return w.settled(id)
}

type entriesPage struct {
	Entries []json.RawMessage `json:"entries"`
	Next    uint64            `json:"next"`
}

func TestEntriesArePagedAndRendered(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	status, body := w.get("root", "/sessions/"+string(first)+"/entries")
	whole := decode[entriesPage](t, body)
	if status != 200 || whole.Next != 0 {
		t.Fatalf("%d %s", status, body)
	}
	var paged []json.RawMessage
	for from := uint64(1); from != 0; {
		_, body := w.get("root", fmt.Sprintf("/sessions/%s/entries?from=%d&limit=1", first, from))
		p := decode[entriesPage](t, body)
		paged, from = append(paged, p.Entries...), p.Next
	}
	if d := cmp.Diff(whole.Entries, paged); d != "" {
		t.Errorf("one at a time, where rows come without their columns: %s", d)
	}
	var kinds []string
	for i, raw := range whole.Entries {
		e := decode[replay.Entry](t, string(raw))
		kinds = append(kinds, string(e.Kind))
		if e.Number != uint64(i+1) || e.Sequence == 0 || e.Stream == "" || e.At.IsZero() {
			t.Errorf("%s", raw)
		}
		again, err := json.Marshal(e)
		if err != nil || string(again) != string(raw) {
			t.Errorf("read back and written again: %s (%v), was %s", again, err, raw)
		}
	}
	want := "opened state command verdict columns rows result command verdict result command verdict result command verdict bytes notice result closed"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("kinds: %s", got)
	}
	rows := decode[replay.Entry](t, string(whole.Entries[5])).Rows
	if *rows.Rows[0][0] != "1" || rows.Rows[0][2] != nil || *rows.Rows[1][1] != "Grace Müller" {
		t.Errorf("rows: %s", whole.Entries[5])
	}
	for _, part := range []string{`"command_kind":"execute"`, `"text":"7"`, `"marker":"bound for a masked column"`, `"digest":"abcd"`} {
		if !strings.Contains(string(whole.Entries[10]), part) {
			t.Errorf("%s is not in %s", part, whole.Entries[10])
		}
	}
}

// TestRowsAreRenderedByTheirOwnColumns: each statement of a text describes its rows anew.
func TestRowsAreRenderedByTheirOwnColumns(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	n := s.Command(&schemas.Command{Text: "SELECT 1; SELECT true"}, schemas.Outcome_OUTCOME_ALLOW)
	number, truth := "\x00\x00\x00\x01", "\x01"
	s.Columns(n, &schemas.Column{Name: "a", Type: 23, Binary: true})
	s.Rows(n, []*string{&number})
	s.Columns(n, &schemas.Column{Name: "b", Type: 16, Binary: true})
	s.Rows(n, []*string{&truth})
	s.Rows(n, []*string{&truth})
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	for _, from := range []int{1, 5, 7, 8} {
		_, body := w.get("root", fmt.Sprintf("/sessions/%s/entries?from=%d", first, from))
		var got []string
		for _, raw := range decode[entriesPage](t, body).Entries {
			if e := decode[replay.Entry](t, string(raw)); e.Rows != nil {
				got = append(got, *e.Rows.Rows[0][0])
			}
		}
		want := map[int]string{1: "1 t t", 5: "1 t t", 7: "t t", 8: "t"}[from]
		if strings.Join(got, " ") != want {
			t.Errorf("from %d: %v, want %s", from, got, want)
		}
	}
}

func TestEveryKindReadsBack(t *testing.T) {
	d := &replay.Decoder{}
	for _, e := range []*schemas.Entry{
		{Number: 1, Kind: &schemas.Entry_Held{Held: &schemas.Held{Command: 3, Approval: "a1", Expires: 1e18}}},
		{Number: 2, Kind: &schemas.Entry_Decided{Decided: &schemas.Decided{Command: 3, Decision: "approved", By: []string{"bob"}}}},
		{Number: 3, Kind: &schemas.Entry_Lost{Lost: &schemas.Lost{Ranges: []*schemas.Range{{First: 4, Last: 9}}}}},
		{Number: 4, Kind: &schemas.Entry_Text{Text: &schemas.Text{First: 4, Data: []byte("SELECT \xff")}}},
		{Number: 4, Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: 3, Type: "xterm", Columns: 80, Rows: 24}}},
		{Number: 4, Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{Command: 3, Text: "ls", Source: "marks", Ended: true, ExitStatus: 1, Exec: &schemas.ExecFacts{Commands: []*schemas.ExecCommand{{Program: "ls", Argv: []string{"ls"}}}}}}},
		{Number: 4, Kind: &schemas.Entry_File{File: &schemas.File{Command: 3, Path: "/etc/hosts", BytesOut: 7, DigestOut: []byte{1, 2}}}},
		{Number: 4, Kind: &schemas.Entry_Masked{Masked: &schemas.Masked{Command: 3, Counts: []*schemas.MaskCount{{Mask: "pii", Column: "email", Count: 2}}}}},
		{Number: 4, Kind: &schemas.Entry_Command{Command: &schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FILE, Parent: 3, Operation: &schemas.FileOperation{Operation: "open", Path: "/x", Reads: true}}}},
		{Number: 4, Kind: &schemas.Entry_Command{Command: &schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FORWARD, Forward: &schemas.Forward{Direction: "local", Host: "db", Port: 5432}}}},
		{Number: 4, Kind: &schemas.Entry_Concealed{Concealed: &schemas.Concealed{Command: 3, Masks: []string{"pii"}, Key: "k", Data: []byte("x")}}},
		{Number: 5, Kind: &schemas.Entry_Sealed{Sealed: &schemas.Sealed{}}},
		{Number: 6},
		{Number: 7, Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: 1, Columns: 1, Count: 9, Cells: []byte("xxxx")}}},
		{Number: 8, Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: 1, Columns: 1, Count: 1, Cells: []byte("\x00\x00\x00\x01\xff")}}},
	} {
		made := d.Entry(journal.Located{Entry: e, Stream: schemas.Facts, Sequence: 1, Time: sample.Begin})
		data, err := json.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(made, decode[replay.Entry](t, string(data))); d != "" {
			t.Errorf("%s: %s", data, d)
		}
	}
	bad := d.Entry(journal.Located{Entry: &schemas.Entry{Number: 7, Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Columns: 1, Count: 9, Cells: []byte("xxxx")}}}})
	if bad.Rows.Problem == "" {
		t.Error("a malformed frame of rows is shown as whole")
	}
}

// FuzzEntry holds that what the log may hold is rendered as JSON, and shown, whatever it is.
func FuzzEntry(f *testing.F) {
	for _, e := range []*schemas.Entry{
		{Number: 1, Kind: &schemas.Entry_Opened{Opened: &schemas.Opened{Target: "t"}}},
		{Number: 2, Kind: &schemas.Entry_Columns{Columns: &schemas.Columns{Command: 1, Columns: []*schemas.Column{{Name: "a", Type: 1700, Binary: true}}}}},
		{Number: 3, Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: 1, Columns: 1, Count: 1, Cells: []byte("\x00\x00\x00\x01\xff")}}},
		{Number: 4, Kind: &schemas.Entry_Command{Command: &schemas.Command{Text: "x\x1b[2J", Parameters: []*schemas.Value{{Data: []byte{1}, Binary: true, Type: 23}}}}},
	} {
		data, err := e.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := &schemas.Entry{}
		if e.UnmarshalVT(data) != nil {
			return
		}
		entry := (&replay.Decoder{}).Entry(journal.Located{Entry: e})
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatalf("%v", err)
		}
		var back replay.Entry
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		var out strings.Builder
		one := func(yield func(replay.Entry, error) bool) { yield(back, nil) }
		if err := replay.Play(t.Context(), &out, one, replay.PlayOptions{}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x00\x07\x08\x1b\r\x7f") {
			t.Fatalf("control characters reach the terminal: %q", out.String())
		}
	})
}
