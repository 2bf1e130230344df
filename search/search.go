package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Log is what search reads. *journal.Log is one.
type Log interface {
	// Consume hands the messages of a stream to handle, in order and each once, until ctx is done.
	Consume(ctx context.Context, c journal.ConsumeConfig, handle func(ms []journal.Message, caughtUp bool) error) error
	// Head returns the last sequence of a stream. A message acknowledged before the call is not
	// after it.
	Head(ctx context.Context, s schemas.Stream) (uint64, error)
	// HeadOf is Head of what is on subjects, which may have wildcards; 0 when there is nothing.
	HeadOf(ctx context.Context, s schemas.Stream, subjects schemas.Subject) (uint64, error)
	// ReadSession hands a session's entries to f in number order.
	ReadSession(ctx context.Context, id schemas.SessionID, o journal.ReadOptions, f func(journal.Located) error) error
	// GiveWay rests after work that can wait, while this process's writers are busy.
	GiveWay(done <-chan struct{}, worked time.Duration)
}

// Authorizer says what the reader of a request, whom it knows from ctx, may see.
type Authorizer interface {
	// Allowed returns the targets on which the reader has the permission, or all. No targets
	// means nothing, not everything.
	Allowed(ctx context.Context, permission string) (targets []string, all bool, err error)
}

// linger is how long an entry may wait for others to be indexed with.
const linger = 100 * time.Millisecond

// Permission is what a reader must have on a target to find what happened there.
const Permission = "replay"

// Config is what Open needs. Dir belongs to one process at a time.
type Config struct {
	Dir        string
	Log        Log
	Authorizer Authorizer
	// Shown is told in which sessions hits are, before they are given; an error keeps them back. nil: nobody
	// is told.
	Shown func(ctx context.Context, sessions []schemas.SessionID) error
	// Prompts returns what says which prompts of runs the reader of a request may read. nil: nobody reads any, and there is
	// no prompt:.
	Prompts func(ctx context.Context) (PromptReader, error)
	Logger  *slog.Logger     // slog.Default by default
	Now     func() time.Time // time.Now by default
}

// Service is the search projection of one replica. Its methods are safe for concurrent use.
type Service struct {
	c          Config
	dir        directory
	rebuilding sync.Mutex
	prompts    *prompts

	broken  bool         // Run's: the index could not be written
	writing sync.Mutex   // held by who changes the store; before live
	live    sync.RWMutex // held for reading while the store is read, for writing to replace it
	store   *store       // nil once closed

	watch   sync.Mutex // what follows
	at      Position
	movedAt time.Time
	moved   chan struct{} // closed and replaced when at changes
	skipped uint64
}

var errClosed = &schemas.Error{Code: schemas.CodeUnavailable, Message: "search is closed"}

// Open opens the index in c.Dir, or makes an empty one. Searching works at once, on what was
// indexed before; Run keeps up with the log. An index of another log is emptied.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Dir == "" || c.Log == nil || c.Authorizer == nil {
		return nil, errors.New("open search: directory, log and authorizer are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c, dir: directory{c.Dir, c.Log.GiveWay}, moved: make(chan struct{}), movedAt: c.Now(), prompts: newPrompts()}
	st, why, err := s.dir.open()
	if err != nil {
		return nil, err
	}
	if why != nil {
		c.Logger.Warn("the search index could not be used and is built anew from the log", "error", why)
	}
	s.store, s.at = st, st.position
	if err := s.checkLog(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends searching. Run must have returned.
func (s *Service) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.live.Lock()
	defer s.live.Unlock()
	if s.store == nil {
		return nil
	}
	err := s.store.close()
	s.store = nil
	return err
}

// Run indexes what is on the log and what comes, until ctx is done (it then returns nil) or the
// index cannot be written. It can be run again.
func (s *Service) Run(ctx context.Context) error {
	if s.broken {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	err := s.follow(ctx)
	s.broken = err != nil
	return err
}

func (s *Service) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 3)
	s.watch.Lock()
	at := s.at
	s.watch.Unlock()
	go func() { ended <- s.consume(ctx, schemas.Facts, at.Facts) }()
	go func() { ended <- s.consume(ctx, schemas.Frames, at.Frames) }()
	go func() { ended <- s.prompts.follow(ctx, &s.c) }()
	first := <-ended
	cancel()
	return errors.Join(first, <-ended, <-ended)
}

// consume keeps the index up with one stream, from after position at.
func (s *Service) consume(ctx context.Context, stream schemas.Stream, at uint64) error {
	end, err := s.c.Log.Head(ctx, stream)
	if err != nil {
		return unlessDone(ctx, fmt.Errorf("head of %s: %w", stream, err))
	}
	c := journal.ConsumeConfig{Stream: stream, From: at + 1, Batch: maxBatch, Linger: linger, Background: true}
	err = s.c.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		if stream == schemas.Frames && len(ms) > 0 {
			if err := s.factsFirst(ctx); err != nil {
				return err
			}
		}
		if !caughtUp {
			return s.add(ctx, stream, ms, 0)
		}
		return s.add(ctx, stream, ms, end)
	})
	if err != nil {
		return unlessDone(ctx, fmt.Errorf("index %s: %w", stream, err))
	}
	return nil
}

// unlessDone is err, unless ctx is done and err only says so.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// factsFirst waits for the facts that came before the frames in hand: they say whose and of what
// command the frames are. A command is acknowledged before anything that it returns is written,
// so the head of FACTS as it is now covers them.
func (s *Service) factsFirst(ctx context.Context) error {
	head, err := s.c.Log.Head(ctx, schemas.Facts)
	if err != nil {
		return fmt.Errorf("head of facts: %w", err)
	}
	return s.WaitFor(ctx, Position{Facts: head})
}

// add puts messages into the live index. end, if any, is how far the stream is now known to hold
// nothing more.
func (s *Service) add(ctx context.Context, stream schemas.Stream, ms []journal.Message, end uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.store == nil {
		return errClosed
	}
	if err := guard(func() error { return s.store.apply(ctx, &s.c, ms) }); err != nil {
		return err
	}
	if err := s.store.advance(stream, end); err != nil {
		return err
	}
	s.announce(s.store)
	return nil
}

// replace takes st, which is in the directory under its name, into use. The caller holds writing.
func (s *Service) replace(st named) error {
	if err := s.dir.use(st.name); err != nil {
		return errors.Join(err, st.store.close())
	}
	s.live.Lock()
	old := s.store
	s.store = st.store
	s.live.Unlock()
	s.announce(st.store)
	if err := old.close(); err != nil {
		s.c.Logger.Warn("the replaced search index was not closed", "error", err)
	}
	return s.dir.clean(st.name)
}

// named is a store that is not in use yet.
type named struct {
	store *store
	name  string
}

func (s *Service) freshBeside() (named, error) {
	name := s.dir.next()
	st, err := createStore(s.dir.path(name), s.dir.pace)
	return named{st, name}, err
}
