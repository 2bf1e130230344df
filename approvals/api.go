package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/problem"
)

// Listed answers GET /approvals.
type Listed struct {
	Approvals []*Approval `json:"approvals"`
	More      bool        `json:"more"` // there are others than these
}

// NewReview is the body of POST /approvals/{id}/reviews.
type NewReview struct {
	Decision string `json:"decision"` // approve, deny; break_glass: who asked goes on by themselves
	Reason   string `json:"reason"`
}

// Bounds of requests.
const (
	listed    = 100
	mostList  = 1000
	maxReview = 64 << 10
)

// Mount adds the routes of the service. Whoever passes is known: Config.Who says who it is.
func (s *Service) Mount(mux *http.ServeMux) {
	s.mountAccess(mux)
	s.mountMCP(mux)
	mux.HandleFunc("GET /api/v1/approvals", s.serve(s.getList))
	mux.HandleFunc("POST /api/v1/approvals/reviews", s.serve(s.postReviews))
	mux.HandleFunc("GET /api/v1/approvals/{id}", s.serve(s.getOne))
	mux.HandleFunc("POST /api/v1/approvals/{id}/reviews", s.serve(s.postReview))
}

func (s *Service) serve(f func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var answer any
		err := s.Ready(r.Context())
		if err == nil {
			answer, err = f(w, r)
		}
		if err != nil {
			problem.Write(w, r, s.log, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(answer) // the client is gone when this fails
	}
}

// getList lists what the sender may review or has asked for, the newest first: pending, or what
// ?status= says (all: every one that is kept in memory). ?like= takes those that do the same to the same.
func (s *Service) getList(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	status, target := q.Get("status"), q.Get("target")
	switch approval.Status(status) {
	case approval.None:
		status = string(approval.Pending)
	case approval.Pending, approval.Approved, approval.Denied, approval.Expired, approval.Withdrawn, approval.Used, unreviewed, "all":
	default:
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("there is no status %q", status),
			Hint: "pending (the default), approved, denied, expired, withdrawn, used, unreviewed, all"}
	}
	limit := listed
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostList {
			return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("limit is not a number from 1 to %d", mostList)}
		}
		limit = n
	}
	return s.listed(r.Context(), status, target, q.Get("like"), limit)
}

// listed lists what the sender of ctx may see.
func (s *Service) listed(ctx context.Context, status, target, likeID string, limit int) (*Listed, error) {
	if err := s.Ready(ctx); err != nil {
		return nil, err
	}
	like := ""
	if id := likeID; id != "" {
		state, err := s.look(ctx, id)
		if err != nil {
			return nil, err
		}
		like = kin(state.Ask)
	}
	out := &Listed{Approvals: []*Approval{}}
	for _, state := range s.book.list(func(a approval.State) bool {
		return (status == "all" || string(a.Status) == status || status == unreviewed && a.Unreviewed()) &&
			(target == "" || a.Ask.GetTarget() == target) && (like == "" || kin(a.Ask) == like)
	}) {
		err := s.visible(ctx, state)
		if err != nil && schemas.Shown(err).Code == schemas.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(out.Approvals) == limit {
			out.More = true
			break
		}
		v, err := s.view(ctx, state)
		if err != nil {
			return nil, err
		}
		out.Approvals = append(out.Approvals, v)
	}
	return out, nil
}

// unreviewed is what ran without consent, and nobody has looked at yet.
const unreviewed = "unreviewed"

// Look returns a request that the sender of ctx may see.
func (s *Service) Look(ctx context.Context, id string) (approval.State, error) {
	if err := s.Ready(ctx); err != nil {
		return approval.State{}, err
	}
	return s.look(ctx, id)
}

func (s *Service) look(ctx context.Context, id string) (approval.State, error) {
	state, err := s.append(ctx, id, false, func(approval.State) (*schemas.Control, error) { return nil, nil })
	if err == nil {
		err = s.visible(ctx, state)
	}
	return state, err
}

func (s *Service) getOne(_ http.ResponseWriter, r *http.Request) (any, error) {
	state, err := s.look(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.view(r.Context(), state)
}

func (s *Service) postReview(w http.ResponseWriter, r *http.Request) (any, error) {
	var in NewReview
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "the review cannot be read: " + err.Error(), Hint: `{"decision": "approve", "reason": "…"}`}
	}
	state, err := s.Review(r.Context(), r.PathValue("id"), in.Decision, in.Reason)
	if err != nil {
		return nil, err
	}
	return s.view(r.Context(), state)
}
