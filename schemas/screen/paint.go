package screen

import (
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Painter draws Screens on somebody's real terminal, and after the first time what differs. What a program wrote never gets
// there: a Painter writes characters that show, their style, and where they stand, so that a recording cannot ask that
// terminal anything, or change its title, its clipboard or its modes. It is safe for one goroutine.
type Painter struct {
	columns, rows int
	shown         [][]Cell // what stands on the terminal; nil: not known
}

// Forget says that something else was written on the terminal.
func (p *Painter) Forget() { p.shown = nil }

// Paint appends to dst what makes the upper left columns by rows places of a terminal show s. Of a screen that is larger, the
// lines around the cursor are seen, and their beginnings.
func (p *Painter) Paint(dst []byte, s *Screen, columns, rows int) []byte {
	columns, rows = max(columns, 1), max(rows, 1)
	if p.shown == nil || p.columns != columns || p.rows != rows {
		p.columns, p.rows, p.shown = columns, rows, make([][]Cell, rows)
		dst = append(dst, "\x1b[0m\x1b[2J"...)
	}
	dst = append(dst, "\x1b[?25l"...)
	top := min(max(s.p.y-rows+1, 0), max(len(s.p.lines)-rows, 0))
	for y := range rows {
		var cells []Cell
		if top+y < len(s.p.lines) {
			cells = s.window(s.p.lines[top+y], columns)
		}
		if !slices.Equal(cells, p.shown[y]) {
			dst = paintRow(dst, cells, y)
			p.shown[y] = append(p.shown[y][:0], cells...)
		}
	}
	dst = place(dst, min(s.p.x, columns-1), s.p.y-top)
	if !s.hidden {
		dst = append(dst, "\x1b[?25h"...)
	}
	return dst
}

// window is the beginning of a line, as it looks.
func (s *Screen) window(l Line, columns int) []Cell {
	cells := l.Cells[:min(len(l.Cells), columns)]
	if s.reverse {
		cells = slices.Grow(slices.Clone(cells), columns-len(cells))
		for len(cells) < min(columns, s.columns) {
			cells = append(cells, Cell{})
		}
		for i := range cells {
			cells[i].Style.Attributes ^= Inverse
		}
	}
	cells = Line{Cells: cells}.trimmed()
	if n := len(cells); n == columns && cells[n-1].wide() { // half of it would not fit
		cells = append(slices.Clone(cells[:n-1]), Cell{Style: cells[n-1].Style.background()})
	}
	return cells
}

// place moves the cursor.
func place(dst []byte, x, y int) []byte {
	dst = strconv.AppendInt(append(dst, "\x1b["...), int64(y+1), 10)
	dst = strconv.AppendInt(append(dst, ';'), int64(x+1), 10)
	return append(dst, 'H')
}

// paintRow draws a row anew. After characters of which terminals may not agree how wide they are, the cursor is placed.
func paintRow(dst []byte, cells []Cell, y int) []byte {
	dst = append(place(dst, 0, y), "\x1b[0m\x1b[2K"...)
	pen, unsure := Style{}, false
	for x, c := range cells {
		if c.Half {
			continue
		}
		if unsure {
			dst = place(dst, x, y)
		}
		if c.Style != pen {
			dst, pen = c.Style.sgr(dst), c.Style
		}
		unsure = c.Rune >= 0x80
		if c.Rune == 0 {
			dst = append(dst, ' ')
			continue
		}
		dst = utf8.AppendRune(dst, seen(c.Rune))
		if c.Mark != 0 && unicode.In(c.Mark, unicode.Mn, unicode.Me) {
			dst = utf8.AppendRune(dst, c.Mark)
		}
	}
	return append(dst, "\x1b[0m"...)
}

// seen is a character that shows and does nothing else, such as turning the direction of what follows.
func seen(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Zl, unicode.Zp) || !utf8.ValidRune(r) {
		return utf8.RuneError
	}
	return r
}
