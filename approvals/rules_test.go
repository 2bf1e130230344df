package approvals_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/approvals"
	"sallyport/schemas"
	"sallyport/schemas/journal/journaltest"
)

// The moment at which others may take a step is marked, and so is one after which nobody may.
func TestStepsAreMarked(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	in := func(within time.Duration, escalate ...string) func(*schemas.ApprovalAsk) {
		return func(a *schemas.ApprovalAsk) {
			step := &schemas.ApprovalStep{Any: []*schemas.ApprovalReviewers{{Groups: []string{"lead"}, Count: 1}}, Within: int64(within)}
			for _, g := range escalate {
				step.Escalate = append(step.Escalate, &schemas.ApprovalReviewers{Groups: []string{g}, Count: 1})
			}
			a.Need.Rules[0].Any, a.Need.Rules[0].Steps = nil, []*schemas.ApprovalStep{step}
		}
	}
	o.request(l, ask("a-1", in(time.Second, "dba")))
	o.request(l, ask("a-2", in(time.Second)))
	if code, body := o.review("bob", "a-1", "approve"); code != 403 || !strings.Contains(body, "for reviewers in lead") {
		t.Errorf("too early: %d %s", code, body)
	}
	eventually(t, "it escalates", func() bool { return o.show("a-1").Escalated == 1 })
	if s := o.show("a-1").Need[0].Steps[0]; !s.Open || !s.Escalated || s.Satisfied || s.Escalate[0].Groups[0] != "dba" || s.Within != 1 {
		t.Errorf("the step is %+v", s)
	}
	if code, body := o.review("bob", "a-1", "approve"); code != 200 || !strings.Contains(body, `"approved"`) {
		t.Errorf("in time: %d %s", code, body)
	}
	eventually(t, "the other expires", func() bool { return o.show("a-2").Status == "expired" })
	if a := o.show("a-2"); !strings.Contains(a.Reason, "step 1 of policy p was not decided within 1s") {
		t.Errorf("because %s", a.Reason)
	}
}

func TestGoingOnWithoutConsent(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	o.request(l, ask("a-1", func(a *schemas.ApprovalAsk) { a.Need.Rules[0].BreakGlass = []string{"dba"} }))
	if code, body := o.do(named("bob"), "POST", "/a-1/reviews", `{"decision": "break_glass", "reason": "x"}`, nil); code != 403 {
		t.Errorf("somebody else: %d %s", code, body)
	}
	var a approvals.Approval
	if code, body := o.do(named("alice"), "POST", "/a-1/reviews", `{"decision": "break_glass", "reason": "it burns"}`, &a); code != 200 || a.Status != "approved" || a.Glass.Reason != "it burns" {
		t.Fatalf("alice: %d %s", code, body)
	}
	use := &schemas.Control{Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: &schemas.ApprovalRef{Id: "a-1"}, Digest: []byte{1}}}}
	if _, err := l.AppendControl(t.Context(), schemas.AreaApproval, "a-1", use, nil); err != nil {
		t.Fatal(err)
	}
	var out approvals.Listed
	eventually(t, "it is to be reviewed", func() bool {
		o.do(named("bob"), "GET", "?status=unreviewed", "", &out)
		return len(out.Approvals) == 1 && out.Approvals[0].MayReview
	})
	for _, o := range []*office{o, open(t, l, func(c *approvals.Config) { c.History = 1 })} {
		if a := o.show("a-1"); !a.Unreviewed || a.MayBreakGlass {
			t.Errorf("it is %+v", a)
		}
	}
	if code, body := o.do(named("bob"), "POST", "/a-1/reviews", `{"decision": "deny", "reason": "it did not"}`, &a); code != 200 || a.Status != "used" || a.After.By != "bob" || a.Unreviewed {
		t.Errorf("bob: %d %s", code, body)
	}
	o.do(named("bob"), "GET", "?status=unreviewed", "", &out)
	if code, _ := o.review("carol", "a-1", "approve"); code != 409 || len(out.Approvals) != 0 {
		t.Errorf("twice: %d, %d are listed", code, len(out.Approvals))
	}
}

func TestManyAtOnce(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	run := &schemas.Run{Id: "r-1", Agent: "bot"}
	opened := &schemas.Control{Kind: &schemas.Control_RunOpened{RunOpened: &schemas.RunOpened{Run: run, Prompt: "clean the tables up"}}}
	if _, err := l.AppendControl(t.Context(), schemas.AreaRun, "r-1", opened, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		o.request(l, ask(id(i), func(a *schemas.ApprovalAsk) {
			a.Run, a.Reason = run, "they are old"
			if i == 3 {
				a.Sql = &schemas.SqlFacts{Kinds: []string{"TRUNCATE"}}
			}
		}))
	}
	if a := o.show(id(0)); a.Alike != 2 || a.RunPrompt != "clean the tables up" || a.Why != "they are old" {
		t.Errorf("%d alike, prompt %q, why %q", a.Alike, a.RunPrompt, a.Why)
	}
	var like approvals.Listed
	if o.do(named("bob"), "GET", "?like="+id(0), "", &like); len(like.Approvals) != 3 {
		t.Errorf("%d are alike", len(like.Approvals))
	}
	if code, _ := o.do(named("mallory"), "GET", "?like="+id(0), "", nil); code != 404 {
		t.Errorf("like one that mallory may not see: %d", code)
	}
	var out approvals.Reviewed
	body := `{"ids": ["` + id(0) + `", "` + id(1) + `", "a-none"], "decision": "approve", "reason": "all of them"}`
	if code, said := o.do(named("bob"), "POST", "/reviews", body, &out); code != 200 || len(out.Results) != 3 {
		t.Fatalf("%d %s", code, said)
	}
	for _, r := range out.Results {
		if (r.ID == "a-none") != (r.Code == "not_found") || (r.ID == "a-none") != (r.Status == "") {
			t.Errorf("%+v", r)
		}
	}
	use := &schemas.Control{Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: &schemas.ApprovalRef{Id: id(0)}, Digest: []byte{1}}}}
	if _, err := l.AppendControl(t.Context(), schemas.AreaApproval, id(0), use, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is among the past", func() bool {
		p := o.show(id(2)).Past
		return len(p) == 1 && p[0].ID == id(0) && p[0].Same && p[0].Status == "used" && p[0].By[0] == "bob"
	})
	for _, body := range []string{`{"ids": []}`, `{`, `{"ids": ["` + strings.Repeat(`a","`, 3) + `b"], "odd": 1}`} {
		if code, _ := o.do(named("bob"), "POST", "/reviews", body, nil); code != 400 {
			t.Errorf("%s: %d", body, code)
		}
	}
}
