package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// Headers of a message of EVENTS: how far into its sources the stream is with it.
const (
	headerFacts   = "Sallyport-Facts"   // sequence:number of the last entry that is an event
	headerControl = "Sallyport-Control" // sequence of the last control fact that is one
)

// EventsConfig is what NewEvents needs.
type EventsConfig struct {
	Log    *journal.Log
	Source string // of the CloudEvents, "/sallyport" by default; never changed while a log lives
	Logger *slog.Logger
}

// Events derives EVENTS from FACTS and CONTROL. Each source is followed in its own order;
// between the two there is none, but what one projector happens to see first. Every event is
// appended on the condition of the last sequence of EVENTS, and carries the positions of both
// sources, so any number of projectors append each event once: one that lost a race learns from
// the last event how far the winner is.
type Events struct {
	log    *journal.Log
	source string
	logger *slog.Logger

	mu       sync.Mutex // held while appending: one at a time
	last     uint64     // sequence of EVENTS
	cursor   cursor
	facts    uint64 // last message seen of each source, whether or not it made an event
	control  uint64
	progress chan struct{} // closed and replaced when they move

	told     map[schemas.SessionID]*told // of open sessions; the facts goroutine's own
	requests *requests                   // the control goroutine's own
}

// cursor is how far EVENTS is into its sources.
type cursor struct {
	facts   uint64
	number  uint64 // of the entry within the session of that message
	control uint64
}

func (c cursor) header() map[string]string {
	return map[string]string{
		headerFacts:   fmt.Sprintf("%d:%d", c.facts, c.number),
		headerControl: strconv.FormatUint(c.control, 10),
	}
}

func readHeader(h map[string]string) (c cursor, err error) {
	sequence, number, _ := strings.Cut(h[headerFacts], ":")
	for _, f := range []struct {
		text string
		into *uint64
	}{{sequence, &c.facts}, {number, &c.number}, {h[headerControl], &c.control}} {
		if *f.into, err = strconv.ParseUint(f.text, 10, 64); err != nil {
			return c, fmt.Errorf("read position of events: %w", err)
		}
	}
	return c, nil
}

// NewEvents returns an Events.
func NewEvents(c EventsConfig) (*Events, error) {
	p := &Events{log: c.Log, source: c.Source, logger: c.Logger, progress: make(chan struct{}), told: map[schemas.SessionID]*told{}}
	if p.source == "" {
		p.source = "/sallyport"
	}
	if _, err := url.Parse(p.source); err != nil {
		return nil, fmt.Errorf("the source of events is not a URI reference: %w", err)
	}
	if p.logger == nil {
		p.logger = slog.Default()
	}
	p.requests = newRequests(p.log, p.logger)
	return p, nil
}

// Run projects until ctx is done (it then returns nil) or something fails for good. It is called once.
func (p *Events) Run(ctx context.Context) error {
	if err := p.refresh(ctx); err != nil {
		return fmt.Errorf("project events: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from := p.cursor
	failed := make(chan error, 2)
	var running sync.WaitGroup
	running.Go(func() { failed <- p.followFacts(ctx, from.facts) })
	running.Go(func() { failed <- p.followControl(ctx, from.control+1) })
	err := <-failed
	cancel()
	running.Wait()
	if err != nil {
		return fmt.Errorf("project events: %w", err)
	}
	return nil
}

// refresh learns where EVENTS is. Only the goroutine that holds mu, or has the Events to
// itself, calls it.
func (p *Events) refresh(ctx context.Context) error {
	m, err := p.log.Last(ctx, schemas.Events)
	if errors.Is(err, journal.ErrNotFound) {
		p.last, p.cursor = 0, cursor{}
		return nil
	}
	if err != nil {
		return err
	}
	c, err := readHeader(m.Header)
	if err != nil {
		return err
	}
	p.last, p.cursor = m.Sequence, c
	return nil
}

// followFacts begins with the message that the last event came from: it may hold more.
func (p *Events) followFacts(ctx context.Context, from uint64) error {
	return p.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Facts, Subjects: []schemas.Subject{schemas.AllFacts}, From: from, Linger: linger, Background: true}, func(ms []journal.Message, _ bool) error {
		for _, m := range ms {
			if err := p.tell(ctx, m); err != nil {
				return stopped(ctx, err)
			}
			p.saw(m)
		}
		return nil
	})
}

