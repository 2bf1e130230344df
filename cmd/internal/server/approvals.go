package server

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/approvals"
	"sallyport/cmd/internal/api"
	"sallyport/schemas"
)

// openApprovals makes the approvals service, where gateways or reviewers are served.
func (m *Main) openApprovals() error {
	if !m.services.Approvals && !m.services.Replay {
		return nil
	}
	var err error
	m.approvals, err = approvals.New(approvals.Config{
		Log: m.log, Authorizer: m.access, Who: m.reviewer, Starter: m.starter, PublicURL: m.publicURL(),
		Lifetime: m.config.Limits.Approval, Logger: m.logger, Now: time.Now,
	})
	return err
}

func (m *Main) startApprovals(g *errgroup.Group, ctx context.Context) {
	if m.approvals == nil {
		return
	}
	g.Go(func() error { return named("approvals", m.approvals.Run(ctx)) })
	if m.services.Approvals {
		g.Go(func() error {
			if err := m.registry.Ready(ctx); err != nil { // it says who started an agent
				return nil
			}
			return named("approvals", m.approvals.Serve(ctx))
		})
	}
}

// reviewer is who sends a request. They have stepped up if they proved a passkey not long ago.
func (m *Main) reviewer(ctx context.Context) approvals.Reviewer {
	id := api.Who(ctx)
	r := approvals.Reviewer{Principal: id.Principal, Run: id.Run, Anonymous: id.Administrator}
	r.SteppedUp = m.registry.Snapshot().Proved(schemas.TokenID(id.Principal.GetTokenId()), time.Now(), m.config.Limits.StepUp)
	return r
}

// starter is the person who made a token, or the first of its line. The administrator is nobody in
// particular.
func (m *Main) starter(id schemas.TokenID) string {
	s := m.registry.Snapshot()
	t, ok := s.Token(id)
	if !ok {
		return ""
	}
	return api.Starter(s, t)
}
