package approvals

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// NewAccess is the body of POST /access: for, or until.
type NewAccess struct {
	Target string     `json:"target"`
	For    string     `json:"for"`   // as Go writes durations, from from on
	From   *time.Time `json:"from"`  // null: when it is approved
	Until  *time.Time `json:"until"` // null: for after from
	Reason string     `json:"reason"`
}

// Grant is access for a time as the API shows it.
type Grant struct {
	ID            string     `json:"id"` // of the request, too
	Principal     string     `json:"principal"`
	PrincipalKind string     `json:"principal_kind"` // user, agent
	Run           string     `json:"run"`            // set: for this run only
	Target        string     `json:"target"`
	Role          string     `json:"role"`   // whose permissions
	Status        string     `json:"status"` // coming, active, ended, revoked
	From          time.Time  `json:"from"`
	Until         time.Time  `json:"until"`
	By            []string   `json:"by"`     // who approved it
	Reason        string     `json:"reason"` // why it was asked for
	Revoked       *time.Time `json:"revoked"`
	RevokedBy     string     `json:"revoked_by"`
	RevokedReason string     `json:"revoked_reason"`
	MayRevoke     bool       `json:"may_revoke"`
}

// Granted answers GET /access.
type Granted struct {
	Grants   []*Grant    `json:"grants"`   // the newest first
	Requests []*Approval `json:"requests"` // for access, that wait
}

// NewRevocation is the body of POST /access/{id}/revoke.
type NewRevocation struct {
	Reason string `json:"reason"`
}

func (s *Service) mountAccess(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/access", s.serve(s.getAccess))
	mux.HandleFunc("POST /api/v1/access", s.serve(s.postAccess))
	mux.HandleFunc("POST /api/v1/access/{id}/revoke", s.serve(s.revokeAccess))
}

// getAccess lists what the sender has, or may review: what holds or will, or with ?status=all what
// is over as well.
func (s *Service) getAccess(_ http.ResponseWriter, r *http.Request) (any, error) {
	status, target := r.URL.Query().Get("status"), r.URL.Query().Get("target")
	switch status {
	case "", "all", grantComing, grantActive, grantEnded, grantRevoked:
	default:
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("there is no status %q", status), Hint: "coming, active, ended, revoked, all"}
	}
	out := Granted{Grants: []*Grant{}, Requests: []*Approval{}}
	now := s.book.clock(s.c.Now())
	for _, g := range s.ledger.list() {
		is := g.status(now)
		over := is == grantEnded || is == grantRevoked
		if status == "" && over || status != "" && status != "all" && status != is || target != "" && target != g.made.GetGrant().GetTarget() {
			continue
		}
		may, err := s.concerns(r.Context(), g)
		if err != nil {
			return nil, err
		}
		if may {
			out.Grants = append(out.Grants, grantView(g, is, !over))
		}
		if len(out.Grants) == mostList {
			break
		}
	}
	for _, state := range s.book.list(func(a approval.State) bool {
		return a.Status == approval.Pending && a.Ask.GetGrant() != nil && (target == "" || target == a.Ask.GetTarget())
	}) {
		err := s.visible(r.Context(), state)
		if err != nil && schemas.Shown(err).Code == schemas.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		v, err := s.view(r.Context(), state)
		if err != nil {
			return nil, err
		}
		out.Requests = append(out.Requests, v)
	}
	return out, nil
}

// concerns reports whether the sender has a grant, or may review its target.
func (s *Service) concerns(ctx context.Context, g *grant) (bool, error) {
	who := s.c.Who(ctx)
	if !who.Anonymous && who.Principal.GetName() == g.made.GetPrincipal().GetName() && who.Principal.GetKind() == g.made.GetPrincipal().GetKind() {
		return true, nil
	}
	err := s.c.Authorizer.Authorize(ctx, "review", g.made.GetGrant().GetTarget())
	if err != nil && schemas.Shown(err).Code == schemas.CodeForbidden {
		return false, nil
	}
	return err == nil, err
}

