package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
)

const (
	user  = schemas.PrincipalKind_PRINCIPAL_KIND_USER
	agent = schemas.PrincipalKind_PRINCIPAL_KIND_AGENT
)

// May returns nil if that review would count at that moment, or an error for the reviewer that says
// why not.
func (s State) May(r *schemas.ApprovalReviewed, at time.Time) error {
	if err := s.open(r.GetDecision()); err != nil {
		return err
	}
	if r.GetDecision() == BreakGlass {
		return s.mayBreak(r)
	}
	if err := s.Eligible(r, at); err != nil {
		return err
	}
	rules := s.Ask.GetNeed().GetRules()
	if strings.TrimSpace(r.GetReason()) == "" && slices.ContainsFunc(rules, (*schemas.ApprovalRule).GetReasonRequired) {
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "this request asks its reviewers for a reason", Hint: "say why"}
	}
	if r.GetDecision() != Approve || s.Status == Used {
		return nil
	}
	if s.NeedsStepUp() && !r.GetSteppedUp() {
		return stepUp()
	}
	if s.approvedBy(r.GetReviewer().GetName()) && !s.helps(r, at) {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "you have approved this request already", Hint: "it needs somebody else, too"}
	}
	return nil
}

// NeedsStepUp reports whether who approves must have proved anew who they are.
func (s State) NeedsStepUp() bool {
	return slices.ContainsFunc(s.Ask.GetNeed().GetRules(), (*schemas.ApprovalRule).GetStepUp)
}

func stepUp() error {
	return &schemas.Error{Code: schemas.CodeStepUp, Message: "this request needs you to prove with a passkey that it is you", Hint: "approve it in the web app"}
}

func (s State) approvedBy(name string) bool {
	return slices.ContainsFunc(s.Reviews, func(v Review) bool { return v.Reviewer.GetName() == name && v.Decision == Approve })
}

// helps reports whether another approval of somebody who has approved brings a later step on.
func (s State) helps(r *schemas.ApprovalReviewed, at time.Time) bool {
	with := s
	with.Reviews = append(slices.Clone(s.Reviews), Review{Reviewer: r.GetReviewer(), Decision: Approve, At: at, Maker: r.GetMaker(), StepUp: r.GetSteppedUp()})
	return slices.ContainsFunc(s.Ask.GetNeed().GetRules(), func(rule *schemas.ApprovalRule) bool { return with.left(rule, at) < s.left(rule, at) })
}

// open says whether that decision comes in time: an approval can be taken back until it is used,
// and one that somebody gave themselves is reviewed afterwards, once.
func (s State) open(decision string) error {
	switch {
	case s.Ask == nil:
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such request"}
	case decision != Approve && decision != Deny && decision != BreakGlass:
		return &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("decision is %q: it must be approve or deny", decision)}
	case s.Status == Pending, s.Status == Approved && decision == Deny, s.Unreviewed() && decision != BreakGlass:
		return nil
	}
	by := ""
	if len(s.By) > 0 {
		by = " by " + strings.Join(s.By, ", ")
	}
	return &schemas.Error{Code: schemas.CodeConflict, Message: "the request is " + string(s.Status) + by + " already"}
}

// Eligible returns nil if somebody may review this request at that moment, as far as the request
// itself goes. They did not ask themselves, nor in the same run, nor through an account that the one
// who asked made; they did not start the agent that asks (unless a rule allows that); and they are
// in a group, or the agent, that a rule names for a step that is open. Denying is up to the people of
// every step, whichever is open.
func (s State) Eligible(r *schemas.ApprovalReviewed, at time.Time) error {
	if err := s.impartial(r); err != nil {
		return err
	}
	a, who := s.Ask, r.GetReviewer()
	rules := a.GetNeed().GetRules()
	starter := a.GetStarter() != "" && (who.GetName() == a.GetStarter() || r.GetMaker() == a.GetStarter())
	if starter && !slices.ContainsFunc(rules, (*schemas.ApprovalRule).GetStarter) {
		return refuse("nobody reviews what an agent asks for that they started")
	}
	if len(rules) == 0 && who.GetKind() == user {
		return nil
	}
	var named []string
	for _, rule := range rules {
		if rule.GetAutomatic() || starter && !rule.GetStarter() {
			continue
		}
		entries, anybody := s.asked(rule, r.GetDecision(), at)
		if anybody && who.GetKind() == user {
			return nil
		}
		for _, g := range entries {
			if s.in(who, g, at) || r.GetDecision() == Deny && s.named(who, g) {
				return nil
			}
			named = append(named, describe(g)...)
		}
	}
	slices.Sort(named)
	if len(named) == 0 {
		return refuse("only people review this request")
	}
	return refuse("this request is for reviewers in " + strings.Join(slices.Compact(named), ", "))
}

