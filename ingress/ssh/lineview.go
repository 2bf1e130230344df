package ssh

import "bytes"

// lineView is the text of one line of a terminal, as far as telling an echo needs it: escape
// sequences are left out, the cursor moves left and right, and a line feed begins a new line.
type lineView struct {
	cells  []byte
	cursor int
	state  outState
	args   []byte
	total  int // bytes put since it was made
}

type outState int

const (
	outPlain outState = iota
	outEscape
	outCSI
	outString    // OSC, DCS, …: until BEL or ST
	outStringEnd // ESC inside of one
	outCharset   // ESC ( and the like: one more byte
)

// text is the line up to now.
func (v *lineView) text() []byte { return v.cells }

// full reports whether so much was put that no echo is to be expected any more.
func (v *lineView) full() bool { return v.total > maxSeen }

// shows reports whether the line is, begins with, or ends with what was typed: echoed as it is, or
// drawn again behind a prompt.
func (v *lineView) shows(typed []byte) bool {
	return bytes.HasPrefix(v.cells, typed) || bytes.HasSuffix(v.cells, typed)
}

func (v *lineView) put(c byte) {
	v.total++
	switch v.state {
	case outPlain:
		v.plain(c)
	case outEscape:
		v.escape(c)
	case outCSI:
		if 0x40 <= c && c <= 0x7e {
			v.move(c)
			v.state = outPlain
		} else if len(v.args) < 16 {
			v.args = append(v.args, c)
		}
	case outString:
		switch c {
		case 0x07:
			v.state = outPlain
		case 0x1b:
			v.state = outStringEnd
		}
	case outStringEnd:
		v.state = outString
		if c == '\\' {
			v.state = outPlain
		}
	case outCharset:
		v.state = outPlain
	}
}

func (v *lineView) plain(c byte) {
	switch {
	case c == 0x1b:
		v.state = outEscape
	case c == '\n':
		v.cells, v.cursor = v.cells[:0], 0
	case c == '\r':
		v.cursor = 0
	case c == '\b':
		v.cursor = max(v.cursor-1, 0)
	case c < 0x20 || c == 0x7f:
	case v.cursor < len(v.cells):
		v.cells[v.cursor] = c
		v.cursor++
	case len(v.cells) < maxSeen:
		for len(v.cells) < v.cursor {
			v.cells = append(v.cells, ' ')
		}
		v.cells = append(v.cells, c)
		v.cursor++
	}
}

func (v *lineView) escape(c byte) {
	v.state = outPlain
	switch c {
	case '[':
		v.state, v.args = outCSI, v.args[:0]
	case ']', 'P', '_', '^', 'X':
		v.state = outString
	case '(', ')', '*', '+', '#', '%', ' ':
		v.state = outCharset
	}
}

// move follows what moves the cursor in a line and erases in it: ECMA-48, CUF, CUB, CHA and EL.
func (v *lineView) move(final byte) {
	n := 0
	for _, c := range v.args {
		if c < '0' || c > '9' {
			n = 0
			break
		}
		n = min(10*n+int(c-'0'), maxSeen)
	}
	switch final {
	case 'C':
		v.cursor = min(v.cursor+max(n, 1), maxSeen)
	case 'D':
		v.cursor = max(v.cursor-max(n, 1), 0)
	case 'G':
		v.cursor = min(max(n, 1)-1, maxSeen)
	case 'K':
		if n == 0 && v.cursor < len(v.cells) {
			v.cells = v.cells[:v.cursor]
		}
	}
}
