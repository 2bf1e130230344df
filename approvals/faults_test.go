package approvals_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/approvals"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/approval/approvaltest"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
	"sallyport/schemas/registry"
)

// branch is a replica that can be killed and started anew.
type branch struct {
	log  *journal.Log
	mux  *http.ServeMux
	stop func()
}

func (b *branch) start(t testing.TB) {
	s, err := approvals.New(approvals.Config{Log: b.log, Each: 10_000, Settle: time.Second, Lifetime: 500 * time.Millisecond,
		Authorizer: may{"alice": "*", "bob": "*", "carol": "*", "dave": "*", "eve": "*"},
		Who: func(ctx context.Context) approvals.Reviewer {
			who, _ := ctx.Value(whoKey{}).(approvals.Reviewer)
			return who
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) }) // what it fails with shows in what becomes of the requests
	running.Go(func() { _ = s.Serve(ctx) })
	b.mux, b.stop = http.NewServeMux(), func() { cancel(); running.Wait() }
	s.Mount(b.mux)
}

// post does something as somebody. What is answered depends on who was first.
func post(mux *http.ServeMux, who, path, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ctx = context.WithValue(ctx, whoKey{}, approvals.Reviewer{Principal: approvaltest.Person(who)})
	r := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/"+path, strings.NewReader(body))
	mux.ServeHTTP(httptest.NewRecorder(), r)
}

// said are the facts about one request, and about the grant of it.
type said struct{ request, grant []approval.Fact }

func saidOf(t *rapid.T, l *journal.Log) map[string]*said {
	all := map[string]*said{}
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := l.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if err := c.UnmarshalVT(m.Data); err != nil {
				return err
			}
			id := approval.Ref(c).GetId() + c.GetGrantMade().GetId() + c.GetGrantRevoked().GetId() + c.GetGrantEnded().GetId()
			if id != "" && all[id] == nil {
				all[id] = &said{}
			}
			f := approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c}
			if approval.Ref(c) != nil {
				all[id].request = append(all[id].request, f)
			} else if id != "" {
				all[id].grant = append(all[id].grant, f)
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

// TestGrantsUnderFaults lets people ask for access of all kinds, review, and revoke, while services are killed and
// started, and messages and acknowledgements are lost. Whatever happens, nothing is granted without consent or twice,
// every grant ends, once, and neither before its time nor on its own after it was revoked.
func TestGrantsUnderFaults(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	was := checks.String()
	if was == "100" { // not asked for another number: each takes a second or two
		_ = checks.Set("5")
		defer func() { _ = checks.Set(was) }()
	}
	server := journaltest.Server(t)
	own := journaltest.OpenConfig(t, journal.Config{URL: server})
	var mu sync.Mutex
	need := &schemas.ApprovalNeed{}
	stop, err := own.Answer(context.Background(), schemas.AskAccess, "enforcer", func(context.Context, []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		data, err := need.MarshalVT()
		if err != nil {
			return nil, err
		}
		return (&schemas.AccessAnswer{Allowed: true, Roles: []string{"r"}, Approval: data, Longest: int64(time.Hour)}).MarshalVT()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	reg, err := registry.Open(t.Context(), registry.Config{Log: own, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var projecting sync.WaitGroup
	projecting.Go(func() { _ = reg.Run(ctx) })
	defer projecting.Wait()
	defer cancel()
	var branches []*branch
	var proxies []*journaltest.Proxy
	for range 2 {
		p := journaltest.NewProxy(t, server)
		b := &branch{log: journaltest.OpenConfig(t, journal.Config{URL: p.URL(), AckTimeout: time.Second})}
		b.start(t)
		branches, proxies = append(branches, b), append(proxies, p)
	}
	defer func() {
		for _, b := range branches {
			b.stop()
		}
	}()
	granted, not := 0, 0
	judged := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		var running sync.WaitGroup
		for range rapid.IntRange(10, 30).Draw(rt, "steps") {
			n := rapid.IntRange(0, len(branches)-1).Draw(rt, "replica")
			mux := branches[n].mux
			switch rapid.SampledFrom([]string{"ask", "ask", "ask", "review", "everybody", "everybody", "everybody", "revoke", "revoke", "restart", "lose", "rest"}).Draw(rt, "step") {
			case "ask":
				drawn, body := approvaltest.Need(rt, 0, 50*time.Millisecond), drawAccess(rt)
				mu.Lock()
				need = drawn
				mu.Unlock()
				post(mux, approvaltest.Asker, "access", body)
			case "review":
				who := rapid.SampledFrom(approvaltest.Names()).Draw(rt, "who")
				decision := rapid.SampledFrom([]string{approval.Approve, approval.Deny, approval.BreakGlass}).Draw(rt, "decision")
				if id := pickRequest(rt, own, judged); id != "" {
					running.Go(func() { post(mux, who, "approvals/"+id+"/reviews", `{"decision": "`+decision+`", "reason": "x"}`) })
				}
			case "everybody":
				order := rapid.Permutation(approvaltest.Reviewers()).Draw(rt, "order")
				if id := pickRequest(rt, own, judged); id != "" {
					for range 2 { // a step may open for who came too early
						for _, who := range order {
							post(mux, who, "approvals/"+id+"/reviews", `{"decision": "approve"}`)
						}
					}
				}
			case "revoke":
				who := rapid.SampledFrom(approvaltest.Names()).Draw(rt, "who")
				if id := pickRequest(rt, own, judged); id != "" {
					for _, b := range branches { // at both at once: one of them is too late
						mux := b.mux
						running.Go(func() { post(mux, who, "access/"+id+"/revoke", `{"reason": "x"}`) })
					}
				}
			case "restart":
				branches[n].stop()
				branches[n].start(t)
			case "lose":
				match := rapid.SampledFrom([]string{"control.approval", "control.grant"}).Draw(rt, "of")
				count := rapid.IntRange(1, 2).Draw(rt, "messages")
				if rapid.Bool().Draw(rt, "acknowledgements") {
					proxies[n].LoseAcks(match, count)
				} else {
					proxies[n].LoseAppends(match, count)
				}
			case "rest":
				time.Sleep(time.Duration(rapid.IntRange(1, 100).Draw(rt, "ms")) * time.Millisecond)
			}
		}
		for _, p := range proxies {
			p.LoseAcks("", 0)
			p.LoseAppends("", 0)
		}
		running.Wait()
		var all map[string]*said
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			all = saidOf(rt, own)
			stuck := unfinished(all)
			if stuck == "" && len(reg.Snapshot().Grants(approvaltest.Asker)) == 0 {
				break
			}
			if time.Now().After(end) {
				rt.Fatalf("%s; of grants there are still %v", stuck, reg.Snapshot().Grants(approvaltest.Asker))
			}
		}
		for id, s := range all {
			if judged[id] {
				continue
			}
			judged[id] = true
			if err := judgeGrant(s); err != nil {
				rt.Fatalf("%s: %v", id, err)
			}
			if len(s.grant) > 0 {
				granted++
			} else {
				not++
			}
		}
	})
	if t.Logf("%d granted, %d not", granted, not); granted == 0 || not == 0 {
		t.Error("the steps show nothing")
	}
}

// drawAccess asks for access from now, or soon, for or until a moment that comes soon.
func drawAccess(t *rapid.T) string {
	length := time.Duration(rapid.IntRange(50, 1500).Draw(t, "length")) * time.Millisecond
	from, begin := "null", time.Now()
	if rapid.Bool().Draw(t, "later") {
		begin = begin.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "from")) * time.Millisecond)
		from = begin.UTC().Format(`"` + time.RFC3339Nano + `"`)
	}
	if rapid.Bool().Draw(t, "until") {
		return fmt.Sprintf(`{"target": "orders", "from": %s, "until": %q, "reason": "x"}`, from, begin.Add(length).UTC().Format(time.RFC3339Nano))
	}
	return fmt.Sprintf(`{"target": "orders", "from": %s, "for": %q, "reason": "x"}`, from, length)
}

