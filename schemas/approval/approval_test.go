package approval_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/approval/approvaltest"
)

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func person(name string, groups ...string) *schemas.Principal {
	return &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: groups, TokenId: "t-" + name}
}

func of(count uint32, groups ...string) *schemas.ApprovalReviewers {
	return &schemas.ApprovalReviewers{Groups: groups, Count: count}
}

func ask(rules ...*schemas.ApprovalRule) *schemas.ApprovalAsk {
	return &schemas.ApprovalAsk{Request: "a-1", Session: "s", Command: 2, Principal: person("alice", "eng", "dba"), Target: "orders",
		Protocol: "postgres", Text: "DROP TABLE x", Digest: []byte("digest"), Need: &schemas.ApprovalNeed{Rules: rules}}
}

// history builds facts a second apart.
type history []approval.Fact

func (h history) add(c *schemas.Control) history {
	n := len(h) + 1
	return append(h[:len(h):len(h)], approval.Fact{Sequence: uint64(n), Time: began.Add(time.Duration(n) * time.Second), Control: c})
}

func (h history) fold() (s approval.State) {
	for _, f := range h {
		s = s.Fold(f)
	}
	return s
}

func requested(a *schemas.ApprovalAsk, lifetime time.Duration) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: approval.RefOf(a), Ask: a, Lifetime: int64(lifetime)}}}
}

func review(p *schemas.Principal, decision, reason string, run ...string) *schemas.Control {
	r := &schemas.ApprovalReviewed{Request: &schemas.ApprovalRef{Id: "a-1"}, Id: "v", Reviewer: p, Decision: decision, Reason: reason}
	for _, id := range run {
		r.Run = &schemas.Run{Id: id}
	}
	return &schemas.Control{Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: r}}
}

func used(digest string) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: &schemas.ApprovalRef{Id: "a-1"}, Digest: []byte(digest)}}}
}

func withdrawn() *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalWithdrawn{ApprovalWithdrawn: &schemas.ApprovalWithdrawn{Request: &schemas.ApprovalRef{Id: "a-1"}}}}
}

func marked() *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: &schemas.ApprovalRef{Id: "a-1"}, Decision: "expired"}}}
}

