package screen

import (
	"strings"
	"unicode"

	eastasian "golang.org/x/text/width"
)

// Cell is one place of the screen. The zero value is blank.
type Cell struct {
	Rune  rune // 0: blank, or the right half of the wide character before it
	Mark  rune // combines with it; 0: none. Further marks are not kept
	Style Style
	Half  bool // right half
}

func (c Cell) wide() bool { return c.Rune != 0 && Width(c.Rune) == 2 }

// Line is a row of cells.
type Line struct {
	Cells   []Cell // as many as the screen has columns, or none: nothing was drawn in it
	Wrapped bool   // it goes on in the next line: the program wrote one longer line
}

// trimmed is the line without blanks at its end that look like nothing.
func (l Line) trimmed() []Cell {
	n := len(l.Cells)
	for n > 0 && l.Cells[n-1] == (Cell{}) {
		n--
	}
	return l.Cells[:n]
}

// String returns the text without trailing blanks.
func (l Line) String() string {
	var b strings.Builder
	for _, c := range l.trimmed() {
		switch {
		case c.Half:
		case c.Rune == 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(c.Rune)
			if c.Mark != 0 {
				b.WriteRune(c.Mark)
			}
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Width returns how many columns of a terminal r takes.
func Width(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch eastasian.LookupRune(r).Kind() {
	case eastasian.EastAsianWide, eastasian.EastAsianFullwidth:
		return 2
	}
	return 1
}