// stopped tells an end that was asked for from a failure.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (p *Events) tell(ctx context.Context, m journal.Message) error {
	return eventsOf(ctx, p.log, p.told, m, func(l journal.Located, e *event) error {
		return p.append(ctx, e, func(c cursor) (cursor, bool) {
			done := c.facts > m.Sequence || c.facts == m.Sequence && c.number >= l.Entry.GetNumber()
			c.facts, c.number = m.Sequence, l.Entry.GetNumber()
			return c, done
		})
	})
}

// eventsOf hands the events of a message of FACTS to f, in order.
func eventsOf(ctx context.Context, log *journal.Log, sessions map[schemas.SessionID]*told, m journal.Message, f func(journal.Located, *event) error) error {
	envelope, entries, err := journal.Decode(m)
	if err != nil {
		return fmt.Errorf("decode message %d: %w", m.Sequence, err)
	}
	id := schemas.SessionID(envelope.GetSession())
	for _, l := range entries {
		t := sessions[id]
		if t == nil {
			if t, err = before(ctx, log, id, l.Entry.GetNumber()); err != nil {
				return err
			}
			sessions[id] = t
		}
		if e := t.fold(l); e != nil {
			if err := f(l, e); err != nil {
				return err
			}
		}
		if l.Entry.GetClosed() != nil {
			delete(sessions, id)
		}
	}
	return nil
}

// before folds a session's facts before number, which were projected by an earlier process.
func before(ctx context.Context, log *journal.Log, id schemas.SessionID, number uint64) (*told, error) {
	t := newTold(id)
	if number <= 1 {
		return t, nil
	}
	err := log.ReadSession(ctx, id, journal.ReadOptions{Facts: true}, func(l journal.Located) error {
		if l.Entry.GetNumber() >= number {
			return errEnough
		}
		t.fold(l)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, journal.ErrNotFound) {
		return nil, err
	}
	return t, nil
}

func (p *Events) followControl(ctx context.Context, from uint64) error {
	return p.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, From: from, Linger: linger}, func(ms []journal.Message, _ bool) error {
		for _, m := range ms {
			e, err := eventOf(ctx, p.log, p.requests, m)
			if err == nil && e != nil {
				err = p.append(ctx, e, func(c cursor) (cursor, bool) {
					done := c.control >= m.Sequence
					c.control = m.Sequence
					return c, done
				})
			}
			if err != nil {
				return stopped(ctx, err)
			}
			p.saw(m)
		}
		return nil
	})
}

// eventOf returns the event that a message of CONTROL is; nil: it is none, or cannot be read.
func eventOf(ctx context.Context, log *journal.Log, r *requests, m journal.Message) (*event, error) {
	c := readControl(m, r.logger)
	if c == nil {
		return nil, nil
	}
	if c.GetAt() == 0 {
		c.At = m.Time.UnixNano()
	}
	if approval.Ref(c) != nil {
		return r.event(ctx, m, c)
	}
	return controlEvent(m.Sequence, c, func(session string) (o *schemas.Opened, err error) {
		err = log.ReadSession(ctx, schemas.SessionID(session), journal.ReadOptions{Facts: true}, func(l journal.Located) error {
			o = l.Entry.GetOpened()
			return errEnough
		})
		if errors.Is(err, errEnough) || errors.Is(err, journal.ErrNotFound) {
			err = nil
		}
		return o, err
	})
}

// append appends an event unless it is there. move says where EVENTS is with it, and whether it is
// that far already.
func (p *Events) append(ctx context.Context, e *event, move func(cursor) (next cursor, done bool)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var data []byte
	for {
		next, done := move(p.cursor)
		if done {
			return nil
		}
		if data == nil {
			var err error
			if data, err = e.encode(p.source); err != nil {
				return err
			}
		}
		sequence, err := p.log.AppendEvent(ctx, e.subject(), next.header(), data, p.last)
		if err == nil {
			p.last, p.cursor = sequence, next
			return nil
		}
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
		if err := p.refresh(ctx); err != nil {
			return err
		}
	}
}

func (p *Events) saw(m journal.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Stream == schemas.Facts {
		p.facts = m.Sequence
	} else {
		p.control = m.Sequence
	}
	close(p.progress)
	p.progress = make(chan struct{})
}
