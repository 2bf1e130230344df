package screen

import (
	"strings"
	"unicode/utf8"
)

// c0 does a control character.
func (s *Screen) c0(b byte) {
	p := s.p
	switch b {
	case 0x08:
		p.x, p.pending = max(p.x-1, 0), false
	case 0x09:
		s.tab(1)
	case 0x0A, 0x0B, 0x0C:
		s.feed()
	case 0x0D:
		p.x, p.pending = 0, false
	case 0x0E:
		s.shift = 1
	case 0x0F:
		s.shift = 0
	case 0x1B:
		ps := &s.parser
		*ps = parser{state: escape, params: ps.params[:0], osc: ps.osc[:0]}
	}
}

func (s *Screen) feed() {
	s.p.pending = false
	s.index()
	if s.newline {
		s.p.x = 0
	}
}

// tab goes n stops to the right, or, below 0, to the left.
func (s *Screen) tab(n int) {
	p := s.p
	p.pending = false
	for ; n > 0 && p.x < s.columns-1; n-- {
		for p.x++; p.x < s.columns-1 && !s.tabs[p.x]; p.x++ {
		}
	}
	for ; n < 0 && p.x > 0; n++ {
		for p.x--; p.x > 0 && !s.tabs[p.x]; p.x-- {
		}
	}
}

func (s *Screen) dispatchEscape(intermediate, b byte) {
	if intermediate != 0 {
		switch {
		case intermediate >= '(' && intermediate <= '+':
			set := byte('B')
			if b == '0' {
				set = '0'
			}
			s.charsets[intermediate-'('] = set
		case intermediate == '#' && b == '8':
			s.align()
		}
		return
	}
	switch b {
	case '7':
		s.save()
	case '8':
		s.restore()
	case 'D':
		s.p.pending = false
		s.index()
	case 'E':
		s.p.x, s.p.pending = 0, false
		s.index()
	case 'H':
		s.tabs[s.p.x] = true
	case 'M':
		s.p.pending = false
		s.reverseIndex()
	case 'c':
		s.moved++
		s.reset()
	case 'n':
		s.shift = 2
	case 'o':
		s.shift = 3
	}
}

// align is DECALN: a screen full of E.
func (s *Screen) align() {
	p := s.p
	p.top, p.bottom = 0, s.rows-1
	p.x, p.y, p.pending = 0, 0, false
	for i := range p.lines {
		l := s.drawn(&p.lines[i])
		for j := range l.Cells {
			l.Cells[j] = Cell{Rune: 'E'}
		}
		l.Wrapped = false
	}
	s.moved++
}

func (s *Screen) save() {
	p := s.p
	p.saved = &cursor{x: p.x, y: p.y, pending: p.pending, pen: s.pen, charsets: s.charsets, shift: s.shift, origin: s.origin}
}

func (s *Screen) restore() {
	p := s.p
	c := p.saved
	if c == nil {
		c = &cursor{charsets: [4]byte{'B', 'B', 'B', 'B'}}
	}
	p.x, p.y, p.pending = c.x, c.y, c.pending
	s.pen, s.charsets, s.shift, s.origin = c.pen, c.charsets, c.shift, c.origin
}

// osc takes a system command; of those, only the title shows.
func (s *Screen) osc(b []byte) {
	number, rest, found := strings.Cut(string(b), ";")
	if found && (number == "0" || number == "2") && utf8.ValidString(rest) {
		s.title = strings.Map(func(r rune) rune {
			if r < 0x20 || r >= 0x7F && r < 0xA0 {
				return -1
			}
			return r
		}, rest)
	}
}
