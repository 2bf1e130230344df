package approval

import (
	"slices"
	"time"

	"sallyport/schemas"
)

// Status is where a request stands.
type Status string

// The statuses. Pending and Approved go on; the others are final.
const (
	None      Status = "" // nothing is known of it
	Pending   Status = "pending"
	Approved  Status = "approved"
	Denied    Status = "denied"
	Expired   Status = "expired"
	Withdrawn Status = "withdrawn"
	Used      Status = "used"
)

// Live reports whether a fact may still change it.
func (s Status) Live() bool { return s == Pending || s == Approved }

// Decisions of a review.
const (
	Approve    = "approve"
	Deny       = "deny"
	BreakGlass = "break_glass" // who asked goes on by themselves, and is reviewed afterwards
)

// Fact is a fact of CONTROL about a request.
type Fact struct {
	Sequence uint64
	Time     time.Time // the stream's timestamp
	Control  *schemas.Control
}

// FoldLogged folds a fact of request id as it lies on the log. What is of something else, or cannot be
// decoded, changes nothing.
func (s State) FoldLogged(id string, sequence uint64, at time.Time, data []byte) State {
	control := new(schemas.Control)
	if control.UnmarshalVT(data) != nil || Ref(control).GetId() != id {
		return s
	}
	return s.Fold(Fact{Sequence: sequence, Time: at, Control: control})
}

// Review is what one person last said.
type Review struct {
	ID       string
	Reviewer *schemas.Principal
	Decision string
	Reason   string
	At       time.Time
	Maker    string // who made the reviewer's credential; empty: the reviewer
	StepUp   bool   // the reviewer proved anew who they are
}

// State is what is known of a request. The zero value is one of which nothing is known. It is a
// value: Fold never changes what an earlier State refers to.
type State struct {
	ID        string
	Ask       *schemas.ApprovalAsk // nil: withdrawn before it was requested
	Status    Status
	Requested time.Time
	Expires   time.Time
	Reviews   []Review
	Glass     *Review   // who asked went on by themselves
	After     *Review   // what somebody said of that afterwards
	Escalated int       // steps of rules that others may take by now
	By        []string  // who decided; policies for a consent that needs nobody
	Reason    string    // of the decision
	Decided   time.Time // approved, denied, expired or withdrawn
	Used      time.Time
	Use       string    // id of the use that counts
	Sequence  uint64    // of the last fact about it
	Seen      time.Time // its timestamp
	Zones     []*schemas.ZoneOffset
	Estimate  *schemas.Estimate // what the target's planner expects; nil: nothing is known
}

// Estimating returns until when an estimate may come; zero: none is on its way.
func (s State) Estimating() time.Time {
	within := time.Duration(s.Ask.GetEstimating())
	if within <= 0 || s.Estimate != nil || s.Status != Pending {
		return time.Time{}
	}
	return s.Requested.Add(within)
}

// Settled reports whether no fact changes it any more.
func (s State) Settled() bool {
	return !s.Status.Live() && !(s.Status == Used && s.Glass != nil && s.After == nil)
}

// Unreviewed reports whether it ran without anybody's consent, and nobody has looked at that yet.
func (s State) Unreviewed() bool { return s.Glass != nil && s.After == nil && s.Status == Used }

// Ref returns which request a fact is about; nil when it is about none.
func Ref(c *schemas.Control) *schemas.ApprovalRef {
	switch k := c.GetKind().(type) {
	case *schemas.Control_ApprovalRequested:
		return k.ApprovalRequested.GetRequest()
	case *schemas.Control_ApprovalReviewed:
		return k.ApprovalReviewed.GetRequest()
	case *schemas.Control_ApprovalDecided:
		return k.ApprovalDecided.GetRequest()
	case *schemas.Control_ApprovalWithdrawn:
		return k.ApprovalWithdrawn.GetRequest()
	case *schemas.Control_ApprovalUsed:
		return k.ApprovalUsed.GetRequest()
	case *schemas.Control_ApprovalEstimated:
		return k.ApprovalEstimated.GetRequest()
	}
	return nil
}

// RefOf names the request that an ask makes.
func RefOf(a *schemas.ApprovalAsk) *schemas.ApprovalRef {
	return &schemas.ApprovalRef{Id: a.GetRequest(), Session: a.GetSession(), Command: a.GetCommand(), Target: a.GetTarget(), Protocol: a.GetProtocol()}
}

