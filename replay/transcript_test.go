package replay_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport/replay"
)

func entriesOf(es ...replay.Entry) iter.Seq2[replay.Entry, error] {
	return func(yield func(replay.Entry, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func shown(t *testing.T, width int, es ...replay.Entry) string {
	t.Helper()
	var out strings.Builder
	if err := replay.Play(t.Context(), &out, entriesOf(es...), replay.PlayOptions{Width: width}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// result is a command's columns, rows and end.
func result(names []string, rows ...[]string) []replay.Entry {
	columns, cells := &replay.Columns{Command: 1}, &replay.Rows{Command: 1}
	for _, n := range names {
		name, kind, _ := strings.Cut(n, ":")
		columns.Columns = append(columns.Columns, replay.Column{Name: name, Type: kind})
	}
	for _, row := range rows {
		var r []*string
		for _, c := range row {
			r = append(r, &c)
		}
		cells.Rows = append(cells.Rows, r)
	}
	return []replay.Entry{
		{Head: replay.Head{Kind: replay.KindColumns}, Columns: columns},
		{Head: replay.Head{Kind: replay.KindRows}, Rows: cells},
		{Head: replay.Head{Kind: replay.KindResult}, Result: &replay.Result{Command: 1}},
	}
}

func TestTables(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		es    []replay.Entry
		want  string
	}{
		{"numbers to the right, wide characters counted", 80, result([]string{"n:int4", "名前"}, []string{"7", "山田"}, []string{"1234", "é"}), `  n   | 名前
------+------
    7 | 山田
 1234 | é
(2 rows)

`},
		{"a cell of several lines", 80, result([]string{"a", "b"}, []string{"x\ny", "1"}), ` a | b
---+---
 x+| 1
 y |
(1 row)

`},
		{"a long cell is wrapped", 30, result([]string{"id:int4", "text"}, []string{"1", strings.Repeat("abcdefghij", 4)}), ` id |          text
----+------------------------
  1 | abcdefghijabcdefghijab+
    | cdefghijabcdefghij
(1 row)

`},
		{"too many columns become records", 30, result([]string{"alpha", "beta", "gamma"}, []string{strings.Repeat("a", 20), strings.Repeat("b", 20), strings.Repeat("c", 20)}), `-[ RECORD 1 ]-----------------
alpha | aaaaaaaaaaaaaaaaaaaa
beta  | bbbbbbbbbbbbbbbbbbbb
gamma | cccccccccccccccccccc
(1 row)

`},
		{"no rows", 80, result([]string{"a"}), ` a
---
(0 rows)

`},
	} {
		if got := shown(t, c.width, c.es...); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
	}
}

// TestSeveralTablesOfOneCommand: SELECT 1; SELECT 2 WHERE false; SELECT 3 is one text of three.
func TestSeveralTablesOfOneCommand(t *testing.T) {
	one, none, three := result([]string{"a"}, []string{"1"}), result([]string{"b"}), result([]string{""}, []string{"3"})
	es := append(append(one[:2:2], none[0]), three...)
	es[len(es)-1].Result = &replay.Result{Command: 1, Tag: "SELECT 1; SELECT 0; SELECT 1"}
	want := " a\n---\n 1\n(1 row)\n b\n---\n(0 rows)\n ?column?\n----------\n 3\n(1 row)\nSELECT 1; SELECT 0; SELECT 1\n\n"
	if got := shown(t, 80, es...); got != want {
		t.Errorf("%s", got)
	}
}

func TestTablesKeepToTheWidth(t *testing.T) {
	rows := [][]string{}
	for i := range 500 { // more than the widths are taken from, and later ones wider
		rows = append(rows, []string{fmt.Sprint(i), strings.Repeat("ü", i/2), strings.Repeat("漢", i%50)})
	}
	for _, width := range []int{20, 40, 80, 200} {
		got := shown(t, width, result([]string{"id:int4", "name", "note"}, rows...)...)
		for line := range strings.SplitSeq(got, "\n") {
			n := utf8.RuneCountInString(line) + strings.Count(line, "漢")
			if n > width {
				t.Errorf("%d columns where there are %d: %s", n, width, line)
				break
			}
		}
		if strings.Count(got, "漢") != 10*49*50/2 {
			t.Errorf("width %d: %d of 漢", width, strings.Count(got, "漢"))
		}
	}
}

func TestNothingReachesTheTerminalButText(t *testing.T) {
	evil := "a\x1b]0;owned\x07b\u009bc\u202ed\x7f\r"
	piece := evil
	es := append(result([]string{evil}, []string{evil}),
		replay.Entry{Head: replay.Head{Kind: replay.KindOpened}, Opened: &replay.Opened{Principal: evil, Database: evil}},
		replay.Entry{Head: replay.Head{Kind: replay.KindCommand, Number: 2}, Command: &replay.Command{Text: evil, Parameters: []replay.Parameter{{Text: &piece}}}},
		replay.Entry{Head: replay.Head{Kind: replay.KindVerdict}, Verdict: &replay.Verdict{Outcome: "deny", Reasons: []replay.Reason{{Policy: evil, Message: evil}}}},
		replay.Entry{Head: replay.Head{Kind: replay.KindNotice}, Notice: &replay.Notice{Kind: "notification", Channel: evil, Payload: evil}},
		replay.Entry{Head: replay.Head{Kind: replay.KindBytes}, Bytes: &replay.Bytes{Format: "text", Payload: replay.Payload{Text: &piece}}},
		replay.Entry{Head: replay.Head{Kind: replay.KindResult}, Result: &replay.Result{Tag: evil, Error: &replay.Failure{Severity: evil, Message: evil, Hint: evil}}},
		replay.Entry{Head: replay.Head{Kind: replay.KindClosed}, Closed: &replay.Closed{Reason: evil, Message: evil}},
	)
	got := shown(t, 100, es...)
	if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7F || r == 0x9B || r == 0x202E }); i >= 0 {
		t.Errorf("%q", got[max(0, i-20):i+1])
	}
}

func TestLongTextIsPutTogether(t *testing.T) {
	half := strings.Repeat("SELECT 1;\n", 7000)
	piece := func(n uint64, text string) replay.Entry {
		return replay.Entry{Head: replay.Head{Kind: replay.KindText, Number: n}, Text: &replay.Text{First: 1, Payload: replay.Payload{Text: &text}}}
	}
	got := shown(t, 100, piece(1, half), piece(2, half), replay.Entry{Head: replay.Head{Kind: replay.KindCommand, Number: 3}, Command: &replay.Command{Text: half[:100], TextSize: uint64(2 * len(half)), TextFirst: 1}})
	if n := strings.Count(got, "SELECT 1;"); n != 14000 || strings.Contains(got, "…") {
		t.Errorf("%d statements", n)
	}
}

func TestPaceFollowsTheRecording(t *testing.T) {
	var es []replay.Entry
	for i, ms := range []int{0, 100, 200, 3_600_000, 3_600_100} {
		es = append(es, replay.Entry{Head: replay.Head{Number: uint64(i), Kind: replay.KindCommand, At: time.UnixMilli(int64(ms))}, Command: &replay.Command{Text: "x"}})
	}
	for _, c := range []struct {
		speed       float64
		least, most time.Duration
	}{{1, 500 * time.Millisecond, 2 * time.Second}, {10, 50 * time.Millisecond, 450 * time.Millisecond}, {0, 0, 100 * time.Millisecond}} {
		began := time.Now()
		if err := replay.Play(t.Context(), &strings.Builder{}, entriesOf(es...), replay.PlayOptions{Speed: c.speed, MaxIdle: 200 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < c.least || took > c.most {
			t.Errorf("at speed %v it took %v", c.speed, took)
		}
	}
}

func TestPlayEndsWhenItIsInterrupted(t *testing.T) {
	es := []replay.Entry{
		{Head: replay.Head{Number: 1, Kind: replay.KindCommand, At: time.Unix(0, 0)}, Command: &replay.Command{Text: "x"}},
		{Head: replay.Head{Number: 2, Kind: replay.KindCommand, At: time.Unix(3600, 0)}, Command: &replay.Command{Text: "y"}},
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := writes(func(p []byte) { cancel() }) // what was shown is shown before the pause
	began := time.Now()
	if err := replay.Play(ctx, out, entriesOf(es...), replay.PlayOptions{Speed: 1, MaxIdle: time.Hour}); !errors.Is(err, context.Canceled) || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

type writes func([]byte)

func (w writes) Write(p []byte) (int, error) { w(slices.Clone(p)); return len(p), nil }
