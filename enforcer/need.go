package enforcer

import (
	"crypto/sha256"
	"time"
	_ "time/tzdata" // office hours do not depend on what the machine has

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// approvalRule is what one policy, or a role that is asked for, needs.
func approvalRule(name, message string, a *resources.Approval) *schemas.ApprovalRule {
	rule := &schemas.ApprovalRule{Policy: name, Message: message}
	if a == nil {
		return rule
	}
	rule.ReasonRequired, rule.Starter = a.Reason == resources.ReasonRequired, a.Starter
	rule.Any, rule.All = reviewers(a.Any), reviewers(a.All)
	rule.Expires, rule.StepUp, rule.BreakGlass = int64(a.Expires), a.StepUp, a.BreakGlass
	for _, s := range a.Steps {
		rule.Steps = append(rule.Steps, &schemas.ApprovalStep{
			Any: reviewers(s.Any), All: reviewers(s.All), Within: int64(s.Within), Escalate: reviewers(s.Escalate),
		})
	}
	return rule
}

// never is no day of the week.
const never = 7

func reviewers(rs []resources.Reviewers) []*schemas.ApprovalReviewers {
	var all []*schemas.ApprovalReviewers
	for _, r := range rs {
		one := &schemas.ApprovalReviewers{Groups: r.Groups, Agents: r.Agents, Count: uint32(max(r.Count, 1))}
		if h := r.Hours; h != nil {
			from, to, err := h.Minutes()
			one.Hours = &schemas.OfficeHours{Days: h.Weekdays(), From: uint32(from), To: uint32(to), Zone: h.Zone}
			if err != nil { // it should have been refused when it was applied: they never count
				one.Hours = &schemas.OfficeHours{Days: []uint32{never}}
			}
		}
		all = append(all, one)
	}
	return all
}

// checkZones reports the first time zone of an approval that there is not.
func checkZones(a *resources.Approval) error {
	if a == nil {
		return nil
	}
	all := append(append([]resources.Reviewers{}, a.Any...), a.All...)
	for _, s := range a.Steps {
		all = append(append(append(all, s.Any...), s.All...), s.Escalate...)
	}
	for _, r := range all {
		if r.Hours != nil {
			if _, err := time.LoadLocation(r.Hours.Zone); err != nil {
				return err
			}
		}
	}
	return nil
}

// digestOf is SHA-256 over the documents of policies, one after the other with its size before it:
// an approval is for those, as they were.
func digestOf(policies []*resources.Resource) ([]byte, error) {
	if len(policies) == 0 { // the gateway's own rules
		return nil, nil
	}
	h := sha256.New()
	for _, p := range policies {
		document, err := resources.MarshalCanonical(p)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(document)
		_, _ = h.Write(sum[:])
	}
	return h.Sum(nil), nil
}
