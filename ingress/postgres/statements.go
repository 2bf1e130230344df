package postgres

import (
	"sync/atomic"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// A name stands for what the target says it does: a Parse that fails leaves the name with its
// earlier meaning. So each change is tentative until the target has confirmed it, and whoever
// needs a name that changed in an earlier unit waits for that.
const (
	tentative int32 = iota
	confirmed
	failed
)

// statement is one meaning of a prepared statement's name. The front makes and finds them, the
// back settles them.
type statement struct {
	name, text string
	types      []uint32 // of parameters, as the client gave them
	decision   *session.Decision
	unit       uint64
	asked      uint64 // unit that decision was made or found good in
	state      atomic.Int32
	prev       *statement // what the name meant before; nil once confirmed
	gone       bool       // the name means nothing
	pending    place      // of its Command in the batch
	asks       bool       // a Describe was sent

	described atomic.Pointer[description]
}

// description is what the target said of a statement.
type description struct {
	types   []uint32
	columns []*schemas.Column
}

func (s *statement) parameterType(i int) uint32 {
	if i < len(s.types) && s.types[i] != 0 {
		return s.types[i]
	}
	if d := s.described.Load(); d != nil && i < len(d.types) {
		return d.types[i]
	}
	return 0
}

// portal is a statement with its parameters. It lives until its transaction ends.
type portal struct {
	name    string
	stmt    *statement
	params  []session.Parameter
	results []bool // formats of the result's columns
	unit    uint64
	pending place
	columns []*schemas.Column // from a Describe of the portal; the back's
	cleared *session.Decision // it was held, and approved: for all of its rows
	bound   *session.Decision // the one of when it was bound: what its rows are made of
	asks    bool              // a Describe was sent
}

// place is where a command is in a batch.
type place struct {
	batch uint64
	index int
}

// statements are the names of a session. They belong to the front.
type statements struct {
	byName  map[string]*statement
	portals map[string]*portal
	closed  []*statement
	bytes   int
}

func newStatements() statements {
	return statements{byName: make(map[string]*statement), portals: make(map[string]*portal)}
}

// define gives name a new meaning.
func (t *statements) define(s *statement) {
	s.prev = t.byName[s.name]
	if s.prev != nil && s.prev.state.Load() == confirmed {
		s.prev.prev = nil
	}
	t.byName[s.name] = s
	t.bytes += len(s.name) + len(s.text)
	if s.gone {
		t.closed = append(t.closed, s)
	}
}

// find returns what name means now: nil when nothing. wait says that a change made in a unit
// before unit is not settled yet.
func (t *statements) find(name string, unit uint64) (s *statement, wait bool) {
	for s = t.byName[name]; s != nil; s = s.prev {
		switch s.state.Load() {
		case failed:
			continue
		case tentative:
			if s.unit != unit {
				return nil, true
			}
		case confirmed:
			s.prev = nil
		}
		if s.gone {
			return nil, false
		}
		return s, false
	}
	return nil, false
}

// forget drops names for good: those that are uncertain, or all.
func (t *statements) forget(names []string, all bool) {
	if all {
		clear(t.byName)
	}
	for _, n := range names {
		delete(t.byName, n)
	}
	t.weigh()
}

// sweep forgets names whose closing is settled.
func (t *statements) sweep() {
	if len(t.closed) == 0 {
		return
	}
	left := t.closed[:0]
	for _, s := range t.closed {
		switch {
		case s.state.Load() == tentative:
			left = append(left, s)
		case s.state.Load() == confirmed && t.byName[s.name] == s:
			delete(t.byName, s.name)
		}
	}
	t.closed = left
	t.weigh()
}

func (t *statements) weigh() {
	t.bytes = 0
	for _, s := range t.byName {
		for ; s != nil; s = s.prev {
			if s.state.Load() == confirmed {
				s.prev = nil
			}
			t.bytes += len(s.name) + len(s.text)
		}
	}
}

// room reports whether another n bytes stay within limit. What is counted between two weighings
// includes meanings that are no more.
func (t *statements) room(n, limit int) bool {
	if t.bytes+n > limit {
		t.weigh()
	}
	return t.bytes+n <= limit
}

// held is how many bytes the values of the portals take.
func (t *statements) held() int {
	n := 0
	for _, p := range t.portals {
		for _, v := range p.params {
			n += len(v.Data)
		}
	}
	return n
}

// expire forgets the portals of transactions that are over.
func (t *statements) expire(before uint64) {
	for name, p := range t.portals {
		if p.unit <= before {
			delete(t.portals, name)
		}
	}
}
