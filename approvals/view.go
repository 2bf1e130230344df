package approvals

import (
	"context"
	"encoding/hex"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/values"
)

// Approval is a request as the API shows it.
type Approval struct {
	ID            string      `json:"id"`
	Status        string      `json:"status"` // pending, approved, denied, expired, withdrawn, used
	Principal     string      `json:"principal"`
	PrincipalKind string      `json:"principal_kind"` // user, agent
	Groups        []string    `json:"groups"`
	Run           string      `json:"run"`
	RunAgent      string      `json:"run_agent"`
	RunPrompt     string      `json:"run_prompt"` // what the run began with
	Starter       string      `json:"starter"`    // who started the agent, if known
	Why           string      `json:"why"`        // as whoever asks says
	Target        string      `json:"target"`
	Protocol      string      `json:"protocol"`
	Database      string      `json:"database"`
	ClientAddress string      `json:"client_address"`
	Session       string      `json:"session"`
	Command       uint64      `json:"command"` // number of its entry in the session
	Link          string      `json:"link"`
	Grant         *Asked      `json:"grant"`        // access for a time is asked for, and no command
	CommandKind   string      `json:"command_kind"` // query, execute
	Text          string      `json:"text"`         // whole; secrets are markers
	Parameters    []Parameter `json:"parameters"`
	SQL           *SQL        `json:"sql"`
	Estimate      *Estimate   `json:"estimate"` // null: none was asked for, or the asker may not see it
	Digest        string      `json:"digest"`   // keyed, of the exact payload
	Revision      string      `json:"revision"`
	Policies      string      `json:"policies"` // digest of the policies that held it; the approval is for those
	Reasons       []Reason    `json:"reasons"`
	Need          []Rule      `json:"need"`    // every one must be satisfied
	Missing       []string    `json:"missing"` // policies whose rule is not satisfied yet
	Reviews       []Review    `json:"reviews"`
	Similar       Similar     `json:"similar"` // what became of requests that do the same to the same
	Past          []Past      `json:"past"`    // the last of those, the newest first
	Alike         int         `json:"alike"`   // others that wait and do the same to the same: see ?like=
	Requested     time.Time   `json:"requested"`
	Expires       time.Time   `json:"expires"`
	Decided       *time.Time  `json:"decided"`
	Used          *time.Time  `json:"used"`
	By            []string    `json:"by"`
	Reason        string      `json:"reason"`
	StepUp        bool        `json:"step_up"`    // approving needs a sign-in with a passkey
	Escalated     int         `json:"escalated"`  // steps that others may take, because their time is over
	Glass         *Review     `json:"glass"`      // who asked went on without consent
	After         *Review     `json:"after"`      // what somebody said of that afterwards
	Unreviewed    bool        `json:"unreviewed"` // nobody has yet
	MayBreakGlass bool        `json:"may_break_glass"`
	// MayReview says whether the asker may; WhyNot says why not.
	MayReview bool   `json:"may_review"`
	WhyNot    string `json:"why_not"`
}

// Asked is access for a time that is asked for.
type Asked struct {
	Role   string     `json:"role"`   // whose permissions
	From   *time.Time `json:"from"`   // null: when it is approved
	Until  *time.Time `json:"until"`  // null: length after from
	Length float64    `json:"length"` // seconds; 0: until until
}

// Parameter is a bound value.
type Parameter struct {
	Text   *string `json:"text"` // null: it is null, or secret
	Null   bool    `json:"null"`
	Binary bool    `json:"binary"`
	Type   uint32  `json:"type"`
	Size   uint64  `json:"size"`
	Marker string  `json:"marker"` // why it is not shown
}

// SQL is what the enforcer made of the text.
type SQL struct {
	Kinds           []string `json:"kinds"`
	Reads           []string `json:"reads"`
	Writes          []string `json:"writes"`
	Functions       []string `json:"functions"`
	Statements      uint32   `json:"statements"`
	UnfilteredWrite bool     `json:"unfiltered_write"`
	Opaque          bool     `json:"opaque"`
	Unparsed        bool     `json:"unparsed"`
}

// Reason is a policy that held the command.
type Reason struct {
	Policy  string `json:"policy"`
	Message string `json:"message"`
}

