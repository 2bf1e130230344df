package screen

// dispatchControl does a control sequence.
func (s *Screen) dispatchControl(b byte) {
	ps := &s.parser
	switch {
	case ps.private == '?' && ps.intermediate == 0 && (b == 'h' || b == 'l'):
		for _, p := range ps.params {
			s.privateMode(p.value, b == 'h')
		}
		return
	case ps.private == '?' && ps.intermediate == 0 && (b == 'J' || b == 'K'): // selective erase: nothing is protected
	case ps.private == 0 && ps.intermediate == '!' && b == 'p':
		s.softReset()
		return
	case ps.private != 0 || ps.intermediate != 0:
		return
	}
	if !s.move(b) {
		s.edit(b)
	}
}

// move does what places the cursor, and reports whether b did.
func (s *Screen) move(b byte) bool {
	p, n := s.p, s.parser.number(0, 1)
	switch b {
	case 'A':
		top := 0
		if p.y >= p.top {
			top = p.top
		}
		p.y = max(p.y-n, top)
	case 'B', 'e':
		bottom := s.rows - 1
		if p.y <= p.bottom {
			bottom = p.bottom
		}
		p.y = min(p.y+n, bottom)
	case 'C', 'a':
		p.x = min(p.x+n, s.columns-1)
	case 'D':
		p.x = max(p.x-n, 0)
	case 'E':
		s.move('B')
		p.x = 0
	case 'F':
		s.move('A')
		p.x = 0
	case 'G', '`':
		p.x = min(n, s.columns) - 1
	case 'H', 'f':
		s.place(n-1, s.parser.number(1, 1)-1)
	case 'd':
		s.place(n-1, p.x)
	case 'I':
		s.tab(n)
	case 'Z':
		s.tab(-n)
	case 's':
		s.save()
		return true
	case 'u':
		s.restore()
		return true
	default:
		return false
	}
	p.pending = false
	return true
}

// place puts the cursor, within the region if the origin is there.
func (s *Screen) place(y, x int) {
	p := s.p
	top, bottom := 0, s.rows-1
	if s.origin {
		top, bottom = p.top, p.bottom
	}
	p.y, p.x, p.pending = min(top+y, bottom), min(x, s.columns-1), false
}

// edit does what changes cells or how they are drawn.
func (s *Screen) edit(b byte) {
	p, n := s.p, s.parser.number(0, 1)
	switch b {
	case 'm':
		s.style(s.parser.params)
		return
	case 'h', 'l':
		for _, m := range s.parser.params {
			switch m.value {
			case 4:
				s.insert = b == 'h'
			case 20:
				s.newline = b == 'h'
			}
		}
		return
	case 'g':
		s.clearTabs(s.parser.number(0, 0))
		return
	case 'r':
		s.region()
		return
	}
	s.moved++
	switch b {
	case 'J':
		s.eraseDisplay(s.parser.number(0, 0))
	case 'K':
		s.eraseLine(s.parser.number(0, 0))
	case 'X':
		s.clear(s.line(), p.x, p.x+n)
	case '@':
		s.insertCells(n)
	case 'P':
		s.deleteCells(n)
	case 'L':
		if p.y >= p.top && p.y <= p.bottom {
			s.scrollDown(p.y, p.bottom, n)
			p.x = 0
		}
	case 'M':
		if p.y >= p.top && p.y <= p.bottom {
			s.deleteLines(n)
			p.x = 0
		}
	case 'S':
		s.scrollUp(p.top, p.bottom, n)
		return
	case 'T':
		if len(s.parser.params) <= 1 { // with more it is about the mouse
			s.scrollDown(p.top, p.bottom, n)
		}
		return
	case 'b':
		if s.last != 0 {
			for range min(n, s.columns*s.rows) {
				s.draw(s.last)
			}
		}
		return
	default:
		return
	}
	p.pending = false
}

// deleteLines takes lines out at the cursor. What is deleted at the top is not history.
func (s *Screen) deleteLines(n int) {
	p := s.p
	n = min(n, p.bottom-p.y+1)
	s.rotate(p.lines[p.y:p.bottom+1], n)
	for i := p.bottom - n + 1; i <= p.bottom; i++ {
		s.clear(&p.lines[i], 0, s.columns)
	}
	if p.y > 0 {
		p.lines[p.y-1].Wrapped = false
	}
}

func (s *Screen) eraseDisplay(n int) {
	p := s.p
	switch n {
	case 0:
		s.clear(s.line(), p.x, s.columns)
		for i := p.y + 1; i < s.rows; i++ {
			s.clear(&p.lines[i], 0, s.columns)
		}
	case 1:
		for i := range p.y {
			s.clear(&p.lines[i], 0, s.columns)
		}
		s.clear(s.line(), 0, p.x+1)
	case 2:
		for i := range p.lines {
			s.clear(&p.lines[i], 0, s.columns)
		}
	case 3:
		s.history, s.oldest = nil, 0
	}
}

func (s *Screen) eraseLine(n int) {
	switch l := s.line(); n {
	case 0:
		s.clear(l, s.p.x, s.columns)
	case 1:
		s.clear(l, 0, s.p.x+1)
	case 2:
		s.clear(l, 0, s.columns)
	}
}

func (s *Screen) clearTabs(n int) {
	switch n {
	case 0:
		s.tabs[s.p.x] = false
	case 3:
		s.tabs = make([]bool, s.columns)
	}
}

// region is DECSTBM.
func (s *Screen) region() {
	top, bottom := s.parser.number(0, 1)-1, min(s.parser.number(1, s.rows), s.rows)-1
	if top >= bottom {
		return
	}
	s.p.top, s.p.bottom = top, bottom
	s.place(0, 0)
}

func (s *Screen) softReset() {
	p := s.p
	s.pen, s.charsets, s.shift = Style{}, [4]byte{'B', 'B', 'B', 'B'}, 0
	s.insert, s.origin, s.hidden, s.wrap = false, false, false, true
	p.top, p.bottom, p.saved = 0, s.rows-1, nil
}

// privateMode is DECSET and DECRST.
func (s *Screen) privateMode(n int, on bool) {
	switch n {
	case 5:
		s.reverse = on
	case 6:
		s.origin = on
		s.place(0, 0)
	case 7:
		if s.wrap = on; !on {
			s.p.pending = false
		}
	case 25:
		s.hidden = !on
	case 47, 1047:
		s.alternate(on, n == 1047)
	case 1048:
		if on {
			s.save()
		} else {
			s.restore()
		}
	case 1049:
		if on && s.p == &s.main {
			s.save()
			s.alternate(true, false)
			s.alt = s.blank()
			s.alt.x, s.alt.y = s.main.x, s.main.y
		} else if !on && s.p == &s.alt {
			s.alternate(false, false)
			s.restore()
		}
	}
}

// alternate changes the page; the cursor stays where it was. xterm clears the alternate one when
// it is left by 1047.
func (s *Screen) alternate(on, clear bool) {
	from, to := &s.main, &s.alt
	if !on {
		from, to = to, from
	}
	if s.p != from {
		return
	}
	s.moved++
	if to.lines == nil {
		to.lines = make([]Line, s.rows)
	}
	to.x, to.y, to.pending = min(from.x, s.columns-1), min(from.y, s.rows-1), from.pending
	s.p = to
	if !on && clear {
		s.alt = page{bottom: s.rows - 1}
	}
}
