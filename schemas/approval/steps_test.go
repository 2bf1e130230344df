package approval_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/approval/approvaltest"
)

// at adds a fact so long after the beginning.
func (h history) at(d time.Duration, c *schemas.Control) history {
	return append(h[:len(h):len(h)], approval.Fact{Sequence: uint64(len(h) + 1), Time: began.Add(d), Control: c})
}

func step(within time.Duration, escalate string, groups ...string) *schemas.ApprovalStep {
	s := &schemas.ApprovalStep{Within: int64(within)}
	for _, g := range groups {
		s.All = append(s.All, of(1, g))
	}
	if escalate != "" {
		s.Escalate = []*schemas.ApprovalReviewers{of(1, escalate)}
	}
	return s
}

func yes(p *schemas.Principal) *schemas.Control { return review(p, approval.Approve, "") }

func TestSteps(t *testing.T) {
	bob, carol, dave := person("bob", "dba"), person("carol", "dba", "security"), person("dave", "security")
	boss := person("boss", "lead")
	rule := func(steps ...*schemas.ApprovalStep) *schemas.ApprovalRule {
		return &schemas.ApprovalRule{Policy: "p", Steps: steps}
	}
	plain := rule(step(0, "", "dba"), step(0, "", "security"))
	timed := rule(step(10*time.Minute, "lead", "dba"), step(0, "", "security"))
	strict := rule(step(10*time.Minute, "", "dba"), step(10*time.Minute, "", "security"))
	minute := time.Minute
	type said struct {
		after time.Duration
		fact  *schemas.Control
	}
	for name, c := range map[string]struct {
		rules     []*schemas.ApprovalRule
		said      []said
		want      approval.Status
		escalated int
	}{
		"in order":                        {[]*schemas.ApprovalRule{plain}, []said{{minute, yes(bob)}, {2 * minute, yes(dave)}}, approval.Approved, 0},
		"out of order":                    {[]*schemas.ApprovalRule{plain}, []said{{minute, yes(dave)}, {2 * minute, yes(bob)}}, approval.Pending, 0},
		"out of order, and again":         {[]*schemas.ApprovalRule{plain}, []said{{minute, yes(dave)}, {2 * minute, yes(bob)}, {3 * minute, yes(dave)}}, approval.Approved, 0},
		"one person for both":             {[]*schemas.ApprovalRule{plain}, []said{{minute, yes(carol)}, {2 * minute, yes(carol)}}, approval.Pending, 0},
		"denied by a later step's":        {[]*schemas.ApprovalRule{plain}, []said{{minute, review(dave, approval.Deny, "no")}}, approval.Denied, 0},
		"others, too early":               {[]*schemas.ApprovalRule{timed}, []said{{minute, yes(boss)}}, approval.Pending, 0},
		"others, in time":                 {[]*schemas.ApprovalRule{timed}, []said{{11 * minute, yes(boss)}, {12 * minute, yes(dave)}}, approval.Approved, 1},
		"others, too early and again":     {[]*schemas.ApprovalRule{timed}, []said{{minute, yes(boss)}, {11 * minute, yes(boss)}, {12 * minute, yes(dave)}}, approval.Approved, 1},
		"a mark escalates":                {[]*schemas.ApprovalRule{timed}, []said{{10 * minute, marked()}}, approval.Pending, 1},
		"the first, after its time":       {[]*schemas.ApprovalRule{timed}, []said{{11 * minute, yes(bob)}, {12 * minute, yes(dave)}}, approval.Approved, 1},
		"nobody else":                     {[]*schemas.ApprovalRule{strict}, []said{{10 * minute, yes(bob)}}, approval.Expired, 0},
		"the second in its time":          {[]*schemas.ApprovalRule{strict}, []said{{9 * minute, yes(bob)}, {18 * minute, yes(dave)}}, approval.Approved, 0},
		"the second too late":             {[]*schemas.ApprovalRule{strict}, []said{{9 * minute, yes(bob)}, {19 * minute, yes(dave)}}, approval.Expired, 0},
		"one review for two rules":        {[]*schemas.ApprovalRule{plain, {Policy: "q", Any: []*schemas.ApprovalReviewers{of(1, "dba")}}}, []said{{minute, yes(bob)}, {2 * minute, yes(dave)}}, approval.Approved, 0},
		"another rule's, then the step":   {[]*schemas.ApprovalRule{plain, {Policy: "q", Any: []*schemas.ApprovalReviewers{of(1, "security")}}}, []said{{minute, yes(dave)}, {2 * minute, yes(bob)}, {3 * minute, yes(dave)}}, approval.Approved, 0},
		"another rule's, and no more":     {[]*schemas.ApprovalRule{plain, {Policy: "q", Any: []*schemas.ApprovalReviewers{of(1, "security")}}}, []said{{minute, yes(dave)}, {2 * minute, yes(bob)}}, approval.Pending, 0},
		"one person twice, in two groups": {[]*schemas.ApprovalRule{rule(step(0, "", "dba", "security"))}, []said{{minute, yes(carol)}, {2 * minute, yes(carol)}}, approval.Pending, 0},
		"the same twice changes nothing":  {[]*schemas.ApprovalRule{plain}, []said{{minute, yes(bob)}, {2 * minute, yes(bob)}}, approval.Pending, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{}.at(0, requested(ask(c.rules...), time.Hour))
			for _, s := range c.said {
				h = h.at(s.after, s.fact)
			}
			if s := h.fold(); s.Status != c.want || s.Escalated != c.escalated {
				t.Errorf("it is %q by %v (%s), escalated %d, want %q and %d", s.Status, s.By, s.Reason, s.Escalated, c.want, c.escalated)
			}
		})
	}
	s := history{}.at(0, requested(ask(timed), time.Hour)).fold()
	if want := began.Add(10 * time.Minute); !s.Next().Equal(want) {
		t.Errorf("next is %s, want %s", s.Next(), want)
	}
	if s = s.Fold(approval.Fact{Sequence: 2, Time: began.Add(10 * time.Minute), Control: marked()}); !s.Next().Equal(began.Add(time.Hour)) {
		t.Errorf("next is %s, want the expiry", s.Next())
	}
}

