package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"sallyport/schemas"
)

// Reap closes the sessions of gateways whose lease has lapsed, until ctx is done. Several may run
// at once: all they write is conditional.
//
// It looks at the leases every fifth of LeaseTTL, and at the sessions (the last message of each
// fact subject) only when it starts, when a lease has gone, and once more a LeaseTTL later; it costs running
// sessions nothing.
func (l *Log) Reap(ctx context.Context) error {
	r := &reaper{log: l, id: schemas.NewID("reaper-"), suspects: map[schemas.GatewayID]bool{}}
	tick := time.NewTicker(l.config.LeaseTTL / 5)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil && !l.closed() {
			l.logger.Warn("reap sessions", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.done:
			return fmt.Errorf("reap sessions: %w", ErrClosed)
		case <-tick.C:
		}
	}
}

type reaper struct {
	log      *Log
	id       string // Envelope.writer of what it writes
	started  bool
	leases   leases                     // at the last look
	again    time.Duration              // when to scan once more; 0: not
	suspects map[schemas.GatewayID]bool // whose lease was gone at the last look
}

// open is a session without Closed.
type open struct {
	session schemas.SessionID
	writer  schemas.GatewayID
}

// look scans if there may be something to close.
func (r *reaper) look(ctx context.Context) error {
	now, err := r.log.leasesNow(ctx)
	if err != nil {
		return err
	}
	if r.gone(now) {
		r.again = r.log.elapsed() + r.log.config.LeaseTTL
	} else if r.started && len(r.suspects) == 0 && (r.again == 0 || r.log.elapsed() < r.again) {
		r.leases = now
		return nil
	}
	last := r.again > 0 && r.log.elapsed() > r.again
	if err := r.scan(ctx); err != nil {
		return err // r.leases stays, so that the next look scans again
	}
	if last {
		r.again = 0
	}
	r.started, r.leases = true, now
	return nil
}

// gone says that a lease has gone since the last look.
func (r *reaper) gone(now leases) bool {
	for id := range r.leases.living {
		if !now.living[id] {
			return true
		}
	}
	for id := range now.released {
		if !r.leases.released[id] {
			return true
		}
	}
	return false
}

// scan closes the open sessions of gateways without a lease. The leases are read after the
// sessions, since a lease is there before its first session. In a cluster a gateway must be
// without one at two looks, in case the first answer was that of a leader that has just come.
func (r *reaper) scan(ctx context.Context) error {
	sessions, err := r.sessions(ctx)
	if err != nil {
		return fmt.Errorf("find open sessions: %w", err)
	}
	now, err := r.log.leasesNow(ctx)
	if err != nil {
		return err
	}
	suspects := map[schemas.GatewayID]bool{}
	var failed error
	for _, s := range sessions {
		if now.living[s.writer] {
			continue
		}
		if r.log.server == nil && !r.suspects[s.writer] {
			suspects[s.writer] = true
			continue
		}
		if err := r.close(ctx, s); err != nil {
			suspects[s.writer] = true
			failed = errors.Join(failed, fmt.Errorf("close session %s: %w", s.session, err))
		}
	}
	r.suspects = suspects
	return failed
}

// sessions returns those without Closed.
func (r *reaper) sessions(ctx context.Context) ([]open, error) {
	t := r.log.tail(schemas.Facts, []schemas.Subject{schemas.AllFacts}, 0, 256)
	t.newest = true
	defer t.drop()
	last := map[schemas.SessionID]schemas.GatewayID{}
	for {
		ms, caughtUp, err := t.take(ctx, 256)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			id, ok := schemas.SessionOf(m.Subject)
			env, closed, err := ending(m)
			switch {
			case !ok:
			case err != nil:
				r.log.logger.Error("session cannot be read", "session", id, "error", err)
			case closed:
				delete(last, id)
			default:
				last[id] = schemas.GatewayID(env.Writer)
			}
		}
		if caughtUp {
			break
		}
	}
	var sessions []open
	for id, writer := range last {
		sessions = append(sessions, open{id, writer})
	}
	return sessions, nil
}

// ending says whether m ends its subject.
func ending(m Message) (env *schemas.Envelope, ended bool, err error) {
	env, entries, err := Decode(m)
	if err != nil {
		return nil, false, err
	}
	switch entries[len(entries)-1].Entry.Kind.(type) {
	case *schemas.Entry_Closed, *schemas.Entry_Sealed:
		return env, true, nil
	}
	return env, false, nil
}