// impartial refuses who has a part in what is asked for.
func (s State) impartial(r *schemas.ApprovalReviewed) error {
	a, who, name := s.Ask, r.GetReviewer(), s.Ask.GetPrincipal().GetName()
	switch {
	case who.GetName() == "" || who.GetKind() != user && who.GetKind() != agent:
		return refuse("only people review requests")
	case who.GetName() == name, who.GetTokenId() != "" && who.GetTokenId() == a.GetPrincipal().GetTokenId():
		return refuse("nobody reviews what they ask for themselves")
	case r.GetRun().GetId() != "" && r.GetRun().GetId() == a.GetRun().GetId():
		return refuse("nobody reviews what the same run asks for")
	case r.GetMaker() == name:
		return refuse("nobody reviews what they ask for themselves, through another account either")
	}
	return nil
}

// asked returns whose reviews a rule takes at that moment; anybody: every person's.
func (s State) asked(rule *schemas.ApprovalRule, decision string, at time.Time) (entries []*schemas.ApprovalReviewers, anybody bool) {
	steps := rule.GetSteps()
	if len(steps) == 0 {
		entries = slices.Concat(rule.GetAny(), rule.GetAll())
		return entries, len(entries) == 0
	}
	p := s.progress(rule, at)
	for i, step := range steps {
		if decision != Approve || i == p.step {
			entries = append(entries, slices.Concat(step.GetAny(), step.GetAll())...)
		}
		if decision != Approve || i == p.step && p.escalated {
			entries = append(entries, step.GetEscalate()...)
		}
	}
	return entries, false
}

// mayBreak says whether who asked may go on by themselves: every rule that needs somebody lets
// them.
func (s State) mayBreak(r *schemas.ApprovalReviewed) error {
	a, who := s.Ask, r.GetReviewer()
	if who.GetKind() != user || a.GetPrincipal().GetKind() != user || who.GetName() != a.GetPrincipal().GetName() {
		return refuse("only the person who asks may go on without consent")
	}
	rules := a.GetNeed().GetRules()
	if len(rules) == 0 || a.GetGrant() != nil {
		return refuse("no policy lets you go on without consent")
	}
	for _, rule := range rules {
		if !rule.GetAutomatic() && !slices.ContainsFunc(rule.GetBreakGlass(), func(g string) bool { return slices.Contains(who.GetGroups(), g) }) {
			return refuse("policy " + rule.GetPolicy() + " does not let you go on without consent")
		}
	}
	if strings.TrimSpace(r.GetReason()) == "" {
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "going on without consent needs a reason", Hint: "say why it cannot wait"}
	}
	if s.NeedsStepUp() && !r.GetSteppedUp() {
		return stepUp()
	}
	return nil
}

func describe(g *schemas.ApprovalReviewers) []string {
	names := slices.Clone(g.GetGroups())
	for _, a := range g.GetAgents() {
		names = append(names, "agent "+a)
	}
	if h := g.GetHours(); h != nil && len(names) > 0 {
		names[len(names)-1] += " (" + Hours(h) + ")"
	}
	return names
}

func refuse(why string) error {
	return &schemas.Error{Code: schemas.CodeForbidden, Message: why}
}
