package approvals

import (
	"context"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// expire marks the moments at which requests expire, until ctx is done. A fact that the stream's
// clock says is too early does nothing, and shows how far the clocks are apart.
func (s *Service) expire(ctx context.Context) {
	behind := time.Duration(0) // the stream's clock, against this one
	for {
		ids, next, changed := s.book.due(s.c.Now().Add(-behind))
		for _, id := range ids {
			state, err := s.mark(ctx, id)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.log.Warn("mark expiry", "approval", id, "error", err)
				next = s.c.Now().Add(time.Second)
			case state.Status.Live():
				behind = max(behind, s.c.Now().Sub(state.Seen))
				next = state.Expires
			}
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = max(next.Add(behind).Sub(s.c.Now()), time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (s *Service) mark(ctx context.Context, id string) (approval.State, error) {
	return s.append(ctx, id, func(state approval.State) (*schemas.Control, error) {
		if !state.Status.Live() {
			return nil, nil
		}
		return &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{
			Request: approval.RefOf(state.Ask), Decision: string(approval.Expired),
		}}}, nil
	})
}
