package approvals_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/approvals"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

type whoKey struct{}

// may maps a name to the targets that it may review; "*" is every one.
type may map[string]string

func (m may) Authorize(ctx context.Context, permission, target string) error {
	who, _ := ctx.Value(whoKey{}).(approvals.Reviewer)
	if t := m[who.Principal.GetName()]; permission == "review" && (t == "*" || t == target) {
		return nil
	}
	return &schemas.Error{Code: schemas.CodeForbidden, Message: "no role"}
}

// office is a running service.
type office struct {
	t   testing.TB
	s   *approvals.Service
	mux *http.ServeMux
}

func open(t testing.TB, l *journal.Log, change ...func(*approvals.Config)) *office {
	t.Helper()
	c := approvals.Config{Log: l, Authorizer: may{"bob": "*", "carol": "*", "alice": "*", "eve": "other"}, PublicURL: "https://sallyport.example",
		Who: func(ctx context.Context) approvals.Reviewer {
			who, _ := ctx.Value(whoKey{}).(approvals.Reviewer)
			return who
		},
		Starter: func(id schemas.TokenID) string { return map[schemas.TokenID]string{"t-bot": "bob"}[id] }}
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
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	running.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	<-s.Answering()
	o := &office{t: t, s: s, mux: http.NewServeMux()}
	s.Mount(o.mux)
	return o
}

func named(name string) context.Context {
	return context.WithValue(context.Background(), whoKey{}, approvals.Reviewer{
		Principal: &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}})
}

func ask(id string, change ...func(*schemas.ApprovalAsk)) *schemas.ApprovalAsk {
	a := &schemas.ApprovalAsk{Request: id, Session: "s", Command: 2, Target: "orders", Protocol: "postgres", Text: "DROP TABLE x",
		Principal: &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER},
		Digest:    []byte{1}, Sql: &schemas.SqlFacts{Kinds: []string{"DROP"}, Writes: []string{"public.x"}},
		Need: &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "p", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}}}}}
	for _, f := range change {
		f(a)
	}
	return a
}

// request asks as a gateway does.
func (o *office) request(l *journal.Log, a *schemas.ApprovalAsk) *schemas.ApprovalAnswer {
	o.t.Helper()
	data, err := a.MarshalVT()
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := l.Ask(ctx, schemas.AskApproval, data)
	if err != nil {
		o.t.Fatal(err)
	}
	answer := new(schemas.ApprovalAnswer)
	if err := answer.UnmarshalVT(reply); err != nil {
		o.t.Fatal(err)
	}
	return answer
}

func (o *office) do(ctx context.Context, method, path, body string, out any) (int, string) {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, "/api/v1/approvals"+path, strings.NewReader(body)))
	if out != nil && w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			o.t.Fatal(err)
		}
	}
	return w.Code, w.Body.String()
}

func (o *office) review(who, id, decision string) (int, string) {
	o.t.Helper()
	return o.do(named(who), "POST", "/"+id+"/reviews", `{"decision": "`+decision+`", "reason": "seen"}`, nil)
}

