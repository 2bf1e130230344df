package screen_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas/screen"
)

func TestWhatIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		written string
		want    []string
		x, y    int
	}{
		"text":                    {"hello\r\nworld", []string{"hello", "world", "", ""}, 5, 1},
		"a line that wraps":       {"0123456789ab", []string{"0123456789", "ab", "", ""}, 2, 1},
		"the last column waits":   {"0123456789", []string{"0123456789", "", "", ""}, 9, 0},
		"scrolling":               {"1\r\n2\r\n3\r\n4\r\n5", []string{"2", "3", "4", "5"}, 1, 3},
		"carriage return":         {"abc\rX", []string{"Xbc", "", "", ""}, 1, 0},
		"backspace":               {"abc\b\bX", []string{"aXc", "", "", ""}, 2, 0},
		"tab":                     {"a\tb", []string{"a       b", "", "", ""}, 9, 0},
		"cursor":                  {"\x1b[2;3Hx\x1b[Ay\x1b[5Dz", []string{"z  y", "  x", "", ""}, 1, 0},
		"erase line":              {"abcdef\x1b[3D\x1b[K", []string{"abc", "", "", ""}, 3, 0},
		"erase to the left":       {"abcdef\x1b[3D\x1b[1K", []string{"    ef", "", "", ""}, 3, 0},
		"clear":                   {"abc\r\ndef\x1b[2J\x1b[Hx", []string{"x", "", "", ""}, 1, 0},
		"insert and delete":       {"abcdef\x1b[1G\x1b[2@\x1b[4G\x1b[P", []string{"  acdef", "", "", ""}, 3, 0},
		"insert lines":            {"1\r\n2\r\n3\x1b[2;1H\x1b[L", []string{"1", "", "2", "3"}, 0, 1},
		"delete lines":            {"1\r\n2\r\n3\x1b[1;1H\x1b[2M", []string{"3", "", "", ""}, 0, 0},
		"region":                  {"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\n", []string{"1", "3", "", "4"}, 0, 2},
		"reverse index":           {"1\r\n2\x1b[H\x1bM0", []string{"0", "1", "2", ""}, 1, 0},
		"alternate screen":        {"shell\x1b[?1049hvi", []string{"     vi", "", "", ""}, 7, 0},
		"and back":                {"shell\x1b[?1049hvi\x1b[?1049l$", []string{"shell$", "", "", ""}, 6, 0},
		"wide":                    {"日本x", []string{"日本x", "", "", ""}, 5, 0},
		"half of a wide one":      {"日本\x1b[2Gx", []string{" x本", "", "", ""}, 2, 0},
		"wide at the edge":        {"012345678日", []string{"012345678", "日", "", ""}, 2, 1},
		"combining":               {"e\u0301x", []string{"e\u0301x", "", "", ""}, 2, 0},
		"line drawing":            {"\x1b(0lqk\x1b(Bx", []string{"┌─┐x", "", "", ""}, 4, 0},
		"colours are not text":    {"\x1b[1;38;5;200mred\x1b[48:2::1:2:3m!\x1b[m.", []string{"red!.", "", "", ""}, 5, 0},
		"repeat":                  {"a\x1b[3b", []string{"aaaa", "", "", ""}, 4, 0},
		"strings are not text":    {"a\x1b]0;title\x07b\x1bPq#0\x1b\\c\x1b]8;;x\x1b\\d", []string{"abcd", "", "", ""}, 4, 0},
		"broken sequences":        {"a\x1b[?9;$0xb\x1b[99;99Zc\x1b[<m", []string{"cb", "", "", ""}, 1, 0},
		"no UTF-8":                {"a\xffb\xe6\x97", []string{"a\uFFFDb", "", "", ""}, 3, 0},
		"insert mode":             {"abc\x1b[1G\x1b[4hX\x1b[4lY", []string{"XYbc", "", "", ""}, 2, 0},
		"without wrapping":        {"\x1b[?7l0123456789abc", []string{"012345678c", "", "", ""}, 9, 0},
		"origin":                  {"\x1b[2;3r\x1b[?6h\x1b[1;1Hx\x1b[9;1Hy", []string{"", "x", "y", ""}, 1, 2},
		"saved cursor":            {"ab\x1b7\r\nc\x1b8d", []string{"abd", "c", "", ""}, 3, 0},
		"a sequence in pieces":    {"\x1b[2", []string{"", "", "", ""}, 0, 0},
		"reset":                   {"abc\x1b[2;3r\x1bcx", []string{"x", "", "", ""}, 1, 0},
		"history that is cleared": {"1\r\n2\x1b[3J", []string{"1", "2", "", ""}, 1, 1},
	} {
		s := screen.New(screen.Config{Columns: 10, Rows: 4})
		for _, b := range []byte(c.written) { // in the smallest pieces
			_, _ = s.Write([]byte{b})
		}
		whole := screen.New(screen.Config{Columns: 10, Rows: 4})
		_, _ = whole.Write([]byte(c.written))
		if d := cmp.Diff(c.want, s.Text()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(s.Text(), whole.Text()); d != "" {
			t.Errorf("%s, at once: %s", name, d)
		}
		if x, y := s.Cursor(); x != c.x || y != c.y {
			t.Errorf("%s: cursor at %d, %d, want %d, %d", name, x, y, c.x, c.y)
		}
	}
}

