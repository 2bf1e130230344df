package notify

import (
	"context"
	"errors"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// Estimated is a Message's What when the target's planner said what it expects of a held statement.
// Nothing has become of the request.
const Estimated = "estimated"

// Patient is a Notifier that cannot change what it said. It is told of a request a moment later, so that an
// estimate that is on its way is part of it.
type Patient interface {
	Notifier
	Patient()
}

// mostPatience bounds that moment, whatever a gateway says.
const mostPatience = 5 * time.Second

// expect returns m with the estimate that is on its way, if it comes before the request is decided and
// within the time that its gateway gave; otherwise m as it is.
func (c *courier) expect(ctx context.Context, m Message) (Message, error) {
	until := m.State.Estimating()
	if _, patient := c.route.Notifier.(Patient); !patient || until.IsZero() || m.What != approval.Requested {
		return m, nil
	}
	left := min(until.Sub(c.s.c.Now()), mostPatience)
	if left <= 0 {
		return m, nil
	}
	waiting, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	state := m.State
	subject := schemas.ControlSubject(schemas.AreaApproval, m.State.ID)
	from := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{subject}, From: m.State.Sequence + 1}
	err := c.s.c.Log.Consume(waiting, from, func(ms []journal.Message, _ bool) error {
		for _, next := range ms {
			state = state.FoldLogged(state.ID, next.Sequence, next.Time, next.Data)
			if state.Estimating().IsZero() {
				return errEnough
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return m, context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, errEnough) && waiting.Err() == nil {
		return m, err
	}
	if state.Estimate != nil && state.Status == approval.Pending {
		m.State = state
	}
	return m, nil
}
