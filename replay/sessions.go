package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// SessionsBucket is the name of the bucket.
const SessionsBucket = "sessions"

// linger is how long a message may wait for others to be folded with.
const linger = 50 * time.Millisecond

// positionKey holds the position; a session's id never looks like it.
const positionKey = "position"

// SessionsConfig is what NewSessions needs.
type SessionsConfig struct {
	Log        *journal.Log
	FlushEvery time.Duration // an open session is written at most this often; 1 s by default
	Logger     *slog.Logger
	Now        func() time.Time // time.Now by default
}

// Sessions is the projection of FACTS into the bucket of sessions, one item each. Several replicas
// may project at once: an item names the last fact that is in it, a fold is the same everywhere,
// and writes are conditional, so the item that is further on wins. Its methods are safe for
// concurrent use; Run is called once.
type Sessions struct {
	log    *journal.Log
	bucket *journal.Bucket
	every  time.Duration
	logger *slog.Logger
	now    func() time.Time
	view   *view
	flush  chan struct{}

	mu       sync.Mutex
	open     map[schemas.SessionID]*folded // being folded: open, or closed and not yet written
	position uint64                        // last message folded
	moved    chan struct{}                 // closed and replaced when the position moves
	cancel   context.CancelFunc            // of the running consumer
	writing  sync.Mutex                    // held while items are written
	written  uint64                        // position as it is in the bucket
}

// folded is a session and what the bucket has of it.
type folded struct {
	session  Session
	revision uint64 // of the item; 0: none
	dirty    bool
}