func TestLinesThatLeaveAreHandedOn(t *testing.T) {
	var gone []string
	s := screen.New(screen.Config{Columns: 10, Rows: 2, OnLine: func(l screen.Line) { gone = append(gone, fmt.Sprintf("%s %v", l, l.Wrapped)) }})
	fmt.Fprint(s, "one\r\n0123456789ab\r\nthree\r\n\x1b[?1049hin\r\nthe\r\npager\r\n\x1b[?1049lfour\r\nfive")
	s.Resize(10, 1)
	want := []string{"one false", "0123456789 true", "ab false", "three false", "four false"}
	if d := cmp.Diff(want, gone); d != "" {
		t.Error(d)
	}
}

func TestResize(t *testing.T) {
	s := screen.New(screen.Config{Columns: 10, Rows: 4, History: 10})
	fmt.Fprint(s, "1\r\n2\r\n3\r\n日本語日本$ ")
	s.Resize(7, 2)
	if d := cmp.Diff([]string{"日本語", "$"}, s.Text()); d != "" {
		t.Error(d)
	}
	s.Resize(0, 0)
	if s.Columns() != 7 || s.Rows() != 2 {
		t.Errorf("no size changed it to %d, %d", s.Columns(), s.Rows())
	}
	s.Resize(1<<30, 1<<30)
	if s.Columns() != screen.MaxColumns || s.Rows() != screen.MaxRows {
		t.Errorf("%d, %d", s.Columns(), s.Rows())
	}
	fmt.Fprint(s, "x")
}

func TestCellsAreThereOnceDrawn(t *testing.T) {
	s := screen.New(screen.Config{})
	drawn := func() (n int) {
		for _, l := range s.Lines() {
			if l.Cells != nil {
				n++
			}
		}
		return n
	}
	fmt.Fprint(s, "\x1b[2J\x1b[H\x1b[K\r\n\x1b[3M\x1b[1L\x1b[12;1H\x1b[1K")
	if n := drawn(); n != 0 {
		t.Errorf("erasing what is blank made cells of %d lines", n)
	}
	fmt.Fprint(s, "$ \x1b[K")
	if n := drawn(); n != 1 {
		t.Errorf("a prompt made cells of %d lines", n)
	}
	fmt.Fprint(s, "\x1b[?1049h")
	if n := drawn(); n != 0 {
		t.Errorf("an empty alternate screen has cells in %d lines", n)
	}
	fmt.Fprint(s, "\x1b[41m\x1b[2J")
	if n := drawn(); n != s.Rows() {
		t.Errorf("a red screen has cells in %d lines", n)
	}
}

func TestTitleAndAlternate(t *testing.T) {
	s := screen.New(screen.Config{})
	fmt.Fprint(s, "\x1b]2;a \x01title\x1b\\\x1b[?1047h")
	if s.Title() != "a title" || !s.Alternate() {
		t.Errorf("%q, %v", s.Title(), s.Alternate())
	}
	before := s.Moved()
	fmt.Fprint(s, "\x1b[?2004h\x1b]0;b\x07")
	if s.Moved() != before {
		t.Error("what does not show moved the screen")
	}
	fmt.Fprint(s, "x")
	if s.Moved() == before {
		t.Error("a character did not")
	}
}

// look is all of a screen that shows.
func look(s *screen.Screen) string {
	var b strings.Builder
	for _, l := range s.Lines() {
		line := []string{}
		if l.Cells == nil {
			l.Cells = make([]screen.Cell, s.Columns())
		}
		for _, c := range l.Cells {
			if c.Rune == 0 && !c.Half {
				c.Rune = ' '
			}
			line = append(line, fmt.Sprintf("%c%c%v%v", c.Rune, c.Mark, c.Style, c.Half))
		}
		fmt.Fprintln(&b, strings.Join(line, ""))
	}
	x, y := s.Cursor()
	fmt.Fprintln(&b, x, y, s.Alternate(), s.Title())
	return b.String()
}

// further is written to both to see that they go on alike.
const further = "x日\x1b[K\r\nabc\x1b[2;2Hdef\x1b[L\x1b[P\ty\x1bM\x1b8z\x0eq\x0fq\n\n\x1b[99;99H~~\x1b[?6l\x1b[rw\x1b[?1049lv\x1b[?1049hu\x1b8t"

