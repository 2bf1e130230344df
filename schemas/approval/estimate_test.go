package approval_test

import (
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

func expects(rows float64) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalEstimated{ApprovalEstimated: &schemas.ApprovalEstimated{
		Request: &schemas.ApprovalRef{Id: "a-1"}, Estimate: &schemas.Estimate{Rows: rows}}}}
}

// An estimate decides nothing, and the first is the one that people decide on.
func TestEstimateFold(t *testing.T) {
	a := ask()
	a.Estimating = int64(5 * time.Second)
	h := history{}.add(requested(a, time.Minute))
	s := h.fold()
	if until := s.Estimating(); !until.Equal(began.Add(6 * time.Second)) {
		t.Errorf("it may come until %v", until)
	}
	h = h.add(expects(7)).add(expects(9))
	if s = h.fold(); s.Estimate.GetRows() != 7 || s.Status != approval.Pending || !s.Estimating().IsZero() {
		t.Errorf("%+v", s)
	}
	if approval.Change(history{h[0]}.fold(), s) != "" {
		t.Error("it is a change")
	}
	if s = (history{}).add(expects(7)).add(requested(ask(), time.Minute)).fold(); s.Estimate != nil || s.Status != approval.Pending {
		t.Errorf("of nothing: %+v", s)
	}
	if s = (history{}).add(requested(ask(), 500*time.Millisecond)).add(expects(7)).fold(); s.Status != approval.Expired {
		t.Errorf("too late: %+v", s)
	}
}

func TestExpected(t *testing.T) {
	for want, e := range map[string]*schemas.Estimate{
		"about 0 rows": {}, "about 1 row": {Rows: 1}, "about 999 rows": {Rows: 999}, "about 1,000 rows": {Rows: 1000},
		"about 12,345,678 rows": {Rows: 12345678}, "about 1e+300 rows": {Rows: 1e300}, "no estimate: why": {Rows: 3, Failure: "why"},
	} {
		if got := approval.Expected(e.Rows, e.Failure); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
