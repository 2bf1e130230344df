package enforcer_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
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
		if len(got.Policies) != 32 {
			t.Errorf("%s: digest of the policies %x", text, got.Policies)
		}
		want := &schemas.ApprovalNeed{Policies: got.Policies, Rules: []*schemas.ApprovalRule{{
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

const steps = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders}
spec: {protocol: postgres, address: "db:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec: {members: {groups: [eng]}, targets: {names: [orders]}}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: zz-last}
spec: {targets: {names: [orders]}, when: "true", verdict: hold, message: MESSAGE}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: in-steps}
spec:
  targets: {names: [orders]}
  when: "true"
  verdict: hold
  approval:
    steps:
      - {any: [{groups: [dba], hours: {days: [mon, fri], from: "09:00", to: "17:30", zone: Europe/Berlin}}], within: 10m, escalate: [{groups: [oncall]}]}
      - {all: [{agents: [review-bot]}, {groups: [security]}]}
    stepUp: true
    breakGlass: [oncall]
`

// TestApprovalSteps holds what a gateway is told of steps, and that the need is for the policies as
// they are: another that does not matter changes nothing.
func TestApprovalSteps(t *testing.T) {
	need := func(document string) *schemas.ApprovalNeed {
		e, _ := newEnforcer(t, load(t, document), nil)
		n := new(schemas.ApprovalNeed)
		if err := n.UnmarshalVT(e.Verdict(t.Context(), ask("SELECT 1")).Approval); err != nil {
			t.Fatal(err)
		}
		return n
	}
	got := need(steps)
	of := func(groups ...string) *schemas.ApprovalReviewers {
		return &schemas.ApprovalReviewers{Groups: groups, Count: 1}
	}
	dba := of("dba")
	dba.Hours = &schemas.OfficeHours{Days: []uint32{1, 5}, From: 540, To: 1050, Zone: "Europe/Berlin"}
	want := []*schemas.ApprovalRule{{
		Policy: "in-steps", Message: "held by policy in-steps", StepUp: true, BreakGlass: []string{"oncall"},
		Steps: []*schemas.ApprovalStep{
			{Any: []*schemas.ApprovalReviewers{dba}, Within: 600 * 1e9, Escalate: []*schemas.ApprovalReviewers{of("oncall")}},
			{All: []*schemas.ApprovalReviewers{{Agents: []string{"review-bot"}, Count: 1}, of("security")}},
		},
	}, {Policy: "zz-last", Message: "MESSAGE"}}
	if diff := cmp.Diff(want, got.Rules, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	other := "\n---\napiVersion: sallyport/v1\nkind: Policy\nmetadata: {name: other}\nspec: {targets: {names: [orders]}, when: \"false\", verdict: deny}\n"
	if same := need(steps + other); !proto.Equal(same, got) {
		t.Error("a policy that does not match changes the need")
	}
	if changed := need(strings.Replace(steps, "MESSAGE", "another", 1)); bytes.Equal(changed.Policies, got.Policies) {
		t.Error("a policy that matches changes, and the digest does not")
	}
}

func TestTimeZonesAreChecked(t *testing.T) {
	a := &resources.Approval{Steps: []resources.Step{{Escalate: []resources.Reviewers{{Groups: []string{"x"}, Hours: &resources.Hours{From: "09:00", To: "10:00", Zone: "Mars/Olympus"}}}}}}
	for _, r := range []*resources.Resource{
		{Kind: resources.KindPolicy, Policy: &resources.Policy{When: "true", Verdict: "hold", Approval: a}},
		{Kind: resources.KindRole, Role: &resources.Role{Request: &resources.Request{Approval: a}}},
	} {
		if err := enforcer.CheckPolicy(r); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") {
			t.Errorf("%s: %v", r.Kind, err)
		}
	}
}
