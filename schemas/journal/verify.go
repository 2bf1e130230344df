package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"sallyport/schemas"
)

// Report is what Verify found.
type Report struct {
	Session  schemas.SessionID
	Entries  uint64 // numbered ones
	Messages uint64
	Closed   bool
	Lost     []*schemas.Range // declared
	Problems []string         // empty: whole and unaltered
	// FactsHash and FramesHash are of the last message of each subject: with them, anybody can tell
	// whether a copy of the session is of this one. Empty: there is no message.
	FactsHash, FramesHash []byte
}

// Verify checks a session: numbers whole, chains whole, losses only declared ones above the
// acknowledged heads, opened first, nothing after closed. A session that is open may lack numbers
// above those heads, which are under way. It returns ErrNotFound when there is none. What it cannot see
// alone: that the end of a subject was cut off together with every message that names it.
func (l *Log) Verify(ctx context.Context, id schemas.SessionID) (*Report, error) {
	v := &verifier{report: &Report{Session: id}, heads: map[uint64]*schemas.Head{}}
	// Facts first: the frames they name were acknowledged before them.
	for _, s := range []*chain{
		{stream: schemas.Facts, subject: schemas.FactSubject(id)},
		{stream: schemas.Frames, subject: schemas.FrameSubject(id)},
	} {
		if err := v.read(ctx, l, s); err != nil {
			return nil, fmt.Errorf("verify session %s: %w", id, err)
		}
	}
	if v.report.Messages == 0 {
		return nil, fmt.Errorf("verify session %s: %w", id, ErrNotFound)
	}
	v.conclude()
	return v.report, nil
}

// maxProblems bounds a report.
const maxProblems = 100

// verifier holds what is known of a session while its messages go by.
type verifier struct {
	report *Report
	owner  string // incarnation that wrote the first fact

	numbers  numbers                  // on both subjects
	heads    map[uint64]*schemas.Head // of the frames, that facts name, by sequence; taken out when met
	head     *schemas.Head            // the last of them
	facts    uint64                   // last number that the owner wrote on FACTS
	frames   uint64                   // and on FRAMES
	acked    uint64                   // greatest frame number that the owner named as acknowledged
	closed   uint64                   // number of Closed
	lostGone bool                     // closed as gateway_lost
	last     uint64                   // greatest number
}

// chain is a subject while it is read.
type chain struct {
	stream  schemas.Stream
	subject schemas.Subject
	hash    []byte // of the message before
	number  uint64 // last one
	ended   bool   // Closed or Sealed was met
	foreign bool   // somebody else than the owner has written
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) read(ctx context.Context, l *Log, s *chain) error {
	t := l.tail(s.stream, []schemas.Subject{s.subject}, 0, portionOfSession)
	defer t.drop()
	for {
		ms, caughtUp, err := t.take(ctx, portionOfSession)
		if err != nil {
			return err
		}
		for _, m := range ms {
			v.message(s, m)
		}
		if caughtUp {
			if s.stream == schemas.Facts {
				v.report.FactsHash = s.hash
			} else {
				v.report.FramesHash = s.hash
			}
			return nil
		}
	}
}

func (v *verifier) message(s *chain, m Message) {
	v.report.Messages++
	previous := s.hash
	hash := sha256.Sum256(m.Data)
	s.hash = hash[:]
	env, entries, err := Decode(m)
	if err != nil {
		v.problem("%s message %d cannot be read: %v", s.stream, m.Sequence, err)
		return
	}
	if !bytes.Equal(env.Previous, previous) {
		v.problem("%s message %d does not continue the one before it: the chain is broken", s.stream, m.Sequence)
	}
	if s.ended {
		v.problem("%s message %d comes after the end of the subject", s.stream, m.Sequence)
	}
	if s.stream == schemas.Facts {
		v.factMessage(s, m, env)
	} else {
		v.frameMessage(m, env, entries, hash[:])
	}
	if v.owner != env.Writer {
		s.foreign = true
		v.foreign(s, m, entries)
	} else if s.foreign {
		v.problem("%s message %d comes after one of another writer", s.stream, m.Sequence)
	}
	for _, e := range entries {
		v.entry(s, m, e, env.Writer == v.owner)
	}
}

// factMessage checks what a fact message says of the frames.
func (v *verifier) factMessage(s *chain, m Message, env *schemas.Envelope) {
	if v.owner == "" {
		v.owner = env.Writer
	}
	f := env.Frames
	if f.GetSequence() < v.head.GetSequence() || f.GetNumber() < v.head.GetNumber() {
		v.problem("%s message %d names an older end of the frames than the one before it", s.stream, m.Sequence)
	}
	if f == nil {
		return
	}
	v.head = f
	if env.Writer == v.owner {
		v.acked = f.Number
	}
	if before := v.heads[f.Sequence]; before != nil && (before.Number != f.Number || !bytes.Equal(before.Hash, f.Hash)) {
		v.problem("%s message %d contradicts another about frame message %d", s.stream, m.Sequence, f.Sequence)
	}
	v.heads[f.Sequence] = f
}

