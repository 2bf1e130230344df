package mask

import "bytes"

// A rule looks at a window: the stretch of a line where its keyword is, and what follows it up to the
// end of the next line. Windows lie on a grid from the start of each line, so that a value in pieces has
// the same windows as the whole.
const (
	stretch = 2048 // bytes of a line that are one stretch
	lead    = 256  // bytes before a stretch that its windows have
	spill   = 2048 // bytes after a stretch that its windows have at most
	maxWord = 40   // no keyword is longer
)

// lines follows where lines start, and which windows were seen.
type lines struct {
	start int // of the line that is known last
	known int // no line starts between start and here
	seen  *[]int
}

func (l *lines) begin(sc *scan) { l.start, l.known = sc.line, max(sc.from, 0) }

// rule lets a rule look at the window of the keyword at k.
func (l *lines) rule(s *Scanner, sc *scan, act action, k int) {
	w, closed := l.window(sc.v, k)
	if !closed {
		sc.hold(kinds, max(w.core, sc.from))
	}
	r := s.rules[act.rule]
	r.once.Do(r.compile)
	if !r.starts && l.again(s, act.rule, w.core) {
		return
	}
	r.find(sc, w)
}

// again reports whether a rule has looked at the stretch before.
func (l *lines) again(s *Scanner, rule, core int) bool {
	if l.seen == nil {
		l.seen = s.windows()
	}
	last := (*l.seen)[rule]
	(*l.seen)[rule] = core + 1
	return last == core+1
}

// window returns the window of the keyword at k, and whether more bytes could not make it longer.
func (l *lines) window(v []byte, k int) (w window, closed bool) {
	if k > l.known {
		if n := bytes.LastIndexByte(v[l.known:k], '\n'); n >= 0 {
			l.start = l.known + n + 1
		}
		l.known = k
	}
	w.word = k
	w.core = l.start + (k-l.start)/stretch*stretch
	w.start = max(l.start, w.core-lead, 0)
	limit := w.core + stretch + spill
	w.end, closed = min(limit, len(v)), limit <= len(v)
	line := k
	for range 2 {
		n := bytes.IndexByte(v[line:w.end], '\n')
		if n < 0 {
			return w, closed
		}
		line += n + 1
	}
	w.end = line - 1
	return w, true
}

// windows returns room to note the last window of each rule.
func (s *Scanner) windows() *[]int {
	if w, ok := s.room.Get().(*[]int); ok {
		clear(*w)
		return w
	}
	w := make([]int, len(s.rules))
	return &w
}

func (l *lines) done(s *Scanner) {
	if l.seen != nil {
		s.room.Put(l.seen)
	}
}
