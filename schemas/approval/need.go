package approval

import (
	"slices"

	"sallyport/schemas"
)

// satisfied reports whether the reviews are enough. Nobody is needed only where a rule says so: a
// request without rules needs one person.
func (s State) satisfied() bool {
	rules := s.Ask.GetNeed().GetRules()
	if len(rules) == 0 {
		rules = []*schemas.ApprovalRule{{}}
	}
	for _, r := range rules {
		if !s.enough(r) {
			return false
		}
	}
	return true
}

func (s State) enough(r *schemas.ApprovalRule) bool {
	if r.GetAutomatic() {
		return true
	}
	people := s.consenting(r)
	if len(r.GetAny()) == 0 && len(r.GetAll()) == 0 {
		return len(people) > 0
	}
	if len(r.GetAny()) > 0 && !slices.ContainsFunc(r.GetAny(), func(g *schemas.ApprovalReviewers) bool {
		return fills(people, []*schemas.ApprovalReviewers{g}) == 0
	}) {
		return false
	}
	return fills(people, r.GetAll()) == 0
}

// consenting are those who approve and whose consent counts for this rule.
func (s State) consenting(r *schemas.ApprovalRule) []*schemas.Principal {
	var people []*schemas.Principal
	for _, v := range s.Reviews {
		if v.Decision == Approve && (r.GetStarter() || v.Reviewer.GetName() != s.Ask.GetStarter()) {
			people = append(people, v.Reviewer)
		}
	}
	return people
}

// fills returns how many places of groups are left when each person takes one, as well as can be.
func fills(people []*schemas.Principal, groups []*schemas.ApprovalReviewers) (left int) {
	var places []*schemas.ApprovalReviewers
	for _, g := range groups {
		n := max(int(g.GetCount()), 1)
		if n > len(people) { // cannot be filled
			left += n - len(people)
			n = len(people)
		}
		for range n {
			places = append(places, g)
		}
	}
	taken := make([]int, len(people)) // the place that a person takes, plus 1
	for p := range places {
		if !seat(p, places, people, taken, make([]bool, len(people))) {
			left++
		}
	}
	return left
}

// seat finds somebody for a place, moving others to places of theirs if that helps.
func seat(place int, places []*schemas.ApprovalReviewers, people []*schemas.Principal, taken []int, tried []bool) bool {
	for i, p := range people {
		if tried[i] || !in(p, places[place]) {
			continue
		}
		tried[i] = true
		if taken[i] == 0 || seat(taken[i]-1, places, people, taken, tried) {
			taken[i] = place + 1
			return true
		}
	}
	return false
}

func in(p *schemas.Principal, g *schemas.ApprovalReviewers) bool {
	return slices.ContainsFunc(g.GetGroups(), func(name string) bool { return name == "*" || slices.Contains(p.GetGroups(), name) })
}

// Missing describes who is still needed, rule by rule.
func (s State) Missing() []*schemas.ApprovalRule {
	var missing []*schemas.ApprovalRule
	if s.Status != Pending {
		return nil
	}
	for _, r := range s.Ask.GetNeed().GetRules() {
		if !s.enough(r) {
			missing = append(missing, r)
		}
	}
	return missing
}
