package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// Bounds of what a reviewer is shown. It is shown whole, or the command is refused.
const (
	maxReviewText   = 256 << 10
	maxReviewValues = 64 << 10
)

// Held is what a client is told while its command waits.
type Held struct {
	Approval string
	Link     string        // where people decide; may be empty
	Message  string        // why it is held
	Expires  time.Time     // on the gateway's clock
	Lifetime time.Duration // from the beginning
	Again    bool          // it was told before: this shows that the session is alive
}

// Hold asks for consent to a command that was recorded under number and committed, and waits. It
// returns the decision to go on with: one that allows, or one that refuses and says why. The
// approval is spent, and that on the log, when it allows, so the caller forwards at once or never.
// tell is called when the request is made, and then every Config.HoldNotice.
//
// When ctx is done the request is withdrawn, and the refusal is ctx's cause if that is a
// schemas.Error. An error means that the session cannot go on. It belongs to the goroutine that
// decides.
func (s *Session) Hold(ctx context.Context, number uint64, c Command, d *Decision, tell func(Held)) (*Decision, error) {
	ask, ok := s.approvalAsk(ctx, number, c, d)
	if !ok {
		return d.refused(schemas.CodeForbidden, "it needs approval, and is too long for a reviewer to see whole", ""), nil
	}
	e := s.estimation(ask, c, d)
	if s.Later {
		return s.holdLater(ctx, c, d, ask, e)
	}
	leave, err := s.g.waiting.enter(ctx, s.ID, ask.Request)
	if errors.Is(err, errCrowded) {
		return d.refused(schemas.CodeLimit, "it needs approval, and too many commands are held already", "try again later"), nil
	}
	if err != nil {
		return s.unavailable(d, err), nil
	}
	defer leave()
	h := &hold{s: s, ask: ask, command: c, decision: d}
	answer, err := s.askApproval(ctx, ask)
	if err != nil && ctx.Err() != nil {
		return h.conclude(ctx, h.withdraw(withdrawal(ctx)))
	}
	if err != nil {
		h.withdraw("the gateway got no answer") // it may have been heard all the same
		return s.unavailable(d, err), nil
	}
	if answer.Failure != "" {
		return d.refused(schemas.CodeUnavailable, "it needs approval: "+answer.Failure, ""), nil
	}
	if err := h.begin(ctx, answer); err != nil {
		_, _ = h.conclude(ctx, h.withdraw("the session ended, or could not be recorded")) // err says why
		return nil, err
	}
	defer e.start(ctx)()
	state, err := h.wait(ctx, tell)
	if err != nil {
		return nil, err
	}
	return h.conclude(ctx, state)
}

// hold is one command that waits.
type hold struct {
	s        *Session
	ask      *schemas.ApprovalAsk
	command  Command
	decision *Decision
	told     Held
}

func (s *Session) unavailable(d *Decision, err error) *Decision {
	if !errors.Is(err, journal.ErrNoAnswer) {
		s.g.log.Error("ask for approval", "session", s.ID, "err", err)
	}
	return d.refused(schemas.CodeUnavailable, "it needs approval, and no approvals service answered", "try again; if it persists, tell the operator of the gateway")
}

// approvalAsk says what is asked; ok is false when it does not fit.
func (s *Session) approvalAsk(ctx context.Context, number uint64, c Command, d *Decision) (ask *schemas.ApprovalAsk, ok bool) {
	need := &schemas.ApprovalNeed{}
	if need.UnmarshalVT(d.Approval) != nil {
		return nil, false
	}
	ask = &schemas.ApprovalAsk{
		Request: schemas.NewID("a-"), Session: string(s.ID), Command: number,
		Principal: s.req.Identity.Principal, Run: s.req.Identity.Run,
		Target: s.req.Target.Metadata.Name, Protocol: s.req.Protocol, Database: printable(s.req.Database),
		Kind: c.Kind, Text: s.shown(ctx, c, d), Sql: fit(d.Sql), Digest: s.Digest(c.Text, c.Parameters),
		Revision: d.Revision, Need: need, Reasons: d.Reasons, ClientAddress: s.req.ClientAddress,
		Exec: d.exec(ctx), Operation: c.Operation, Forward: c.Forward, Login: c.Login,
	}
	size := 0
	for i, p := range c.Parameters {
		v := &schemas.Value{Null: p.Null, Binary: p.Binary, Type: p.Type, Size: uint64(len(p.Data)), Data: p.Data}
		if marker := s.marker(ctx, p, i, d); marker != "" {
			v.Data, v.Marker = nil, marker
		}
		size += len(v.Data) + 32
		ask.Parameters = append(ask.Parameters, v)
	}
	return ask, len(ask.Text) <= maxReviewText && size <= maxReviewValues
}