// TestStepsAreTakenInOrder holds approvals by steps against every way in which they might have been
// taken.
func TestStepsAreTakenInOrder(t *testing.T) {
	names := []string{"bob", "carol", "dave", "eve", "frank"}
	groups := []string{"dba", "security", "lead"}
	rapid.Check(t, func(t *rapid.T) {
		people := map[string]*schemas.Principal{}
		for _, n := range names {
			people[n] = person(n, rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 3, rapid.ID[string]).Draw(t, n)...)
		}
		rule := &schemas.ApprovalRule{Policy: "p"}
		for i := range rapid.IntRange(1, 3).Draw(t, "steps") {
			escalate := rapid.SampledFrom([]string{"", "lead"}).Draw(t, fmt.Sprint("escalate", i))
			within := time.Duration(rapid.IntRange(0, 5).Draw(t, fmt.Sprint("within", i))) * time.Minute
			rule.Steps = append(rule.Steps, step(within, escalate, rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 2, rapid.ID[string]).Draw(t, fmt.Sprint("groups", i))...))
		}
		h := history{}.at(0, requested(ask(rule), time.Hour))
		s := h.fold()
		now := time.Duration(0)
		for range rapid.IntRange(1, 12).Draw(t, "reviews") {
			now += time.Duration(rapid.IntRange(1, 180).Draw(t, "later")) * time.Second
			before := s
			c := marked()
			if who := rapid.SampledFrom(append(names, "")).Draw(t, "who"); who != "" {
				c = yes(people[who])
			}
			h = h.at(now, c)
			s = s.Fold(h[len(h)-1])
			if before.Status.Live() && s.Status == approval.Pending && !s.Next().After(s.Seen) {
				t.Fatalf("something should have become of it at %s, and it is %s", s.Next(), s.Seen)
			}
			if s.Escalated < before.Escalated {
				t.Fatal("fewer may take it")
			}
		}
		if s.Status == approval.Approved && !approvaltest.Satisfied(rule, s.Reviews, began) {
			t.Fatalf("approved by %v, and no way leads through the steps", s.By)
		}
	})
}