// Fold returns the state after f, which must be about this request and later than what was folded.
func (s State) Fold(f Fact) State {
	if f.Sequence <= s.Sequence {
		return s
	}
	s.Sequence, s.Seen = f.Sequence, f.Time
	if s.ID == "" {
		s.ID = Ref(f.Control).GetId()
	}
	if s.Status.Live() {
		if end, why := s.deadline(); !f.Time.Before(end) {
			s.Status, s.Reason, s.Decided, s.By = Expired, why, end, nil
		}
	}
	s = s.folded(f)
	s.Escalated = s.escalations(f.Time)
	return s
}

func (s State) folded(f Fact) State {
	switch k := f.Control.GetKind().(type) {
	case *schemas.Control_ApprovalRequested:
		return s.requested(k.ApprovalRequested, f.Time)
	case *schemas.Control_ApprovalReviewed:
		return s.reviewed(k.ApprovalReviewed, f.Time)
	case *schemas.Control_ApprovalWithdrawn:
		if s.Status == None || s.Status.Live() {
			s.Status, s.Reason, s.Decided, s.By = Withdrawn, k.ApprovalWithdrawn.GetReason(), f.Time, nil
		}
	case *schemas.Control_ApprovalUsed:
		if s.Status == Approved && slices.Equal(k.ApprovalUsed.GetDigest(), s.Ask.GetDigest()) {
			s.Status, s.Used, s.Use = Used, f.Time, k.ApprovalUsed.GetId()
		}
	case *schemas.Control_ApprovalEstimated:
		if s.Ask != nil && s.Estimate == nil { // the first is what was decided on
			s.Estimate = k.ApprovalEstimated.GetEstimate()
		}
	}
	return s // ApprovalDecided only marks a moment, at which the request has expired or has not
}

func (s State) requested(r *schemas.ApprovalRequested, at time.Time) State {
	if s.Status != None || s.Ask != nil {
		return s
	}
	s.Ask, s.Requested, s.Expires = r.GetAsk(), at, at.Add(time.Duration(r.GetLifetime()))
	s.Status, s.Zones, s.Estimate = Pending, r.GetZones(), r.GetAsk().GetEstimate()
	return s.weigh("", at)
}

func (s State) reviewed(r *schemas.ApprovalReviewed, at time.Time) State {
	if s.May(r, at) != nil {
		return s
	}
	v := Review{ID: r.GetId(), Reviewer: r.GetReviewer(), Decision: r.GetDecision(), Reason: r.GetReason(), At: at, Maker: r.GetMaker(), StepUp: r.GetSteppedUp()}
	switch {
	case s.Status == Used:
		s.After = &v
		return s
	case v.Decision == BreakGlass:
		s.Glass, s.Status, s.By, s.Reason, s.Decided = &v, Approved, []string{v.Reviewer.GetName()}, "break-glass: "+v.Reason, at
		return s
	case v.Decision == Deny:
		s.Reviews = append(slices.DeleteFunc(slices.Clone(s.Reviews), func(o Review) bool { return o.Reviewer.GetName() == v.Reviewer.GetName() }), v)
		s.Status, s.By, s.Reason, s.Decided = Denied, []string{v.Reviewer.GetName()}, v.Reason, at
		return s
	}
	s.Reviews = append(s.Reviews[:len(s.Reviews):len(s.Reviews)], v)
	return s.weigh(v.Reason, at)
}

// weigh approves a pending request that has all it needs.
func (s State) weigh(reason string, at time.Time) State {
	if s.Status != Pending || !s.satisfied(at) {
		return s
	}
	s.Status, s.Reason, s.Decided = Approved, reason, at
	for _, v := range s.Reviews {
		if !slices.Contains(s.By, v.Reviewer.GetName()) {
			s.By = append(s.By[:len(s.By):len(s.By)], v.Reviewer.GetName())
		}
	}
	if len(s.Reviews) == 0 {
		for _, r := range s.Ask.GetNeed().GetRules() {
			s.By = append(s.By[:len(s.By):len(s.By)], "policy "+r.GetPolicy())
		}
	}
	return s
}