func (s *Session) askApproval(ctx context.Context, ask *schemas.ApprovalAsk) (*schemas.ApprovalAnswer, error) {
	data, err := ask.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode approval ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.g.c.AnswerTimeout)
	defer cancel()
	reply, err := s.g.c.Log.Ask(ctx, schemas.AskApproval, data)
	if err != nil {
		return nil, err
	}
	answer := &schemas.ApprovalAnswer{}
	if err := answer.UnmarshalVT(reply); err != nil {
		return nil, fmt.Errorf("decode approval answer: %w", err)
	}
	if answer.Failure == "" && answer.Request != ask.Request && (!ask.Later || answer.Request == "") {
		return nil, errors.New("the answer is about another request")
	}
	return answer, nil
}

// begin records that the command waits.
func (h *hold) begin(ctx context.Context, answer *schemas.ApprovalAnswer) error {
	s := h.s
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Held{Held: &schemas.Held{
		Command: h.ask.Command, Approval: h.ask.Request, Expires: answer.Expires}}})
	if err != nil {
		return s.fail(err)
	}
	expires := time.Unix(0, answer.Expires)
	h.told = Held{Approval: h.ask.Request, Link: answer.Link, Message: messages(h.decision.Reasons),
		Expires: expires, Lifetime: expires.Sub(s.g.c.Now())}
	return s.Commit(context.WithoutCancel(ctx))
}

// wait returns when the request is decided, withdrawn or expired.
func (h *hold) wait(ctx context.Context, tell func(Held)) (approval.State, error) {
	s := h.s
	notice := time.NewTicker(s.g.c.HoldNotice)
	defer notice.Stop()
	// The service marks the expiry. Should there be none any more, the gateway does.
	expiry := time.NewTimer(time.Hour)
	expiry.Stop()
	defer expiry.Stop()
	// Somebody may have decided already: the client is told all the same what it waited for.
	if slices.ContainsFunc(h.ask.Need.GetRules(), func(r *schemas.ApprovalRule) bool { return !r.GetAutomatic() }) {
		tell(h.told)
		h.told.Again = true
	}
	for armed := false; ; {
		state, _, moved := s.g.waiting.look(h.ask.Request)
		if state.Status != approval.None && state.Status != approval.Pending {
			return state, nil
		}
		if !armed && state.Status == approval.Pending {
			armed = true
			expiry.Reset(state.Expires.Sub(state.Requested) + s.g.c.HoldGrace)
		}
		select {
		case <-moved:
		case <-notice.C:
			tell(h.told)
		case <-expiry.C:
			if err := h.expire(); err != nil {
				expiry.Reset(time.Second)
			}
		case <-ctx.Done():
			return h.withdraw(withdrawal(ctx)), nil
		case <-s.done:
			if _, err := h.conclude(ctx, h.withdraw("the session ended: "+s.why.Message)); err != nil {
				return state, err
			}
			return state, s.Err()
		}
	}
}

func withdrawal(ctx context.Context) string {
	if e, ok := errors.AsType[*schemas.Error](context.Cause(ctx)); ok {
		return e.Message
	}
	return "the client no longer waits"
}

// expire marks a moment at which every reader of the log sees that the request has expired.
func (h *hold) expire() error {
	ctx, cancel := context.WithTimeout(context.Background(), h.s.g.c.CommitTimeout)
	defer cancel()
	state, err := h.s.g.waiting.append(ctx, h.ask.Request,
		func(s approval.State) bool { return s.Status == approval.Pending },
		func() *schemas.Control {
			return &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{
				Request: approval.RefOf(h.ask), Decision: string(approval.Expired)}}}
		})
	if err == nil && state.Status == approval.Pending {
		err = errors.New("it is too early")
	}
	return err
}

// withdraw takes the request back, and returns what became of it. Whatever came first stands.
func (h *hold) withdraw(why string) approval.State {
	ctx, cancel := context.WithTimeout(context.Background(), h.s.g.c.CommitTimeout)
	defer cancel()
	fact := func() *schemas.Control {
		return &schemas.Control{By: h.ask.Principal.GetName(), Kind: &schemas.Control_ApprovalWithdrawn{
			ApprovalWithdrawn: &schemas.ApprovalWithdrawn{Request: approval.RefOf(h.ask), Reason: printable(why)}}}
	}
	state, err := h.s.g.waiting.append(ctx, h.ask.Request, func(s approval.State) bool { return s.Status.Live() }, fact)
	if err == nil && state.Status == approval.None { // not seen: should it still come, it comes too late
		_, err = h.s.g.c.Log.AppendControl(ctx, schemas.AreaApproval, h.ask.Request, fact(), nil)
	}
	if err != nil {
		h.s.g.log.Warn("withdraw request", "session", h.s.ID, "approval", h.ask.Request, "err", err)
	}
	if state.Status.Live() || state.Status == approval.None {
		state.Status, state.By, state.Reason = approval.Withdrawn, nil, why
	}
	return state
}

