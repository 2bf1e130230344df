package approvals_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport/approvals"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// enforces lets everybody but eve ask for access to orders, for 8 hours at most.
func enforces(t *testing.T, l *journal.Log) {
	t.Helper()
	stop, err := l.Answer(context.Background(), schemas.AskAccess, "enforcer", func(_ context.Context, request []byte) ([]byte, error) {
		ask := new(schemas.AccessAsk)
		if err := ask.UnmarshalVT(request); err != nil {
			return nil, err
		}
		a := &schemas.AccessAnswer{Reason: "no role lets you"}
		if ask.Permission == "request" && ask.Target == "orders" && ask.Principal.Name != "eve" {
			need, err := (&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "role r", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}}}}).MarshalVT()
			if err != nil {
				return nil, err
			}
			a = &schemas.AccessAnswer{Allowed: true, Roles: []string{"r"}, Approval: need, Longest: int64(8 * time.Hour)}
		}
		return a.MarshalVT()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

func (o *office) access(who, method, path, body string, out any) (int, string) {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.mux.ServeHTTP(w, httptest.NewRequestWithContext(named(who), method, "/api/v1/access"+path, strings.NewReader(body)))
	if out != nil && w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			o.t.Fatal(err)
		}
	}
	return w.Code, w.Body.String()
}

// grants are the facts about grants on the log.
func grants(t *testing.T, l *journal.Log) (all []*schemas.Control) {
	t.Helper()
	enough := errors.New("enough")
	err := l.Consume(t.Context(), journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{"sallyport.control.grant.*"}}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if err := c.UnmarshalVT(m.Data); err != nil {
				return err
			}
			all = append(all, c)
		}
		if caughtUp {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return all
}

func (o *office) granted(who, query string) (out approvals.Granted) {
	o.t.Helper()
	if code, body := o.access(who, "GET", query, "", &out); code != http.StatusOK {
		o.t.Fatalf("list: %d %s", code, body)
	}
	return out
}

func TestAccessForATime(t *testing.T) {
	l := journaltest.Open(t)
	enforces(t, l)
	o := open(t, l)
	var a approvals.Approval
	if code, body := o.access("alice", "POST", "", `{"target": "orders", "for": "2h", "reason": "the incident"}`, &a); code != 200 || a.Status != "pending" || a.Grant == nil || a.Grant.Length != 7200 || a.Text != "access to orders for 2h0m0s" || a.Why != "the incident" {
		t.Fatalf("asked: %d %s", code, body)
	}
	if code, body := o.review("alice", a.ID, "approve"); code != 403 {
		t.Errorf("she approves it herself: %d %s", code, body)
	}
	if code, body := o.do(named("alice"), "POST", "/"+a.ID+"/reviews", `{"decision": "break_glass", "reason": "x"}`, nil); code != 403 {
		t.Errorf("she breaks the glass: %d %s", code, body)
	}
	if got := o.granted("bob", ""); len(got.Requests) != 1 || len(got.Grants) != 0 {
		t.Errorf("listed: %+v", got)
	}
	if code, body := o.review("bob", a.ID, "approve"); code != 200 {
		t.Fatalf("approve: %d %s", code, body)
	}
	eventually(t, "it is granted", func() bool { return len(o.granted("alice", "").Grants) == 1 })
	g := o.granted("alice", "").Grants[0]
	decided := o.show(a.ID).Decided
	if g.Status != "active" || !g.From.Equal(*decided) || g.Until.Sub(g.From) != 2*time.Hour || g.By[0] != "bob" || g.Role != "r" || g.Reason != "the incident" || !g.MayRevoke {
		t.Errorf("granted: %+v, decided %s", g, decided)
	}
	if got := o.granted("mallory", "?status=all"); len(got.Grants)+len(got.Requests) != 0 {
		t.Errorf("mallory sees %+v", got)
	}
	if code, _ := o.access("mallory", "POST", "/"+a.ID+"/revoke", `{}`, nil); code != 404 {
		t.Errorf("mallory revokes: %d", code)
	}
	var revoked approvals.Grant
	if code, body := o.access("bob", "POST", "/"+a.ID+"/revoke", `{"reason": "it is over"}`, &revoked); code != 200 || revoked.Status != "revoked" || revoked.RevokedBy != "bob" || revoked.RevokedReason != "it is over" {
		t.Errorf("revoke: %d %s", code, body)
	}
	if code, _ := o.access("bob", "POST", "/"+a.ID+"/revoke", `{}`, nil); code != 409 {
		t.Errorf("revoked twice: %d", code)
	}
	if got := o.granted("alice", ""); len(got.Grants) != 0 {
		t.Errorf("still there: %+v", got.Grants)
	}
	if got := o.granted("alice", "?status=revoked&target=orders"); len(got.Grants) != 1 {
		t.Errorf("not among the revoked: %+v", got.Grants)
	}
	if code, _ := o.access("alice", "GET", "?status=odd", "", nil); code != 400 {
		t.Errorf("an odd status: %d", code)
	}
}

