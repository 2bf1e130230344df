package enforcer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Names of the gateway's own rules, as reasons give them.
const (
	ruleRole     = "builtin/role"
	ruleTarget   = "builtin/target"
	ruleOpaque   = "builtin/opaque"
	ruleUnparsed = "builtin/unparsed"
	ruleMask     = "builtin/mask"
	// A masked value would be kept where no mask covers it.
	ruleMaskStore = "builtin/mask-store"
	// A masked column decides about rows.
	rulePredicate = "builtin/mask-predicate"
)

// Verdict judges one command. It never fails: what it cannot judge it denies.
func (e *Enforcer) Verdict(ctx context.Context, ask *schemas.VerdictAsk) (answer *schemas.VerdictAnswer) {
	defer func() {
		if p := recover(); p != nil {
			answer = failed("the enforcer failed on the command")
		}
	}()
	switch ask.GetProtocol() {
	case resources.ProtocolPostgres:
		return e.sqlVerdict(ctx, ask)
	case resources.ProtocolSSH:
		return e.sshVerdict(ask)
	}
	return failed(fmt.Sprintf("this enforcer does not judge %q", ask.GetProtocol()))
}

// sqlVerdict judges SQL.
func (e *Enforcer) sqlVerdict(ctx context.Context, ask *schemas.VerdictAsk) *schemas.VerdictAnswer {
	s := e.current()
	c, err := e.catalogues.get(ctx, ask.GetTarget(), ask.GetState())
	if err != nil { // then nothing is vouched for
		e.c.Logger.Warn("judged without a catalogue", "target", ask.GetTarget(), "error", err)
	}
	found := e.sql.Analyze(ask.GetText(), ask.GetState(), c)
	v := &judgement{
		answer: &schemas.VerdictAnswer{
			Outcome: schemas.Outcome_OUTCOME_ALLOW, Revision: string(s.revision), Reuse: schemas.Reuse_REUSE_SHAPE,
			Sql: found.Facts, Secrets: found.Secrets, Effects: found.Effects, CopiesIn: found.CopiesIn,
		},
		seen: seen{opaque: found.Facts.Opaque, unparsed: found.Facts.Unparsed, why: found.Facts.ParseError, of: sqlUses},
	}
	if !found.ByShape {
		v.reuse(schemas.Reuse_REUSE_EXACT)
	}
	t := e.admitted(v, s, ask)
	if t == nil {
		return v.done()
	}
	f := found.Facts
	vars := variables(ask, t, e.c.Now())
	vars.command.SQL = SQL{
		Kinds: f.Kinds, Reads: f.Reads, Writes: f.Writes, Columns: f.Columns, Functions: f.Functions,
		Statements: int64(f.Statements), UnfilteredWrite: f.UnfilteredWrite, Opaque: f.Opaque, Unparsed: f.Unparsed,
	}
	v.policies(t, vars)
	v.masked(t.masks, e.sql, ask, found, c)
	v.unseen(t.resource.Target.Unparsed)
	answer := v.done()
	if p := t.resource.Target.Postgres; answer.Outcome == schemas.Outcome_OUTCOME_HOLD && p != nil && p.Estimate != nil {
		answer.Planned = e.sql.Planned(ask.GetText(), ask.GetState(), c)
	}
	return answer
}

// admitted returns the target of an ask; nil, with a denial, when there is none or the principal may not connect to it.
func (e *Enforcer) admitted(v *judgement, s *snapshot, ask *schemas.VerdictAsk) *protected {
	t, ok := s.targets[ask.GetTarget()]
	if !ok || t.resource.Target.Protocol != ask.GetProtocol() {
		v.deny(ruleTarget, fmt.Sprintf("there is no %s target %s", ask.GetProtocol(), ask.GetTarget()))
		return nil
	}
	_, reason := s.access(ask.GetPrincipal(), ask.GetTarget(), resources.PermissionConnect)
	if reason != "" && len(e.granted(s, ask.GetPrincipal(), ask.GetRun(), ask.GetTarget(), resources.PermissionConnect).ids) == 0 {
		v.deny(ruleRole, reason)
		return nil
	}
	return t
}

func failed(why string) *schemas.VerdictAnswer {
	return &schemas.VerdictAnswer{
		Outcome: schemas.Outcome_OUTCOME_DENY, Failure: why,
		Reasons: []*schemas.Reason{{Policy: "builtin/failure", Message: why}},
	}
}

