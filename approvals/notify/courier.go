package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// allApprovals is every subject of approvals.
const allApprovals = schemas.Subject("sallyport.control." + schemas.Subject(schemas.AreaApproval) + ".*")

// courier delivers for one notifier. It belongs to one goroutine.
type courier struct {
	s      *Service
	route  Route
	hold   *hold
	states map[string]approval.State // of requests that are not settled
}

// run follows the log from where the notifier is, until ctx is done or its hold is lost.
func (c *courier) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-c.hold.lost:
			cancel(errLost)
		case <-stop:
		}
	}()
	if err := c.s.prune(ctx, c.route.Name); err != nil {
		return err
	}
	from := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{allApprovals}, From: c.hold.sequence() + 1}
	err := c.s.c.Log.Consume(ctx, from, func(ms []journal.Message, _ bool) error { return c.take(ctx, ms) })
	if cause := context.Cause(ctx); errors.Is(cause, errLost) {
		return cause
	}
	return err
}

// take tells what a batch of facts comes to: of each request the last change.
func (c *courier) take(ctx context.Context, ms []journal.Message) error {
	if len(ms) == 0 {
		return nil
	}
	var order []string
	news := make(map[string]Message)
	for _, m := range ms {
		control := new(schemas.Control)
		if err := control.UnmarshalVT(m.Data); err != nil {
			c.s.log.Error("read approval", "sequence", m.Sequence, "error", err)
			continue
		}
		id := approval.Ref(control).GetId()
		if id == "" {
			continue
		}
		what, state, err := c.fold(ctx, id, approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: control}, m.Subject)
		if err != nil {
			return err
		}
		if what == "" || c.route.Targets != nil && !c.route.Targets(state.Ask.GetTarget()) {
			continue
		}
		last, told := news[id]
		if !told {
			order = append(order, id)
		}
		if last.What == approval.GlassBroken && what == string(approval.Used) {
			what = last.What // it is what matters of the two
		}
		if told && what == Estimated {
			what = last.What // with what it was waiting for
		}
		news[id] = Message{ID: fmt.Sprintf("%s.%d", id, m.Sequence), What: what, State: state, Link: c.s.c.Link(id), At: m.Time}
	}
	for _, id := range order {
		m, err := c.expect(ctx, news[id])
		if err != nil {
			return err
		}
		if err := c.deliver(ctx, m); err != nil {
			return err
		}
	}
	return c.hold.reached(ctx, ms[len(ms)-1].Sequence)
}

// fold takes in one fact. Of a request that began before, what was said earlier is read.
func (c *courier) fold(ctx context.Context, id string, f approval.Fact, subject schemas.Subject) (string, approval.State, error) {
	before, ok := c.states[id]
	if !ok && f.Control.GetApprovalRequested() == nil {
		var err error
		if before, err = c.earlier(ctx, id, f.Sequence, subject); err != nil {
			return "", before, err
		}
	}
	after := before.Fold(f)
	what := approval.Change(before, after)
	if what == "" && after.Estimate != before.Estimate {
		what = Estimated
	}
	if after.Settled() {
		delete(c.states, id)
	} else {
		c.states[id] = after
	}
	return what, after, nil
}

var errEnough = errors.New("enough")

func (c *courier) earlier(ctx context.Context, id string, sequence uint64, subject schemas.Subject) (state approval.State, err error) {
	from := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{subject}}
	err = c.s.c.Log.Consume(ctx, from, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if m.Sequence >= sequence {
				return errEnough
			}
			state = state.FoldLogged(id, m.Sequence, m.Time, m.Data)
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return state, nil
	}
	return state, errors.Join(err, ctx.Err())
}

// deliver tells one message, again and again until it is taken or given up. An error means that the
// courier stops.
func (c *courier) deliver(ctx context.Context, m Message) error {
	d, err := c.s.delivery(ctx, c.route.Name, m.State.ID)
	if err != nil {
		return err
	}
	if d.GetSequence() >= m.State.Sequence && d.GetOutcome() != outcomeRetrying {
		return nil // told before this process was killed
	}
	if d.GetSequence() != m.State.Sequence {
		d.Attempts = 0
	}
	d.Notifier, d.Request, d.Sequence, d.Status = c.route.Name, m.State.ID, m.State.Sequence, m.What
	began := c.s.c.Now()
	for wait := c.s.c.Least; ; wait = min(2*wait, c.s.c.Most) {
		reference, err := c.try(ctx, m, d.GetReference())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now := c.s.c.Now()
		d.Attempts++
		d.At, d.Next, d.Error, d.Outcome = now.UnixNano(), 0, "", outcomeDelivered
		if err == nil {
			d.Reference = reference
			d.Told++
			return c.s.record(ctx, d)
		}
		d.Error = short(err)
		var refused permanent
		if errors.As(err, &refused) || now.Sub(began) >= c.s.c.GiveUp {
			c.s.log.Error("give up telling", "notifier", c.route.Name, "approval", m.State.ID, "attempts", d.Attempts, "error", d.Error)
			d.Outcome = outcomeFailed
			return c.s.record(ctx, d)
		}
		c.s.log.Warn("tell of a request", "notifier", c.route.Name, "approval", m.State.ID, "error", d.Error, "next_try", wait)
		d.Outcome, d.Next = outcomeRetrying, now.Add(wait).UnixNano()
		if err := c.s.record(ctx, d); err != nil {
			return err
		}
		pause(ctx, wait)
	}
}

// try is one attempt. A notifier that panics has failed.
func (c *courier) try(ctx context.Context, m Message, reference string) (out string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.s.c.Deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("the notifier panicked: %v", p))
		}
	}()
	return c.route.Notifier.Tell(ctx, m, reference)
}

// maxError bounds what is kept of an error, in bytes.
const maxError = 500

func short(err error) string {
	text := err.Error()
	if len(text) > maxError {
		text = text[:maxError]
	}
	return cleaned(text)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
