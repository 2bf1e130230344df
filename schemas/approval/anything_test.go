package approval_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/approval/approvaltest"
)

// TestAnythingMayBeSaidAtAnyTime lets everybody say anything of requests with rules of all shapes, by steps or not,
// while time passes, and holds what becomes of them against every way that might have led there.
func TestAnythingMayBeSaidAtAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := ask(approvaltest.Need(t, 0, time.Minute).Rules...)
		a.Principal = approvaltest.Person(approvaltest.Asker)
		h := history{}.at(0, requested(a, 8*time.Minute))
		s := h.fold()
		now := time.Duration(0)
		for i := range rapid.IntRange(1, 14).Draw(t, "facts") {
			now += time.Duration(rapid.IntRange(0, 60).Draw(t, "later")) * time.Second
			before := s
			h = h.at(now, drawFact(t, i))
			s = s.Fold(h[len(h)-1])
			holdAnything(t, h, before, s)
		}
		endsByItself(t, s)
	})
}

// drawFact is the i-th that somebody says: most of them approve.
func drawFact(t *rapid.T, i int) *schemas.Control {
	who := approvaltest.Person(rapid.SampledFrom(approvaltest.Names()).Draw(t, "who"))
	id := fmt.Sprint(i)
	switch rapid.SampledFrom([]string{"yes", "yes", "yes", "yes", "yes", "yes", "yes", "yes", "no", "glass", "through", "use", "use", "other", "withdraw", "mark"}).Draw(t, "fact") {
	case "no":
		return review(who, approval.Deny, "no")
	case "glass":
		return review(approvaltest.Person(rapid.SampledFrom([]string{approvaltest.Asker, who.Name}).Draw(t, "breaks")), approval.BreakGlass, rapid.SampledFrom([]string{"", "down"}).Draw(t, "why"))
	case "through": // an account that she made
		c := review(who, rapid.SampledFrom([]string{approval.Approve, approval.Deny}).Draw(t, "says"), "hers")
		c.GetApprovalReviewed().Maker = approvaltest.Asker
		return c
	case "use":
		c := used("digest")
		c.GetApprovalUsed().Id = id
		return c
	case "other":
		return used("other")
	case "withdraw":
		return withdrawn()
	case "mark":
		return marked()
	}
	return yes(who)
}

// holdAnything holds one step against the history that led to it.
func holdAnything(t *rapid.T, h history, before, s approval.State) {
	last := h[len(h)-1]
	if !before.Status.Live() && (s.Status != before.Status || s.Use != before.Use) {
		t.Fatalf("%s became %s, use %q use %q", before.Status, s.Status, before.Use, s.Use)
	}
	if s.Status == approval.Used && before.Status != approval.Used && before.Status != approval.Approved {
		t.Fatalf("%s was used", before.Status)
	}
	if r := last.Control.GetApprovalReviewed(); r.GetDecision() == approval.Deny && approvaltest.MayDeny(s.Ask, r) && s.Status.Live() {
		t.Fatalf("%s denied it, and it is %s", r.Reviewer.Name, s.Status)
	}
	if last.Control.GetApprovalWithdrawn() != nil && s.Status.Live() {
		t.Fatalf("it was withdrawn, and is %s", s.Status)
	}
	if s.Status != approval.Approved {
		return
	}
	// Whoever uses it now runs it. What was marked used to no effect is left out.
	var heard history
	for _, f := range h {
		if f.Control.GetApprovalUsed() == nil {
			heard = append(heard, f)
		}
	}
	if err := approvaltest.Ran(heard.at(last.Time.Sub(began), used("digest"))); err != nil {
		t.Fatalf("approved by %v: %v", s.By, err)
	}
}

// endsByItself holds that a request reaches an end once each of its moments is marked.
func endsByItself(t *rapid.T, s approval.State) {
	for range 10 {
		if !s.Status.Live() {
			return
		}
		next := s.Next()
		if !next.After(s.Seen) {
			t.Fatalf("at %s something should have become of it, and it is %s", next, s.Seen)
		}
		s = s.Fold(approval.Fact{Sequence: s.Sequence + 1, Time: next, Control: marked()})
	}
	t.Fatalf("it is %s for ever", s.Status)
}
