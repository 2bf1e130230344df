package screen_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas/screen"
)

// painted is all that a Painter may write besides characters that show.
var painted = regexp.MustCompile("^(\x1b\\[(\\d+;\\d+H|[\\d;]*m|2J|2K|\\?25[hl])|[^\x00-\x1f\x7f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069])*$")

// viewer is a terminal that a Painter paints on.
type viewer struct {
	screen.Painter
	t             testing.TB
	terminal      *screen.Screen
	columns, rows int
}

func newViewer(t testing.TB, columns, rows int) *viewer {
	return &viewer{t: t, terminal: screen.New(screen.Config{Columns: columns, Rows: rows}), columns: columns, rows: rows}
}

func (v *viewer) paint(s *screen.Screen) []byte {
	v.t.Helper()
	b := v.Paint(nil, s, v.columns, v.rows)
	if !painted.Match(b) {
		v.t.Fatalf("it writes %q", b)
	}
	_, _ = v.terminal.Write(b)
	return b
}

func TestPaintedScreenIsTheSame(t *testing.T) {
	s, v := screen.New(screen.Config{Columns: 20, Rows: 5}), newViewer(t, 20, 5)
	for _, b := range []string{"$ ls\r\n\x1b[31mred\x1b[0m 日本 e\u0301\r\n", "0123456789012345678日|", "\x1b[?1049h\x1b[2J\x1b[Hvi\x1b[5;20Hx", "\x1b[?5h", "\x1b[?1049l\x1b[?5l", "\x1b[1;3H\x1b[K"} {
		_, _ = s.Write([]byte(b))
		v.paint(s)
		if d := cmp.Diff(s.Text(), v.terminal.Text()); d != "" {
			t.Errorf("after %q: %s", b, d)
		}
		x, y := s.Cursor()
		if vx, vy := v.terminal.Cursor(); vx != x || vy != y {
			t.Errorf("after %q: cursor at %d, %d, want %d, %d", b, vx, vy, x, y)
		}
	}
}

func TestPaintWritesWhatDiffers(t *testing.T) {
	s, v := screen.New(screen.Config{Columns: 80, Rows: 24}), newViewer(t, 80, 24)
	_, _ = s.Write([]byte(strings.Repeat("many lines\r\n", 23)))
	v.paint(s)
	_, _ = s.Write([]byte("x"))
	if b := v.paint(s); len(b) > 60 {
		t.Errorf("%d bytes for one key: %q", len(b), b)
	}
}

// What a program says to its terminal does not reach the viewer's.
func TestPaintPassesNothingOn(t *testing.T) {
	s, v := screen.New(screen.Config{Columns: 30, Rows: 4}), newViewer(t, 30, 4)
	for _, b := range []string{"\x1b]52;c;cm0gLXJm\x07", "\x1b]0;title\x1b\\", "\x1b[c\x1b[>c\x1b[6n\x1b[21t", "\x1bP$qm\x1b\\", "\x1b[?1000h\x1b[?2004h", "\x1b]8;;file:///x\x07link\x1b]8;;\x07",
		"\x1bcafter", "\u202eevil\u200b\u2028", "\u009d52;c;x\u009c", "\x05\x07\x0e", "\x1b[5i", "\x1b#8", "a\x1b[9999999b"} {
		_, _ = s.Write([]byte(b))
		v.paint(s)
	}
}

// A smaller terminal shows the lines around the cursor.
func TestPaintOnSmallerTerminal(t *testing.T) {
	s, v := screen.New(screen.Config{Columns: 40, Rows: 10}), newViewer(t, 10, 3)
	for i := range 10 {
		fmt.Fprintf(s, "\x1b[%d;1Hline %d is long 日", i+1, i)
	}
	for _, c := range []struct {
		at   string
		want []string
	}{{"\x1b[10;3H", []string{"line 7 is ", "line 8 is ", "line 9 is "}}, {"\x1b[1;1H", []string{"line 0 is ", "line 1 is ", "line 2 is "}}} {
		_, _ = s.Write([]byte(c.at))
		v.paint(s)
		for i := range c.want {
			c.want[i] = strings.TrimRight(c.want[i], " ")
		}
		if d := cmp.Diff(c.want, v.terminal.Text()); d != "" {
			t.Errorf("%q: %s", c.at, d)
		}
	}
}

func FuzzPaint(f *testing.F) {
	f.Add([]byte("a\x1b[31m日\r\n\x1b]52;c;x\x07"), uint8(20), uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, columns, rows uint8) {
		s, v := screen.New(screen.Config{Columns: 20, Rows: 6}), newViewer(t, int(columns%40)+1, int(rows%10)+1)
		random := rand.New(rand.NewPCG(1, uint64(len(b))))
		for len(b) > 0 {
			n := 1 + random.IntN(len(b))
			_, _ = s.Write(b[:n])
			b = b[n:]
			v.paint(s)
		}
	})
}
