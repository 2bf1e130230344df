package replay

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Name is that of the projection.
func (p *Events) Name() string { return "events" }

// print is the beginning of a digest: enough to tell events apart that nobody forges.
type print [16]byte

func printOf(data []byte) print {
	d := sha256.Sum256(data)
	return print(d[:16])
}

// Rebuild makes every event again from the log, compares by id with what EVENTS holds, and appends
// what is missing. What is there is never taken away or changed, because others hold cursors into
// it: what it should not be is reported. It needs Run to be running.
func (p *Events) Rebuild(ctx context.Context, tell Tell) (RebuildReport, error) {
	r := RebuildReport{Projection: p.Name(), Equal: true, Differences: []string{}}
	facts, control, err := p.reach(ctx)
	if err != nil {
		return r, fmt.Errorf("rebuild events: %w", err)
	}
	written, err := p.log.Head(ctx, schemas.Events)
	if err != nil {
		return r, fmt.Errorf("rebuild events: %w", err)
	}
	total := written + facts + control
	from := func(before uint64) func(uint64) { // tells how far it is, after what was read before
		return func(sequence uint64) { tell(messagesRead, before+sequence, total) }
	}
	there, err := p.there(ctx, &r, written, from(0))
	if err != nil {
		return r, fmt.Errorf("rebuild events: %w", err)
	}
	compare := func(e *event) error { return p.compare(ctx, &r, there, e) }
	sessions, requests := map[schemas.SessionID]*told{}, newRequests(p.log, p.logger)
	if err := p.upTo(ctx, schemas.Facts, facts, from(written), func(m journal.Message) error {
		return eventsOf(ctx, p.log, sessions, m, func(_ journal.Located, e *event) error { return compare(e) })
	}); err != nil {
		return r, fmt.Errorf("rebuild events: %w", err)
	}
	if err := p.upTo(ctx, schemas.Controls, control, from(written+facts), func(m journal.Message) error {
		e, err := eventOf(ctx, p.log, requests, m)
		if err != nil || e == nil {
			return err
		}
		return compare(e)
	}); err != nil {
		return r, fmt.Errorf("rebuild events: %w", err)
	}
	for id, e := range there {
		// What came while this ran is not made again here.
		if e.facts <= facts && e.control <= control {
			r.differ(id + ": not on the log")
		}
	}
	slices.Sort(r.Differences)
	return r, nil
}

// reach returns the ends of the sources once EVENTS is made of all that they hold.
func (p *Events) reach(ctx context.Context) (facts, control uint64, err error) {
	if facts, err = p.log.Head(ctx, schemas.Facts); err != nil {
		return 0, 0, err
	}
	if control, err = p.log.Head(ctx, schemas.Controls); err != nil {
		return 0, 0, err
	}
	for {
		p.mu.Lock()
		far := max(p.facts, p.cursor.facts) >= facts && max(p.control, p.cursor.control) >= control
		progress := p.progress
		p.mu.Unlock()
		if far {
			return facts, control, nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// kept is an event of EVENTS.
type kept struct {
	print          print
	facts, control uint64 // positions with it
}

// there reads what EVENTS holds up to head.
func (p *Events) there(ctx context.Context, r *RebuildReport, head uint64, tell func(uint64)) (map[string]kept, error) {
	all := map[string]kept{}
	return all, p.upTo(ctx, schemas.Events, head, tell, func(m journal.Message) error {
		var e struct {
			ID string `json:"id"`
		}
		c, err := readHeader(m.Header)
		if bad := json.Unmarshal(m.Data, &e); err != nil || bad != nil || e.ID == "" {
			r.differ(fmt.Sprintf("message %d of EVENTS: not an event", m.Sequence))
			return nil
		}
		if _, twice := all[e.ID]; twice {
			r.differ(e.ID + ": there twice")
		}
		all[e.ID] = kept{print: printOf(m.Data), facts: c.facts, control: c.control}
		return nil
	})
}

func (p *Events) compare(ctx context.Context, r *RebuildReport, there map[string]kept, e *event) error {
	r.Entries++
	data, err := e.encode(p.source)
	if err != nil {
		return err
	}
	have, found := there[e.id]
	delete(there, e.id)
	if found {
		if have.print != printOf(data) {
			r.differ(e.id + ": differs from what this release makes of the log")
		}
		return nil
	}
	r.differ(e.id + ": missing")
	r.Appended++
	return p.append(ctx, e, func(c cursor) (cursor, bool) { return c, false })
}

// upTo hands on the messages of a stream from its beginning to head, and tells how far it is.
func (p *Events) upTo(ctx context.Context, s schemas.Stream, head uint64, tell func(uint64), f func(journal.Message) error) error {
	if head == 0 {
		return nil
	}
	err := p.log.Consume(ctx, journal.ConsumeConfig{Stream: s}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if m.Sequence > head {
				return errEnough
			}
			if err := f(m); err != nil {
				return err
			}
		}
		if caughtUp || len(ms) > 0 && ms[len(ms)-1].Sequence >= head {
			return errEnough
		}
		tell(ms[len(ms)-1].Sequence)
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		tell(head)
		return nil
	case err == nil:
		return ctx.Err()
	}
	return err
}
