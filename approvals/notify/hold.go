package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// hold is this process's right to deliver for a notifier, and how far it came. It is lost when
// somebody else has taken it.
type hold struct {
	s    *Service
	name string
	stop context.CancelFunc // of the beat
	lost chan struct{}      // closed when it is lost
	done chan struct{}      // closed when the beat has stopped

	mu       sync.Mutex
	position *schemas.DeliveryPosition
	revision uint64
	once     sync.Once
}

var errLost = errors.New("another process delivers now")

// positionKey is the item of a notifier; its deliveries have one more token.
func positionKey(notifier string) string { return schemas.Token(notifier) }

// claim waits until this process may deliver for a notifier.
func (s *Service) claim(ctx context.Context, r Route) (*hold, error) {
	var seen uint64
	var since time.Time
	for {
		item, err := s.bucket.Get(ctx, positionKey(r.Name))
		p := &schemas.DeliveryPosition{Notifier: r.Name}
		switch {
		case errors.Is(err, journal.ErrNotFound): // what was before it is nobody's news
			if p.Sequence, err = s.c.Log.Head(ctx, schemas.Controls); err != nil {
				return nil, fmt.Errorf("begin at the log's end: %w", err)
			}
		case err != nil:
			return nil, fmt.Errorf("read position: %w", err)
		default:
			if err := p.UnmarshalVT(item.Value); err != nil {
				return nil, fmt.Errorf("decode position: %w", err)
			}
		}
		if item.Revision != seen || since.IsZero() {
			seen, since = item.Revision, s.c.Now()
		}
		if p.Owner == "" || p.Owner == s.c.Owner || s.c.Now().Sub(since) >= s.c.Takeover {
			p.Owner = s.c.Owner
			h, err := s.take(ctx, r.Name, p, item.Revision)
			if !errors.Is(err, journal.ErrConflict) {
				return h, err
			}
		}
		if pause(ctx, s.c.Beat/2); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (s *Service) take(ctx context.Context, name string, p *schemas.DeliveryPosition, revision uint64) (*hold, error) {
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &hold{s: s, name: name, stop: stop, lost: make(chan struct{}), done: make(chan struct{}), position: p, revision: revision}
	if err := h.write(ctx, func(*schemas.DeliveryPosition) {}); err != nil {
		stop()
		return nil, err
	}
	go h.beat(beating)
	return h, nil
}

// write changes the position, if it is still this process's.
func (h *hold) write(ctx context.Context, change func(*schemas.DeliveryPosition)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h.position)
	h.position.Beat++
	data, err := h.position.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode position: %w", err)
	}
	revision, err := h.s.bucket.Update(ctx, positionKey(h.name), data, h.revision)
	if err != nil {
		return err
	}
	h.revision = revision
	return nil
}

func (h *hold) beat(ctx context.Context) {
	defer close(h.done)
	for ctx.Err() == nil {
		pause(ctx, h.s.c.Beat)
		if ctx.Err() != nil {
			return
		}
		if err := h.write(ctx, func(*schemas.DeliveryPosition) {}); errors.Is(err, journal.ErrConflict) {
			h.once.Do(func() { close(h.lost) })
			return
		}
	}
}

// reached notes that everything up to a sequence is told or given up.
func (h *hold) reached(ctx context.Context, sequence uint64) error {
	err := h.write(ctx, func(p *schemas.DeliveryPosition) { p.Sequence = max(p.Sequence, sequence) })
	if errors.Is(err, journal.ErrConflict) {
		return errLost
	}
	return err
}

func (h *hold) sequence() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position.Sequence
}

// release lets another process deliver at once.
func (h *hold) release(ctx context.Context) {
	h.stop()
	<-h.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := h.write(ctx, func(p *schemas.DeliveryPosition) { p.Owner = "" }); err != nil {
		h.s.log.Debug("let go of notifier", "notifier", h.name, "error", err) // it is taken over in time
	}
}
