package session

import (
	"bytes"
	"context"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// Estimator asks a target's planner what a held command would touch, over a connection of its own. It is
// called from several goroutines, and returns when ctx is done. What it returns says why there is no
// estimate, if there is none, in words of the gateway's own: errors of targets may quote values.
type Estimator interface {
	Estimate(ctx context.Context, q Question) *schemas.Estimate
}

// Question is what a planner is asked. Nobody changes it.
type Question struct {
	Text       string // of one SELECT
	Parameters []Parameter
	Path       []string // where names are looked for, "$user" expanded
}

// maxScans bounds how many nodes of a plan are kept.
const maxScans = 20

// estimation is the estimate of one held command: it is asked for beside the hold, which never waits for
// it, and ends with it. A nil one is none.
type estimation struct {
	s   *Session
	ask *schemas.ApprovalAsk
	q   Question
}

// estimation says in ask whether an estimate follows, and prepares it: later the command's buffers and the
// session's state are others'.
func (s *Session) estimation(ask *schemas.ApprovalAsk, c Command, d *Decision) *estimation {
	p := d.Planned
	if s.Estimator == nil || p == nil {
		return nil
	}
	if p.Failure != "" {
		ask.Estimate = &schemas.Estimate{Failure: name(p.Failure)}
		return nil
	}
	e := &estimation{s: s, ask: ask, q: Question{Text: p.Text, Path: s.State.path()}}
	for _, n := range p.Parameters {
		if n == 0 || int(n) > len(c.Parameters) {
			ask.Estimate = &schemas.Estimate{Failure: "the values of its parameters are not known"}
			return nil
		}
		v := c.Parameters[n-1]
		v.Data = bytes.Clone(v.Data)
		e.q.Parameters = append(e.q.Parameters, v)
	}
	ask.Estimating = int64(s.g.c.EstimateTime)
	return e
}

// start asks, and has the answer on the log, unless stop is called before: then nobody waits for it.
func (e *estimation) start(ctx context.Context) (stop func()) {
	if e == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ref := approval.RefOf(e.ask) // the ask is the hold's
	go func() {
		defer cancel()
		e.run(ctx, ref)
	}()
	return cancel
}

func (e *estimation) run(ctx context.Context, ref *schemas.ApprovalRef) {
	g := e.s.g
	asking, cancel := context.WithTimeout(ctx, g.c.EstimateTime)
	defer cancel()
	found := e.s.Estimator.Estimate(asking, e.q)
	if ctx.Err() != nil {
		return
	}
	found.Failure = name(found.Failure)
	found.Scans = found.Scans[:min(len(found.Scans), maxScans)]
	for _, scan := range found.Scans {
		scan.Node, scan.Relation = name(scan.Node), name(scan.Relation)
	}
	told, cancel := context.WithTimeout(ctx, g.c.CommitTimeout)
	defer cancel()
	// It decides nothing, so it rests on no condition: whatever was said meanwhile stands.
	fact := &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalEstimated{
		ApprovalEstimated: &schemas.ApprovalEstimated{Request: ref, Estimate: found}}}
	if _, err := g.c.Log.AppendControl(told, schemas.AreaApproval, ref.GetId(), fact, nil); err != nil && ctx.Err() == nil {
		g.log.Warn("record estimate", "session", e.s.ID, "approval", ref.GetId(), "err", err)
	}
}

// path is where the session looks for names now.
func (t *State) path() []string {
	now := t.snapshot(false)
	user := now.User
	if now.Role != "" && now.Role != "none" {
		user = now.Role
	}
	path := slices.Clone(now.SearchPath)
	for i, schema := range path {
		if schema == "$user" {
			path[i] = user
		}
	}
	return path
}