func TestAccessIsAskedForRightly(t *testing.T) {
	l := journaltest.Open(t)
	enforces(t, l)
	o := open(t, l)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for body, want := range map[string]string{
		`{"target": "orders", "for": "2h"}`:                                                      "a reason is needed",
		`{"target": "orders", "reason": "x"}`:                                                    "either for or until",
		`{"target": "orders", "for": "1h", "until": "` + later + `", "reason": "x"}`:             "either for or until",
		`{"target": "orders", "for": "9h", "reason": "x"}`:                                       "longer than the role lets",
		`{"target": "orders", "for": "-1h", "reason": "x"}`:                                      "not a duration",
		`{"target": "orders", "until": "2001-01-01T00:00:00Z", "reason": "x"}`:                   "until is not after",
		`{"target": "orders", "from": "` + later + `", "until": "` + later + `", "reason": "x"}`: "until is not after",
		`{"target": "other", "for": "1h", "reason": "x"}`:                                        "no role lets you",
		`{"odd": 1}`: "cannot be read",
	} {
		if code, said := o.access("alice", "POST", "", body, nil); code < 400 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %q", body, code, said, want)
		}
	}
	if code, _ := o.access("eve", "POST", "", `{"target": "orders", "for": "1h", "reason": "x"}`, nil); code != 403 {
		t.Errorf("eve: %d", code)
	}
	// A gateway cannot ask for it in somebody's name.
	smuggled := o.request(l, ask("a-9", func(a *schemas.ApprovalAsk) {
		a.Session = ""
		a.Grant = &schemas.AccessGrant{Target: "orders", Role: "r", Length: 1}
	}))
	if smuggled.Failure == "" {
		t.Error("a gateway asked for access")
	}
	if n := len(facts(t, l)); n != 0 {
		t.Errorf("%d facts", n)
	}
}

// Moments are exact, and the end is marked, by one of the replicas, once.
func TestAccessEndsOnTheLog(t *testing.T) {
	l := journaltest.Open(t)
	enforces(t, l)
	o, other := open(t, l), open(t, l)
	until := time.Now().Add(3 * time.Second).UTC().Truncate(time.Millisecond)
	ids := make([]string, 3)
	for i := range ids {
		var a approvals.Approval
		if code, body := o.access("alice", "POST", "", fmt.Sprintf(`{"target": "orders", "until": %q, "reason": "x"}`, until.Format(time.RFC3339Nano)), &a); code != 200 {
			t.Fatalf("asked: %d %s", code, body)
		}
		if code, body := other.review("bob", a.ID, "approve"); code != 200 {
			t.Fatalf("approve: %d %s", code, body)
		}
		ids[i] = a.ID
	}
	eventually(t, "they ended", func() bool { return len(o.granted("alice", "?status=ended").Grants) == 3 && len(grants(t, l)) >= 6 })
	made, ended := map[string]int{}, map[string]int{}
	for _, c := range grants(t, l) {
		if g := c.GetGrantMade(); g != nil {
			made[g.Id]++
			if g.Grant.Until != until.UnixNano() {
				t.Errorf("until %s, want %s", time.Unix(0, g.Grant.Until), until)
			}
		} else if e := c.GetGrantEnded(); e != nil {
			ended[e.Id]++
		}
	}
	for _, id := range ids {
		if made[id] != 1 || ended[id] != 1 {
			t.Errorf("%s was made %d times and ended %d times", id, made[id], ended[id])
		}
	}
	if code, _ := o.access("bob", "POST", "/"+ids[0]+"/revoke", `{}`, nil); code != 409 {
		t.Errorf("revoked after its end: %d", code)
	}
}

// What was approved is granted though everybody who knew of it was killed in between, and only once.
func TestGrantsAreMadeGood(t *testing.T) {
	l := journaltest.Open(t)
	enforces(t, l)
	spec := &schemas.AccessGrant{Role: "r", Target: "orders", Length: int64(time.Hour)}
	alice := &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}
	add := func(area schemas.Area, id string, c *schemas.Control) {
		t.Helper()
		if _, err := l.AppendControl(t.Context(), area, id, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	request := func(id string, facts int) {
		ref := &schemas.ApprovalRef{Id: id, Target: "orders"}
		a := ask(id, func(a *schemas.ApprovalAsk) { a.Session, a.Grant, a.Principal = "", spec, alice })
		for _, c := range []*schemas.Control{
			{Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: ref, Ask: a, Lifetime: int64(time.Hour)}}},
			{Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "v", Decision: "approve",
				Reviewer: &schemas.Principal{Name: "bob", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}}}},
			{Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: ref, Digest: a.Digest}}},
		}[:facts] {
			add(schemas.AreaApproval, id, c)
		}
	}
	request("a-asked", 1)
	request("a-approved", 2)
	request("a-used", 3)
	request("a-granted", 3)
	request("a-revoked", 3)
	exact := &schemas.AccessGrant{Role: "r", Target: "orders", From: time.Now().UnixNano(), Until: time.Now().Add(time.Hour).UnixNano()}
	for _, id := range []string{"a-granted", "a-revoked"} {
		add(schemas.AreaGrant, id, &schemas.Control{Kind: &schemas.Control_GrantMade{GrantMade: &schemas.GrantMade{Id: id, Principal: alice, Grant: exact}}})
	}
	add(schemas.AreaGrant, "a-revoked", &schemas.Control{By: "bob", Kind: &schemas.Control_GrantRevoked{GrantRevoked: &schemas.GrantRevoked{Id: "a-revoked", Target: "orders"}}})
	open(t, l, func(c *approvals.Config) { c.History = 1 })
	o := open(t, l)
	eventually(t, "what is owed is granted", func() bool { return len(o.granted("alice", "").Grants) == 3 })
	made := map[string]int{}
	for _, c := range grants(t, l) {
		made[c.GetGrantMade().GetId()]++
	}
	for id, want := range map[string]int{"a-asked": 0, "a-approved": 1, "a-used": 1, "a-granted": 1, "a-revoked": 1} {
		if made[id] != want {
			t.Errorf("%s was made %d times, want %d", id, made[id], want)
		}
	}
}
