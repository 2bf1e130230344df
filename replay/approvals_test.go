package replay_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// Facts that did nothing are no events, whenever a projector begins.
func TestApprovalsAreTold(t *testing.T) {
	log := sample.Open(t)
	w := &world{t: t, log: log, gateway: sample.NewGateway(t, log)}
	stop := w.briefly()
	ask := &schemas.ApprovalAsk{Request: "a-1", Session: string(first), Command: 2, Principal: opening.Principal, Target: "orders", Protocol: "postgres", Digest: []byte{1}}
	ref := approval.RefOf(ask)
	add := func(c *schemas.Control) {
		t.Helper()
		if _, err := log.AppendControl(t.Context(), schemas.AreaApproval, "a-1", c, nil); err != nil {
			t.Fatal(err)
		}
	}
	bob := &schemas.Principal{Name: "bob", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}
	marked := &schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: ref, Decision: "expired"}}}
	add(&schemas.Control{By: "alice", Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: ref, Ask: ask, Lifetime: int64(time.Hour)}}})
	add(marked) // too early
	w.told(1)
	stop()
	defer w.briefly()()
	used := &schemas.Control{By: "alice", Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: ref, Digest: []byte{1}}}}
	add(used) // nobody has approved it
	add(&schemas.Control{By: "bob", Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "v", Reviewer: bob, Decision: "approve"}}})
	add(used)
	add(used) // once is all
	add(&schemas.Control{By: "bob", Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "w", Reviewer: bob, Decision: "deny"}}})
	w.told(3)
	w.events = w.tell()
	report, err := w.events.Rebuild(t.Context(), untold)
	if err != nil || !report.Equal || report.Entries != 3 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	_, order := stored(t, log)
	if d := cmp.Diff([]string{"sallyport.approval.requested.v1", "sallyport.approval.approved.v1", "sallyport.approval.used.v1"}, order); d != "" {
		t.Error(d)
	}
}
