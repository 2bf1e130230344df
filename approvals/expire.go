package approvals

import (
	"context"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// tooSoon is how long to wait after a mark that the stream's clock found too early.
const tooSoon = 250 * time.Millisecond

// expire marks the moments at which requests expire or others are asked, until ctx is done. A mark that comes too early
// by the stream's clock does nothing, and shows how far the clocks are apart.
func (s *Service) expire(ctx context.Context) {
	for ctx.Err() == nil {
		now := s.book.clock(s.c.Now())
		ids, next, changed := s.book.due(now)
		wait := time.Hour
		if !next.IsZero() {
			wait = max(next.Sub(now), time.Millisecond)
		}
		for _, id := range ids {
			state, err := s.mark(ctx, id)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("mark expiry", "approval", id, "error", err)
			}
			if err != nil || state.Status.Live() && !state.Next().After(now) {
				wait, changed = min(wait, tooSoon), nil
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (s *Service) mark(ctx context.Context, id string) (approval.State, error) {
	return s.append(ctx, id, false, func(state approval.State) (*schemas.Control, error) {
		next := state.Next()
		if !state.Status.Live() || next.After(s.book.clock(s.c.Now())) {
			return nil, nil
		}
		what := string(approval.Expired)
		if next.Before(state.Expires) && state.Status == approval.Pending {
			what = "due" // a step's time is over: it expires, or others are asked
		}
		return &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{
			Request: approval.RefOf(state.Ask), Decision: what,
		}}}, nil
	})
}