// pickRequest is one of this turn, or empty.
func pickRequest(t *rapid.T, l *journal.Log, judged map[string]bool) string {
	n := rapid.IntRange(0, 20).Draw(t, "which")
	var ids []string
	for id := range saidOf(t, l) {
		if !judged[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	return ids[n%len(ids)]
}

// unfinished names something that has no end on the log.
func unfinished(all map[string]*said) string {
	for id, s := range all {
		state := approval.State{}
		over := false
		for _, f := range s.request {
			state = state.Fold(f)
		}
		for _, f := range s.grant {
			over = over || f.Control.GetGrantMade() == nil
		}
		if state.Status.Live() || state.Status == approval.Used && !over {
			return fmt.Sprintf("%s is %s, and has %d facts of a grant", id, state.Status, len(s.grant))
		}
	}
	return ""
}

// judgeGrant holds one request, and what was granted, against what is on the log.
func judgeGrant(s *said) error {
	if len(s.grant) == 0 {
		return nil
	}
	if err := approvaltest.Ran(s.request); err != nil {
		return err
	}
	made := s.grant[0].Control.GetGrantMade()
	if made == nil || len(s.grant) != 2 || s.grant[1].Control.GetGrantMade() != nil {
		return fmt.Errorf("it was not made once, and ended once: %v", s.grant)
	}
	asked, end := s.request[0].Control.GetApprovalRequested().GetAsk().GetGrant(), s.grant[1]
	if asked.Until != 0 && made.Grant.Until != asked.Until || asked.From != 0 && made.Grant.From != asked.From ||
		asked.Length != 0 && made.Grant.Until-made.Grant.From != asked.Length {
		return fmt.Errorf("asked for %v, and given %v", asked, made.Grant)
	}
	if asked.From == 0 && made.Grant.From > s.grant[0].Time.UnixNano() {
		return fmt.Errorf("it begins at %d, after it was made", made.Grant.From)
	}
	if end.Control.GetGrantEnded() != nil && end.Time.Before(time.Unix(0, made.Grant.Until)) {
		return fmt.Errorf("it was said to have ended at %s, and holds until %s", end.Time, time.Unix(0, made.Grant.Until))
	}
	return nil
}
