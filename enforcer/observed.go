package enforcer

import (
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// observed judges a command line that was seen to be typed: the target has it already. Only a policy that mentions
// command.observed can end the session for it; of every other that speaks against it, people are told.
func (v *judgement) observed(t *protected, vars *vars) {
	for _, p := range t.policies {
		holds, err := p.holds(vars)
		name, message := p.resource.Metadata.Name, p.resource.Policy.Message
		switch verdict := p.resource.Policy.Verdict; {
		case err != nil:
			v.holds = append(v.holds, &schemas.Reason{Policy: name, Message: "the policy could not be evaluated"})
		case !holds || verdict == resources.VerdictAllow:
		case verdict == resources.VerdictDeny && p.uses.observed:
			v.deny(name, or(message, "ended by policy "+name))
		default:
			v.holds = append(v.holds, &schemas.Reason{Policy: name, Message: or(message, "policy "+name+" speaks against it")})
		}
	}
}

func or(message, otherwise string) string {
	if message != "" {
		return message
	}
	return otherwise
}

// watched combines what is said of an observed command: deny ends the session, hold is an alert and waits for
// nothing.
func (v *judgement) watched() *schemas.VerdictAnswer {
	a := v.answer
	a.Reuse = schemas.Reuse_REUSE_UNSPECIFIED
	switch {
	case len(v.denials) > 0:
		a.Outcome, a.Reasons = schemas.Outcome_OUTCOME_DENY, append(v.denials, v.holds...)
	case len(v.holds) > 0:
		a.Outcome, a.Reasons = schemas.Outcome_OUTCOME_HOLD, v.holds
	}
	return a
}