// close seals the frames, then closes the facts. When somebody else appends meanwhile (the
// gateway itself, with what was under way, or another reaper), it looks again.
func (r *reaper) close(ctx context.Context, s open) error {
	for range 10 {
		err := r.closeOnce(ctx, s)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

func (r *reaper) closeOnce(ctx context.Context, s open) error {
	facts, err := r.end(ctx, schemas.Facts, schemas.FactSubject(s.session))
	if err != nil || facts.ended {
		return err
	}
	frames, err := r.end(ctx, schemas.Frames, schemas.FrameSubject(s.session))
	if err != nil {
		return err
	}
	if !frames.ended {
		if frames, err = r.seal(ctx, s, frames); err != nil {
			return fmt.Errorf("seal frames: %w", err)
		}
	}
	lost, err := r.lost(ctx, s.session, facts.number, frames.number)
	if err != nil {
		return fmt.Errorf("find what is lost: %w", err)
	}
	var entries []*schemas.Entry
	if len(lost) > 0 {
		entries = append(entries, &schemas.Entry{Kind: &schemas.Entry_Lost{Lost: &schemas.Lost{Ranges: lost}}})
	}
	entries = append(entries, &schemas.Entry{Kind: &schemas.Entry_Closed{Closed: &schemas.Closed{
		Reason: "gateway_lost", Message: "gateway " + string(s.writer) + " stopped renewing its lease",
	}}})
	head := &schemas.Head{Sequence: frames.sequence, Number: frames.number, Hash: frames.hash}
	if _, err := r.append(ctx, s, facts, head, max(facts.number, frames.number), entries); err != nil {
		return fmt.Errorf("close facts: %w", err)
	}
	r.log.logger.Info("session closed for a gateway that is gone", "session", s.session, "gateway", s.writer)
	return nil
}

// end is the last message of a subject.
type end struct {
	stream   schemas.Stream
	subject  schemas.Subject
	sequence uint64 // 0: there is none
	hash     []byte
	number   uint64 // of the last numbered entry on the subject
	ended    bool
}

func (r *reaper) end(ctx context.Context, s schemas.Stream, subject schemas.Subject) (end, error) {
	e := end{stream: s, subject: subject}
	m, err := r.log.read.get(ctx, s, getRequest{LastBySubject: string(subject)})
	if errors.Is(err, ErrNotFound) {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("read the end of %s: %w", s, err)
	}
	env, ended, err := ending(m)
	if err != nil {
		return e, fmt.Errorf("read the end of %s: %w", s, err)
	}
	hash := sha256.Sum256(m.Data)
	e.sequence, e.hash, e.ended = m.Sequence, hash[:], ended
	if e.number, err = r.lastNumber(ctx, m, env); err != nil {
		return e, err
	}
	return e, nil
}

// lastNumber returns the number of the last entry at or before m. Sealed has none: the message
// before it tells.
func (r *reaper) lastNumber(ctx context.Context, m Message, env *schemas.Envelope) (uint64, error) {
	if env.Number > 0 {
		_, entries, err := Decode(m)
		if err != nil {
			return 0, err
		}
		return entries[len(entries)-1].Entry.Number, nil
	}
	from, err := r.log.locate(ctx, m.Stream, m.Subject, ^uint64(0))
	if err != nil {
		return 0, err
	}
	ns, err := r.log.numbersOf(ctx, m.Stream, m.Subject, from)
	if err != nil || len(ns) == 0 {
		return 0, err
	}
	return ns[len(ns)-1].Last, nil
}

func (r *reaper) seal(ctx context.Context, s open, frames end) (end, error) {
	a, err := r.append(ctx, s, frames, nil, 0, []*schemas.Entry{{Kind: &schemas.Entry_Sealed{Sealed: &schemas.Sealed{}}}})
	if err != nil {
		return frames, err
	}
	a.number = frames.number
	return a, nil
}

// append writes entries after e, numbered from above+1; Sealed stays without a number.
func (r *reaper) append(ctx context.Context, s open, e end, head *schemas.Head, above uint64, entries []*schemas.Entry) (end, error) {
	c := r.log.small.get(roomFor(r.id, string(s.session)), 0)
	defer r.log.small.put(c)
	for i, entry := range entries {
		entry.At = r.log.config.Now().UnixNano()
		if above > 0 || head != nil {
			entry.Number = above + uint64(i) + 1
		}
		if err := c.add(entry, entry.SizeVT()); err != nil {
			return e, err
		}
	}
	a := &addition{stream: e.stream, subject: e.subject, last: e.sequence, data: c.seal(e.hash, head, r.id, string(s.session))}
	sequence, err := r.log.append(ctx, a)
	if err != nil {
		return e, err
	}
	hash := a.digest()
	return end{stream: e.stream, subject: e.subject, sequence: sequence, hash: hash[:], ended: true}, nil
}

// lost returns the numbers that were given and are not stored. Each subject holds what was given
// on it from the start on, so they lie between the ends of the two.
func (r *reaper) lost(ctx context.Context, id schemas.SessionID, facts, frames uint64) ([]*schemas.Range, error) {
	stream, subject := schemas.Frames, schemas.FrameSubject(id)
	if facts > frames {
		stream, subject = schemas.Facts, schemas.FactSubject(id)
	}
	low := min(facts, frames)
	from, err := r.log.locate(ctx, stream, subject, low)
	if err != nil {
		return nil, err
	}
	ns, err := r.log.numbersOf(ctx, stream, subject, from)
	if err != nil {
		return nil, err
	}
	var above numbers
	for _, n := range ns {
		if n.Last > low {
			above = append(above, &schemas.Range{First: max(n.First, low+1), Last: n.Last})
		}
	}
	gaps, _ := above.missing(low)
	return gaps, nil
}

// numbersOf returns the numbers stored on subject from a sequence on.
func (l *Log) numbersOf(ctx context.Context, s schemas.Stream, subject schemas.Subject, from uint64) (numbers, error) {
	t := l.tail(s, []schemas.Subject{subject}, from, portionOfSession)
	defer t.drop()
	var ns numbers
	for {
		ms, caughtUp, err := t.take(ctx, portionOfSession)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			_, entries, err := Decode(m)
			if err != nil {
				return nil, fmt.Errorf("message %d of %s: %w", m.Sequence, s, err)
			}
			for _, e := range entries {
				if e.Entry.Number > 0 {
					ns.add(e.Entry.Number)
				}
			}
		}
		if caughtUp {
			return ns, nil
		}
	}
}
