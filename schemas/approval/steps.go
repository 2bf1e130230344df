package approval

import (
	"fmt"
	"slices"
	"time"

	"sallyport/schemas"
)

// progress is how far the steps of a rule are at a moment.
type progress struct {
	step      int       // that is open; the number of steps: all are satisfied
	opened    time.Time // when it was
	left      int       // places of it that are to be filled
	moment    time.Time // when its time is over; zero: it has as long as the request
	escalated bool      // its time is over, and others may take it
	passed    int       // steps before it that others could take before they were satisfied
}

// progress follows the reviews. Whoever counted in a step does not count in a later one.
func (s State) progress(r *schemas.ApprovalRule, at time.Time) progress {
	p := progress{opened: s.Requested}
	counted := make(map[string]bool)
	next := 0 // of the reviews
	for i, step := range r.GetSteps() {
		p.step, p.moment, p.escalated = i, time.Time{}, false
		if d := time.Duration(step.GetWithin()); d > 0 {
			p.moment = p.opened.Add(d)
		}
		var reviews []Review
		done := false
		for ; next < len(s.Reviews) && !done; next++ {
			v := s.Reviews[next]
			if v.At.After(at) {
				break
			}
			if counted[v.Reviewer.GetName()] || !s.counts(r, v) || !s.takes(step, p.moment, v) {
				continue
			}
			reviews = append(reviews, v)
			done = s.short(step, p.moment, reviews, v.At) == 0
			if done {
				p.opened = v.At
				if over(p.moment, v.At) {
					p.passed++
				}
			}
		}
		for _, v := range reviews {
			counted[v.Reviewer.GetName()] = true
		}
		if !done {
			p.left, p.escalated = s.short(step, p.moment, reviews, at), len(step.GetEscalate()) > 0 && over(p.moment, at)
			return p
		}
	}
	return progress{step: len(r.GetSteps()), opened: p.opened, passed: p.passed}
}

func over(moment, at time.Time) bool { return !moment.IsZero() && !at.Before(moment) }

// takes reports whether a review counts for a step.
func (s State) takes(step *schemas.ApprovalStep, moment time.Time, v Review) bool {
	entries := slices.Concat(step.GetAny(), step.GetAll())
	if over(moment, v.At) {
		entries = append(entries, step.GetEscalate()...)
	}
	return slices.ContainsFunc(entries, func(g *schemas.ApprovalReviewers) bool { return s.in(v.Reviewer, g, v.At) })
}

// short counts the places of a step that are left. Once its time is over one entry of escalate will
// do instead, by what was said since.
func (s State) short(step *schemas.ApprovalStep, moment time.Time, reviews []Review, at time.Time) int {
	left := s.missing(reviews, step.GetAny(), step.GetAll())
	if over(moment, at) {
		late := slices.DeleteFunc(slices.Clone(reviews), func(v Review) bool { return !over(moment, v.At) })
		for _, g := range step.GetEscalate() {
			left = min(left, s.fills(late, []*schemas.ApprovalReviewers{g}))
		}
	}
	return left
}

// deadline is when a request ends by itself, and why.
func (s State) deadline() (end time.Time, why string) {
	end, why = s.Expires, "nobody decided in time"
	if len(s.Reviews) > 0 || s.Glass != nil {
		why = "it was not decided, or not used, in time"
	}
	if s.Status != Pending {
		return end, why
	}
	for _, r := range s.Ask.GetNeed().GetRules() {
		for i, step := range r.GetSteps() {
			// What matters is the step that is open at the last fact: steps open by facts.
			if p := s.progress(r, s.Seen); i == p.step && len(step.GetEscalate()) == 0 && !p.moment.IsZero() && p.moment.Before(end) {
				end, why = p.moment, fmt.Sprintf("step %d of policy %s was not decided within %s", i+1, r.GetPolicy(), time.Duration(step.GetWithin()))
			}
		}
	}
	return end, why
}

// Next is the next moment at which something becomes of a live request by itself: it expires, or
// others are asked.
func (s State) Next() time.Time {
	next, _ := s.deadline()
	if s.Status != Pending {
		return next
	}
	for _, r := range s.Ask.GetNeed().GetRules() {
		p := s.progress(r, s.Seen)
		if p.step < len(r.GetSteps()) && len(r.GetSteps()[p.step].GetEscalate()) > 0 && !p.moment.IsZero() && p.moment.After(s.Seen) && p.moment.Before(next) {
			next = p.moment
		}
	}
	return next
}

// escalations counts the steps that others could take by then.
func (s State) escalations(at time.Time) (n int) {
	if s.Status != Pending {
		return s.Escalated
	}
	for _, r := range s.Ask.GetNeed().GetRules() {
		p := s.progress(r, at)
		if n += p.passed; p.escalated {
			n++
		}
	}
	return n
}

// Step is where one step of a rule stands.
type Step struct {
	Open      bool
	Satisfied bool
	Escalated bool
	Until     time.Time // of an open one; zero: as long as the request
}

// Steps says where the steps of a rule stand at a moment.
func (s State) Steps(r *schemas.ApprovalRule, at time.Time) []Step {
	p := s.progress(r, at)
	out := make([]Step, len(r.GetSteps()))
	for i := range out {
		out[i] = Step{Open: i == p.step && s.Status == Pending, Satisfied: i < p.step}
		if i == p.step {
			out[i].Escalated, out[i].Until = p.escalated, p.moment
		}
	}
	return out
}
