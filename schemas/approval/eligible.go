package approval

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/schemas"
)

// May returns nil if that review would count now, or an error for the reviewer that says why not.
func (s State) May(reviewer *schemas.Principal, run *schemas.Run, decision, reason string) error {
	if err := s.open(decision); err != nil {
		return err
	}
	if err := s.Eligible(reviewer, run); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" && slices.ContainsFunc(s.Ask.GetNeed().GetRules(), (*schemas.ApprovalRule).GetReasonRequired) {
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "this request asks its reviewers for a reason", Hint: "say why"}
	}
	if decision == Approve && slices.ContainsFunc(s.Reviews, func(v Review) bool {
		return v.Reviewer.GetName() == reviewer.GetName() && v.Decision == Approve
	}) {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "you have approved this request already", Hint: "it needs somebody else, too"}
	}
	return nil
}

// open says whether that decision comes in time: an approval can be taken back until it is used.
func (s State) open(decision string) error {
	switch {
	case s.Ask == nil:
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such request"}
	case decision != Approve && decision != Deny:
		return &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("decision is %q: it must be approve or deny", decision)}
	case s.Status == Pending, s.Status == Approved && decision == Deny:
		return nil
	}
	by := ""
	if len(s.By) > 0 {
		by = " by " + strings.Join(s.By, ", ")
	}
	return &schemas.Error{Code: schemas.CodeConflict, Message: "the request is " + string(s.Status) + by + " already"}
}

// Eligible returns nil if somebody may review this request, as far as the request itself goes: it
// is a person, who did not ask themselves nor in the same run, did not start the agent that asks
// (unless a rule allows that), and is in a group that a rule names. Denying is up to the same people.
func (s State) Eligible(reviewer *schemas.Principal, run *schemas.Run) error {
	a := s.Ask
	switch {
	case reviewer.GetName() == "" || reviewer.GetKind() != schemas.PrincipalKind_PRINCIPAL_KIND_USER:
		return refuse("only people review requests")
	case reviewer.GetName() == a.GetPrincipal().GetName():
		return refuse("nobody reviews what they ask for themselves")
	case run.GetId() != "" && run.GetId() == a.GetRun().GetId():
		return refuse("nobody reviews what the same run asks for")
	case reviewer.GetTokenId() != "" && reviewer.GetTokenId() == a.GetPrincipal().GetTokenId():
		return refuse("nobody reviews what they ask for themselves")
	}
	rules := a.GetNeed().GetRules()
	starter := reviewer.GetName() == a.GetStarter()
	if starter && !slices.ContainsFunc(rules, (*schemas.ApprovalRule).GetStarter) {
		return refuse("nobody reviews what an agent asks for that they started")
	}
	if len(rules) == 0 {
		return nil
	}
	var groups []string
	for _, r := range rules {
		if r.GetAutomatic() || starter && !r.GetStarter() {
			continue
		}
		if len(r.GetAny())+len(r.GetAll()) == 0 {
			return nil
		}
		for _, g := range slices.Concat(r.GetAny(), r.GetAll()) {
			if in(reviewer, g) {
				return nil
			}
			groups = append(groups, g.GetGroups()...)
		}
	}
	slices.Sort(groups)
	return refuse("this request is for reviewers in " + strings.Join(slices.Compact(groups), ", "))
}

func refuse(why string) error {
	return &schemas.Error{Code: schemas.CodeForbidden, Message: why}
}
