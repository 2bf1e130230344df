package observe

import "bytes"

// markScanner finds the marks of a shell in output: OSC 133 and 633, ended by BEL or ST (ECMA-48). What is
// not one passes as it is. A mark may be cut anywhere.
type markScanner struct {
	held []byte // of what may become a mark
}

var markStarts = [][]byte{[]byte("\x1b]133;"), []byte("\x1b]633;")}

// next returns the output before the first mark, and that mark without its frame; rest comes after it.
// Without a mark all of b is text, but what may be the beginning of one, which is kept.
func (m *markScanner) next(b []byte) (text []byte, mark string, rest []byte) {
	data := b
	if len(m.held) > 0 {
		data = append(m.held, b...)
		m.held = nil
	}
	from := 0
	for {
		i := bytes.IndexByte(data[from:], 0x1b)
		if i < 0 {
			return data, "", nil
		}
		i += from
		switch begins(data[i:]) {
		case no:
			from = i + 1
			continue
		case maybe:
			m.held = bytes.Clone(data[i:])
			return data[:i], "", nil
		}
		end, size := terminator(data[i+2:])
		if end >= 0 && end <= maxMark {
			return data[:i], string(data[i+2 : i+2+end]), data[i+2+end+size:]
		}
		if end < 0 && len(data)-i <= maxMark {
			m.held = bytes.Clone(data[i:])
			return data[:i], "", nil
		}
		from = i + 1 // too long to be one
	}
}

const (
	no = iota
	maybe
	yes
)

func begins(b []byte) int {
	for _, s := range markStarts {
		if bytes.HasPrefix(b, s) {
			return yes
		}
	}
	for _, s := range markStarts {
		if bytes.HasPrefix(s, b) {
			return maybe
		}
	}
	return no
}

// terminator finds the end of an OSC. Another escape or a control character ends it without a terminator: then there is none.
func terminator(b []byte) (at, size int) {
	for i, c := range b {
		switch {
		case c == 0x07:
			return i, 1
		case c == 0x1b && i+1 == len(b):
			return -1, 0
		case c == 0x1b && b[i+1] == '\\':
			return i, 2
		case c == 0x1b, c == 0x18, c == 0x1a:
			return maxMark + 1, 0
		}
	}
	return -1, 0
}