// Rule is what one policy asks for.
type Rule struct {
	Policy         string      `json:"policy"`
	Message        string      `json:"message"`
	Any            []Reviewers `json:"any"` // one of these suffices
	All            []Reviewers `json:"all"` // each of these is needed
	ReasonRequired bool        `json:"reason_required"`
	Steps          []Step      `json:"steps"` // instead of any and all: each, in order
	StepUp         bool        `json:"step_up"`
	BreakGlass     []string    `json:"break_glass"` // groups whose members may go on by themselves
	Automatic      bool        `json:"automatic"`   // the policy itself consents
	Satisfied      bool        `json:"satisfied"`
}

// Step is one of several that are taken in order.
type Step struct {
	Any       []Reviewers `json:"any"`
	All       []Reviewers `json:"all"`
	Escalate  []Reviewers `json:"escalate"`  // these may take it once its time is over
	Within    float64     `json:"within"`    // seconds that it has; 0: as long as the request
	Open      bool        `json:"open"`      // it is this one's turn
	Until     *time.Time  `json:"until"`     // of an open one
	Escalated bool        `json:"escalated"` // its time is over
	Satisfied bool        `json:"satisfied"`
}

// Reviewers is a number of people out of groups, or agents.
type Reviewers struct {
	Groups []string `json:"groups"`
	Agents []string `json:"agents"`
	Hours  string   `json:"hours"` // when they count; empty: at any time
	Count  uint32   `json:"count"`
}

// Review is what one person said.
type Review struct {
	By       string    `json:"by"`
	Decision string    `json:"decision"` // approve, deny
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// Similar counts requests that do the same to the same target.
type Similar struct {
	Approved int `json:"approved"`
	Denied   int `json:"denied"`
}

// Past is what became of a request that is like another.
type Past struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	Status    string    `json:"status"`
	By        []string  `json:"by"`
	Reason    string    `json:"reason"`
	Same      bool      `json:"same"` // it was the same text
	Requested time.Time `json:"requested"`
}

// view is a request as the sender of ctx sees it.
func (s *Service) view(ctx context.Context, state approval.State) (*Approval, error) {
	a := state.Ask
	prompt, err := s.prompts.of(ctx, a.GetRun().GetId())
	if err != nil {
		return nil, err
	}
	now := s.book.clock(s.c.Now())
	past, alike := s.book.kindred(state)
	v := &Approval{
		ID: state.ID, Status: string(state.Status), Principal: a.GetPrincipal().GetName(), PrincipalKind: kindName(a.GetPrincipal().GetKind()),
		Groups: list(a.GetPrincipal().GetGroups()), Run: a.GetRun().GetId(), RunAgent: a.GetRun().GetAgent(), Starter: a.GetStarter(),
		Target: a.GetTarget(), Protocol: a.GetProtocol(), Database: a.GetDatabase(), ClientAddress: a.GetClientAddress(),
		Session: a.GetSession(), Command: a.GetCommand(), Link: s.link(state.ID), CommandKind: commandKind(a.GetKind()),
		Text: a.GetText(), Parameters: parameters(a.GetParameters()), SQL: sqlOf(a.GetSql()), Digest: hex.EncodeToString(a.GetDigest()),
		Revision: a.GetRevision(), Reasons: []Reason{}, Need: []Rule{}, Missing: []string{}, Reviews: []Review{},
		Similar: Similar(s.book.like(state)), Past: past, Alike: alike, RunPrompt: prompt, Why: a.GetReason(),
		Policies: hex.EncodeToString(a.GetNeed().GetPolicies()), StepUp: state.NeedsStepUp(), Escalated: state.Escalated,
		Unreviewed: state.Unreviewed(), Glass: review(state.Glass), After: review(state.After),
		Requested: state.Requested.UTC(), Expires: state.Expires.UTC(), Decided: moment(state.Decided), Used: moment(state.Used),
		By: list(state.By), Reason: state.Reason,
	}
	if g := a.GetGrant(); g != nil {
		v.Grant, v.CommandKind = &Asked{Role: g.GetRole(), From: stamp(g.GetFrom()), Until: stamp(g.GetUntil()), Length: time.Duration(g.GetLength()).Seconds()}, "grant"
	}
	for _, r := range a.GetReasons() {
		v.Reasons = append(v.Reasons, Reason{Policy: r.GetPolicy(), Message: r.GetMessage()})
	}
	missing := make(map[*schemas.ApprovalRule]bool)
	for _, r := range state.Missing() {
		missing[r] = true
		v.Missing = append(v.Missing, r.GetPolicy())
	}
	for _, r := range a.GetNeed().GetRules() {
		v.Need = append(v.Need, Rule{Policy: r.GetPolicy(), Message: r.GetMessage(), Any: groups(r.GetAny()), All: groups(r.GetAll()),
			Steps: steps(state, r, now), StepUp: r.GetStepUp(), BreakGlass: list(r.GetBreakGlass()),
			ReasonRequired: r.GetReasonRequired(), Automatic: r.GetAutomatic(), Satisfied: !missing[r]})
	}
	for _, r := range state.Reviews {
		v.Reviews = append(v.Reviews, *review(&r))
	}
	v.Estimate = s.estimate(ctx, state)
	v.MayReview, v.WhyNot = s.mayReview(ctx, state, now)
	v.MayBreakGlass = s.may(ctx, state, approval.BreakGlass, now) == nil
	return v, nil
}

