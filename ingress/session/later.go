package session

import (
	"context"
	"errors"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// holdLater asks for consent without waiting for it: the request stays, and the command runs when
// the client sends it again and finds it approved.
func (s *Session) holdLater(ctx context.Context, c Command, d *Decision, ask *schemas.ApprovalAsk, e *estimation) (*Decision, error) {
	ask.Later = true
	answer, err := s.askApproval(ctx, ask)
	if err != nil {
		return s.unavailable(d, err), nil
	}
	if answer.Failure != "" {
		return d.refused(schemas.CodeUnavailable, "it needs approval: "+answer.Failure, ""), nil
	}
	fresh := answer.Request == ask.Request
	ask.Request = answer.Request
	leave, err := s.g.waiting.join(ctx, s.ID, ask.Request)
	if errors.Is(err, errCrowded) {
		return d.refused(schemas.CodeLimit, "it needs approval, and too many commands are held already", "try again later"), nil
	}
	if err != nil {
		return s.unavailable(d, err), nil
	}
	defer leave()
	h := &hold{s: s, ask: ask, command: c, decision: d}
	if err := h.begin(ctx, answer); err != nil {
		return nil, err
	}
	state, _, _ := s.g.waiting.look(ask.Request)
	if state.Status != approval.None && state.Status != approval.Pending {
		return h.conclude(ctx, state)
	}
	if fresh {
		e.start(context.WithoutCancel(ctx)) // it ends in time by itself
	}
	where := answer.Link
	if where == "" {
		where = "sallyport approvals approve " + ask.Request
	}
	return d.refused(schemas.CodeForbidden, "it needs approval, which this client does not wait for: "+h.told.Message,
		"request "+ask.Request+": "+where+"; run it again once it is approved"), nil
}