func grantView(g *grant, status string, live bool) *Grant {
	a := g.made.GetGrant()
	v := &Grant{
		ID: g.made.GetId(), Principal: g.made.GetPrincipal().GetName(), PrincipalKind: kindName(g.made.GetPrincipal().GetKind()), Run: g.made.GetRun().GetId(),
		Target: a.GetTarget(), Role: a.GetRole(), Status: status, From: time.Unix(0, a.GetFrom()).UTC(), Until: time.Unix(0, a.GetUntil()).UTC(),
		By: list(g.made.GetBy()), Reason: g.made.GetReason(), MayRevoke: live,
	}
	if g.revoked != nil {
		v.Revoked, v.RevokedBy, v.RevokedReason = moment(g.over), g.by, g.revoked.GetReason()
	}
	return v
}

func (s *Service) postAccess(w http.ResponseWriter, r *http.Request) (any, error) {
	var in NewAccess
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "the request cannot be read: " + err.Error(), Hint: `{"target": "orders", "for": "2h", "reason": "…"}`}
	}
	state, err := s.RequestAccess(r.Context(), in)
	if err != nil {
		return nil, err
	}
	return s.view(r.Context(), state)
}

// RequestAccess asks for access for a time, for the sender of ctx.
func (s *Service) RequestAccess(ctx context.Context, in NewAccess) (approval.State, error) {
	who := s.c.Who(ctx)
	if who.Anonymous {
		return approval.State{}, &schemas.Error{Code: schemas.CodeForbidden, Message: "access is asked for with one's own token", Hint: "set SALLYPORT_TOKEN to it"}
	}
	if in.Reason = strings.ToValidUTF8(strings.TrimSpace(in.Reason), "\uFFFD"); in.Reason == "" || len(in.Reason) > maxReason {
		return approval.State{}, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("a reason is needed, of at most %d bytes", maxReason)}
	}
	answer, err := s.requestable(ctx, who, in.Target)
	if err != nil {
		return approval.State{}, err
	}
	now := s.book.clock(s.c.Now())
	spec, err := in.spec(now, time.Duration(answer.GetLongest()))
	if err != nil {
		return approval.State{}, err
	}
	spec.Role = answer.GetRoles()[0]
	ask := &schemas.ApprovalAsk{
		Request: schemas.NewID("a-"), Principal: who.Principal, Run: who.Run, Target: in.Target, Text: describeGrant(spec), Reason: in.Reason,
		Revision: answer.GetRevision(), Need: &schemas.ApprovalNeed{}, Grant: spec,
	}
	if err := ask.Need.UnmarshalVT(answer.GetApproval()); err != nil {
		return approval.State{}, fmt.Errorf("decode approval need: %w", err)
	}
	if ask.Digest, err = digestOf(ask); err != nil {
		return approval.State{}, err
	}
	made, err := s.request(ctx, ask)
	if err != nil {
		return approval.State{}, err
	}
	if made.Failure != "" {
		return approval.State{}, &schemas.Error{Code: schemas.CodeLimit, Message: made.Failure}
	}
	state, _, _ := s.book.look(ask.Request, schemas.ControlSubject(schemas.AreaApproval, ask.Request))
	return state, nil
}

// requestable asks the enforcer whether somebody may ask for access.
func (s *Service) requestable(ctx context.Context, who Reviewer, target string) (*schemas.AccessAnswer, error) {
	request, err := (&schemas.AccessAsk{Principal: who.Principal, Run: who.Run, Target: target, Permission: "request"}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode access ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Settle)
	defer cancel()
	reply, err := s.c.Log.Ask(ctx, schemas.AskAccess, request)
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "no enforcer answered", Hint: "try again", Err: err}
	}
	answer := new(schemas.AccessAnswer)
	if err := answer.UnmarshalVT(reply); err != nil {
		return nil, fmt.Errorf("decode access answer: %w", err)
	}
	if !answer.GetAllowed() || len(answer.GetRoles()) == 0 {
		return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: answer.GetReason()}
	}
	return answer, nil
}

