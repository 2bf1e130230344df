package approvals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// queue is shared by all replicas: each ask is answered by one.
const queue = "approvals"

// Authorizer answers whether the sender of a request may do something on a target: nil, or a
// schemas.Error.
type Authorizer interface {
	Authorize(ctx context.Context, permission, target string) error
}

// Reviewer is who sends a request to the API.
type Reviewer struct {
	Principal *schemas.Principal
	Run       *schemas.Run
	// Anonymous says that nobody proved who they are: the administrator at the socket.
	Anonymous bool
	// SteppedUp says that they proved it anew for this, with a passkey.
	SteppedUp bool
}

// Config is what New needs. The zero value of a limit means its default.
type Config struct {
	Log        *journal.Log
	Authorizer Authorizer
	Who        func(ctx context.Context) Reviewer
	// Starter returns who made a token: the person behind an agent. Empty: not known.
	Starter   func(id schemas.TokenID) string
	PublicURL string // of the web app, without a slash at its end; empty: links are left out
	Logger    *slog.Logger
	Now       func() time.Time

	Lifetime time.Duration // of a request whose policies do not say; 15 m by default
	Longest  time.Duration // that policies may say; 24 h by default
	Pending  int           // requests that wait, in all; 10,000 by default
	Each     int           // of those, by one principal; 500 by default
	History  int           // final requests kept in memory; 1,000 by default
	Settle   time.Duration // for what was appended to come back; 5 s by default
}

// Service is the approvals service. Its methods are safe for concurrent use.
type Service struct {
	c         Config
	log       *slog.Logger
	book      *book
	ledger    *ledger
	prompts   prompts
	answering chan struct{}
}

// New returns a Service that knows nothing until Run.
func New(c Config) (*Service, error) {
	if c.Log == nil {
		return nil, errors.New("the approvals service needs a log")
	}
	setDefaults(&c)
	return &Service{c: c, log: c.Logger, book: newBook(c.History), ledger: newLedger(c.History), prompts: prompts{log: c.Log}, answering: make(chan struct{})}, nil
}

func setDefaults(c *Config) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Starter == nil {
		c.Starter = func(schemas.TokenID) string { return "" }
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Lifetime, 15 * time.Minute}, {&c.Longest, 24 * time.Hour}, {&c.Settle, 5 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&c.Pending, 10_000}, {&c.Each, 500}, {&c.History, 1000}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
}

// Run follows CONTROL until ctx is done (it then returns nil) or that fails. Everything else needs it.
func (s *Service) Run(ctx context.Context) error {
	g, following := errgroup.WithContext(ctx)
	g.Go(func() error { return s.followGrants(following) })
	g.Go(func() error {
		return s.c.Log.Consume(following, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{allApprovals}},
			func(ms []journal.Message, caughtUp bool) error {
				s.book.take(ms, caughtUp, s.c.Now(), s.log)
				return nil
			})
	})
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

const allApprovals = schemas.Subject("sallyport.control." + schemas.Subject(schemas.AreaApproval) + ".*")

// Ready returns once what was on CONTROL when Run began is known.
func (s *Service) Ready(ctx context.Context) error {
	for _, ready := range []chan struct{}{s.book.ready, s.ledger.ready} {
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Serve answers gateways, marks expiries and makes grants, once Ready, until ctx is done, when it returns nil. It
// is called once at most.
func (s *Service) Serve(ctx context.Context) error {
	if s.Ready(ctx) != nil {
		return nil
	}
	stop, err := s.c.Log.Answer(ctx, schemas.AskApproval, queue, s.answer)
	if err != nil {
		return fmt.Errorf("answer approvals: %w", err)
	}
	defer stop()
	close(s.answering)
	var working sync.WaitGroup
	working.Go(func() { s.grant(ctx) })
	s.expire(ctx)
	working.Wait()
	return nil
}

// Answering is closed once Serve answers.
func (s *Service) Answering() <-chan struct{} { return s.answering }

// append appends a fact that judge makes of what is known of a request; judge returns nil for none.
// It returns the state with it. When somebody else was faster, judge is asked again. Of a request
// that this replica does not know, what the log says is read first, unless it may be a new one: the
// condition of the append then tells if it is not.
func (s *Service) append(ctx context.Context, id string, mayBeNew bool, judge func(approval.State) (*schemas.Control, error)) (approval.State, error) {
	subject := schemas.ControlSubject(schemas.AreaApproval, id)
	for {
		state, last, moved := s.book.look(id, subject)
		if state.Status == approval.None && (!mayBeNew || s.book.forgot(id)) {
			read, end, err := s.read(ctx, id)
			if err != nil {
				return state, err
			}
			if end > last { // this replica lags
				if err := s.moved(ctx, moved); err != nil {
					return state, err
				}
				continue
			}
			state = read
		}
		fact, err := judge(state)
		if fact == nil || err != nil {
			return state, err
		}
		sequence, err := s.c.Log.AppendControl(ctx, schemas.AreaApproval, id, fact, &last)
		if err == nil {
			return s.await(ctx, id, subject, sequence)
		}
		if !errors.Is(err, journal.ErrConflict) {
			return state, unavailable(err)
		}
		if err := s.moved(ctx, moved); err != nil {
			return state, err
		}
	}
}

// await returns the state once the fact at sequence is folded into it.
func (s *Service) await(ctx context.Context, id string, subject schemas.Subject, sequence uint64) (approval.State, error) {
	for {
		state, last, moved := s.book.look(id, subject)
		if last >= sequence {
			return state, nil
		}
		if err := s.moved(ctx, moved); err != nil {
			return state, err
		}
	}
}

func (s *Service) moved(ctx context.Context, moved <-chan struct{}) error {
	timer := time.NewTimer(s.c.Settle)
	defer timer.Stop()
	select {
	case <-moved:
		return nil
	case <-timer.C:
		return unavailable(errors.New("what was appended does not come back"))
	case <-ctx.Done():
		return unavailable(context.Cause(ctx))
	}
}

func unavailable(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the log did not take it", Hint: "try again", Err: err}
}

var errEnough = errors.New("enough")

// read folds what the log says of a request, and returns the last sequence of its subject.
func (s *Service) read(ctx context.Context, id string) (state approval.State, last uint64, err error) {
	c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{schemas.ControlSubject(schemas.AreaApproval, id)}}
	err = s.c.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if c.UnmarshalVT(m.Data) == nil && approval.Ref(c).GetId() == id {
				state = state.Fold(approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c})
			}
			last = m.Sequence
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	state.ID = id
	if errors.Is(err, errEnough) {
		return state, last, nil
	}
	return state, last, unavailable(errors.Join(err, ctx.Err()))
}
