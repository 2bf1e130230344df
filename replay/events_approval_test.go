package replay_test

import (
	"time"

	"google.golang.org/protobuf/proto"

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
	control := func(c *schemas.Control) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			c.Version, c.At = 1, sample.Begin.UnixNano()
			return replay.EventOfControl(42, c, opening)
		}
	}
	wanted := proto.CloneOf(ask)
	wanted.Request, wanted.Session, wanted.Command, wanted.Text, wanted.Protocol, wanted.Reason = "a-2", "", 0, "access to orders for 2h0m0s", "", "the incident"
	wanted.Grant = &schemas.AccessGrant{Role: "orders-on-request", Target: "orders", Length: int64(2 * time.Hour)}
	access := func(wanted *schemas.ApprovalAsk, facts ...*schemas.Control) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			all := []*schemas.Control{{By: "alice@example.com", Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: approval.RefOf(wanted), Ask: wanted, Lifetime: int64(time.Hour)}}}}
			for i, c := range append(all, facts...) {
				if c = proto.CloneOf(c); approval.Ref(c) != nil {
					approval.Ref(c).Id = "a-2"
				}
				if c.Version, c.At = 1, sample.Begin.Add(time.Duration(i)*time.Second).UnixNano(); c.GetApprovalDecided().GetDecision() == "due" {
					c.At = sample.Begin.Add(5 * time.Minute).UnixNano()
				} else if c.GetApprovalDecided() != nil {
					c.At = sample.Begin.Add(time.Hour).UnixNano()
				}
				if i == 0 {
					all[0] = c
				} else {
					all = append(all, c)
				}
			}
			return replay.EventOfApproval(all...)
		}
	}
	two := proto.CloneOf(wanted)
	two.Need.Rules[0].Steps[0].Any[0].Count = 2
	decided := func(what string) *schemas.Control {
		return &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: ref, Decision: what}}}
	}
	return map[string]func() ([]byte, schemas.Subject, error){
		"access.requested": access(wanted),
		"access.approved":  access(wanted, says(bob, approval.Approve)),
		"access.denied":    access(wanted, says(bob, approval.Deny)),
		"access.expired":   access(wanted, decided("expired")),
		"access.escalated": access(wanted, decided("due")),
		"access.withdrawn": access(wanted, &schemas.Control{By: "alice@example.com", Kind: &schemas.Control_ApprovalWithdrawn{ApprovalWithdrawn: &schemas.ApprovalWithdrawn{Request: ref, Reason: "no longer needed"}}}),
		"access.reviewed":  access(two, says(bob, approval.Approve)),
		"access.granted": control(&schemas.Control{By: "alice@example.com", Kind: &schemas.Control_GrantMade{GrantMade: &schemas.GrantMade{Id: "a-1", Principal: opening.Principal, Run: opening.Run,
			Grant: &schemas.AccessGrant{Role: "orders-on-request", Target: "orders", From: sample.Begin.UnixNano(), Until: sample.Begin.Add(time.Hour).UnixNano()},
			By:    []string{"bob@example.com"}, Reason: "the incident"}}}),
		"access.revoked":          control(&schemas.Control{By: "bob@example.com", Kind: &schemas.Control_GrantRevoked{GrantRevoked: &schemas.GrantRevoked{Id: "a-1", Target: "orders", Reason: "it is over", Principal: opening.Principal}}}),
		"access.ended":            control(&schemas.Control{By: "system", Kind: &schemas.Control_GrantEnded{GrantEnded: &schemas.GrantEnded{Id: "a-1", Target: "orders", Principal: opening.Principal}}}),
		"approval.break_glass":    facts(glass),
		"approval.reviewed_after": facts(glass, used, says(bob, approval.Deny)),
		"approval.escalated":      facts(&schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: ref, Decision: "due"}}}),
	}
}
