package mask

// kindSet is a set of detectors.
type kindSet uint16

func (k kind) set() kindSet { return 1 << k }

// detectors returns the names of those in the set.
func (s kindSet) detectors() []Detector {
	var out []Detector
	for k := range kinds {
		if s&k.set() != 0 {
			out = append(out, k.detector())
		}
	}
	return out
}

// over is which detectors found something that reaches into v[start:end].
func (sc *scan) over(start, end int) (all kindSet) {
	for _, f := range sc.all {
		if f.start < end && f.end > start {
			all |= f.kind.set()
		}
	}
	return all
}

// in is which detectors find something in a value.
func (s *Scanner) in(value []byte) (all kindSet) {
	sc := scan{v: value, key: kinds}
	s.run(&sc)
	for _, f := range sc.all {
		all |= f.kind.set()
	}
	return all
}

// trace follows how what a stream gives out comes of its input: what is in no edit passed as it is.
type trace struct {
	on      bool
	in, out uint64 // bytes of the input that are dealt with, and what was given out for them
	edits   []edit // in order, until they are taken; none is of no input
}

// edit says that in to inEnd of the input became out to outEnd of the output.
type edit struct {
	in, inEnd, out, outEnd uint64
	finds                  kindSet
}

// mark is where an edit begins.
type mark struct {
	in, out uint64
	edits   int
}

// pass notes n bytes that were given out as they are.
func (t *trace) pass(n int) {
	t.in += uint64(n)
	t.out += uint64(n)
}

func (t *trace) begin() mark { return mark{t.in, t.out, len(t.edits)} }

// end notes that what was dealt with since m became n bytes. Edits since then become part of it.
func (t *trace) end(m mark, n int, finds kindSet) {
	t.out = m.out + uint64(n)
	if !t.on || t.in == m.in {
		return
	}
	for _, e := range t.edits[m.edits:] {
		finds |= e.finds
	}
	t.edits = append(t.edits[:m.edits], edit{in: m.in, inEnd: t.in, out: m.out, outEnd: t.out, finds: finds})
}
