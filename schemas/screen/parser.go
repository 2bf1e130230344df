package screen

import "unicode/utf8"

// state is where in a control sequence the parser is, after Paul Williams' state machine for DEC's
// terminals (https://vt100.net/emu/dec_ansi_parser).
type state uint8

const (
	ground state = iota
	escape
	escapeIntermediate
	control // CSI
	ignored // CSI that makes no sense, to its end
	system  // OSC
	text    // DCS, SOS, PM, APC: to their end
)

// Bounds of what a sequence may have. What is beyond is left out.
const (
	mostParams = 32
	mostSystem = 1024
	mostValue  = 65535
)

type param struct {
	value int
	sub   bool // after a colon
	given bool
}

// parser is what is pending between two writes.
type parser struct {
	state        state
	params       []param
	private      byte // < = > ? at the start of a CSI
	intermediate byte
	osc          []byte
	escaped      bool    // ESC inside of a string: its end, if a backslash follows
	rune         [4]byte // UTF-8 that has not ended
	pending      int
}

// Write draws what a program wrote. It always takes all.
func (s *Screen) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.parser.state == ground && s.parser.pending == 0 {
			if k := printable(p); k > 0 {
				s.ascii(p[:k])
				p = p[k:]
				continue
			}
		}
		p = p[s.step(p):]
	}
	return n, nil
}

// printable returns how many bytes at the start are ASCII characters that show.
func printable(p []byte) int {
	for i, b := range p {
		if b < 0x20 || b >= 0x7F {
			return i
		}
	}
	return len(p)
}

// step takes one byte, or one character.
func (s *Screen) step(p []byte) int {
	ps, b := &s.parser, p[0]
	if ps.state == ground {
		if b < 0x80 && ps.pending == 0 {
			s.c0(b)
			return 1
		}
		return s.utf8(p)
	}
	switch {
	case ps.state == system || ps.state == text:
		s.inString(b)
	case b == 0x1B:
		*ps = parser{state: escape, params: ps.params[:0], osc: ps.osc[:0]}
	case b == 0x18 || b == 0x1A:
		ps.state = ground
	case b < 0x20:
		s.c0(b)
	case b == 0x7F:
	case ps.state == escape || ps.state == escapeIntermediate:
		s.escape(b)
	default:
		s.control(b)
	}
	return 1
}

// utf8 takes a character, or as much of one as there is. What is no UTF-8 shows as U+FFFD.
func (s *Screen) utf8(p []byte) int {
	ps := &s.parser
	had := ps.pending
	n := copy(ps.rune[had:], p)
	all := ps.rune[:had+n]
	if !utf8.FullRune(all) {
		ps.pending = len(all)
		return n
	}
	r, size := utf8.DecodeRune(all)
	ps.pending = 0
	if size <= had { // it broke off before these bytes
		s.draw(r)
		return 0
	}
	if r >= 0x80 && r < 0xA0 {
		s.c1(byte(r))
	} else if r < 0x80 {
		return 0 // cannot be: had is 0 then
	} else {
		s.draw(r)
	}
	return size - had
}

// c1 takes the eight-bit forms of ESC and a letter.
func (s *Screen) c1(b byte) {
	s.parser.state = escape
	s.escape(b - 0x40)
}

func (s *Screen) inString(b byte) {
	ps := &s.parser
	switch {
	case ps.escaped && b == '\\', b == 0x07 && ps.state == system, b == 0x18, b == 0x1A:
		if ps.state == system {
			s.osc(ps.osc)
		}
		ps.state, ps.escaped = ground, false
	case ps.escaped: // another sequence begins
		ps.state, ps.escaped = escape, false
		s.step([]byte{b})
	case b == 0x1B:
		ps.escaped = true
	case ps.state == system && len(ps.osc) < mostSystem:
		ps.osc = append(ps.osc, b)
	}
}

func (s *Screen) escape(b byte) {
	ps := &s.parser
	switch {
	case b < 0x30:
		ps.intermediate, ps.state = b, escapeIntermediate
		return
	case ps.state == escape:
		switch b {
		case '[':
			ps.state, ps.params, ps.private, ps.intermediate = control, ps.params[:0], 0, 0
			return
		case ']':
			ps.state, ps.osc, ps.escaped = system, ps.osc[:0], false
			return
		case 'P', 'X', '^', '_':
			ps.state, ps.escaped = text, false
			return
		}
	}
	intermediate := ps.intermediate
	ps.state, ps.intermediate = ground, 0
	s.dispatchEscape(intermediate, b)
}

func (s *Screen) control(b byte) {
	ps := &s.parser
	switch {
	case b >= 0x40:
		final := ps.state == control
		ps.state = ground
		if final {
			s.dispatchControl(b)
		}
	case ps.state == ignored:
	case b < 0x30:
		ps.intermediate = b
	case b >= 0x3C:
		if len(ps.params) > 0 || ps.intermediate != 0 {
			ps.state = ignored
		}
		ps.private = b
	case ps.intermediate != 0:
		ps.state = ignored
	default:
		ps.digit(b)
	}
}

// digit takes a digit, a semicolon or a colon.
func (p *parser) digit(b byte) {
	if len(p.params) == 0 {
		p.params = append(p.params, param{})
	}
	if b == ';' || b == ':' {
		if len(p.params) < mostParams {
			p.params = append(p.params, param{sub: b == ':'})
		}
		return
	}
	last := &p.params[len(p.params)-1]
	last.value, last.given = min(last.value*10+int(b-'0'), mostValue), true
}

// number returns parameter i, or what stands for it when it is not given or 0.
func (p *parser) number(i, otherwise int) int {
	if i < len(p.params) && p.params[i].value > 0 {
		return p.params[i].value
	}
	return otherwise
}
