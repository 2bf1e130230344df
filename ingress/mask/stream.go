package mask

// DefaultHoldBack is how much a stream holds back at most when nothing else is said.
const DefaultHoldBack = 16 << 10

// kept is how many bytes a stream keeps of what it has given out, for what stands before a find.
const kept = 512

// StreamConfig is what a stream is made of.
type StreamConfig struct {
	Set      *Set
	HoldBack int // bytes that are held back at most; 0 is DefaultHoldBack, the least is 8 KiB
	// Keys says that it is what somebody types on a terminal, where a carriage return ends a line. For a Terminal only.
	Keys bool
}

// Stream applies a set to bytes that come in pieces. What it gives out, all pieces together, is what
// Apply makes of the whole, wherever the pieces are cut, with two exceptions: what masks with Null
// is redacted, as a stream has no missing values; and a private key or token longer than HoldBack is
// redacted whatever its rule says, as its end is not known when its mask must be written.
//
// Held back is what may become a find: the last word or number; for Secret and CloudKey the last line,
// and a line before it that has a keyword; a private key until its end. The rest is given out at once. A stream is for
// one goroutine.
type Stream struct {
	set  *Set
	max  int
	buf  []byte
	from int  // what of buf was given out already
	line int  // where the line of from starts, relative to buf
	skip kind // kindPrivateKey or kindJWT: the rest of one is dropped; kinds: nothing is

	weave *weave // of a Terminal: what stands between the text; nil: nothing
	trace trace
	told  int // bytes that were given out for what is dropped next
}

// minHoldBack is the least that rules for secrets need: a stretch of a line with what belongs to it.
const minHoldBack = 8 << 10

// NewStream returns a stream. A set with an external detector, which needs whole values, is refused.
func NewStream(c StreamConfig) (*Stream, error) {
	if c.Set.external {
		return nil, errExternal
	}
	if c.HoldBack == 0 {
		c.HoldBack = DefaultHoldBack
	}
	return &Stream{set: c.Set, max: max(c.HoldBack, minHoldBack), skip: kinds}, nil
}

// Held is how many bytes are held back.
func (s *Stream) Held() int { return len(s.buf) - s.from }

// Write takes the next piece and appends to dst what can be given out. chunk is not kept.
func (s *Stream) Write(dst, chunk []byte) (out []byte, hits []Hit) {
	out = dst
	for len(chunk) > 0 { // in parts, so that the buffer stays small
		n := min(len(chunk), 4*s.max)
		s.buf = append(s.buf, chunk[:n]...)
		chunk = chunk[n:]
		out, hits = s.advance(out, hits, false)
	}
	return out, hits
}

// Close is Flush, for the last time: nothing follows.
func (s *Stream) Close(dst []byte) (out []byte, hits []Hit) {
	out, hits = s.Flush(dst)
	if s.skip != kinds {
		out = s.dropTo(out, len(s.buf))
	}
	return out, hits
}

func (s *Stream) traced() *trace { return &s.trace }

// Flush appends what is held back, as if nothing followed. The stream can be used on; what comes then
// still knows what was before, but a find that was cut here is cut.
func (s *Stream) Flush(dst []byte) (out []byte, hits []Hit) {
	out, hits = s.advance(dst, nil, true)
	s.line = s.from
	return out, hits
}

func (s *Stream) advance(dst []byte, hits []Hit, final bool) ([]byte, []Hit) {
	for {
		if s.skip != kinds {
			var done bool
			if dst, done = s.drop(dst); !done {
				return dst, hits
			}
		}
		sc := scan{v: s.buf, from: s.from, line: s.line, key: kinds}
		s.set.scanner.run(&sc)
		sc.settle()
		cut := len(s.buf)
		if !final {
			cut = s.cut(&sc)
		}
		over := !final && len(s.buf)-cut > s.max
		if over && sc.key != kinds {
			cut = max(sc.keyAt, s.from)
		} else if over {
			cut, over = s.forced(&sc), false
		}
		dst, hits = s.give(dst, hits, &sc, cut)
		if over {
			dst, hits = append(dst, Redacted...), count(hits, s.set.owner[sc.key])
			s.skip, s.told = sc.key, len(Redacted)
		}
		s.trim(cut)
		if !over {
			return dst, hits
		}
	}
}