// TestRules holds who is needed, and who counts.
func TestRules(t *testing.T) {
	no := func(p *schemas.Principal) *schemas.Control { return review(p, approval.Deny, "") }
	bob, carol, dave := person("bob", "dba"), person("carol", "dba", "security"), person("dave", "security")
	agent := &schemas.Principal{Name: "bot", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, Groups: []string{"dba"}}
	one := &schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{of(1, "dba")}}
	two := &schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{of(2, "dba")}}
	either := &schemas.ApprovalRule{Policy: "p", Any: []*schemas.ApprovalReviewers{of(2, "dba"), of(1, "security")}}
	both := &schemas.ApprovalRule{Policy: "p", All: []*schemas.ApprovalReviewers{of(1, "dba"), of(1, "security")}}
	why := &schemas.ApprovalRule{Policy: "p", ReasonRequired: true}
	automatic := &schemas.ApprovalRule{Policy: "p", Automatic: true}
	byAgent := func(rules ...*schemas.ApprovalRule) *schemas.ApprovalAsk {
		a := ask(rules...)
		a.Principal, a.Run, a.Starter = agent, &schemas.Run{Id: "r-1"}, "bob"
		return a
	}
	for name, c := range map[string]struct {
		ask  *schemas.ApprovalAsk
		said []*schemas.Control
		want approval.Status
	}{
		"nobody":                          {ask(one), nil, approval.Pending},
		"one":                             {ask(one), []*schemas.Control{yes(bob)}, approval.Approved},
		"of another group":                {ask(one), []*schemas.Control{yes(dave)}, approval.Pending},
		"herself":                         {ask(one), []*schemas.Control{yes(person("alice", "dba"))}, approval.Pending},
		"an agent":                        {ask(one), []*schemas.Control{yes(agent)}, approval.Pending},
		"one of two":                      {ask(two), []*schemas.Control{yes(bob)}, approval.Pending},
		"the same twice":                  {ask(two), []*schemas.Control{yes(bob), yes(bob)}, approval.Pending},
		"two":                             {ask(two), []*schemas.Control{yes(bob), yes(carol)}, approval.Approved},
		"one took it back":                {ask(two), []*schemas.Control{yes(bob), no(bob), yes(carol)}, approval.Denied},
		"either, the first":               {ask(either), []*schemas.Control{yes(bob), yes(carol)}, approval.Approved},
		"either, the second":              {ask(either), []*schemas.Control{yes(dave)}, approval.Approved},
		"both, by one":                    {ask(both), []*schemas.Control{yes(carol)}, approval.Pending},
		"both, by one who moves":          {ask(both), []*schemas.Control{yes(carol), yes(bob)}, approval.Approved},
		"both, by one who moves back":     {ask(both), []*schemas.Control{yes(carol), yes(dave)}, approval.Approved},
		"both, twice the same":            {ask(both), []*schemas.Control{yes(bob), yes(person("eve", "dba"))}, approval.Pending},
		"two rules":                       {ask(one, both), []*schemas.Control{yes(bob), yes(dave)}, approval.Approved},
		"two rules, one of them":          {ask(one, both), []*schemas.Control{yes(bob)}, approval.Pending},
		"deny wins":                       {ask(two), []*schemas.Control{yes(bob), no(carol), yes(person("eve", "dba"))}, approval.Denied},
		"deny takes an approval back":     {ask(one), []*schemas.Control{yes(bob), no(carol)}, approval.Denied},
		"deny by another group":           {ask(one), []*schemas.Control{no(dave)}, approval.Pending},
		"no rule at all":                  {ask(), []*schemas.Control{yes(dave)}, approval.Approved},
		"without a reason":                {ask(why), []*schemas.Control{yes(bob)}, approval.Pending},
		"with a reason":                   {ask(why), []*schemas.Control{review(bob, approval.Approve, "because")}, approval.Approved},
		"the policy itself":               {ask(automatic), nil, approval.Approved},
		"the policy itself, and somebody": {ask(automatic, one), nil, approval.Pending},
		"who started the agent":           {byAgent(one), []*schemas.Control{yes(bob)}, approval.Pending},
		"who started it, as is allowed":   {byAgent(&schemas.ApprovalRule{Starter: true, Any: one.Any}), []*schemas.Control{yes(bob)}, approval.Approved},
		"in the same run":                 {byAgent(one), []*schemas.Control{review(carol, approval.Approve, "", "r-1")}, approval.Pending},
		"somebody else for the agent":     {byAgent(one), []*schemas.Control{yes(carol)}, approval.Approved},
		"withdrawn":                       {ask(one), []*schemas.Control{withdrawn(), yes(bob)}, approval.Withdrawn},
		"withdrawn after the approval":    {ask(one), []*schemas.Control{yes(bob), withdrawn(), used("digest")}, approval.Withdrawn},
		"used":                            {ask(one), []*schemas.Control{yes(bob), used("digest"), no(carol), withdrawn()}, approval.Used},
		"used too early":                  {ask(one), []*schemas.Control{used("digest")}, approval.Pending},
		"used for something else":         {ask(one), []*schemas.Control{yes(bob), used("other")}, approval.Approved},
		"marked too early":                {ask(one), []*schemas.Control{marked()}, approval.Pending},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{}.add(requested(c.ask, time.Hour))
			for _, s := range c.said {
				h = h.add(s)
			}
			if s := h.fold(); s.Status != c.want {
				t.Errorf("it is %q by %v, want %q", s.Status, s.By, c.want)
			}
		})
	}
	for name, s := range map[string]approval.State{
		"marked":             history{}.add(requested(ask(one), 500*time.Millisecond)).add(marked()).fold(),
		"reviewed too late":  history{}.add(requested(ask(one), 500*time.Millisecond)).add(yes(bob)).fold(),
		"used too late":      history{}.add(requested(ask(one), 1500*time.Millisecond)).add(yes(bob)).add(used("digest")).fold(),
		"withdrawn too late": history{}.add(requested(ask(one), 500*time.Millisecond)).add(withdrawn()).fold(),
	} {
		if s.Status != approval.Expired {
			t.Errorf("%s: %q", name, s.Status)
		}
	}
	if s := (history{}).add(withdrawn()).add(requested(ask(one), time.Hour)).add(yes(bob)).fold(); s.Status != approval.Withdrawn {
		t.Errorf("requested after it was withdrawn: %q", s.Status)
	}
}

