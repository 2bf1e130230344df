package approvaltest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// Ran says why what a request is about must not have run. facts are all that is on the log about it, in order; one
// of them is the use.
func Ran(facts []approval.Fact) error {
	var asked *schemas.ApprovalRequested
	var at time.Time
	var reviews []approval.Review
	for i, f := range facts {
		switch k := f.Control.Kind.(type) {
		case *schemas.Control_ApprovalRequested:
			if asked == nil {
				asked, at = k.ApprovalRequested, f.Time
			}
		case *schemas.Control_ApprovalWithdrawn:
			return fmt.Errorf("it ran after it was withdrawn")
		case *schemas.Control_ApprovalReviewed:
			r := k.ApprovalReviewed
			if asked == nil {
				continue
			}
			if r.Decision == approval.Deny && MayDeny(asked.Ask, r) {
				return fmt.Errorf("it ran, though %s denied it", r.Reviewer.Name)
			}
			reviews = append(reviews, approval.Review{ID: r.Id, Reviewer: r.Reviewer, Decision: r.Decision, Reason: r.Reason, At: f.Time, Maker: r.Maker})
		case *schemas.Control_ApprovalUsed:
			if !slices.Equal(k.ApprovalUsed.Digest, asked.GetAsk().GetDigest()) {
				continue
			}
			if asked == nil || !f.Time.Before(at.Add(time.Duration(asked.Lifetime))) {
				return fmt.Errorf("it was used when nobody had asked, or too late")
			}
			if !broken(asked.Ask, reviews) && !consented(asked.Ask, reviews, at) {
				return fmt.Errorf("it was used, and no way leads through %v by %v", asked.Ask.Need.Rules, reviews)
			}
			return again(facts[i+1:])
		}
	}
	return fmt.Errorf("it ran, and no use is on the log")
}

// again holds that nobody used it before: a use is appended by who sees the approval, unused.
func again(later []approval.Fact) error {
	if slices.ContainsFunc(later, func(f approval.Fact) bool { return f.Control.GetApprovalUsed() != nil }) {
		return fmt.Errorf("it was used twice")
	}
	return nil
}

func consented(a *schemas.ApprovalAsk, reviews []approval.Review, at time.Time) bool {
	reviews = slices.DeleteFunc(slices.Clone(reviews), func(v approval.Review) bool {
		return v.Decision != approval.Approve || v.Reviewer.Name == a.Principal.Name || v.Maker == a.Principal.Name
	})
	for _, r := range a.Need.Rules {
		if !Satisfied(r, reviews, at) {
			return false
		}
	}
	return len(reviews) > 0
}

func broken(a *schemas.ApprovalAsk, reviews []approval.Review) bool {
	return slices.ContainsFunc(reviews, func(v approval.Review) bool {
		return v.Decision == approval.BreakGlass && v.Reviewer.Name == a.Principal.Name && strings.TrimSpace(v.Reason) != "" && a.Grant == nil &&
			!slices.ContainsFunc(a.Need.Rules, func(r *schemas.ApprovalRule) bool { return !overlap(r.BreakGlass, v.Reviewer.Groups) })
	})
}

// MayDeny reports whether somebody's denial counts: anything names them, and they have no part in it.
func MayDeny(a *schemas.ApprovalAsk, r *schemas.ApprovalReviewed) bool {
	if r.Reviewer.Name == a.Principal.Name || r.Maker == a.Principal.Name {
		return false
	}
	for _, rule := range a.Need.Rules {
		named := slices.Concat(rule.Any, rule.All)
		for _, s := range rule.Steps {
			named = slices.Concat(named, s.Any, s.All, s.Escalate)
		}
		if len(named) == 0 || slices.ContainsFunc(named, func(g *schemas.ApprovalReviewers) bool { return overlap(g.Groups, r.Reviewer.Groups) }) {
			return true
		}
	}
	return len(a.Need.Rules) == 0
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Satisfied reports whether approvals in that order are enough for a rule in any way.
func Satisfied(r *schemas.ApprovalRule, approvals []approval.Review, requested time.Time) bool {
	if len(r.Steps) > 0 {
		return taken(r.Steps, approvals, requested, nil)
	}
	if len(r.Any)+len(r.All) == 0 {
		return len(approvals) > 0
	}
	return enough(people(approvals), r.Any, r.All)
}

type crowd map[string]*schemas.Principal

func people(reviews []approval.Review) crowd {
	c := crowd{}
	for _, v := range reviews {
		c[v.Reviewer.Name] = v.Reviewer
	}
	return c
}

// taken tries every way through steps: each ends with a review, and whoever is of it is of no later one.
func taken(steps []*schemas.ApprovalStep, reviews []approval.Review, opened time.Time, used []string) bool {
	if len(steps) == 0 {
		return true
	}
	first := steps[0]
	moment := opened.Add(time.Duration(first.Within))
	for end := range reviews {
		late := first.Within > 0 && !reviews[end].At.Before(moment)
		if late && len(first.Escalate) == 0 {
			return false
		}
		said := slices.DeleteFunc(slices.Clone(reviews[:end+1]), func(v approval.Review) bool { return slices.Contains(used, v.Reviewer.Name) })
		elders := people(slices.DeleteFunc(slices.Clone(said), func(v approval.Review) bool { return !late || v.At.Before(moment) }))
		for _, some := range subsets(people(said)) {
			older, names := crowd{}, slices.Clone(used)
			for n := range some {
				if names = append(names, n); elders[n] != nil {
					older[n] = elders[n]
				}
			}
			instead := late && slices.ContainsFunc(first.Escalate, func(g *schemas.ApprovalReviewers) bool { return assignable(older, []*schemas.ApprovalReviewers{g}) })
			if (instead || enough(some, first.Any, first.All)) && taken(steps[1:], reviews[end+1:], reviews[end].At, names) {
				return true
			}
		}
	}
	return false
}

func subsets(c crowd) (out []crowd) {
	out = []crowd{{}}
	for name, p := range c {
		for _, s := range out[:len(out):len(out)] {
			with := crowd{name: p}
			for n, o := range s {
				with[n] = o
			}
			out = append(out, with)
		}
	}
	return out
}

// enough is all of all, and one of any, each place with a person of its own.
func enough(c crowd, any, all []*schemas.ApprovalReviewers) bool {
	if len(any) == 0 {
		return assignable(c, all)
	}
	return slices.ContainsFunc(any, func(g *schemas.ApprovalReviewers) bool { return assignable(c, append(slices.Clone(all), g)) })
}

// assignable tries every assignment of people to places.
func assignable(c crowd, groups []*schemas.ApprovalReviewers) bool {
	if len(groups) == 0 {
		return true
	}
	g, rest := groups[0], groups[1:]
	if g.Count > 1 {
		rest = append([]*schemas.ApprovalReviewers{{Groups: g.Groups, Count: g.Count - 1}}, rest...)
	}
	for name, p := range c {
		if !overlap(g.Groups, p.Groups) {
			continue
		}
		others := crowd{}
		for n, o := range c {
			if n != name {
				others[n] = o
			}
		}
		if assignable(others, rest) {
			return true
		}
	}
	return false
}
