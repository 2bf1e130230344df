package ssh

import (
	"bytes"
	"unicode/utf8"
)

// sniffer says what a stream holds, for those who show it. Once binary, it stays so.
type sniffer struct {
	terminal bool
	binary   bool
	rest     int // bytes of a character that the last piece ended in the middle of
}

func (s *sniffer) format(b []byte) string {
	if s.terminal {
		return formatTerminal
	}
	if !s.binary && !s.text(b) {
		s.binary = true
	}
	if s.binary {
		return "binary"
	}
	return "text"
}

// text reports whether b, which may begin and end in the middle of a character, is text.
func (s *sniffer) text(b []byte) bool {
	for s.rest > 0 && len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
		s.rest--
	}
	s.rest = 0
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				b, s.rest = b[:len(b)-i], utf8.UTFMax-i
			}
			break
		}
	}
	return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0
}