// NewSessions opens the bucket.
func NewSessions(ctx context.Context, c SessionsConfig) (*Sessions, error) {
	bucket, err := c.Log.Bucket(ctx, SessionsBucket)
	if err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	s := &Sessions{
		log: c.Log, bucket: bucket, every: c.FlushEvery, logger: c.Logger, now: c.Now,
		view: newView(), flush: make(chan struct{}, 1), open: map[schemas.SessionID]*folded{}, moved: make(chan struct{}),
	}
	if s.every == 0 {
		s.every = time.Second
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	return s, nil
}

// Run projects until ctx is done (it then returns nil) or something fails for good.
func (s *Sessions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.resume(ctx); err != nil {
		if ctx.Err() != nil { // asked to end before it began
			return nil
		}
		return fmt.Errorf("resume sessions: %w", err)
	}
	failed := make(chan error, 3)
	var running sync.WaitGroup
	for _, f := range []func(context.Context) error{s.watch, s.consume, s.flusher} {
		running.Go(func() { failed <- f(ctx) })
	}
	err := <-failed
	cancel()
	running.Wait()
	if last := s.write(context.WithoutCancel(ctx)); err == nil && last != nil && !errors.Is(last, journal.ErrClosed) {
		err = last
	}
	return err
}

// resume reads where the bucket is, and the sessions that were open there.
func (s *Sessions) resume(ctx context.Context) error {
	items, err := s.bucket.All(ctx)
	if err != nil {
		return err
	}
	for _, i := range items {
		if i.Key == positionKey {
			if err := json.Unmarshal(i.Value, &s.position); err != nil {
				return fmt.Errorf("read position: %w", err)
			}
			s.written = s.position
			continue
		}
		var one Session
		if err := json.Unmarshal(i.Value, &one); err != nil {
			return fmt.Errorf("read session %s: %w", i.Key, err)
		}
		if one.Closed == nil {
			s.open[one.ID] = &folded{session: one, revision: i.Revision}
		}
	}
	return nil
}

// Follow keeps the list as replicas that Run write it, for a process that only reads it, until ctx is done.
func (s *Sessions) Follow(ctx context.Context) error {
	if err := s.watch(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow sessions: %w", err)
	}
	return nil
}

// watch feeds the view.
func (s *Sessions) watch(ctx context.Context) error {
	return s.bucket.Watch(ctx, func(i journal.Item, caughtUp bool) error {
		switch {
		case caughtUp:
			s.view.caughtUp()
		case i.Key == positionKey:
		case i.Deleted:
			s.view.remove(schemas.SessionID(i.Key))
		default:
			one := new(Session)
			if err := json.Unmarshal(i.Value, one); err != nil {
				return fmt.Errorf("read session %s: %w", i.Key, err)
			}
			s.view.put(one)
		}
		return nil
	})
}

// consume folds facts; after a rebuild that found a difference it begins anew from there.
func (s *Sessions) consume(ctx context.Context) error {
	for ctx.Err() == nil {
		running, cancel := context.WithCancel(ctx)
		from := s.begin(cancel)
		err := s.log.Consume(running, journal.ConsumeConfig{Stream: schemas.Facts, From: from, Batch: 1024, Linger: linger, Recent: true}, func(ms []journal.Message, _ bool) error {
			return s.fold(running, ms)
		})
		restarted := running.Err() != nil
		cancel()
		if err != nil && !restarted {
			return fmt.Errorf("project sessions: %w", err)
		}
	}
	return nil
}

func (s *Sessions) begin(cancel context.CancelFunc) (from uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	return s.position + 1
}

func (s *Sessions) fold(ctx context.Context, ms []journal.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	urgent := false
	for _, m := range ms {
		u, err := s.one(ctx, m)
		if err != nil {
			return err
		}
		urgent = urgent || u
		s.position = m.Sequence
	}
	close(s.moved)
	s.moved = make(chan struct{})
	if urgent {
		select {
		case s.flush <- struct{}{}:
		default:
		}
	}
	return nil
}

// one folds a message. A session that is not being folded and does not begin here was closed, and
// written, before: that happens when folding from an earlier position again.
func (s *Sessions) one(ctx context.Context, m journal.Message) (urgent bool, err error) {
	envelope, entries, err := journal.Decode(m)
	if err != nil {
		return false, fmt.Errorf("decode message %d: %w", m.Sequence, err)
	}
	id := schemas.SessionID(envelope.GetSession())
	f := s.open[id]
	if f == nil {
		if f, err = s.stored(ctx, id); err != nil {
			return false, err
		}
		s.open[id] = f
	}
	for _, l := range entries {
		before := f.session.Closed
		f.dirty = f.session.fold(l.Entry, at(l)) || f.dirty
		urgent = urgent || l.Entry.GetOpened() != nil || f.session.Closed != before
	}
	if f.session.Closed != nil && !f.dirty {
		delete(s.open, id)
	}
	return urgent, nil
}

func (s *Sessions) stored(ctx context.Context, id schemas.SessionID) (*folded, error) {
	if s.view.get(id) == nil && s.position >= s.written {
		return &folded{session: Session{ID: id}}, nil
	}
	i, err := s.bucket.Get(ctx, string(id))
	if errors.Is(err, journal.ErrNotFound) {
		return &folded{session: Session{ID: id}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read session %s: %w", id, err)
	}
	f := &folded{revision: i.Revision}
	return f, json.Unmarshal(i.Value, &f.session)
}

// flusher writes what changed: at once when a session opened or closed, else every so often.
func (s *Sessions) flusher(ctx context.Context) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.write(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-s.flush:
			if err := s.writeSome(ctx, func(f *folded) bool { return f.revision == 0 || f.session.Closed != nil }); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// write writes every item that changed, and then the position that they are at.
func (s *Sessions) write(ctx context.Context) error {
	s.mu.Lock()
	position := s.position
	s.mu.Unlock()
	if err := s.writeSome(ctx, func(*folded) bool { return true }); err != nil {
		return err
	}
	return s.writePosition(ctx, position)
}

func (s *Sessions) writeSome(ctx context.Context, which func(*folded) bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, f := range s.dirty(which) {
		revision, err := s.put(ctx, f.session, f.revision)
		if err != nil {
			return fmt.Errorf("write session %s: %w", f.session.ID, err)
		}
		s.wrote(f.session, revision)
	}
	return nil
}

// dirty returns copies: folding goes on meanwhile.
func (s *Sessions) dirty(which func(*folded) bool) []folded {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []folded
	for _, f := range s.open {
		if f.dirty && which(f) {
			out = append(out, folded{session: f.session.clone(), revision: f.revision})
		}
	}
	return out
}

func (s Session) clone() Session {
	s.TargetLabels = maps.Clone(s.TargetLabels)
	return s
}

func (s *Sessions) wrote(one Session, revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.open[one.ID]
	if f == nil {
		return
	}
	f.revision = revision
	f.dirty = f.session.LastNumber > one.LastNumber
	if !f.dirty && f.session.Closed != nil {
		delete(s.open, one.ID)
	}
}

// put writes one, unless another replica has written as much of it or more.
func (s *Sessions) put(ctx context.Context, one Session, revision uint64) (uint64, error) {
	data, err := json.Marshal(one)
	if err != nil {
		return 0, err
	}
	for {
		written, err := s.bucket.Update(ctx, string(one.ID), data, revision)
		if !errors.Is(err, journal.ErrConflict) {
			return written, err
		}
		there, err := s.bucket.Get(ctx, string(one.ID))
		if errors.Is(err, journal.ErrNotFound) {
			revision = 0
			continue
		}
		if err != nil {
			return 0, err
		}
		var theirs Session
		if err := json.Unmarshal(there.Value, &theirs); err != nil {
			return 0, err
		}
		if revision = there.Revision; theirs.LastNumber >= one.LastNumber {
			return revision, nil
		}
	}
}

// writePosition raises the position in the bucket.
func (s *Sessions) writePosition(ctx context.Context, position uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if position <= s.written {
		return nil
	}
	there, err := s.bucket.Get(ctx, positionKey)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("read position: %w", err)
	}
	var theirs uint64
	if err == nil {
		if err := json.Unmarshal(there.Value, &theirs); err != nil {
			return fmt.Errorf("read position: %w", err)
		}
	}
	if theirs < position {
		data, _ := json.Marshal(position)
		_, err := s.bucket.Update(ctx, positionKey, data, there.Revision)
		if err != nil && !errors.Is(err, journal.ErrConflict) { // the other replica wrote; the next tick sees
			return fmt.Errorf("write position: %w", err)
		}
	}
	s.mu.Lock()
	s.written = max(position, theirs)
	s.mu.Unlock()
	return nil
}

// Get returns a session; a schemas.Error when there is none.
func (s *Sessions) Get(ctx context.Context, id schemas.SessionID) (Session, error) {
	if err := s.wait(ctx); err != nil {
		return Session{}, err
	}
	one := s.view.get(id)
	if one == nil {
		return Session{}, notFound(id)
	}
	return one.shown(s.now()), nil
}

func notFound(id schemas.SessionID) error {
	return &schemas.Error{Code: schemas.CodeNotFound, Message: fmt.Sprintf("there is no session %q", string(id))}
}

// List returns a page of sessions, newest first, of those that allowed lets pass.
func (s *Sessions) List(ctx context.Context, q Query, allowed func(Session) (bool, error)) (page []Session, next string, err error) {
	if err := s.wait(ctx); err != nil {
		return nil, "", err
	}
	now := s.now()
	found, next, err := s.view.page(q, func(one *Session) (bool, error) { return allowed(one.shown(now)) })
	page = make([]Session, len(found))
	for i, one := range found {
		page[i] = one.shown(now)
	}
	return page, next, err
}

func (s *Sessions) wait(ctx context.Context) error {
	select {
	case <-s.view.ready:
		return nil
	case <-ctx.Done():
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the list of sessions is not ready yet", Err: ctx.Err()}
	}
}
