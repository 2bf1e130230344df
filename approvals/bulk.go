package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"sallyport/schemas"
)

// maxBulk bounds how many requests are reviewed at once.
const maxBulk = 100

// NewReviews is the body of POST /approvals/reviews: one decision about several requests. Each is
// reviewed on its own, as if by a request of its own.
type NewReviews struct {
	IDs      []string `json:"ids"`
	Decision string   `json:"decision"`
	Reason   string   `json:"reason"`
}

// Reviewed answers NewReviews, in the order asked.
type Reviewed struct {
	Results []ReviewResult `json:"results"`
}

// ReviewResult is what became of one of them.
type ReviewResult struct {
	ID      string `json:"id"`
	Status  string `json:"status"` // of the request; empty when the review did not count
	Code    string `json:"code"`   // of what went wrong; empty: nothing
	Problem string `json:"problem"`
}

func (s *Service) postReviews(w http.ResponseWriter, r *http.Request) (any, error) {
	var in NewReviews
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "the reviews cannot be read: " + err.Error(), Hint: `{"ids": ["a-…"], "decision": "approve", "reason": "…"}`}
	}
	slices.Sort(in.IDs)
	if in.IDs = slices.Compact(in.IDs); len(in.IDs) == 0 || len(in.IDs) > maxBulk {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("ids must name 1 to %d requests", maxBulk)}
	}
	return s.reviewAll(r.Context(), in), nil
}

func (s *Service) reviewAll(ctx context.Context, in NewReviews) *Reviewed {
	out := &Reviewed{Results: []ReviewResult{}}
	for _, id := range in.IDs {
		one := ReviewResult{ID: id}
		state, err := s.Review(ctx, id, in.Decision, in.Reason)
		if err != nil {
			shown := schemas.Shown(err)
			one.Code, one.Problem = string(shown.Code), shown.Message
			if shown.Code == schemas.CodeStepUp {
				one.Problem += "; " + shown.Hint
			}
			if shown.Code == schemas.CodeInternal {
				s.log.Error("review", "approval", id, "error", err)
			}
		} else {
			one.Status = string(state.Status)
		}
		out.Results = append(out.Results, one)
	}
	return out
}