func TestOfficeHours(t *testing.T) {
	berlin := &schemas.OfficeHours{Days: []uint32{1, 2, 3, 4, 5}, From: 9 * 60, To: 17 * 60, Zone: "Europe/Berlin"}
	night := &schemas.OfficeHours{Days: []uint32{5}, From: 22 * 60, To: 6 * 60} // Friday's, in UTC
	for _, c := range []struct {
		hours *schemas.OfficeHours
		at    string
		want  bool
	}{
		{berlin, "2026-11-23T08:00:00Z", true}, {berlin, "2026-11-23T07:59:59Z", false}, {berlin, "2026-11-23T15:59:59Z", true},
		{berlin, "2026-11-23T16:00:00Z", false}, {berlin, "2026-11-22T10:00:00Z", false},
		{berlin, "2026-10-23T07:30:00Z", true}, // summer time: 09:30
		{night, "2026-11-27T22:00:00Z", true}, {night, "2026-11-28T05:59:00Z", true}, {night, "2026-11-28T06:00:00Z", false},
		{night, "2026-11-28T22:00:00Z", false}, {night, "2026-11-27T05:00:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		a := ask(&schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1, Hours: c.hours}}})
		zones, err := approval.Zones(a.Need, at.Add(-time.Hour), at.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		r := requested(a, time.Hour)
		r.GetApprovalRequested().Zones = zones
		s := approval.State{}.Fold(approval.Fact{Sequence: 1, Time: at, Control: r})
		if s = s.Fold(approval.Fact{Sequence: 2, Time: at, Control: yes(person("bob", "dba"))}); (s.Status == approval.Approved) != c.want {
			t.Errorf("%s at %s: %s", approval.Hours(c.hours), c.at, s.Status)
		}
		if s = s.Fold(approval.Fact{Sequence: 3, Time: at, Control: review(person("carol", "dba"), approval.Deny, "")}); s.Status != approval.Denied {
			t.Errorf("denying is possible at any time, and it is %s", s.Status)
		}
	}
	// Clocks change while it waits: 2026-10-25T01:00:00Z, from 03:00 to 02:00.
	from := time.Date(2026, 10, 24, 23, 0, 0, 0, time.UTC)
	zones, err := approval.Zones(&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Steps: []*schemas.ApprovalStep{{Escalate: []*schemas.ApprovalReviewers{{Hours: berlin}}}}}}}, from, from.Add(5*time.Hour))
	if err != nil || len(zones) != 2 || zones[0].Offset != 7200 || zones[1].Offset != 3600 || zones[1].From != time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC).UnixNano() {
		t.Errorf("zones %v, %v", zones, err)
	}
	if _, err := approval.Zones(&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Any: []*schemas.ApprovalReviewers{{Hours: &schemas.OfficeHours{Zone: "Mars/Olympus"}}}}}}, from, from); err == nil {
		t.Error("there is a time zone on Mars")
	}
}

