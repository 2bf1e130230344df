package postgres_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/approvals"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// held is what judgeHeld holds wherever it occurs in a text.
const held = "please"

// judgeHeld holds what contains held, and judges all else as sessiontest does.
func judgeHeld(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
	v := sessiontest.Judge(a)
	if strings.Contains(a.Text, held) && v.Outcome == schemas.Outcome_OUTCOME_ALLOW {
		v.Outcome, v.Reuse = schemas.Outcome_OUTCOME_HOLD, schemas.Reuse_REUSE_EXACT
		v.Reasons = []*schemas.Reason{{Policy: "ask-nicely", Message: "that needs a DBA"}}
		v.Approval, _ = (&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "ask-nicely",
			Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}}}}).MarshalVT()
	}
	return v
}

// desk is a running approvals service, and where people review.
type desk struct {
	t    testing.TB
	mux  *http.ServeMux
	stop func()
}

type reviewerKey struct{}

type everything struct{}

func (everything) Authorize(context.Context, string, string) error { return nil }

func openDesk(t testing.TB, l *journal.Log, change ...func(*approvals.Config)) *desk {
	t.Helper()
	c := approvals.Config{Log: l, Authorizer: everything{}, PublicURL: "https://sallyport.example",
		Who: func(ctx context.Context) approvals.Reviewer {
			name, _ := ctx.Value(reviewerKey{}).(string)
			return approvals.Reviewer{Principal: &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}}
		}}
	for _, f := range change {
		f(&c)
	}
	s, err := approvals.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil && l.Healthy(context.Background()) == nil {
			t.Errorf("approvals: %v", err)
		}
	})
	running.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Errorf("approvals: %v", err)
		}
	})
	d := &desk{t: t, mux: http.NewServeMux(), stop: sync.OnceFunc(func() { cancel(); running.Wait() })}
	s.Mount(d.mux)
	t.Cleanup(d.stop)
	eventually(t, "the approvals service answers", func() bool {
		// Nobody makes such a request: the service says so.
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := l.Ask(ctx, schemas.AskApproval, nil)
		return err == nil
	})
	return d
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("it did not happen: %s", what)
}

func (d *desk) do(who, method, path, body string, out any) int {
	d.t.Helper()
	r := httptest.NewRequestWithContext(context.WithValue(context.Background(), reviewerKey{}, who), method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	if out != nil && w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			d.t.Errorf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

// waiting waits until n requests are pending, and returns them.
func (d *desk) waiting(n int) (all []*approvals.Approval) {
	d.t.Helper()
	eventually(d.t, "requests are pending", func() bool {
		var out approvals.Listed
		if code := d.do("bob", "GET", "/api/v1/approvals", "", &out); code != http.StatusOK {
			d.t.Fatalf("list: %d", code)
		}
		all = out.Approvals
		return len(all) == n
	})
	return all
}

// becomes waits until a request has that status.
func (d *desk) becomes(id, status string) *approvals.Approval {
	d.t.Helper()
	var out approvals.Approval
	eventually(d.t, id+" is "+status, func() bool {
		return d.do("bob", "GET", "/api/v1/approvals/"+id, "", &out) == http.StatusOK && out.Status == status
	})
	return &out
}

func (d *desk) review(who, id, decision, reason string) int {
	d.t.Helper()
	body, _ := json.Marshal(approvals.NewReview{Decision: decision, Reason: reason})
	return d.do(who, "POST", "/api/v1/approvals/"+id+"/reviews", string(body), nil)
}

// always reviews every request as soon as it is there, until the test ends.
func (d *desk) always(decision string) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			var out approvals.Listed
			d.do("bob", "GET", "/api/v1/approvals", "", &out)
			for _, a := range out.Approvals {
				d.review("bob", a.ID, decision, "")
			}
			time.Sleep(time.Millisecond)
		}
	})
	d.t.Cleanup(func() { cancel(); running.Wait() })
}