// variables returns what policies see, without the meaning of the command.
func variables(ask *schemas.VerdictAsk, t *protected, now time.Time) *vars {
	kind := ""
	switch ask.GetPrincipal().GetKind() {
	case schemas.PrincipalKind_PRINCIPAL_KIND_USER:
		kind = "user"
	case schemas.PrincipalKind_PRINCIPAL_KIND_AGENT:
		kind = "agent"
	}
	return &vars{
		command: &Command{
			Protocol: ask.GetProtocol(), Text: ask.GetText(), Digest: hex.EncodeToString(ask.GetDigest()),
			Kind: kindName(ask.GetKind()), Observed: ask.GetObserved(),
		},
		principal: &Principal{Name: ask.GetPrincipal().GetName(), Kind: kind, Groups: ask.GetPrincipal().GetGroups()},
		run:       &Run{ID: ask.GetRun().GetId(), Agent: ask.GetRun().GetAgent()},
		target:    t.object,
		session:   &Session{ID: ask.GetSession()},
		now:       now,
	}
}

// kindName is command.kind: "exec".
func kindName(k schemas.CommandKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "COMMAND_KIND_"))
}

// judgement gathers what speaks for each outcome.
type judgement struct {
	answer  *schemas.VerdictAnswer
	seen    seen
	spoken  bool // a policy allows it, or may
	denials []*schemas.Reason
	holds   []*schemas.Reason
	allows  []*schemas.Reason
	need    schemas.ApprovalNeed
	matched []*resources.Resource // policies that hold it
}

func (v *judgement) deny(rule, message string) {
	v.denials = append(v.denials, &schemas.Reason{Policy: rule, Message: message})
}

// hold adds a rule whose approval is needed; all of them are.
// automatic: the policy itself consents.
func (v *judgement) hold(rule, message string, a *resources.Approval, automatic bool) {
	v.holds = append(v.holds, &schemas.Reason{Policy: rule, Message: message})
	need := approvalRule(rule, message, a)
	need.Automatic = automatic
	v.need.Rules = append(v.need.Rules, need)
}

// reuse lowers how long the answer holds.
func (v *judgement) reuse(r schemas.Reuse) { v.answer.Reuse = min(v.answer.Reuse, r) }

func (v *judgement) policies(t *protected, vars *vars) {
	for _, p := range t.policies {
		switch {
		case p.uses.now:
			v.reuse(schemas.Reuse_REUSE_UNSPECIFIED)
		case p.uses.text:
			v.reuse(schemas.Reuse_REUSE_EXACT)
		}
		v.policy(p, vars)
	}
}

func (v *judgement) policy(p *policy, vars *vars) {
	name, spec := p.resource.Metadata.Name, p.resource.Policy
	holds, err := p.holds(vars)
	if err != nil {
		what := "could not be evaluated"
		if bad := new(PolicyError); errors.As(err, &bad) {
			what = "does not compile"
		}
		v.deny(name, "the policy "+what+", so the command is denied")
		return
	}
	if !holds {
		return
	}
	message := spec.Message
	switch spec.Verdict {
	case resources.VerdictAllow:
		if v.seen.meantBy(p.uses) && v.seen.admits(p.uses) {
			v.spoken = true
			v.allows = append(v.allows, &schemas.Reason{Policy: name, Message: message})
		}
	case resources.VerdictHold:
		if message == "" {
			message = "held by policy " + name
		}
		v.spoken = v.spoken || v.seen.admits(p.uses)
		v.hold(name, message, spec.Approval, p.consents(v.seen, vars))
		v.matched = append(v.matched, p.resource)
	default:
		if message == "" {
			message = "denied by policy " + name
		}
		v.deny(name, message)
	}
}

// unseen judges a command that no policy speaks about and that cannot be seen whole.
func (v *judgement) unseen(unparsed string) {
	if len(v.denials)+len(v.holds)+len(v.allows) > 0 || !v.seen.opaque && !v.seen.unparsed {
		return
	}
	rule, message := ruleOpaque, "the command runs something that cannot be seen"
	if v.seen.unparsed {
		rule, message = ruleUnparsed, "the command cannot be parsed: "+v.seen.why
	}
	switch unparsed {
	case resources.VerdictAllow:
	case resources.VerdictHold:
		v.hold(rule, message, nil, false)
	default:
		v.deny(rule, message)
	}
}

// done combines: deny beats hold beats allow.
func (v *judgement) done() *schemas.VerdictAnswer {
	a := v.answer
	var err error
	switch {
	case len(v.denials) > 0:
		a.Outcome, a.Reasons = schemas.Outcome_OUTCOME_DENY, v.denials
	case len(v.holds) > 0:
		a.Outcome, a.Reasons = schemas.Outcome_OUTCOME_HOLD, v.holds
		if v.need.Policies, err = digestOf(v.matched); err != nil {
			return failed("the policies could not be written")
		}
		approval, err := v.need.MarshalVT()
		if err != nil {
			return failed("the approval could not be written")
		}
		a.Approval = approval
		v.reuse(schemas.Reuse_REUSE_EXACT) // an approval is of the exact text
	default:
		a.Reasons = v.allows
	}
	return a
}
