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
	keys  bool
	weave weave
	seq   []byte // a sequence that is not whole
	state termState
	// escaped says that the last byte of a string was an escape character: its end, if a backslash follows.
	escaped bool
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
	t := &Terminal{s: *s, keys: c.Keys}
	t.s.weave = &t.weave
	t.weave.trace = &t.s.trace
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
	t.sequence(t.seq)
	t.seq, t.state, t.escaped = t.seq[:0], termText, false
	out, hits = t.s.Close(dst)
	hits, t.strings = append(hits, t.strings...), nil
	return out, hits
}

func (t *Terminal) traced() *trace { return &t.s.trace }

// termState is where in a sequence output is, as package screen and most terminals follow it
// (https://vt100.net/emu/dec_ansi_parser): an escape character begins another sequence wherever it
// comes, and control characters inside of one take effect.
type termState int

const (
	termText termState = iota
	termEscape
	termIntermediate
	termCSI
	termOSC
	termString // DCS, SOS, PM, APC
)

const esc = 0x1b

// take moves text to the stream and sequences between it.
func (t *Terminal) take(b []byte) {
	for len(b) > 0 {
		if t.state == termText {
			n := t.plain(b)
			t.s.buf = append(t.s.buf, b[:n]...)
			if b = b[n:]; len(b) == 0 {
				return
			}
			if b[0] == '\r' {
				t.weave.all = append(t.weave.all, woven{at: len(t.s.buf), data: []byte{'\r'}, stands: '\n', size: 1})
				t.s.buf = append(t.s.buf, '\n')
			} else {
				t.begin()
			}
			b = b[1:]
			continue
		}
		c := b[0]
		b = b[1:]
		inString := t.state == termOSC || t.state == termString
		switch {
		case inString && t.escaped && c != '\\':
			t.sequence(t.seq[:len(t.seq)-1])
			t.begin()
		case !inString && c == esc:
			t.sequence(t.seq)
			t.begin()
			continue
		}
		t.seq = append(t.seq, c)
		t.step(c)
		if t.state == termText || len(t.seq) >= maxSequence && !t.escaped {
			t.sequence(t.seq)
			t.seq = t.seq[:0]
		}
	}
}

// plain is how much of b is text.
func (t *Terminal) plain(b []byte) int {
	n := bytes.IndexByte(b, esc)
	if n < 0 {
		n = len(b)
	}
	if t.keys {
		if r := bytes.IndexByte(b[:n], '\r'); r >= 0 {
			return r
		}
	}
	return n
}

// begin begins a sequence.
func (t *Terminal) begin() { t.seq, t.state, t.escaped = append(t.seq[:0], esc), termEscape, false }

// step follows a sequence.
func (t *Terminal) step(c byte) {
	switch {
	case c == 0x18 || c == 0x1a:
		t.state, t.escaped = termText, false
	case t.state == termOSC || t.state == termString:
		if t.escaped || c == 0x07 && t.state == termOSC {
			t.state, t.escaped = termText, false
		} else {
			t.escaped = c == esc
		}
	case c < 0x20 || c == 0x7f:
	case t.state == termCSI:
		if c >= 0x40 {
			t.state = termText
		}
	case c < 0x30:
		t.state = termIntermediate
	case t.state == termIntermediate:
		t.state = termText
	case c == '[':
		t.state = termCSI
	case c == ']':
		t.state = termOSC
	case c == 'P' || c == 'X' || c == '^' || c == '_':
		t.state = termString
	default:
		t.state = termText
	}
}

// sequence puts one between the text. What moves the cursor stands for a line break, or for a blank.
func (t *Terminal) sequence(seq []byte) {
	if len(seq) == 0 { // all of it was passed on in pieces
		return
	}
	at := woven{at: len(t.s.buf), data: bytes.Clone(seq), size: len(seq)}
	last := seq[len(seq)-1]
	isString := seq[0] != esc || len(seq) > 1 && bytes.IndexByte([]byte("]PX^_"), seq[1]) >= 0
	switch {
	case len(seq) < 2:
	case isString: // or more of a long one
		begin := 0
		if seq[0] == esc { // the letter that says what it is is not of the text
			begin = 2
		}
		if masked, hits, null := t.s.set.Apply(nil, seq[begin:]); hits != nil {
			if null { // a string without a value is none: the terminal would wait for its end
				masked = append([]byte(Redacted), seq[len(seq)-terminator(seq):]...)
			}
			at.data = append(bytes.Clone(seq[:begin]), masked...)
			at.finds = t.s.set.scanner.in(seq[begin:])
			for _, h := range hits {
				for range h.Count {
					t.strings = count(t.strings, h.Rule)
				}
			}
		}
	case seq[1] == '[' && last == 'C':
		at.stands = ' '
	case seq[1] == '[' && bytes.IndexByte([]byte("ABDEFGHIJLMPSTXZ`abdefrsu@"), last) >= 0, len(seq) == 2 && bytes.IndexByte([]byte("DEMc8"), last) >= 0:
		at.stands = '\n'
	}
	if at.stands == 0 && !isString && bytes.ContainsAny(seq, "\b\t\n\v\f\r") {
		at.stands = '\n'
	}
	if at.stands != 0 {
		t.s.buf = append(t.s.buf, at.stands)
	}
	t.weave.all = append(t.weave.all, at)
}

// terminator is how many bytes end a string; 0: it goes on.
func terminator(seq []byte) int {
	switch {
	case bytes.HasSuffix(seq, []byte{0x07}):
		return 1
	case bytes.HasSuffix(seq, []byte{esc, '\\'}):
		return 2
	}
	return 0
}

// weave is the sequences between the text of a stream's buffer.
type weave struct {
	all   []woven
	trace *trace
}

// woven is one, before the byte at, or in its place.
type woven struct {
	at     int
	data   []byte
	stands byte    // what stands in the buffer in its place; 0: nothing
	size   int     // bytes of the input
	finds  kindSet // what was masked in data
}

// next appends the first sequence.
func (w *weave) next(dst []byte) []byte {
	first := w.all[0]
	w.all = w.all[1:]
	if first.finds == 0 {
		w.trace.pass(first.size)
	} else {
		begin := w.trace.begin()
		w.trace.in += uint64(first.size)
		w.trace.end(begin, len(first.data), first.finds)
	}
	return append(dst, first.data...)
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
		dst = w.next(dst)
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
			w.trace.pass(end - i)
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
		dst = w.next(dst)
	}
	return dst
}

// dropped appends the sequences between text that is dropped.
func (w *weave) dropped(dst []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		var instead bool
		if dst, instead = w.until(dst, i); !instead {
			w.trace.in++
		}
	}
	return w.trailing(dst, to)
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
		w.trace.in += uint64(size)
		i += size
	}
	return dst
}
