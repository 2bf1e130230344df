package mask

import (
	"fmt"
	"slices"
	"sync"
)

// Match is a place where a detector found something: the bytes Start to End.
type Match struct {
	Start, End int
	Detector   Detector
}

// Scanner finds what its detectors look for. It does not change once made, and is safe for
// concurrent use.
type Scanner struct {
	on    [kinds]bool
	class [256]class // what the gate stops at
	gated bool       // it stops at something
	words *automaton // nil without detectors that start from words
	acts  [][]action // by word
	rules []*rule
	ids   *idTable
	pairs [maxRun + 1]uint32 // see fillPairs
	calls *automaton         // the words before telephone numbers
	room  sync.Pool          // of *[]int: the windows of a pass
}

// NewScanner returns a scanner for the detectors given. The rules of Secret and CloudKey are read
// here and compiled when first needed.
func NewScanner(d []Detector) (*Scanner, error) {
	s := &Scanner{}
	for _, name := range d {
		k, ok := kindOf(name)
		if !ok {
			return nil, fmt.Errorf("%q is no detector of a scanner", name)
		}
		s.on[k] = true
	}
	s.class = classes(s.on)
	s.gated = s.class != [256]class{}
	if s.on[kindID] {
		s.ids = newIDTable()
	}
	if s.on[kindPhone] {
		s.calls = newAutomaton(phoneWords())
	}
	s.fillPairs()
	return s, s.addWords()
}

// Find appends what is in value to dst: sorted, not overlapping, with offsets in bytes. Of what one
// detector finds overlapping, the leftmost stays, then the longest. Where another detector's find reaches
// beyond it, the rest of that is a match of its own, so that nothing found stays uncovered.
func (s *Scanner) Find(dst []Match, value []byte) []Match {
	sc := scan{v: value, key: kinds}
	s.run(&sc)
	if len(sc.all) == 0 {
		return dst
	}
	sc.settle()
	return sc.matches(dst)
}

// found is what a detector found, before overlaps are settled.
type found struct {
	start, end int
	from       int // a stream must not be cut between from and end
	kind       kind
}

// scan is one pass over a value.
type scan struct {
	v    []byte
	from int // finds that start before are not wanted; what lies before is context
	line int // where the line of from starts; may lie before the value
	all  []found

	begun int // how many of the last bytes are the beginning of a word

	open   int // what began here has not ended where the value does: a stream must hold it
	isOpen bool
	key    kind // kindPrivateKey or kindJWT when one of these has not ended; kinds for none
	keyAt  int  // where it began
	keyEnd int  // of the last private key
}

func (sc *scan) add(k kind, start, end int) {
	if start >= sc.from {
		sc.all = append(sc.all, found{start: start, end: end, from: start, kind: k})
	}
}

// hold notes that what began at start has not ended where the value does. k is the kind of a find
// without a longest length, kinds for others.
func (sc *scan) hold(k kind, start int) {
	if start < sc.from {
		return
	}
	if !sc.isOpen || start < sc.open {
		sc.open, sc.isOpen = start, true
	}
	if k != kinds && sc.key == kinds {
		sc.key, sc.keyAt = k, start
	}
}

// run lets every detector pass over the value.
func (s *Scanner) run(sc *scan) {
	if s.gated {
		s.gate(sc)
	}
	if s.words != nil {
		s.scanWords(sc)
	}
}

// settle sorts what was found and drops what overlaps an earlier find of the same detector.
func (sc *scan) settle() {
	slices.SortFunc(sc.all, func(a, b found) int {
		if a.start != b.start {
			return a.start - b.start
		}
		if a.end != b.end {
			return b.end - a.end
		}
		return int(a.kind) - int(b.kind)
	})
	var last [kinds]int
	sc.all = slices.DeleteFunc(sc.all, func(f found) bool {
		if f.start < last[f.kind] {
			return true
		}
		last[f.kind] = f.end
		return false
	})
}

// matches appends what was found, each part of the value once.
func (sc *scan) matches(dst []Match) []Match {
	end := 0
	for _, f := range sc.all {
		start := max(f.start, end)
		if f.end <= start {
			continue
		}
		dst = append(dst, Match{Start: start, End: f.end, Detector: f.kind.detector()})
		end = f.end
	}
	return dst
}