// TestFold lets anybody say anything at any time, and holds what must never be, by other means
// than the fold's.
func TestFold(t *testing.T) {
	names := []string{"alice", "bob", "carol", "dave", "eve"}
	rapid.Check(t, func(t *rapid.T) {
		groups := map[string][]string{}
		for _, n := range names {
			groups[n] = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"dba", "security", "eng"}), 0, 3, rapid.ID[string]).Draw(t, n)
		}
		var rules []*schemas.ApprovalRule
		for i := range rapid.IntRange(0, 2).Draw(t, "rules") {
			rules = append(rules, drawRule(t, i))
		}
		a := ask(rules...)
		lifetime := time.Duration(rapid.IntRange(2, 30).Draw(t, "lifetime")) * time.Second
		var h history
		var states []approval.State
		var printed []string
		s := approval.State{}
		for range rapid.IntRange(1, 15).Draw(t, "facts") {
			who := rapid.SampledFrom(names).Draw(t, "who")
			c := rapid.SampledFrom([]*schemas.Control{
				requested(a, lifetime), requested(a, lifetime), withdrawn(), marked(), expects(3), used("digest"), used("digest"), used("other"),
				review(person(who, groups[who]...), approval.Deny, "no"),
				review(person(who, groups[who]...), approval.Approve, "yes"), review(person(who, groups[who]...), approval.Approve, "yes"),
				review(person(who, groups[who]...), approval.Approve, "yes"),
			}).Draw(t, "fact")
			h = h.add(c)
			before := s
			s = s.Fold(h[len(h)-1])
			check(t, h, before, s)
			if again := s.Fold(h[len(h)-1]); !cmp.Equal(again, s, protocmp.Transform()) {
				t.Fatal("the same fact twice is another state")
			}
			states, printed = append(states, s), append(printed, fmt.Sprintf("%+v", s))
		}
		for i, s := range states {
			if now := fmt.Sprintf("%+v", s); now != printed[i] {
				t.Fatalf("a later fact has changed an earlier state:\n%s\n%s", printed[i], now)
			}
		}
	})
}

func drawRule(t *rapid.T, i int) *schemas.ApprovalRule {
	draw := func(name string) (out []*schemas.ApprovalReviewers) {
		for j := range rapid.IntRange(0, 2).Draw(t, fmt.Sprint(name, i)) {
			label := fmt.Sprint(name, i, j)
			g := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"dba", "security"}), 1, 2, rapid.ID[string]).Draw(t, label)
			out = append(out, of(uint32(rapid.IntRange(1, 2).Draw(t, label+"count")), g...))
		}
		return out
	}
	return &schemas.ApprovalRule{Policy: fmt.Sprint("p", i), Any: draw("any"), All: draw("all")}
}

// check holds one step against the history that led to it.
func check(t *rapid.T, h history, before, s approval.State) {
	final := before.Status != approval.None && !before.Status.Live()
	if final && (s.Status != before.Status || !slices.Equal(s.By, before.By)) {
		t.Fatalf("%s became %s", before.Status, s.Status)
	}
	now := h[len(h)-1]
	if s.Status.Live() && !now.Time.Before(s.Expires) {
		t.Fatalf("it is %s after its expiry", s.Status)
	}
	if s.Status == approval.Used && before.Status != approval.Used && before.Status != approval.Approved {
		t.Fatalf("%s was used", before.Status)
	}
	if s.Status != approval.Approved {
		return
	}
	// Since the request nobody who may has denied, and those who approved are enough: tried in every way.
	var people []approval.Review
	for _, f := range h {
		r := f.Control.GetApprovalReviewed()
		if r == nil || s.Eligible(r, f.Time) != nil || f.Time.Before(s.Requested) {
			continue
		}
		if r.Reviewer.Name == "alice" {
			t.Fatal("alice may review what she asks for")
		}
		if r.Decision == approval.Deny {
			t.Fatalf("approved, though %s denied", r.Reviewer.Name)
		}
		people = append(people, approval.Review{Reviewer: r.Reviewer, At: f.Time})
	}
	if len(people) == 0 {
		t.Fatal("approved by nobody")
	}
	for _, r := range s.Ask.Need.Rules {
		if !approvaltest.Satisfied(r, people, s.Requested) {
			t.Fatalf("approved by %v, and rule %v needs others", people, r)
		}
	}
}

func TestWordsForReviewers(t *testing.T) {
	s := history{}.add(requested(ask(&schemas.ApprovalRule{Any: []*schemas.ApprovalReviewers{of(1, "dba")}, ReasonRequired: true}), time.Hour)).fold()
	may := func(s approval.State, p *schemas.Principal, decision, reason string) error {
		return s.May(&schemas.ApprovalReviewed{Reviewer: p, Decision: decision, Reason: reason}, began.Add(time.Minute))
	}
	for want, err := range map[string]error{
		"nobody reviews what they ask for": may(s, person("alice", "dba"), approval.Approve, "x"),
		"for reviewers in dba":             may(s, person("dave", "eng"), approval.Approve, "x"),
		"asks its reviewers for a reason":  may(s, person("bob", "dba"), approval.Approve, " "),
		"must be approve or deny":          may(s, person("bob", "dba"), "maybe", "x"),
		"there is no such request":         may(approval.State{}, person("bob", "dba"), approval.Approve, "x"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
