package approvals

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// maxReason bounds what a reviewer says, in bytes.
const maxReason = 4 << 10

// Review takes what somebody says of a request. ctx is that of their request, so that their right
// to review the target can be asked for.
func (s *Service) Review(ctx context.Context, id, decision, reason string) (approval.State, error) {
	said, err := s.said(ctx, decision, reason)
	if err != nil {
		return approval.State{}, err
	}
	state, err := s.append(ctx, id, false, func(state approval.State) (*schemas.Control, error) {
		if err := s.visible(ctx, state); err != nil {
			return nil, err
		}
		if decision != approval.BreakGlass {
			if err := s.c.Authorizer.Authorize(ctx, "review", state.Ask.GetTarget()); err != nil {
				return nil, err
			}
		}
		now := s.book.clock(s.c.Now())
		if state.Status.Live() && !now.Before(state.Expires) {
			return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "the request has expired"}
		}
		if err := state.May(said, now); err != nil {
			return nil, s.whereTo(id, err)
		}
		fact := proto.CloneOf(said)
		fact.Request = approval.RefOf(state.Ask)
		c := &schemas.Control{By: said.Reviewer.GetName(), Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: fact}}
		fact.Outcome = string(state.Fold(approval.Fact{Sequence: state.Sequence + 1, Time: now, Control: c}).Status)
		return c, nil
	})
	if err == nil && !counted(state, said.Id) {
		return state, &schemas.Error{Code: schemas.CodeConflict, Message: "the review came too late: the request is " + string(state.Status)}
	}
	return state, err
}

// whereTo adds to a refusal that asks for a passkey where one can be proved: whoever reviews elsewhere, on the
// command line or over the API, goes on there.
func (s *Service) whereTo(id string, err error) error {
	e := schemas.Shown(err)
	if link := s.link(id); e.Code == schemas.CodeStepUp && link != "" {
		e.Hint = "confirm it in the browser: " + link
		return e
	}
	return err
}

// said is a review by the sender of ctx.
func (s *Service) said(ctx context.Context, decision, reason string) (*schemas.ApprovalReviewed, error) {
	who := s.c.Who(ctx)
	if who.Anonymous {
		return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: "a review needs the reviewer's own token", Hint: "set SALLYPORT_TOKEN to it"}
	}
	if len(reason) > maxReason {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("the reason is longer than %d bytes", maxReason)}
	}
	return &schemas.ApprovalReviewed{
		Id: schemas.NewID("v-"), Reviewer: who.Principal, Run: who.Run, Decision: decision, SteppedUp: who.SteppedUp,
		Reason: strings.ToValidUTF8(strings.TrimSpace(reason), "\uFFFD"), Maker: s.maker(who.Principal),
	}, nil
}

// maker is who made somebody's credential, if that is somebody else.
func (s *Service) maker(p *schemas.Principal) string {
	if by := s.c.Starter(schemas.TokenID(p.GetTokenId())); by != p.GetName() {
		return by
	}
	return ""
}

// counted reports whether a review had an effect.
func counted(s approval.State, id string) bool {
	return s.Glass != nil && s.Glass.ID == id || s.After != nil && s.After.ID == id ||
		slices.ContainsFunc(s.Reviews, func(v approval.Review) bool { return v.ID == id })
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
