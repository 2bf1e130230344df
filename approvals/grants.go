package approvals

import (
	"context"
	"errors"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// followGrants keeps the ledger until ctx is done.
func (s *Service) followGrants(ctx context.Context) error {
	return s.c.Log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{allGrants}},
		func(ms []journal.Message, caughtUp bool) error {
			s.ledger.take(ms, caughtUp, s.log)
			return nil
		})
}

// grant makes grants of requests that were approved, and marks the ends of those that are over,
// until ctx is done. Every replica does; the conditions of what they append let one of them.
//
//	request approved -> Used (on the request) -> GrantMade -> GrantEnded at its end
//
// Being killed between any two is made good by whoever looks next.
func (s *Service) grant(ctx context.Context) {
	for ctx.Err() == nil {
		now := s.book.clock(s.c.Now())
		ended, next, changed := s.ledger.due(now)
		owed, more := s.book.owing()
		wait := time.Hour
		if !next.IsZero() {
			wait = max(next.Sub(now), time.Millisecond)
		}
		failed := false
		for _, state := range owed {
			failed = !s.try(ctx, "make grant", state.ID, func() error { return s.makeGrant(ctx, state) }) || failed
		}
		for _, id := range ended {
			failed = !s.try(ctx, "mark the end of a grant", id, func() error { return s.endGrant(ctx, id) }) || failed
		}
		if failed {
			wait, changed, more = time.Second, nil, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-more:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (s *Service) try(ctx context.Context, what, id string, f func() error) bool {
	err := f()
	if err != nil && ctx.Err() == nil {
		s.log.Warn(what, "grant", id, "error", err)
	}
	return err == nil
}

// makeGrant takes an approved request a step further.
func (s *Service) makeGrant(ctx context.Context, state approval.State) error {
	if _, known, _, _ := s.ledger.look(state.ID); known {
		s.book.settle(state.ID)
		return nil
	}
	if state.Status == approval.Approved {
		var err error
		state, err = s.append(ctx, state.ID, false, func(now approval.State) (*schemas.Control, error) {
			if now.Status != approval.Approved {
				return nil, nil
			}
			return &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{
				Request: approval.RefOf(now.Ask), Digest: now.Ask.GetDigest(), Id: schemas.NewID("u-")}}}, nil
		})
		if err != nil {
			return err
		}
	}
	if state.Status != approval.Used { // denied, withdrawn or expired meanwhile
		return nil
	}
	err := s.appendGrant(ctx, state.ID, func(_ *grant, known bool) (*schemas.Control, error) {
		if known {
			return nil, nil
		}
		return &schemas.Control{By: state.Ask.GetPrincipal().GetName(), Kind: &schemas.Control_GrantMade{GrantMade: granted(state)}}, nil
	})
	if err == nil {
		s.book.settle(state.ID)
	}
	return err
}

// granted is what an approved request gives: its exact moments are known from its decision on.
func granted(state approval.State) *schemas.GrantMade {
	a := state.Ask.GetGrant()
	exact := &schemas.AccessGrant{Role: a.GetRole(), Target: a.GetTarget(), From: a.GetFrom(), Until: a.GetUntil(), Length: a.GetLength()}
	if exact.From == 0 {
		exact.From = state.Decided.UnixNano()
	}
	if exact.Until == 0 {
		exact.Until = exact.From + exact.Length
	}
	return &schemas.GrantMade{Id: state.ID, Principal: state.Ask.GetPrincipal(), Run: state.Ask.GetRun(), Grant: exact, By: state.By, Reason: state.Ask.GetReason()}
}

func (s *Service) endGrant(ctx context.Context, id string) error {
	return s.appendGrant(ctx, id, func(g *grant, _ bool) (*schemas.Control, error) {
		if g == nil || !g.over.IsZero() {
			return nil, nil
		}
		return &schemas.Control{By: "system", Kind: &schemas.Control_GrantEnded{GrantEnded: &schemas.GrantEnded{
			Id: id, Target: g.made.GetGrant().GetTarget(), Principal: g.made.GetPrincipal()}}}, nil
	})
}

// appendGrant appends what judge makes of a grant, on the condition that nothing was said since it
// was judged, and returns once the ledger has it. judge returns nil for nothing.
func (s *Service) appendGrant(ctx context.Context, id string, judge func(g *grant, known bool) (*schemas.Control, error)) error {
	for {
		g, known, last, changed := s.ledger.look(id)
		fact, err := judge(g, known)
		if fact == nil || err != nil {
			return err
		}
		sequence, err := s.c.Log.AppendControl(ctx, schemas.AreaGrant, id, fact, &last)
		if err != nil && !errors.Is(err, journal.ErrConflict) {
			return unavailable(err)
		}
		for last < sequence || sequence == 0 {
			if err := s.moved(ctx, changed); err != nil {
				return err
			}
			if _, _, last, changed = s.ledger.look(id); sequence == 0 {
				break // judge again
			}
		}
		if sequence != 0 {
			return nil
		}
	}
}
