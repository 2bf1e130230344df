package screen

import "slices"

// lineDrawing is what DEC's special graphics make of ` to ~.
const lineDrawing = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"

var graphics = []rune(lineDrawing)

// line is where the cursor is. It may have no cells.
func (s *Screen) line() *Line { return &s.p.lines[s.p.y] }

// drawn is a line that has its cells.
func (s *Screen) drawn(l *Line) *Line {
	if l.Cells == nil {
		l.Cells = make([]Cell, s.columns)
	}
	return l
}

// ascii draws characters that show, one column each.
func (s *Screen) ascii(b []byte) {
	if s.charsets[s.shift] != 'B' || s.insert {
		for _, c := range b {
			s.draw(rune(c))
		}
		return
	}
	s.moved++
	p := s.p
	for len(b) > 0 {
		if p.pending {
			s.wrapAround()
		}
		l := s.drawn(s.line())
		n := min(len(b), s.columns-p.x)
		s.split(l, p.x)
		s.split(l, p.x+n)
		cells := l.Cells[p.x : p.x+n]
		for i := range cells {
			cells[i] = Cell{Rune: rune(b[i]), Style: s.pen}
		}
		s.last = rune(b[n-1])
		b = b[n:]
		if p.x += n; p.x == s.columns {
			p.x = s.columns - 1
			p.pending = s.wrap
			if !s.wrap && len(b) > 0 { // what does not fit overwrites the last column
				b = b[len(b)-1:]
			}
		}
	}
}

// draw draws one character.
func (s *Screen) draw(r rune) {
	if s.charsets[s.shift] == '0' && r >= '`' && r <= '~' {
		r = graphics[r-'`']
	}
	s.moved++
	p := s.p
	width := Width(r)
	if width == 0 {
		s.mark(r)
		return
	}
	if width > s.columns {
		return
	}
	if p.pending {
		s.wrapAround()
	}
	if p.x+width > s.columns { // half of it would not fit
		if !s.wrap {
			p.x = s.columns - width
		} else {
			s.wrapAround()
		}
	}
	l := s.drawn(s.line())
	if s.insert {
		s.insertCells(width)
	}
	s.split(l, p.x)
	s.split(l, p.x+width)
	l.Cells[p.x] = Cell{Rune: r, Style: s.pen}
	if width == 2 {
		l.Cells[p.x+1] = Cell{Half: true, Style: s.pen}
	}
	s.last = r
	if p.x += width; p.x >= s.columns {
		p.x, p.pending = s.columns-1, s.wrap
	}
}

// mark adds a combining mark to the character before the cursor.
func (s *Screen) mark(r rune) {
	x := s.p.x - 1
	if s.p.pending {
		x = s.p.x
	}
	cells := s.line().Cells
	if x >= len(cells) {
		return
	}
	if x > 0 && cells[x].Half {
		x--
	}
	if x >= 0 && cells[x].Rune != 0 && cells[x].Mark == 0 {
		cells[x].Mark = r
	}
}

// split blanks a wide character of which only one half would stay when what begins, or ends, at x
// is overwritten.
func (s *Screen) split(l *Line, x int) {
	if x > 0 && x < len(l.Cells) && l.Cells[x].Half {
		l.Cells[x-1] = Cell{Style: l.Cells[x-1].Style.background()}
		l.Cells[x] = Cell{Style: l.Cells[x].Style.background()}
	}
}

func (s *Screen) wrapAround() {
	s.line().Wrapped = true
	s.p.x, s.p.pending = 0, false
	s.index()
}

// index moves down, and scrolls at the end of the region.
func (s *Screen) index() {
	p := s.p
	switch {
	case p.y == p.bottom:
		s.scrollUp(p.top, p.bottom, 1)
	case p.y < s.rows-1:
		p.y++
	}
}

func (s *Screen) reverseIndex() {
	p := s.p
	switch {
	case p.y == p.top:
		s.scrollDown(p.top, p.bottom, 1)
	case p.y > 0:
		p.y--
	}
}

// scrollUp moves the lines from top to bottom up by n; what leaves the main screen at its top is
// history.
func (s *Screen) scrollUp(top, bottom, n int) {
	n = min(n, bottom-top+1)
	lines := s.p.lines
	for i := top; i < top+n; i++ {
		if top == 0 {
			lines[i].Cells = s.retire(s.p, lines[i])
		}
	}
	s.rotate(lines[top:bottom+1], n)
	for i := bottom - n + 1; i <= bottom; i++ {
		s.clear(&lines[i], 0, s.columns)
	}
	if top > 0 {
		lines[top-1].Wrapped = false
	}
	s.moved++
}

func (s *Screen) scrollDown(top, bottom, n int) {
	n = min(n, bottom-top+1)
	lines := s.p.lines
	s.rotate(lines[top:bottom+1], bottom-top+1-n)
	for i := top; i < top+n; i++ {
		s.clear(&lines[i], 0, s.columns)
	}
	lines[bottom].Wrapped = false
	if top > 0 {
		lines[top-1].Wrapped = false
	}
	s.moved++
}

// rotate moves lines up by n; those at the top come back at the bottom, to be cleared.
func (s *Screen) rotate(lines []Line, n int) {
	if n == 1 {
		first := lines[0]
		copy(lines, lines[1:])
		lines[len(lines)-1] = first
		return
	}
	moved := append(slices.Clone(lines[n:]), lines[:n]...)
	copy(lines, moved)
}

// clear blanks cells of a line with the background of the pen.
func (s *Screen) clear(l *Line, from, to int) {
	from, to = max(from, 0), min(to, s.columns)
	if from >= to {
		return
	}
	if to == s.columns {
		l.Wrapped = false
	}
	blank := Cell{Style: s.pen.background()}
	if l.Cells == nil && blank == (Cell{}) {
		return
	}
	s.drawn(l)
	s.split(l, from)
	s.split(l, to)
	cells := l.Cells[from:to]
	for i := range cells {
		cells[i] = blank
	}
}

func (s *Screen) insertCells(n int) {
	l, x := s.drawn(s.line()), s.p.x
	n = min(n, s.columns-x)
	s.split(l, x)
	s.split(l, s.columns-n)
	copy(l.Cells[x+n:], l.Cells[x:s.columns-n])
	s.clear(l, x, x+n)
	if c := &l.Cells[s.columns-1]; c.wide() {
		*c = Cell{Style: c.Style.background()}
	}
	l.Wrapped = false
}

func (s *Screen) deleteCells(n int) {
	l, x := s.drawn(s.line()), s.p.x
	n = min(n, s.columns-x)
	s.split(l, x)
	s.split(l, x+n)
	copy(l.Cells[x:], l.Cells[x+n:])
	s.clear(l, s.columns-n, s.columns)
}
