package replay_test

import (
	"time"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// consentGoldens are the events of requests that do not go the usual way.
func consentGoldens() map[string]func() ([]byte, schemas.Subject, error) {
	ask := &schemas.ApprovalAsk{Request: "a-1", Session: string(first), Command: 2, Principal: opening.Principal, Target: "orders",
		Protocol: "postgres", Text: "DELETE FROM customers", Digest: []byte{0xab}, Kind: schemas.CommandKind_COMMAND_KIND_QUERY, ClientAddress: "192.0.2.7:50123",
		Need: &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "no-unfiltered", BreakGlass: []string{"oncall"}, Steps: []*schemas.ApprovalStep{{
			Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}, Within: int64(5 * time.Minute), Escalate: []*schemas.ApprovalReviewers{{Groups: []string{"lead"}, Count: 1}}}}}}}}
	ref := approval.RefOf(ask)
	says := func(p *schemas.Principal, decision string) *schemas.Control {
		return &schemas.Control{By: p.Name, Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "v-" + p.Name,
			Reviewer: p, Decision: decision, Reason: "production is down"}}}
	}
	facts := func(facts ...*schemas.Control) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			all := append([]*schemas.Control{{By: "alice@example.com", Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: ref, Ask: ask, Lifetime: int64(time.Hour)}}}}, facts...)
			for i, c := range all {
				c.Version, c.At = 1, sample.Begin.Add(time.Duration(i)*time.Second).UnixNano()
				if c.GetApprovalDecided() != nil {
					c.At = sample.Begin.Add(5 * time.Minute).UnixNano()
				}
			}
			return replay.EventOfApproval(all...)
		}
	}
	glass := says(opening.Principal, approval.BreakGlass)
	used := &schemas.Control{By: "alice@example.com", Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: ref, Digest: ask.Digest}}}
	bob := &schemas.Principal{Name: "bob@example.com", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}
	return map[string]func() ([]byte, schemas.Subject, error){
		"approval.break_glass":    facts(glass),
		"approval.reviewed_after": facts(glass, used, says(bob, approval.Deny)),
		"approval.escalated":      facts(&schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: ref, Decision: "due"}}}),
	}
}