// same holds that a snapshot draws what s shows, and goes on as s does.
func same(t *testing.T, s *screen.Screen, what string) {
	t.Helper()
	fresh := screen.New(screen.Config{Columns: s.Columns(), Rows: s.Rows()})
	shot := s.Snapshot()
	_, _ = fresh.Write(shot)
	if d := cmp.Diff(look(s), look(fresh)); d != "" {
		t.Fatalf("%s: the snapshot %q shows something else: %s", what, shot, d)
	}
	for part := range strings.SplitAfterSeq(further, "y") {
		_, _ = s.Write([]byte(part))
		_, _ = fresh.Write([]byte(part))
		if look(s) != look(fresh) {
			t.Fatalf("%s: after the snapshot %q it goes on differently: %s", what, shot, cmp.Diff(look(s), look(fresh)))
		}
	}
}

// words are what random screens are written with.
var words = strings.Split("a|bcd|0123456789|日本|e\u0301|\r|\n|\r\n|\b|\t|\x1b[A|\x1b[B|\x1b[C|\x1b[3D|\x1b[H|\x1b[3;4H|\x1b[J|\x1b[1J|\x1b[2J|\x1b[K|\x1b[1K|\x1b[2K|\x1b[L|\x1b[2M|\x1b[2@|\x1b[P|\x1b[4X|\x1b[S|\x1b[T|"+
	"\x1b[1;31m|\x1b[44m|\x1b[7m|\x1b[38;5;99m|\x1b[48;2;1;2;3m|\x1b[m|\x1b7|\x1b8|\x1b[2;4r|\x1b[r|\x1bM|\x1bD|\x1bE|\x1b[?6h|\x1b[?6l|\x1b[?7l|\x1b[?7h|\x1b[4h|\x1b[4l|\x1b(0|\x1b(B|\x1b)0|\x0e|\x0f|\x1b[?1049h|\x1b[?1049l|\x1b[?47h|\x1b[?47l|\x1b[?1047h|\x1b[?1047l|"+
	"\x1b[?25l|\x1b[?25h|\x1b[?5h|\x1b]2;t\x07|\x1bH|\x1b[g|\x1b[3g|\x1b[!p|\x1bc|\x1b[20h|\x1b[20l|\x1b#8|\x1b[2|\x1b[?|\x1b]2;x|\x1bP1|\xe6|\x1b(|\x1b", "|")

func TestASnapshotIsAsGoodAsTheBeginning(t *testing.T) {
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := screen.New(screen.Config{Columns: 8, Rows: 5, History: 3})
		var written strings.Builder
		for range r.IntN(40) {
			w := words[r.IntN(len(words))]
			written.WriteString(w)
			_, _ = s.Write([]byte(w))
		}
		same(t, s, fmt.Sprintf("seed %d, %q", seed, written.String()))
	}
}

func TestASnapshotHasTheHistory(t *testing.T) {
	s := screen.New(screen.Config{Columns: 10, Rows: 2, History: 3})
	for i := range 9 {
		fmt.Fprintf(s, "line %d\r\n", i)
	}
	var gone []string
	fresh := screen.New(screen.Config{Columns: 10, Rows: 2, OnLine: func(l screen.Line) { gone = append(gone, l.String()) }})
	_, _ = fresh.Write(s.Snapshot())
	if d := cmp.Diff([]string{"line 5", "line 6", "line 7"}, gone); d != "" {
		t.Error(d)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte("hello \x1b[1mworld\r\n\x1b[?1049h\x1b[2;3r日本"), uint8(10), uint8(4))
	f.Add([]byte("\x1b[38:2::1:2:3mx\x1b[5;5H\x1b[2J\x1bP\x1b\\\xff\xc2\x9b1m"), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, written []byte, columns, rows uint8) {
		s := screen.New(screen.Config{Columns: int(columns%40) + 1, Rows: int(rows%20) + 1, History: 5})
		half := len(written) / 2
		_, _ = s.Write(written[:half])
		s.Resize(int(rows)+1, int(columns)+1)
		_, _ = s.Write(written[half:])
		fresh := screen.New(screen.Config{Columns: s.Columns(), Rows: s.Rows()})
		_, _ = fresh.Write(s.Snapshot())
		if d := cmp.Diff(look(s), look(fresh)); d != "" {
			t.Fatalf("the snapshot %q shows something else: %s", s.Snapshot(), d)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "\x1b[1;3%dmdrwxr-xr-x\x1b[0m  2 root root   4096 Nov 26 21:25 file-%d.txt some text follows here\r\n", i%8, i)
	}
	for name, history := range map[string]int{"plain": 0, "history": 500} {
		b.Run(name, func(b *testing.B) {
			s := screen.New(screen.Config{Columns: 120, Rows: 36, History: history})
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				_, _ = s.Write([]byte(text.String()))
			}
		})
	}
}