func TestBreakGlass(t *testing.T) {
	rule := &schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{of(1, "dba")}, BreakGlass: []string{"oncall"}}
	alice, bob := person("alice", "oncall"), person("bob", "dba")
	glass := review(alice, approval.BreakGlass, "production is down")
	open := history{}.add(requested(ask(rule), time.Hour))
	broken := open.add(glass)
	for name, c := range map[string]struct {
		h    history
		want approval.Status
	}{
		"herself":                 {broken, approval.Approved},
		"used":                    {broken.add(used("digest")), approval.Used},
		"denied before it is":     {broken.add(review(bob, approval.Deny, "no")), approval.Denied},
		"denied before":           {open.add(review(bob, approval.Deny, "no")).add(glass), approval.Denied},
		"by somebody else":        {open.add(review(person("eve", "oncall"), approval.BreakGlass, "x")), approval.Pending},
		"without a reason":        {open.add(review(alice, approval.BreakGlass, " ")), approval.Pending},
		"in no group that may":    {open.add(review(person("alice", "eng"), approval.BreakGlass, "x")), approval.Pending},
		"another rule forbids it": {history{}.add(requested(ask(rule, &schemas.ApprovalRule{Policy: "q"}), time.Hour)).add(glass), approval.Pending},
		"no rule at all":          {history{}.add(requested(ask(), time.Hour)).add(glass), approval.Pending},
	} {
		if s := c.h.fold(); s.Status != c.want {
			t.Errorf("%s: %s", name, s.Status)
		}
	}
	s := broken.add(used("digest")).fold()
	if !s.Unreviewed() || s.Settled() || s.Reason != "break-glass: production is down" {
		t.Errorf("used: %+v", s)
	}
	for name, c := range map[string]*schemas.Control{
		"herself": review(alice, approval.Approve, "fine"), "nobody who may": yes(person("dave", "eng")), "once more": glass,
	} {
		if after := s.Fold(approval.Fact{Sequence: 9, Time: began.Add(time.Hour), Control: c}); after.After != nil {
			t.Errorf("reviewed afterwards by %s", name)
		}
	}
	late := began.Add(72 * time.Hour) // a review is due until there is one
	s = s.Fold(approval.Fact{Sequence: 9, Time: late, Control: review(bob, approval.Deny, "it could have waited")})
	if s.Status != approval.Used || s.After == nil || s.After.Decision != approval.Deny || !s.Settled() {
		t.Errorf("reviewed: %+v", s)
	}
	if again := s.Fold(approval.Fact{Sequence: 10, Time: late, Control: yes(person("carol", "dba"))}); again.After.Reviewer.Name != "bob" {
		t.Error("reviewed twice")
	}
}

func TestAccountsAndCredentials(t *testing.T) {
	bot := &schemas.Principal{Name: "review-bot", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, Groups: []string{"dba"}}
	named := &schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Agents: []string{"review-bot"}, Count: 1}}}
	people := &schemas.ApprovalRule{Policy: "q"}
	passkey := &schemas.ApprovalRule{Policy: "r", StepUp: true}
	with := func(p *schemas.Principal, change func(*schemas.ApprovalReviewed)) *schemas.Control {
		c := review(p, approval.Approve, "")
		change(c.GetApprovalReviewed())
		return c
	}
	madeBy := func(name string) func(*schemas.ApprovalReviewed) {
		return func(r *schemas.ApprovalReviewed) { r.Maker = name }
	}
	byAgent := ask(named)
	byAgent.Principal, byAgent.Starter = &schemas.Principal{Name: "coder", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT}, "carol"
	for name, c := range map[string]struct {
		ask  *schemas.ApprovalAsk
		said *schemas.Control
		want approval.Status
	}{
		"an agent that is named":             {ask(named), yes(bot), approval.Approved},
		"an agent, and a rule for people":    {ask(named, people), yes(bot), approval.Pending},
		"an agent of the right group":        {ask(&schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{of(1, "dba")}}), yes(bot), approval.Pending},
		"an agent and no rule":               {ask(), yes(bot), approval.Pending},
		"her own agent":                      {ask(named), with(bot, madeBy("alice")), approval.Pending},
		"her other account":                  {ask(named), with(person("alice2", "dba"), madeBy("alice")), approval.Pending},
		"an account that the starter made":   {byAgent, with(person("carol2", "dba"), madeBy("carol")), approval.Pending},
		"an account that an admin made":      {ask(named), with(person("bob", "dba"), madeBy("root")), approval.Approved},
		"without a passkey":                  {ask(passkey), yes(person("bob")), approval.Pending},
		"with a passkey":                     {ask(passkey), with(person("bob"), func(r *schemas.ApprovalReviewed) { r.SteppedUp = true }), approval.Approved},
		"with one, though no rule wants one": {ask(named), with(person("bob", "dba"), func(r *schemas.ApprovalReviewed) { r.SteppedUp = true }), approval.Approved},
	} {
		s := history{}.add(requested(c.ask, time.Hour)).add(c.said).fold()
		if s.Status != c.want {
			t.Errorf("%s: %s", name, s.Status)
		}
	}
	err := (history{}).add(requested(ask(passkey), time.Hour)).fold().May(yes(person("bob")).GetApprovalReviewed(), began)
	if err == nil || !strings.Contains(err.Error(), "passkey") {
		t.Errorf("without a passkey: %v", err)
	}
}