// drop drops the rest of what was too long, and reports whether it has ended. What stands between its text
// stays.
func (s *Stream) drop(dst []byte) (out []byte, done bool) {
	end := s.from
	switch s.skip {
	case kindPrivateKey:
		end, done = keyEnd(s.buf, s.from, false)
		if !done {
			end = max(s.from, len(s.buf)-maxLabel) // the last line may have begun
		}
	default:
		for end < len(s.buf) && (base64URL(s.buf[end]) || s.buf[end] == '.') {
			end++
		}
		done = end < len(s.buf)
	}
	dst = s.dropTo(dst, end)
	if done {
		s.skip = kinds
	}
	return dst, done
}

func (s *Stream) dropTo(dst []byte, end int) []byte {
	begin, given := s.trace.begin(), len(dst)
	if s.weave != nil {
		dst = s.weave.dropped(dst, s.from, end)
	} else {
		s.trace.in += uint64(end - s.from)
	}
	if end > s.from {
		s.trace.end(begin, s.told+len(dst)-given, s.skip.set())
		s.told = 0
	}
	s.trim(end)
	return dst
}

// cut returns up to where the buffer can be given out: nothing that was found or may still be found
// lies across.
func (s *Stream) cut(sc *scan) int {
	cut := s.set.scanner.tail(sc)
	for again := true; again; {
		again = false
		for _, f := range sc.all {
			if from := max(f.from, s.from); from < cut && cut < f.end {
				cut, again = from, true
			}
		}
	}
	return max(cut, s.from)
}

// forced is where the buffer is cut when too much is held and no key or token is why: after the last
// find that starts in its first half.
func (s *Stream) forced(sc *scan) int {
	cut := s.from + (len(s.buf)-s.from)/2
	for _, f := range sc.all {
		if f.start < cut && f.end > cut {
			cut = f.end
		}
	}
	return cut
}

// give appends the buffer up to cut, masked.
func (s *Stream) give(dst []byte, hits []Hit, sc *scan, cut int) ([]byte, []Hit) {
	var room [8]Match
	end := s.from
	for _, m := range sc.matches(room[:0]) {
		if m.Start >= cut {
			break
		}
		p := s.set.place(m)
		hits = count(hits, p.rule)
		dst = s.plain(dst, end, p.start)
		begin, given := s.trace.begin(), len(dst)
		dst = s.masked(dst, p)
		s.trace.end(begin, len(dst)-given, sc.over(p.start, p.end))
		end = p.end
	}
	return s.plain(dst, end, max(cut, end)), hits
}

// masked appends a find as its rule leaves it.
func (s *Stream) masked(dst []byte, p place) []byte {
	t := s.set.rules[p.rule].Transform
	if s.weave != nil {
		return s.weave.masked(dst, s.buf, p.start, p.end, t)
	}
	s.trace.in += uint64(p.end - p.start)
	dst, null := t.Text(dst, s.buf[p.start:p.end])
	if null {
		dst = append(dst, Redacted...)
	}
	return dst
}

// plain appends the buffer as it is.
func (s *Stream) plain(dst []byte, from, to int) []byte {
	if s.weave != nil {
		return s.weave.plain(dst, s.buf, from, to)
	}
	s.trace.pass(to - from)
	return append(dst, s.buf[from:to]...)
}

// trim forgets the buffer up to cut but for its context.
func (s *Stream) trim(cut int) {
	for i := cut - 1; i >= s.from; i-- {
		if s.buf[i] == '\n' {
			s.line = i + 1
			break
		}
	}
	s.from = cut
	if drop := s.from - kept; drop > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
		s.from -= drop
		s.line -= drop
		if s.weave != nil {
			s.weave.shift(drop)
		}
	}
}