func review(r *approval.Review) *Review {
	if r == nil {
		return nil
	}
	return &Review{By: r.Reviewer.GetName(), Decision: r.Decision, Reason: r.Reason, At: r.At.UTC()}
}

func steps(state approval.State, r *schemas.ApprovalRule, now time.Time) []Step {
	out := []Step{}
	for i, at := range state.Steps(r, now) {
		step := r.GetSteps()[i]
		out = append(out, Step{Any: groups(step.GetAny()), All: groups(step.GetAll()), Escalate: groups(step.GetEscalate()),
			Within: time.Duration(step.GetWithin()).Seconds(), Open: at.Open, Until: moment(at.Until), Escalated: at.Escalated, Satisfied: at.Satisfied})
	}
	return out
}

// may returns nil if the sender of ctx may decide so, given that they say why and step up.
func (s *Service) may(ctx context.Context, state approval.State, decision string, now time.Time) error {
	said, err := s.said(ctx, decision, "-")
	if err != nil {
		return err
	}
	said.SteppedUp = true
	return state.May(said, now)
}

// mayReview tells whether the sender of ctx may approve now; deny, when only that is left.
func (s *Service) mayReview(ctx context.Context, state approval.State, now time.Time) (bool, string) {
	err := s.may(ctx, state, approval.Deny, now)
	if !s.c.Who(ctx).Anonymous {
		if refused := s.c.Authorizer.Authorize(ctx, "review", state.Ask.GetTarget()); refused != nil {
			err = refused
		}
	}
	if err == nil && state.Status == approval.Pending {
		if approve := s.may(ctx, state, approval.Approve, now); approve != nil {
			return true, "you may deny, not approve: " + schemas.Shown(approve).Message
		}
	}
	if err != nil {
		return false, schemas.Shown(err).Message
	}
	return true, ""
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// stamp is a moment in nanoseconds since 1970; 0 is none.
func stamp(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	return moment(time.Unix(0, ns))
}

func list(names []string) []string { return append([]string{}, names...) }

func groups(rs []*schemas.ApprovalReviewers) []Reviewers {
	out := []Reviewers{}
	for _, r := range rs {
		out = append(out, Reviewers{Groups: list(r.GetGroups()), Agents: list(r.GetAgents()), Hours: hours(r.GetHours()), Count: max(r.GetCount(), 1)})
	}
	return out
}

func hours(h *schemas.OfficeHours) string {
	if h == nil {
		return ""
	}
	return approval.Hours(h)
}

func kindName(k schemas.PrincipalKind) string {
	if k == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		return "agent"
	}
	return "user"
}

func commandKind(k schemas.CommandKind) string {
	if k == schemas.CommandKind_COMMAND_KIND_EXECUTE {
		return "execute"
	}
	return "query"
}

func parameters(vs []*schemas.Value) []Parameter {
	out := []Parameter{}
	for _, v := range vs {
		p := Parameter{Null: v.GetNull(), Binary: v.GetBinary(), Type: v.GetType(), Size: v.GetSize(), Marker: v.GetMarker()}
		if !p.Null && p.Marker == "" {
			text := values.Text(p.Type, p.Binary, v.GetData())
			p.Text = &text
		}
		out = append(out, p)
	}
	return out
}

func sqlOf(f *schemas.SqlFacts) *SQL {
	if f == nil {
		return nil
	}
	return &SQL{Kinds: list(f.GetKinds()), Reads: list(f.GetReads()), Writes: list(f.GetWrites()), Functions: list(f.GetFunctions()),
		Statements: f.GetStatements(), UnfilteredWrite: f.GetUnfilteredWrite(), Opaque: f.GetOpaque(), Unparsed: f.GetUnparsed()}
}