// spec checks the moments that are asked for.
func (in NewAccess) spec(now time.Time, longest time.Duration) (*schemas.AccessGrant, error) {
	invalid := func(format string, args ...any) (*schemas.AccessGrant, error) {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf(format, args...), Hint: "for how long, or until when"}
	}
	if (in.For == "") == (in.Until == nil) {
		return invalid("either for or until must be set")
	}
	spec := &schemas.AccessGrant{Target: in.Target}
	begin := now
	if in.From != nil {
		if begin = *in.From; begin.After(now) {
			spec.From = begin.UnixNano()
		} else {
			begin = now
		}
	}
	length := time.Duration(0)
	if in.For != "" {
		var err error
		if length, err = time.ParseDuration(in.For); err != nil || length <= 0 {
			return invalid("for is %q, which is not a duration such as 30m or 2h", in.For)
		}
		spec.Length = int64(length)
	} else {
		length = in.Until.Sub(begin)
		spec.Until = in.Until.UnixNano()
		if length <= 0 {
			return invalid("until is not after its beginning")
		}
	}
	if length > longest {
		return invalid("%s is longer than the role lets one ask for, %s", length.Round(time.Second), longest)
	}
	return spec, nil
}

func describeGrant(g *schemas.AccessGrant) string {
	text := "access to " + g.GetTarget()
	if g.GetFrom() != 0 {
		text += " from " + time.Unix(0, g.GetFrom()).UTC().Format(time.RFC3339)
	}
	if g.GetUntil() != 0 {
		return text + " until " + time.Unix(0, g.GetUntil()).UTC().Format(time.RFC3339)
	}
	return text + " for " + time.Duration(g.GetLength()).String()
}

// digestOf binds an approval to who asks for what.
func digestOf(ask *schemas.ApprovalAsk) ([]byte, error) {
	h := sha256.New()
	for _, m := range []proto.Message{ask.GetPrincipal(), ask.GetGrant()} {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("digest of a request: %w", err)
		}
		sum := sha256.Sum256(data)
		_, _ = h.Write(sum[:])
	}
	return h.Sum(nil), nil
}

// revokeAccess ends a grant at once: who has it may, and who may review its target.
func (s *Service) revokeAccess(w http.ResponseWriter, r *http.Request) (any, error) {
	var in NewRevocation
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview)).Decode(&in); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "the revocation cannot be read: " + err.Error(), Hint: `{"reason": "…"}`}
	}
	if len(in.Reason) > maxReason {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("the reason is longer than %d bytes", maxReason)}
	}
	id := r.PathValue("id")
	err := s.appendGrant(r.Context(), id, func(g *grant, _ bool) (*schemas.Control, error) {
		may := false
		if g != nil {
			var err error
			if may, err = s.concerns(r.Context(), g); err != nil {
				return nil, err
			}
		}
		if !may {
			return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such grant"}
		}
		if is := g.status(s.book.clock(s.c.Now())); is == grantEnded || is == grantRevoked {
			return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "the grant is " + is + " already"}
		}
		return &schemas.Control{By: s.c.Who(r.Context()).Principal.GetName(), Kind: &schemas.Control_GrantRevoked{GrantRevoked: &schemas.GrantRevoked{
			Id: id, Target: g.made.GetGrant().GetTarget(), Reason: strings.ToValidUTF8(strings.TrimSpace(in.Reason), "\uFFFD"), Principal: g.made.GetPrincipal()}}}, nil
	})
	if err != nil {
		return nil, err
	}
	g, _, _, _ := s.ledger.look(id)
	if g == nil {
		return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "the grant is over already"}
	}
	return grantView(g, g.status(s.book.clock(s.c.Now())), false), nil
}
