package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
)

// Severities of OCSF that only approvals have.
const (
	severityHigh     = 4
	severityCritical = 5
)

// requests folds what is said of approvals: what a fact comes to depends on those before it.
type requests struct {
	log    *journal.Log
	logger *slog.Logger
	live   map[string]approval.State
}

func newRequests(log *journal.Log, logger *slog.Logger) *requests {
	return &requests{log: log, logger: logger, live: make(map[string]approval.State)}
}

// event returns the event that a fact about a request is; nil for one that did nothing.
func (r *requests) event(ctx context.Context, m journal.Message, c *schemas.Control) (*event, error) {
	id := approval.Ref(c).GetId()
	before, ok := r.live[id]
	if !ok && c.GetApprovalRequested() == nil { // it began before this projector did, or is over
		var err error
		if before, err = r.earlier(ctx, m, id); err != nil {
			return nil, err
		}
	}
	after := before.Fold(approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c})
	if after.Status.Live() {
		r.live[id] = after
	} else {
		delete(r.live, id)
	}
	return approvalEvent(m.Sequence, c, before, after), nil
}

// earlier folds what was said of a request before m.
func (r *requests) earlier(ctx context.Context, m journal.Message, id string) (state approval.State, err error) {
	err = r.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{m.Subject}}, func(ms []journal.Message, caughtUp bool) error {
		for _, e := range ms {
			if e.Sequence >= m.Sequence {
				return errEnough
			}
			state = state.FoldLogged(id, e.Sequence, e.Time, e.Data)
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return state, nil
	}
	return state, errors.Join(err, ctx.Err())
}

// approvalEvent is what a step of a request is called; nil when it was none.
func approvalEvent(sequence uint64, c *schemas.Control, before, after approval.State) *event {
	what := approval.Change(before, after)
	if what == "" {
		return nil
	}
	e := &event{id: fmt.Sprintf("control.%d", sequence), at: nanos(c.GetAt()), log: schemas.Controls}
	a, d, class, area := after.Ask, &e.data, classUpdate, "approval"
	if a.GetGrant() != nil {
		if area = "access"; what == string(approval.Used) { // what was granted is told by itself
			return nil
		}
	}
	if what == "requested" {
		class = classCreate
	}
	e.entity(area, what, class, ocsfEntity{Type: "approval", UID: after.ID, Name: a.GetTarget()})
	e.protocol, e.target = a.GetProtocol(), a.GetTarget()
	d.StatusID, d.StatusCode, d.Comment = success, string(after.Status), after.Reason
	switch {
	case what == "break_glass":
		d.SeverityID = severityCritical
	case what == "reviewed_after" && after.After.Decision == approval.Deny:
		d.SeverityID = severityHigh
	case what == "escalated":
		d.SeverityID = low
	case after.Status == approval.Denied, after.Status == approval.Expired:
		d.StatusID, d.SeverityID = failed, low
	}
	d.Metadata.CorrelationUID = a.GetSession()
	d.Actor = &ocsfActor{User: &ocsfUser{Name: known(c.GetBy()), TypeID: typeUser}}
	if what == "requested" {
		d.Actor.User = user(a.GetPrincipal())
		d.SrcEndpoint = endpoint(a.GetClientAddress())
	} else if what == string(approval.Expired) || what == "escalated" { // whatever came too late
		d.Actor.User = &ocsfUser{Name: "system", TypeID: typeUser}
	} else if r := c.GetApprovalReviewed(); r != nil {
		d.Actor.User = user(r.GetReviewer())
		d.Comment = r.GetReason()
	}
	text := a.GetText()
	if a.GetSql().GetUnparsed() { // nobody could look for secrets in it
		text = ""
	}
	if a.GetGrant() == nil {
		d.QueryInfo = &ocsfQuery{UID: fmt.Sprintf("%s.%d", a.GetSession(), a.GetCommand()), DatastoreQuery: text}
	}
	e.approvalDetails(c, after)
	d.Message = fmt.Sprintf("what %s asked for on %s: %s", a.GetPrincipal().GetName(), a.GetTarget(), what)
	if len(after.By) > 0 {
		d.Message += " by " + strings.Join(after.By, ", ")
	}
	return e
}

func (e *event) approvalDetails(c *schemas.Control, s approval.State) {
	a := s.Ask
	expires := s.Expires.UTC()
	u := &unmapped{Protocol: a.GetProtocol(), Run: a.GetRun().GetId(), RunAgent: a.GetRun().GetAgent(), Command: a.GetCommand(),
		CommandKind: commandKind(a.GetKind()), CommandDigest: digest(a.GetDigest()), SQL: sql(a.GetSql()), Revision: a.GetRevision(),
		Principal: user(a.GetPrincipal()), Expires: &expires, DecidedBy: s.By, Starter: a.GetStarter(), Decision: c.GetApprovalReviewed().GetDecision()}
	if g := a.GetGrant(); g != nil {
		u.CommandKind, u.CommandDigest, u.Role = "", "", g.GetRole()
	}
	for _, r := range a.GetReasons() {
		u.Reasons = append(u.Reasons, Reason{Policy: r.GetPolicy(), Message: r.GetMessage()})
	}
	e.data.Unmapped = u
}
