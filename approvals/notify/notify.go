package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// Message is what a notifier is told about a request.
type Message struct {
	ID    string // of the delivery: the same when it is told again
	What  string // as approval.Change says it
	State approval.State
	Link  string // where people decide; empty: not known
	At    time.Time
}

// Notifier tells people elsewhere. Tell is called by one goroutine.
type Notifier interface {
	// Tell tells of m. reference is what it returned for the same request before, empty the first time;
	// what it returns now is kept. An error is tried again, unless it is Permanent.
	Tell(ctx context.Context, m Message, reference string) (string, error)
}

// Route is a notifier and what it is told of.
type Route struct {
	Name     string
	Kind     string // slack, teams, email, webhook
	Notifier Notifier
	Targets  func(target string) bool // nil: all
}

// Config is what New needs. The zero value of a limit means its default.
type Config struct {
	Log    *journal.Log
	Routes []Route
	Link   func(request string) string
	Logger *slog.Logger
	Now    func() time.Time

	Owner    string        // of this process; random by default
	Deadline time.Duration // for one attempt; 10 s by default
	Least    time.Duration // between attempts, at first; 1 s by default
	Most     time.Duration // between attempts, in the end; 5 m by default
	GiveUp   time.Duration // after the first attempt; 24 h by default
	Beat     time.Duration // how often an owner shows that it lives; 3 s by default
	Takeover time.Duration // without a beat; 15 s by default
	Kept     time.Duration // deliveries; 30 days by default
}

// Service delivers. Its methods are safe for concurrent use.
type Service struct {
	c      Config
	log    *slog.Logger
	bucket *journal.Bucket
}

// bucketName is where positions and deliveries are.
const bucketName = "deliveries"

// New opens the bucket. Nothing is told until Run.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Log == nil {
		return nil, errors.New("notifying needs a log")
	}
	seen := make(map[string]bool)
	for _, r := range c.Routes {
		if r.Name == "" || r.Notifier == nil || seen[r.Name] {
			return nil, fmt.Errorf("notifier %q has no name of its own", r.Name)
		}
		seen[r.Name] = true
	}
	setDefaults(&c)
	bucket, err := c.Log.Bucket(ctx, bucketName)
	if err != nil {
		return nil, err
	}
	return &Service{c: c, log: c.Logger, bucket: bucket}, nil
}

func setDefaults(c *Config) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Link == nil {
		c.Link = func(string) string { return "" }
	}
	if c.Owner == "" {
		c.Owner = schemas.NewID("n-")
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Deadline, 10 * time.Second}, {&c.Least, time.Second}, {&c.Most, 5 * time.Minute}, {&c.GiveUp, 24 * time.Hour},
		{&c.Beat, 3 * time.Second}, {&c.Takeover, 15 * time.Second}, {&c.Kept, 30 * 24 * time.Hour}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
}

// Run delivers until ctx is done, when it returns nil, or the log is closed.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range s.c.Routes {
		g.Go(func() error { return s.keep(ctx, r) })
	}
	err := g.Wait()
	if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
		return nil
	}
	return err
}

// keep runs the courier of one notifier, whenever it is this process's to run.
func (s *Service) keep(ctx context.Context, r Route) error {
	for wait := s.c.Least; ctx.Err() == nil; {
		began := s.c.Now()
		hold, err := s.claim(ctx, r)
		if err == nil {
			err = (&courier{s: s, route: r, hold: hold, states: make(map[string]approval.State)}).run(ctx)
			hold.release(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, journal.ErrClosed) {
			return err
		}
		if s.c.Now().Sub(began) > s.c.Takeover {
			wait = s.c.Least
		}
		s.log.Warn("notifier stopped", "notifier", r.Name, "error", err, "next_try", wait)
		pause(ctx, wait)
		wait = min(2*wait, s.c.Most)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// permanent is an error that another attempt will not mend.
type permanent struct{ err error }

func (p permanent) Error() string { return p.err.Error() }

func (p permanent) Unwrap() error { return p.err }

// Permanent marks an error that another attempt will not mend.
func Permanent(err error) error { return permanent{err} }