func (o *office) show(id string) (a approvals.Approval) {
	o.t.Helper()
	if code, body := o.do(named("bob"), "GET", "/"+id, "", &a); code != http.StatusOK {
		o.t.Fatalf("show %s: %d %s", id, code, body)
	}
	return a
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

// facts about approvals on the log.
func facts(t testing.TB, l *journal.Log) (all []*schemas.Control) {
	t.Helper()
	enough := errors.New("enough")
	err := l.Consume(t.Context(), journal.ConsumeConfig{Stream: schemas.Controls}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if err := c.UnmarshalVT(m.Data); err != nil {
				return err
			}
			if approval.Ref(c) != nil {
				all = append(all, c)
			}
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

func TestWhoMayReview(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	answer := o.request(l, ask("a-1"))
	if answer.Failure != "" || answer.Link != "https://sallyport.example/approvals/a-1" || answer.Expires == 0 {
		t.Fatalf("answer %v", answer)
	}
	o.request(l, ask("a-2", func(a *schemas.ApprovalAsk) {
		a.Principal = &schemas.Principal{Name: "bot", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, TokenId: "t-bot"}
		a.Starter = "nobody" // what a gateway says of this does not count
	}))
	nobody := context.WithValue(context.Background(), whoKey{}, approvals.Reviewer{Anonymous: true,
		Principal: &schemas.Principal{Name: "administrator", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}})
	for name, c := range map[string]struct {
		ctx  context.Context
		id   string
		code int
		want string
	}{
		"the administrator":       {nobody, "a-1", 403, "own token"},
		"who asked":               {named("alice"), "a-1", 403, "ask for themselves"},
		"who may see nothing":     {named("mallory"), "a-1", 404, "no such request"},
		"who reviews another":     {named("eve"), "a-1", 404, "no such request"},
		"no such request":         {named("bob"), "a-3", 404, "no such request"},
		"who started the agent":   {named("bob"), "a-2", 403, "that they started"},
		"a decision of their own": {named("bob"), "a-1", 400, "approve or deny"},
	} {
		decision := "approve"
		if c.code == 400 {
			decision = "perhaps"
		}
		code, body := o.do(c.ctx, "POST", "/"+c.id+"/reviews", `{"decision": "`+decision+`"}`, nil)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	if n := len(facts(t, l)); n != 2 {
		t.Errorf("%d facts on the log, want the two requests", n)
	}
	if code, body := o.review("carol", "a-2", "approve"); code != 200 {
		t.Errorf("carol: %d %s", code, body)
	}
	if a := o.show("a-2"); a.Status != "approved" || a.By[0] != "carol" || a.Reason != "seen" || a.Starter != "bob" || len(a.Reviews) != 1 {
		t.Errorf("after it: %+v", a)
	}
	if code, body := o.review("bob", "a-1", "deny"); code != 200 || !strings.Contains(body, `"denied"`) {
		t.Errorf("bob: %d %s", code, body)
	}
	if code, body := o.review("carol", "a-1", "approve"); code != 409 || !strings.Contains(body, "denied by bob already") {
		t.Errorf("too late: %d %s", code, body)
	}
}

func TestListShowsWhatConcernsWhoAsks(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	o.request(l, ask("a-1"))
	o.request(l, ask("a-2", func(a *schemas.ApprovalAsk) { a.Target = "other" }))
	o.request(l, ask("a-3", func(a *schemas.ApprovalAsk) {
		a.Parameters = []*schemas.Value{{Data: []byte("x\x1b[2J"), Type: 25}, {Null: true}, {Marker: "[secret]", Size: 7}, {Data: []byte{0, 0, 0, 7}, Binary: true, Type: 23}}
	}))
	for who, want := range map[string]int{"bob": 3, "eve": 1, "mallory": 0} {
		var out approvals.Listed
		if code, body := o.do(named(who), "GET", "", "", &out); code != 200 || len(out.Approvals) != want {
			t.Errorf("%s: %d %s", who, code, body)
		}
	}
	var out approvals.Listed
	if o.do(named("bob"), "GET", "?limit=2&target=orders", "", &out); len(out.Approvals) != 2 || out.More || out.Approvals[0].ID != "a-3" {
		t.Errorf("of orders: %+v", out)
	}
	if o.do(named("bob"), "GET", "?limit=1", "", &out); len(out.Approvals) != 1 || !out.More {
		t.Errorf("one: %+v", out)
	}
	ps := o.show("a-3").Parameters
	if len(ps) != 4 || *ps[0].Text != "x\x1b[2J" || !ps[1].Null || ps[2].Text != nil || ps[2].Marker != "[secret]" || *ps[3].Text != "7" {
		t.Errorf("parameters %+v", ps)
	}
	for _, q := range []string{"?status=odd", "?limit=0", "?limit=x"} {
		if code, _ := o.do(named("bob"), "GET", q, "", nil); code != 400 {
			t.Errorf("%s: %d", q, code)
		}
	}
	o.review("bob", "a-1", "approve")
	o.do(named("bob"), "GET", "?status=approved", "", &out)
	if len(out.Approvals) != 1 || out.Approvals[0].ID != "a-1" {
		t.Errorf("approved: %+v", out)
	}
	if a := o.show("a-3"); a.Similar != (approvals.Similar{Approved: 1}) {
		t.Errorf("similar %+v", a.Similar)
	}
	if a := o.show("a-1"); a.Similar != (approvals.Similar{}) {
		t.Errorf("similar to itself %+v", a.Similar)
	}
}

// An ask that is repeated, because its answer was lost, makes no second request.
func TestAskIsRepeated(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l)
	first := o.request(l, ask("a-1"))
	if again := o.request(l, ask("a-1")); again.Expires != first.Expires || again.Failure != "" {
		t.Errorf("first %v, then %v", first, again)
	}
	if n := len(facts(t, l)); n != 1 {
		t.Errorf("%d facts", n)
	}
	if bad := o.request(l, &schemas.ApprovalAsk{Request: "a-9"}); bad.Failure == "" {
		t.Error("a request of nobody for nothing was made")
	}
}

// Replicas share the work, and agree; reviewers at once decide once.
func TestReplicasAgree(t *testing.T) {
	l := journaltest.Open(t)
	a, b := open(t, l), open(t, l)
	const count = 20
	for i := range count {
		a.request(l, ask(id(i)))
	}
	var wg sync.WaitGroup
	codes := make(chan int, 2*count)
	for i := range count {
		wg.Go(func() { c, _ := a.review("bob", id(i), "approve"); codes <- c })
		wg.Go(func() { c, _ := b.review("carol", id(i), "approve"); codes <- c })
	}
	wg.Wait()
	counts := map[int]int{}
	for range 2 * count {
		counts[<-codes]++
	}
	if counts[200] != count || counts[409] != count {
		t.Errorf("answers %v", counts)
	}
	for i := range count {
		eventually(t, "both know", func() bool { return a.show(id(i)).Status == "approved" && b.show(id(i)).Status == "approved" })
		if x, y := a.show(id(i)), b.show(id(i)); x.By[0] != y.By[0] {
			t.Errorf("%s says %v, the other %v", x.ID, x.By, y.By)
		}
	}
}

func id(i int) string { return "a-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

// A request that is no longer in memory is read from the log.
func TestOldRequestsAreRead(t *testing.T) {
	l := journaltest.Open(t)
	few := func(c *approvals.Config) { c.History = 2 }
	o := open(t, l, few)
	for i := range 6 {
		o.request(l, ask(id(i)))
		o.review("bob", id(i), "deny")
	}
	for name, o := range map[string]*office{"the same": o, "one that starts": open(t, l, few)} {
		if a := o.show(id(0)); a.Status != "denied" || a.By[0] != "bob" {
			t.Errorf("%s: %+v", name, a)
		}
		if code, _ := o.review("carol", id(0), "approve"); code != 409 {
			t.Errorf("%s: reviewed again: %d", name, code)
		}
		if answer := o.request(l, ask(id(0))); answer.Failure != "" {
			t.Errorf("%s: asked again: %v", name, answer)
		}
		var out approvals.Listed
		if o.do(named("bob"), "GET", "?status=all", "", &out); len(out.Approvals) != 2 {
			t.Errorf("%s: %d listed", name, len(out.Approvals))
		}
	}
	if n := len(facts(t, l)); n != 12 {
		t.Errorf("%d facts, want 12", n)
	}
}

func TestBounds(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l, func(c *approvals.Config) { c.Each, c.Pending, c.Longest = 2, 3, time.Hour })
	by := func(name string) func(*schemas.ApprovalAsk) {
		return func(a *schemas.ApprovalAsk) { a.Principal = &schemas.Principal{Name: name} }
	}
	for i, who := range []string{"u", "u", "v"} {
		if answer := o.request(l, ask(id(i), by(who))); answer.Failure != "" {
			t.Fatal(answer)
		}
	}
	for _, who := range []string{"u", "w"} {
		if answer := o.request(l, ask("a-x", by(who))); !strings.Contains(answer.Failure, "too many") {
			t.Errorf("%s: %v", who, answer)
		}
	}
	o.review("bob", id(0), "deny")
	answer := o.request(l, ask("a-y", by("u"), func(a *schemas.ApprovalAsk) { a.Need.Rules[0].Expires = int64(100 * time.Hour) }))
	if life := time.Until(time.Unix(0, answer.Expires)); answer.Failure != "" || life > time.Hour || life < 50*time.Minute {
		t.Errorf("%v, for %s", answer, life)
	}
}

// Expiry goes by the stream's clock, whatever the service's own says.
func TestExpiry(t *testing.T) {
	for name, skew := range map[string]time.Duration{"the same clock": 0, "ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			l := journaltest.Open(t)
			o := open(t, l, func(c *approvals.Config) { c.Now = func() time.Time { return time.Now().Add(skew) } })
			o.request(l, ask("a-0")) // it is by what comes that the clocks are compared
			o.request(l, ask("a-1", func(a *schemas.ApprovalAsk) { a.Need.Rules[0].Expires = int64(600 * time.Millisecond) }))
			if code, body := o.review("bob", "a-0", "deny"); code != 200 {
				t.Errorf("review: %d %s", code, body)
			}
			eventually(t, "it expires", func() bool { return o.show("a-1").Status == "expired" })
			if code, _ := o.review("bob", "a-1", "approve"); code != 409 {
				t.Errorf("reviewed too late: %d", code)
			}
			marks := 0
			for _, c := range facts(t, l) {
				if c.GetApprovalDecided() != nil {
					marks++
				}
			}
			if marks < 1 || marks > 8 {
				t.Errorf("%d marks", marks)
			}
		})
	}
}
