package approval

import (
	"slices"
	"time"

	"sallyport/schemas"
)

// satisfied reports whether the reviews are enough. Nobody is needed only where a rule says so: a
// request without rules needs one person.
func (s State) satisfied(at time.Time) bool {
	rules := s.Ask.GetNeed().GetRules()
	if len(rules) == 0 {
		rules = []*schemas.ApprovalRule{{}}
	}
	for _, r := range rules {
		if s.left(r, at) > 0 {
			return false
		}
	}
	return true
}

// left is how far a rule is from being satisfied; 0: it is. A step weighs more than all its places.
func (s State) left(r *schemas.ApprovalRule, at time.Time) int {
	const aStep = 1 << 20
	switch steps := r.GetSteps(); {
	case r.GetAutomatic():
		return 0
	case len(steps) > 0:
		p := s.progress(r, at)
		return (len(steps)-p.step)*aStep + p.left
	}
	reviews := s.consenting(r)
	if len(r.GetAny()) == 0 && len(r.GetAll()) == 0 {
		if slices.ContainsFunc(reviews, func(v Review) bool { return v.Reviewer.GetKind() == user }) {
			return 0
		}
		return 1
	}
	return s.missing(reviews, r.GetAny(), r.GetAll())
}

// missing counts the places that are left of all, and of one of any. Nobody fills one of each.
func (s State) missing(reviews []Review, any, all []*schemas.ApprovalReviewers) int {
	if len(any) == 0 {
		return s.fills(reviews, all)
	}
	best := s.fills(reviews, append(slices.Clone(all), any[0]))
	for _, g := range any[1:] {
		best = min(best, s.fills(reviews, append(slices.Clone(all), g)))
	}
	return best
}

// consenting are the approvals whose consent counts for this rule, each person's first.
func (s State) consenting(r *schemas.ApprovalRule) []Review {
	var all []Review
	for _, v := range s.Reviews {
		if s.counts(r, v) && !slices.ContainsFunc(all, func(o Review) bool { return o.Reviewer.GetName() == v.Reviewer.GetName() }) {
			all = append(all, v)
		}
	}
	return all
}

func (s State) counts(r *schemas.ApprovalRule, v Review) bool {
	starter := s.Ask.GetStarter()
	started := starter != "" && (v.Reviewer.GetName() == starter || v.Maker == starter)
	return v.Decision == Approve && (r.GetStarter() || !started) && (v.StepUp || !r.GetStepUp())
}

// fills returns how many places of groups are left when each person takes one, as well as can be,
// however often they said it.
func (s State) fills(reviews []Review, groups []*schemas.ApprovalReviewers) (left int) {
	people := byPerson(reviews)
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
		if !s.seat(p, places, people, taken, make([]bool, len(people))) {
			left++
		}
	}
	return left
}

// byPerson puts together what each person said.
func byPerson(reviews []Review) (people [][]Review) {
	for _, v := range reviews {
		i := slices.IndexFunc(people, func(p []Review) bool { return p[0].Reviewer.GetName() == v.Reviewer.GetName() })
		if i < 0 {
			i, people = len(people), append(people, nil)
		}
		people[i] = append(people[i], v)
	}
	return people
}

// seat finds somebody for a place, moving others to places of theirs if that helps.
func (s State) seat(place int, places []*schemas.ApprovalReviewers, people [][]Review, taken []int, tried []bool) bool {
	for i, person := range people {
		if tried[i] || !slices.ContainsFunc(person, func(v Review) bool { return s.in(v.Reviewer, places[place], v.At) }) {
			continue
		}
		tried[i] = true
		if taken[i] == 0 || s.seat(taken[i]-1, places, people, taken, tried) {
			taken[i] = place + 1
			return true
		}
	}
	return false
}

// in reports whether somebody is among the reviewers that an entry names, at that moment.
func (s State) in(p *schemas.Principal, g *schemas.ApprovalReviewers, at time.Time) bool {
	return s.named(p, g) && (g.GetHours() == nil || s.during(g.GetHours(), at))
}

func (s State) named(p *schemas.Principal, g *schemas.ApprovalReviewers) bool {
	if p.GetKind() == agent { // by its name only: whatever groups it is in
		return slices.Contains(g.GetAgents(), p.GetName())
	}
	return slices.ContainsFunc(g.GetGroups(), func(name string) bool { return name == "*" || slices.Contains(p.GetGroups(), name) })
}

// Missing describes who is still needed, rule by rule.
func (s State) Missing() []*schemas.ApprovalRule {
	var missing []*schemas.ApprovalRule
	if s.Status != Pending {
		return nil
	}
	for _, r := range s.Ask.GetNeed().GetRules() {
		if s.left(r, s.Seen) > 0 {
			missing = append(missing, r)
		}
	}
	return missing
}
