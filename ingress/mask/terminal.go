package mask

import (
	"bytes"
	"unicode/utf8"

	"sallyport/schemas/screen"
)

// Terminal applies a set to what a program writes to a terminal. Escape sequences (ECMA-48) are not part of the text: a
// value that colours run through is found, and what moves the cursor ends a word. Each character of a find
// becomes an asterisk for each column that it takes, whatever the rule's method, so that nothing else on the screen moves;
// Partial leaves its last characters. The text of titles and links is masked as a value of its own.
//
// What is held back of a line is held until more comes, or Flush: callers flush when the program pauses, or somebody
// would not see what they type. A terminal is for one goroutine.
type Terminal struct {
	s     Stream
	weave weave
	seq   []byte // a sequence that is not whole
	state termState
	// strings are finds in titles and links, until they are told.
	strings []Hit
}

// maxSequence is how much of one sequence is kept; a longer one, an image, is passed on in pieces.
const maxSequence = 64 << 10

// NewTerminal returns a terminal. A set with an external detector is refused, as by NewStream.
func NewTerminal(c StreamConfig) (*Terminal, error) {
	s, err := NewStream(c)
	if err != nil {
		return nil, err
	}
	t := &Terminal{s: *s}
	t.s.weave = &t.weave
	return t, nil
}

// Held is how many bytes of text are held back.
func (t *Terminal) Held() int { return t.s.Held() }

// Write takes the next piece and appends to dst what can be given out. chunk is not kept.
func (t *Terminal) Write(dst, chunk []byte) (out []byte, hits []Hit) {
	out = dst
	for len(chunk) > 0 {
		n := min(len(chunk), 4*t.s.max)
		t.take(chunk[:n])
		chunk = chunk[n:]
		out, hits = t.s.advance(out, hits, false)
	}
	hits, t.strings = append(hits, t.strings...), nil
	return out, hits
}

// Flush appends what is held back, but for a sequence that is not whole, which shows nothing.
func (t *Terminal) Flush(dst []byte) (out []byte, hits []Hit) { return t.s.Flush(dst) }

// Close appends everything.
func (t *Terminal) Close(dst []byte) (out []byte, hits []Hit) {
	out, hits = t.s.Flush(dst)
	return append(out, t.seq...), hits
}

// termState is where in a sequence output is.
type termState int

const (
	termText termState = iota
	termEscape
	termCSI
	termString
	termStringEscape
	termCharset
)

// take moves text to the stream and sequences between it.
func (t *Terminal) take(b []byte) {
	for len(b) > 0 {
		if t.state == termText {
			n := bytes.IndexByte(b, 0x1b)
			if n < 0 {
				n = len(b)
			}
			t.s.buf = append(t.s.buf, b[:n]...)
			if b = b[n:]; len(b) == 0 {
				return
			}
			t.state = termEscape
			t.seq = append(t.seq, b[0])
			b = b[1:]
			continue
		}
		t.seq = append(t.seq, b[0])
		t.step(b[0])
		b = b[1:]
		if t.state == termText {
			t.sequence(t.seq)
			t.seq = t.seq[:0]
		} else if len(t.seq) >= maxSequence {
			t.sequence(t.seq)
			t.seq = t.seq[:0]
		}
	}
}

// step follows a sequence.
func (t *Terminal) step(c byte) {
	switch t.state {
	case termEscape:
		switch {
		case c == '[':
			t.state = termCSI
		case c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_':
			t.state = termString
		case c >= 0x20 && c <= 0x2f:
			t.state = termCharset
		case c != 0x1b:
			t.state = termText
		}
	case termCSI, termCharset:
		if c >= 0x40 && c <= 0x7e && t.state == termCSI || c >= 0x30 && c <= 0x7e && t.state == termCharset || c == 0x18 || c == 0x1a {
			t.state = termText
		}
	case termString:
		switch c {
		case 0x07, 0x18, 0x1a:
			t.state = termText
		case 0x1b:
			t.state = termStringEscape
		}
	case termStringEscape:
		t.state = termString
		if c == '\\' {
			t.state = termText
		}
	}
}

// sequence puts one between the text. What moves the cursor stands for a line break, or for a blank.
func (t *Terminal) sequence(seq []byte) {
	at := woven{at: len(t.s.buf), data: bytes.Clone(seq)}
	last := seq[len(seq)-1]
	switch {
	case len(seq) < 2:
	case seq[1] == '[' && last == 'C':
		at.stands = ' '
	case seq[1] == '[' && bytes.IndexByte([]byte("ABDEFGHIJLMPSTXZ`abdefrsu@"), last) >= 0, len(seq) == 2 && bytes.IndexByte([]byte("DEMc8"), last) >= 0:
		at.stands = '\n'
	case bytes.IndexByte([]byte("]PX^_"), seq[1]) >= 0, seq[0] != 0x1b: // a string, or more of a long one
		if masked, hits, _ := t.s.set.Apply(nil, seq); hits != nil {
			at.data = masked
			for _, h := range hits {
				for range h.Count {
					t.strings = count(t.strings, h.Rule)
				}
			}
		}
	}
	if at.stands != 0 {
		t.s.buf = append(t.s.buf, at.stands)
	}
	t.weave.all = append(t.weave.all, at)
}

// weave is the sequences between the text of a stream's buffer.
type weave struct{ all []woven }

// woven is one, before the byte at, or in its place.
type woven struct {
	at     int
	data   []byte
	stands byte // what stands in the buffer in its place; 0: nothing
}

// shift follows the buffer, of which the first n bytes are forgotten.
func (w *weave) shift(n int) {
	for i := range w.all {
		w.all[i].at -= n
	}
}

// until appends the sequences before the byte at i, and reports whether one stands in its place.
func (w *weave) until(dst []byte, i int) (out []byte, instead bool) {
	for len(w.all) > 0 && w.all[0].at <= i {
		first := w.all[0]
		dst = append(dst, first.data...)
		w.all = w.all[1:]
		if first.stands != 0 && first.at == i {
			return dst, true
		}
	}
	return dst, false
}

// plain appends text as it is.
func (w *weave) plain(dst, buf []byte, from, to int) []byte {
	for i := from; i < to; {
		end := to
		if len(w.all) > 0 {
			end = max(i, min(end, w.all[0].at))
		}
		if i < end {
			dst = append(dst, buf[i:end]...)
			i = end
			continue
		}
		var instead bool
		if dst, instead = w.until(dst, i); instead {
			i++
		}
	}
	return w.trailing(dst, to)
}

// trailing appends what stands behind the text up to i and in front of the next character.
func (w *weave) trailing(dst []byte, i int) []byte {
	for len(w.all) > 0 && (w.all[0].at < i || w.all[0].at == i && w.all[0].stands == 0) {
		dst = append(dst, w.all[0].data...)
		w.all = w.all[1:]
	}
	return dst
}

// masked appends a find with as many columns as it takes.
func (w *weave) masked(dst, buf []byte, from, to int, t *Transform) []byte {
	left := utf8.RuneCount(buf[from:to])
	keep := 0
	if t.method == Partial {
		keep = min(t.keep, left/2)
	}
	for i := from; i < to; left-- {
		var instead bool
		if dst, instead = w.until(dst, i); instead {
			i++
			continue
		}
		r, size := utf8.DecodeRune(buf[i:to])
		switch {
		case r < ' ' || left <= keep:
			dst = append(dst, buf[i:i+size]...)
		default:
			for range screen.Width(r) {
				dst = append(dst, '*')
			}
		}
		i += size
	}
	return dst
}