// frameMessage checks a frame message against what the facts say of it.
func (v *verifier) frameMessage(m Message, env *schemas.Envelope, entries []Located, hash []byte) {
	if env.Frames != nil {
		v.problem("FRAMES message %d names an end of the frames", m.Sequence)
	}
	head := v.heads[m.Sequence]
	if head == nil {
		return
	}
	delete(v.heads, m.Sequence)
	if !bytes.Equal(head.Hash, hash) {
		v.problem("FRAMES message %d is not the one that the facts name", m.Sequence)
	}
	if n := entries[len(entries)-1].Entry.Number; n > 0 && n != head.Number {
		v.problem("FRAMES message %d ends with entry %d, the facts say %d", m.Sequence, n, head.Number)
	}
}

// foreign checks a message that the owner did not write: only a reaper may, to end the session.
func (v *verifier) foreign(s *chain, m Message, entries []Located) {
	for i, e := range entries {
		switch k := e.Entry.Kind.(type) {
		case *schemas.Entry_Sealed:
			continue
		case *schemas.Entry_Lost:
			if i == 0 && len(entries) == 2 {
				continue
			}
		case *schemas.Entry_Closed:
			if k.Closed.GetReason() == "gateway_lost" && i == len(entries)-1 {
				continue
			}
		}
		v.problem("%s message %d, entry %d is not of the session's gateway", s.stream, m.Sequence, e.Entry.Number)
	}
}

// entry checks one entry for itself and against the one before it.
func (v *verifier) entry(s *chain, m Message, e Located, own bool) {
	n := e.Entry.Number
	opened, lost, isFact := false, (*schemas.Lost)(nil), true
	switch k := e.Entry.Kind.(type) {
	case *schemas.Entry_Sealed:
		s.ended = true
		if s.stream != schemas.Frames || own {
			v.problem("%s message %d is sealed by the wrong hand", s.stream, m.Sequence)
		}
		return
	case *schemas.Entry_Text, *schemas.Entry_Columns, *schemas.Entry_Rows, *schemas.Entry_Bytes, *schemas.Entry_Concealed:
		isFact = false
	case *schemas.Entry_Opened:
		opened = true
	case *schemas.Entry_Lost:
		lost = k.Lost
	case *schemas.Entry_Closed:
		v.closed, v.lostGone = n, k.Closed.GetReason() == "gateway_lost"
	}
	if isFact != (s.stream == schemas.Facts) {
		v.problem("entry %d is on the wrong subject", n)
	}
	if s.ended {
		v.problem("entry %d comes after the end of its subject", n)
	}
	s.ended = s.ended || n == v.closed && isFact
	if opened != (n == 1) {
		v.problem("entry %d: opened must be entry 1, and entry 1 opened", n)
	}
	if lost != nil {
		v.report.Lost = append(v.report.Lost, lost.Ranges...)
		if own {
			v.problem("entry %d: the gateway itself declares losses", n)
		}
	}
	if n <= s.number {
		v.problem("entry %d follows entry %d on its subject", n, s.number)
	}
	s.number = n
	v.numbers.add(n)
	v.report.Entries++
	v.last = max(v.last, n)
	if own && isFact {
		v.facts = n
	} else if own {
		v.frames = n
	}
}

// conclude checks what both subjects say together.
func (v *verifier) conclude() {
	for sequence, h := range v.heads {
		if h.Number > 0 || sequence > 0 {
			v.problem("FRAMES message %d, which the facts name, is not there", sequence)
		}
	}
	v.report.Closed = v.closed > 0
	if v.closed > 0 && v.last > v.closed {
		v.problem("entry %d comes after closed, entry %d", v.last, v.closed)
	}
	if len(v.report.Lost) > 0 && !v.lostGone {
		v.problem("losses are declared, but the session was not closed as gateway_lost")
	}
	gaps, twice := v.numbers.missing(0)
	if twice {
		v.problem("a number was given twice")
	}
	// Each subject holds what its writer gave it without a gap, so nothing can be missing below
	// the lower of the two ends, or below what a fact names as acknowledged.
	floor := max(min(v.facts, v.frames), v.acked)
	for _, g := range gaps {
		if g.First <= floor {
			v.problem("entries %d to %d are missing below acknowledged ones", g.First, min(g.Last, floor))
		}
	}
	if v.closed > 0 && !equalRanges(gaps, v.report.Lost) {
		v.problem("what is missing (%v) is not what was declared lost (%v)", gaps, v.report.Lost)
	}
}
