package journal

import (
	"context"
	"fmt"
	"sync"

	"sallyport/schemas"
)

// portionOfSession is how many messages of a session are fetched at once.
const portionOfSession = 64

// source is one subject of a session: a goroutine fetches, the merge decodes.
type source struct {
	stream  schemas.Stream
	subject schemas.Subject
	from    uint64
	fetched chan portion

	entries  []Located // decoded, not handed on, in order
	sequence uint64    // of the last message decoded
	frames   uint64    // number of the acknowledged frame head that the last fact message names
	closed   bool      // Closed was decoded
	ended    bool      // nothing more will be fetched
}

// portion is what a source fetched at once.
type portion struct {
	messages []Message
	caughtUp bool
	err      error
}

// fetch reads the subject until ctx is done, or, without follow, to its end.
func (s *source) fetch(ctx context.Context, l *Log, follow bool) {
	t := l.tail(s.stream, []schemas.Subject{s.subject}, s.from, portionOfSession)
	defer t.drop()
	for {
		var p portion
		p.messages, p.caughtUp, p.err = t.take(ctx, portionOfSession)
		select {
		case s.fetched <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil || p.caughtUp && !follow {
			return
		}
	}
}

// first returns the number of the next entry, 0 when none is decoded.
func (s *source) first() uint64 {
	if len(s.entries) == 0 {
		return 0
	}
	return s.entries[0].Entry.Number
}

// over says that the source has nothing left and gets nothing more.
func (s *source) over() bool { return s.ended && len(s.entries) == 0 }

// open returns where to receive from, nil when nothing more will come.
func (s *source) open() <-chan portion {
	if s.ended {
		return nil
	}
	return s.fetched
}

// decode takes a portion in.
func (s *source) decode(p portion) error {
	for _, m := range p.messages {
		env, entries, err := Decode(m)
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", m.Sequence, s.stream, err)
		}
		s.sequence, s.frames = m.Sequence, env.Frames.GetNumber()
		for _, e := range entries {
			switch e.Entry.Kind.(type) {
			case *schemas.Entry_Sealed:
				s.ended = true
				continue
			case *schemas.Entry_Closed:
				s.ended, s.closed = true, true
			}
			s.entries = append(s.entries, e)
		}
	}
	return nil
}

// merge hands the entries of two sources on by number.
type merge struct {
	log           *Log
	facts, frames *source
	next          uint64 // number wanted
	follow        bool
}

func (m *merge) run(ctx context.Context, f func(Located) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	for _, s := range []*source{m.facts, m.frames} {
		s.fetched = make(chan portion)
		if !s.ended {
			fetching.Go(func() { s.fetch(ctx, m.log, m.follow) })
		}
	}
	for {
		s, err := m.pick(ctx)
		if err != nil || s == nil {
			return err
		}
		e := s.entries[0]
		s.entries = s.entries[1:]
		if e.Entry.Number < m.next {
			continue // before From
		}
		m.next = e.Entry.Number + 1
		if err := f(e); err != nil {
			return err
		}
	}
}

// pick returns the source whose first entry is to be handed on, nil at the end.
func (m *merge) pick(ctx context.Context) (*source, error) {
	for {
		fact, frame := m.facts.first(), m.frames.first()
		lower := m.facts
		if fact == 0 || frame != 0 && frame < fact {
			lower = m.frames
		}
		switch {
		case m.facts.over() && m.frames.over():
			return nil, nil
		case lower.first() != 0 && lower.first() <= m.next:
			return lower, nil
		case (fact != 0 || m.facts.over()) && (frame != 0 || m.frames.over()):
			return lower, nil // the number wanted is on neither subject: it is lost
		}
		if err := m.receive(ctx, fact, frame); err != nil {
			return nil, err
		}
	}
}

// receive waits for a portion that can bring the number wanted, or tell that it will not come.
func (m *merge) receive(ctx context.Context, fact, frame uint64) error {
	facts, frames := m.facts.open(), m.frames.open()
	if frame != 0 {
		frames = nil
	}
	// With a fact at hand, more of them can tell only that the session has ended without the
	// number. Once an acknowledged head of the frames includes it, it will come.
	if fact != 0 && m.facts.frames >= m.next {
		facts = nil
	}
	var s *source
	var p portion
	select {
	case p = <-facts:
		s = m.facts
	case p = <-frames:
		s = m.frames
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.err != nil {
		return p.err
	}
	if err := s.decode(p); err != nil {
		return err
	}
	if p.caughtUp && !m.follow {
		s.ended = true
	}
	return m.checkEnd(ctx)
}

// checkEnd notices that a closed session has no frames left: what was acknowledged before Closed
// is there, unless it has been purged, and nothing comes after it.
func (m *merge) checkEnd(ctx context.Context) error {
	if !m.facts.closed || m.frames.ended {
		return nil
	}
	last, err := m.log.lastOf(ctx, m.frames.stream, m.frames.subject)
	if err == nil && m.frames.sequence >= last {
		m.frames.ended = true
	}
	return err
}
