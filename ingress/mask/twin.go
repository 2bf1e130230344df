package mask

import "bytes"

// Twin is a stream that is masked twice: for its recording, and for somebody who is excepted from some of the
// rules and is shown more. It tells what was shown and is not recorded. What it records is what a Stream or Terminal
// of the same set gives out. A twin is for one goroutine.
type Twin struct {
	recorded, shown side
	together        bool
}

// TwinConfig is what a twin is made of.
type TwinConfig struct {
	Recorded *Set
	Shown    *Set // nil: nothing is masked
	Terminal bool // the stream goes to a terminal, or comes from one
	Keys     bool // it comes from one: see StreamConfig
	// Together has nothing shown before it is recorded. Otherwise it is shown as soon as what is masked in it is known.
	Together bool
	HoldBack int // see StreamConfig
}

// Span is what stood in a place of a stream that has been masked: put in place of it, all of them give what was shown.
type Span struct {
	At, Length uint64 // bytes of the recorded form; spans come in order
	Data       []byte
	Finds      []Detector // that found something in it, for the recording or for who is shown it
}

// Pair is both forms of a piece.
type Pair struct {
	Recorded, Shown []byte
	Hits            []Hit // for the recording
	Spans           []Span
}

// side is one form of a stream, with what of it cannot be compared yet.
type side struct {
	m     tracedMasker
	buf   []byte // what was given out; compared up to off, which lies
	off   int
	at    uint64 // there in the output, and
	from  uint64 // there in the input
	edits []edit // from there on
}

type tracedMasker interface {
	Write(dst, chunk []byte) ([]byte, []Hit)
	Flush(dst []byte) ([]byte, []Hit)
	Close(dst []byte) ([]byte, []Hit)
	Held() int
	traced() *trace
}

// bare masks nothing.
type bare struct{ trace trace }

func (b *bare) Write(dst, chunk []byte) ([]byte, []Hit) {
	b.trace.pass(len(chunk))
	return append(dst, chunk...), nil
}
func (b *bare) Flush(dst []byte) ([]byte, []Hit) { return dst, nil }
func (b *bare) Close(dst []byte) ([]byte, []Hit) { return dst, nil }
func (b *bare) Held() int                        { return 0 }
func (b *bare) traced() *trace                   { return &b.trace }

// NewTwin returns a twin. A set with an external detector is refused, as by NewStream.
func NewTwin(c TwinConfig) (*Twin, error) {
	t := &Twin{together: c.Together}
	for of, set := range map[*side]*Set{&t.recorded: c.Recorded, &t.shown: c.Shown} {
		var err error
		if of.m, err = newTraced(set, &c); err != nil {
			return nil, err
		}
		of.m.traced().on = true
	}
	return t, nil
}

func newTraced(set *Set, c *TwinConfig) (tracedMasker, error) {
	if set == nil {
		return &bare{}, nil
	}
	of := StreamConfig{Set: set, HoldBack: c.HoldBack, Keys: c.Keys}
	if c.Terminal {
		return NewTerminal(of)
	}
	return NewStream(of)
}

// Held is how many bytes are held back of one form or the other.
func (t *Twin) Held() int { return max(t.recorded.m.Held(), t.shown.m.Held()) }

// Write takes the next piece. chunk is not kept.
func (t *Twin) Write(chunk []byte) Pair {
	return t.next(func(m tracedMasker) ([]byte, []Hit) { return m.Write(nil, chunk) })
}

// Flush gives out what is held back, as if nothing followed.
func (t *Twin) Flush() Pair {
	return t.next(func(m tracedMasker) ([]byte, []Hit) { return m.Flush(nil) })
}

// Close gives out everything.
func (t *Twin) Close() Pair {
	return t.next(func(m tracedMasker) ([]byte, []Hit) { return m.Close(nil) })
}

func (t *Twin) next(f func(tracedMasker) ([]byte, []Hit)) (p Pair) {
	p.Recorded, p.Hits = f(t.recorded.m)
	p.Shown, _ = f(t.shown.m)
	t.recorded.take(p.Recorded)
	t.shown.take(p.Shown)
	done := t.compare(&p)
	t.recorded.pass(done)
	t.shown.pass(done)
	if t.together {
		p.Shown = bytes.Clone(t.shown.buf[:t.shown.off])
	}
	t.recorded.forget()
	t.shown.forget()
	return p
}

func (s *side) take(out []byte) {
	s.buf = append(s.buf, out...)
	tr := s.m.traced()
	s.edits = append(s.edits, tr.edits...)
	tr.edits = tr.edits[:0]
}

// compare adds the spans of what both forms have come past, and returns up to where in the input that is.
func (t *Twin) compare(p *Pair) (done uint64) {
	done = min(t.recorded.m.traced().in, t.shown.m.traced().in)
	for len(t.recorded.edits)+len(t.shown.edits) > 0 {
		from, end, n, k := t.cluster()
		if end > done {
			return min(done, from)
		}
		at, recorded, finds := t.recorded.pop(from, end, n)
		_, shown, more := t.shown.pop(from, end, k)
		if !bytes.Equal(recorded, shown) {
			p.Spans = append(p.Spans, Span{At: at, Length: uint64(len(recorded)), Data: bytes.Clone(shown), Finds: (finds | more).detectors()})
		}
	}
	return done
}

// cluster returns the input that the first edits of both forms cover together, and how many of each form do.
func (t *Twin) cluster() (from, end uint64, recorded, shown int) {
	r, s := t.recorded.edits, t.shown.edits
	switch {
	case len(r) == 0 || len(s) > 0 && s[0].in < r[0].in:
		from = s[0].in
	default:
		from = r[0].in
	}
	for end = from + 1; ; {
		switch {
		case recorded < len(r) && r[recorded].in < end:
			end = max(end, r[recorded].inEnd)
			recorded++
		case shown < len(s) && s[shown].in < end:
			end = max(end, s[shown].inEnd)
			shown++
		default:
			return from, end, recorded, shown
		}
	}
}

// pass goes on to a byte of the input that lies before the first edit.
func (s *side) pass(to uint64) {
	n := to - s.from
	s.off, s.at, s.from = s.off+int(n), s.at+n, to
}

// pop goes on over from to end of the input, in which the first n edits lie, and returns what was given out for it
// and where that is.
func (s *side) pop(from, end uint64, n int) (at uint64, out []byte, finds kindSet) {
	s.pass(from)
	size := int64(end - from)
	for _, e := range s.edits[:n] {
		size += int64(e.outEnd-e.out) - int64(e.inEnd-e.in)
		finds |= e.finds
	}
	s.edits = s.edits[n:]
	at, out = s.at, s.buf[s.off:s.off+int(size)]
	s.off, s.at, s.from = s.off+int(size), s.at+uint64(size), end
	return at, out, finds
}

// forget drops what is compared.
func (s *side) forget() {
	s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
	s.off = 0
}