// conclude spends an approval, and records what became of the command.
func (h *hold) conclude(ctx context.Context, state approval.State) (*Decision, error) {
	d := h.decision
	if state.Status == approval.Approved {
		d, state = h.use(ctx)
	}
	s, status := h.s, approval.Approved
	if state.Status != approval.Used || !d.Allowed() {
		if status = state.Status; status == approval.Used { // by somebody else
			status, state.By, state.Reason = approval.Withdrawn, nil, "the approval was used already"
		}
		d = h.refusal(ctx, d, state)
	}
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Decided{Decided: &schemas.Decided{
		Command: h.ask.Command, Approval: h.ask.Request, Decision: string(status), By: state.By, Reason: cut(printable(state.Reason), maxText)}}})
	if err != nil {
		return nil, s.fail(err)
	}
	if err := s.Commit(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return d, nil
}

// use spends the approval. Only who sees its own Used take effect, as everybody else sees it, goes
// on: what became of one that was not acknowledged does not matter, the command does not run.
func (h *hold) use(ctx context.Context) (*Decision, approval.State) {
	d := h.reconsider(ctx)
	if !d.Allowed() {
		return d, h.withdraw("the policies changed while the command waited")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.s.g.c.CommitTimeout)
	defer cancel()
	use := schemas.NewID("u-")
	after, err := h.s.g.waiting.append(ctx, h.ask.Request,
		func(s approval.State) bool { return s.Status == approval.Approved },
		func() *schemas.Control {
			return &schemas.Control{By: h.ask.Principal.GetName(), Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{
				Request: approval.RefOf(h.ask), Gateway: string(h.s.g.c.Lease.ID()), Digest: h.ask.Digest,
				Id: use, Session: string(h.s.ID), Command: h.ask.Command}}}
		})
	if err != nil {
		h.s.g.log.Error("use approval", "session", h.s.ID, "approval", h.ask.Request, "err", err)
		after.Status, after.Reason = approval.Withdrawn, "the approval could not be used, so the command did not run"
	}
	if after.Status == approval.Used && after.Use != use {
		after.Status, after.Reason = approval.Withdrawn, "the approval was used already"
	}
	return d, after
}

// reconsider asks for the verdict again when the policies are not the ones that held the command:
// the approval is for those.
func (h *hold) reconsider(ctx context.Context) *Decision {
	s, d := h.s, h.decision
	if s.g.c.Revision == nil || string(s.g.c.Revision()) != d.Revision {
		now, err := s.Judge(ctx, h.command)
		if err != nil {
			return d.refused(schemas.CodeUnavailable, "the verdict could not be asked for again", "")
		}
		if now.Outcome == schemas.Outcome_OUTCOME_HOLD && !bytes.Equal(now.Approval, d.Approval) {
			return d.refused(schemas.CodeForbidden, "the policies changed while the command waited, and ask for another approval", "run it again")
		}
		if now.Outcome == schemas.Outcome_OUTCOME_DENY {
			return now
		}
		d = now
	}
	return d.approved()
}

// refusal is the decision about a command that nobody consented to.
func (h *hold) refusal(ctx context.Context, d *Decision, state approval.State) *Decision {
	hint := "approval: " + h.ask.Request
	because := ""
	if state.Reason != "" {
		because = ": " + state.Reason
	}
	switch state.Status {
	case approval.Denied:
		return d.refused(schemas.CodeForbidden, "denied by "+strings.Join(state.By, ", ")+because, hint)
	case approval.Expired:
		return d.refused(schemas.CodeForbidden, "nobody approved it within "+state.Expires.Sub(state.Requested).String(), hint)
	}
	if e, ok := errors.AsType[*schemas.Error](context.Cause(ctx)); ok {
		d = d.refused(e.Code, e.Message, e.Hint)
		d.refusal.Message = e.Message
		return d
	}
	if d.Outcome == schemas.Outcome_OUTCOME_DENY { // judged again
		return d
	}
	return d.refused(schemas.CodeForbidden, "the request was withdrawn"+because, hint)
}
