package approvals

import (
	"context"
	"fmt"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// maxReason bounds what a reviewer says, in bytes.
const maxReason = 4 << 10

// Review takes what somebody says of a request. ctx is that of their request, so that their right
// to review the target can be asked for.
func (s *Service) Review(ctx context.Context, id, decision, reason string) (approval.State, error) {
	who := s.c.Who(ctx)
	if who.Anonymous {
		return approval.State{}, &schemas.Error{Code: schemas.CodeForbidden, Message: "a review needs the reviewer's own token", Hint: "set SALLYPORT_TOKEN to it"}
	}
	if len(reason) > maxReason {
		return approval.State{}, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("the reason is longer than %d bytes", maxReason)}
	}
	reason = strings.ToValidUTF8(strings.TrimSpace(reason), "\uFFFD")
	review := schemas.NewID("v-")
	return s.append(ctx, id, false, func(state approval.State) (*schemas.Control, error) {
		if err := s.visible(ctx, state); err != nil {
			return nil, err
		}
		if err := s.c.Authorizer.Authorize(ctx, "review", state.Ask.GetTarget()); err != nil {
			return nil, err
		}
		if state.Status.Live() && !s.book.clock(s.c.Now()).Before(state.Expires) {
			return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "the request has expired"}
		}
		if err := state.May(who.Principal, who.Run, decision, reason); err != nil {
			return nil, err
		}
		fact := &schemas.ApprovalReviewed{Request: approval.RefOf(state.Ask), Id: review, Reviewer: who.Principal, Run: who.Run, Decision: decision, Reason: reason}
		c := &schemas.Control{By: who.Principal.GetName(), Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: fact}}
		fact.Outcome = string(state.Fold(approval.Fact{Sequence: state.Sequence + 1, Time: s.book.clock(s.c.Now()), Control: c}).Status)
		return c, nil
	})
}

// visible hides requests from those who have nothing to do with them: it is as if there were none.
func (s *Service) visible(ctx context.Context, state approval.State) error {
	none := &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such request"}
	if state.Ask == nil {
		return none
	}
	who := s.c.Who(ctx)
	if !who.Anonymous && who.Principal.GetName() == state.Ask.GetPrincipal().GetName() {
		return nil
	}
	err := s.c.Authorizer.Authorize(ctx, "review", state.Ask.GetTarget())
	if err != nil && schemas.Shown(err).Code == schemas.CodeForbidden {
		return none
	}
	return err
}
