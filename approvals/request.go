package approvals

import (
	"context"
	"fmt"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// answer answers a gateway's ask.
func (s *Service) answer(ctx context.Context, request []byte) ([]byte, error) {
	ask := new(schemas.ApprovalAsk)
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, fmt.Errorf("decode ask: %w", err)
	}
	answer, err := s.Request(ctx, ask)
	if err != nil {
		return nil, err
	}
	return answer.MarshalVT()
}

// Request makes a request, unless it is made already. An error means that it is not known whether
// there is one.
func (s *Service) Request(ctx context.Context, ask *schemas.ApprovalAsk) (*schemas.ApprovalAnswer, error) {
	ask.Grant = nil // those are asked for by their principals, at the API
	return s.request(ctx, ask)
}

func (s *Service) request(ctx context.Context, ask *schemas.ApprovalAsk) (*schemas.ApprovalAnswer, error) {
	answer := &schemas.ApprovalAnswer{Request: ask.GetRequest()}
	if answer.Failure = s.refuses(ask); answer.Failure != "" {
		return answer, nil
	}
	if ask.GetLater() {
		if state, ok := s.book.same(ask, s.book.clock(s.c.Now())); ok {
			return &schemas.ApprovalAnswer{Request: state.ID, Link: s.link(state.ID), Expires: state.Expires.UnixNano()}, nil
		}
	}
	ask.Starter = ""
	if ask.GetPrincipal().GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		ask.Starter = s.c.Starter(schemas.TokenID(ask.GetPrincipal().GetTokenId()))
	}
	lifetime := s.lifetime(ask.GetNeed())
	now := s.book.clock(s.c.Now())
	if until := ask.GetGrant().GetUntil(); until != 0 { // later there is nothing to give
		lifetime = min(lifetime, time.Unix(0, until).Sub(now))
	}
	zones, err := approval.Zones(ask.GetNeed(), now.Add(-time.Hour), now.Add(lifetime+time.Hour))
	if err != nil {
		answer.Failure = "its office hours cannot be told: " + err.Error()
		return answer, nil
	}
	state, err := s.append(ctx, ask.GetRequest(), true, func(now approval.State) (*schemas.Control, error) {
		if now.Status != approval.None {
			return nil, nil
		}
		return &schemas.Control{By: ask.GetPrincipal().GetName(), Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{
			Request: approval.RefOf(ask), Ask: ask, Lifetime: int64(lifetime), Zones: zones,
		}}}, nil
	})
	if err != nil {
		return nil, err
	}
	if state.Ask == nil || state.Status == approval.Withdrawn {
		answer.Failure = "the request was withdrawn"
		return answer, nil
	}
	answer.Link, answer.Expires = s.link(state.ID), state.Expires.UnixNano()
	return answer, nil
}

// refuses says why there can be no such request; empty: there can.
func (s *Service) refuses(ask *schemas.ApprovalAsk) string {
	if ask.GetRequest() == "" || ask.GetSession() == "" && ask.GetGrant() == nil || ask.GetPrincipal().GetName() == "" || ask.GetTarget() == "" || len(ask.GetDigest()) == 0 {
		return "the gateway's request is not complete"
	}
	all, own := s.book.crowd(ask.GetPrincipal().GetName())
	if all >= s.c.Pending || own >= s.c.Each {
		return "too many requests are waiting"
	}
	return ""
}

// lifetime is the shortest that a rule asks for.
func (s *Service) lifetime(need *schemas.ApprovalNeed) time.Duration {
	d := time.Duration(0)
	for _, r := range need.GetRules() {
		if e := time.Duration(r.GetExpires()); e > 0 && (d == 0 || e < d) {
			d = e
		}
	}
	if d == 0 {
		d = s.c.Lifetime
	}
	return min(d, s.c.Longest)
}

func (s *Service) link(id string) string {
	if s.c.PublicURL == "" {
		return ""
	}
	return s.c.PublicURL + "/approvals/" + id
}
