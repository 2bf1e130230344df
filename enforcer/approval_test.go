package enforcer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"sallyport/enforcer"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const holding = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: prod}}
spec: {protocol: postgres, address: "db:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec: {members: {groups: [eng]}, targets: {names: [orders]}}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: writes}
spec:
  targets: {names: [orders]}
  when: command.sql.writes.size() > 0 || command.sql.opaque
  verdict: hold
  message: writes are reviewed
  approval:
    any: [{groups: [dba], count: 2}, {groups: [lead]}]
    all: [{groups: [security]}]
    expires: 5m
    reason: required
    starter: true
    auto: command.sql.writes.all(t, t == "public.scratch")
`

// TestApprovalConditions holds what a gateway, and then a reviewer, is told of a policy's approval.
func TestApprovalConditions(t *testing.T) {
	e, _ := newEnforcer(t, load(t, holding), nil)
	for text, automatic := range map[string]bool{
		"DELETE FROM public.orders WHERE id = 1": false,
		"INSERT INTO public.scratch VALUES (1)":  true,
		"DO $$ BEGIN EXECUTE 'x'; END $$":        false, // all of nothing is true, but this cannot be seen
	} {
		v := e.Verdict(t.Context(), ask(text))
		got := new(schemas.ApprovalNeed)
		if err := got.UnmarshalVT(v.Approval); err != nil || v.Outcome != schemas.Outcome_OUTCOME_HOLD {
			t.Errorf("%s: %v, %v", text, v, err)
		}
		want := &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{
			Policy: "writes", Message: "writes are reviewed", Expires: 5 * 60 * 1e9, ReasonRequired: true, Starter: true, Automatic: automatic,
			Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 2}, {Groups: []string{"lead"}, Count: 1}},
			All: []*schemas.ApprovalReviewers{{Groups: []string{"security"}, Count: 1}},
		}}}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestAutoIsChecked(t *testing.T) {
	err := enforcer.CheckPolicy(&resources.Resource{Kind: resources.KindPolicy, Metadata: resources.Metadata{Name: "p"},
		Policy: &resources.Policy{When: "true", Verdict: "hold", Approval: &resources.Approval{Auto: "command.sql.kindz == 1"}}})
	if err == nil || err.Error()[:31] != "policy p: approval.auto: line 1" {
		t.Errorf("got %v", err)
	}
}
