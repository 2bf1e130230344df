package session_test

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/approvals"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/approval/approvaltest"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
	"sallyport/schemas/resources"
)

type reviewerKey struct{}

type everything struct{}

func (everything) Authorize(context.Context, string, string) error { return nil }

// replica is an approvals service that can be killed and started anew.
type replica struct {
	log  *journal.Log
	s    *approvals.Service
	stop func()
}

func (r *replica) start(t testing.TB) {
	s, err := approvals.New(approvals.Config{Log: r.log, Each: 10_000, Authorizer: everything{}, Settle: time.Second,
		Who: func(ctx context.Context) approvals.Reviewer {
			name, _ := ctx.Value(reviewerKey{}).(string)
			return approvals.Reviewer{Principal: approvaltest.Person(name)}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) }) // what it fails with shows in what becomes of the requests
	running.Go(func() { _ = s.Serve(ctx) })
	r.s, r.stop = s, func() { cancel(); running.Wait() }
}

func as(name string) context.Context {
	return context.WithValue(context.Background(), reviewerKey{}, name)
}

// waiter is one command that is held.
type waiter struct {
	session *session.Session
	cancel  context.CancelCauseFunc
	done    chan struct{}

	mu      sync.Mutex
	id      string // of the request, once told
	allowed bool
	err     error
}

func (w *waiter) approval() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id
}

// oneDBA is what most commands here need, within lifetime.
func oneDBA(lifetime time.Duration) *schemas.ApprovalNeed {
	return &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "p", Expires: int64(lifetime),
		Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}}}}
}

// holdCommand runs a command of alice's, and waits.
func holdCommand(t testing.TB, e *sessiontest.Env, need *schemas.ApprovalNeed) *waiter {
	id := &session.Identity{TokenID: "t-alice", Principal: approvaltest.Person(approvaltest.Asker)}
	r, err := e.Gateway.Find(context.Background(), id, "test", "orders")
	if err != nil {
		t.Fatal(err)
	}
	w := &waiter{done: make(chan struct{})}
	if w.session, err = e.Gateway.Open(context.Background(), session.Request{Identity: id, Target: r, Protocol: "test", ClientAddress: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.done)
		allowed, err := w.run(ctx, need)
		w.mu.Lock()
		w.allowed, w.err = allowed, err
		w.mu.Unlock()
		_ = w.session.Close(context.Background(), session.End{Reason: session.ReasonClient})
	}()
	return w
}

func (w *waiter) run(ctx context.Context, need *schemas.ApprovalNeed) (bool, error) {
	data, err := need.MarshalVT()
	if err != nil {
		return false, err
	}
	c := session.Command{Kind: kind, Text: "hold " + hex.EncodeToString(data)}
	d, err := w.session.Decide(ctx, c.Kind, c.Text)
	if err != nil {
		return false, err
	}
	number, err := w.session.Command(ctx, c, d)
	if err != nil {
		return false, err
	}
	if err := w.session.Commit(ctx); err != nil {
		return false, err
	}
	d, err = w.session.Hold(ctx, number, c, d, func(h session.Held) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.id = h.Approval
	})
	return err == nil && d.Allowed(), err
}

// holds is what answers verdicts: "hold N" needs what N says.
func holds(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
	need, _ := hex.DecodeString(strings.TrimPrefix(a.Text, "hold "))
	return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_HOLD, Approval: need, Reasons: []*schemas.Reason{{Policy: "p"}}}
}

// TestHoldTellsWhatIsDecidedAlready holds that a client is told what its command waited for, also
// when somebody decided before the gateway could tell it.
func TestHoldTellsWhatIsDecidedAlready(t *testing.T) {
	e := sessiontest.New(t, "test")
	e.Enforcer.Set("r", holds)
	e.Targets.Put("orders", resources.Target{Protocol: "test", Credential: resources.Credential{Username: "app"}})
	stop, err := e.Log.Answer(t.Context(), schemas.AskApproval, "", func(ctx context.Context, request []byte) ([]byte, error) {
		ask := &schemas.ApprovalAsk{}
		if err := ask.UnmarshalVT(request); err != nil {
			return nil, err
		}
		facts := []*schemas.Control{
			{By: "alice", Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{
				Request: approval.RefOf(ask), Ask: ask, Lifetime: int64(time.Hour)}}},
			{By: "bob", Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{
				Request: approval.RefOf(ask), Decision: approval.Deny,
				Reviewer: &schemas.Principal{Name: "bob", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}}}},
		}
		for _, f := range facts {
			if _, err := e.Log.AppendControl(ctx, schemas.AreaApproval, ask.Request, f, nil); err != nil {
				return nil, err
			}
		}
		return (&schemas.ApprovalAnswer{Request: ask.Request, Expires: time.Now().Add(time.Hour).UnixNano()}).MarshalVT()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for range 10 {
		w := holdCommand(t, e, oneDBA(time.Hour))
		<-w.done
		if w.err != nil || w.allowed || w.approval() == "" {
			t.Fatalf("told %q, allowed %v, %v", w.approval(), w.allowed, w.err)
		}
	}
}

// TestHoldsUnderFaults lets people ask, review, change their minds and leave, while services are
// killed and started, and messages and acknowledgements are lost. Whatever happens, nothing runs
// unapproved or twice, and nothing waits for ever.
func TestHoldsUnderFaults(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	was := checks.String()
	if was == "100" { // not asked for another number: each takes a second or two
		_ = checks.Set("6")
		defer func() { _ = checks.Set(was) }()
	}
	server := journaltest.Server(t)
	open := func() (*journaltest.Proxy, *journal.Log) {
		p := journaltest.NewProxy(t, server)
		return p, journaltest.OpenConfig(t, journal.Config{URL: p.URL(), AckTimeout: time.Second})
	}
	gateway, gatewayLog := open()
	e := sessiontest.NewOn(t, gatewayLog, "test", func(c *session.Config) { c.HoldGrace, c.AnswerTimeout = 200*time.Millisecond, time.Second })
	e.Enforcer.Set("r", holds)
	e.Targets.Put("orders", resources.Target{Protocol: "test", Credential: resources.Credential{Username: "app"}})
	replicas := []*replica{{}, {}}
	proxies := []*journaltest.Proxy{gateway}
	for _, r := range replicas {
		p, l := open()
		proxies = append(proxies, p)
		r.log = l
		r.start(t)
	}
	defer func() {
		for _, r := range replicas {
			r.stop()
		}
	}()
	for _, r := range replicas {
		if err := r.s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ran, not := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var waiters []*waiter
		var running sync.WaitGroup
		for range rapid.IntRange(10, 40).Draw(rt, "steps") {
			pick := func() *waiter {
				if len(waiters) == 0 {
					return nil
				}
				return waiters[rapid.IntRange(0, len(waiters)-1).Draw(rt, "which")]
			}
			switch rapid.SampledFrom([]string{"hold", "hold", "hold", "review", "review", "review", "everybody", "everybody", "leave", "kill", "restart", "lose", "rest"}).Draw(rt, "step") {
			case "hold":
				lifetime := time.Duration(rapid.SampledFrom([]int{100, 400, 1000, 60_000}).Draw(rt, "lifetime")) * time.Millisecond
				waiters = append(waiters, holdCommand(t, e, approvaltest.Need(rt, lifetime, 50*time.Millisecond)))
			case "everybody":
				w, s := pick(), rapid.SampledFrom(replicas).Draw(rt, "replica").s
				order := rapid.Permutation(approvaltest.Reviewers()).Draw(rt, "order")
				if w == nil {
					continue
				}
				running.Go(func() {
					for range 2 { // a step may open for who came too early
						for _, who := range order {
							says(w, s, who, approval.Approve)
						}
					}
				})
			case "review":
				w, r := pick(), rapid.SampledFrom(replicas).Draw(rt, "replica")
				who := rapid.SampledFrom(approvaltest.Names()).Draw(rt, "who")
				decision := rapid.SampledFrom([]string{approval.Approve, approval.Approve, approval.Deny, approval.BreakGlass}).Draw(rt, "decision")
				if w == nil {
					continue
				}
				if decision == approval.BreakGlass {
					who = approvaltest.Asker
				}
				s := r.s
				running.Go(func() { says(w, s, who, decision) })
			case "leave":
				if w := pick(); w != nil {
					w.cancel(errors.New("left"))
				}
			case "kill":
				if w := pick(); w != nil {
					w.session.Stop(session.End{Reason: session.ReasonKilled, Message: "killed"})
				}
			case "restart":
				r := rapid.SampledFrom(replicas).Draw(rt, "replica")
				r.stop()
				r.start(t)
			case "lose":
				p, n := rapid.SampledFrom(proxies).Draw(rt, "proxy"), rapid.IntRange(1, 3).Draw(rt, "messages")
				if rapid.Bool().Draw(rt, "acknowledgements") {
					p.LoseAcks("control.approval", n)
				} else {
					p.LoseAppends("control.approval", n)
				}
			case "rest":
				time.Sleep(time.Duration(rapid.IntRange(1, 50).Draw(rt, "ms")) * time.Millisecond)
			}
		}
		for _, p := range proxies {
			p.LoseAcks("", 0)
			p.LoseAppends("", 0)
		}
		running.Wait()
		enough := time.After(1500 * time.Millisecond)
		for _, w := range waiters {
			select {
			case <-w.done:
			case <-enough:
				enough = time.After(0)
				w.cancel(errors.New("the test is over")) // of those that wait for a minute
			}
			select {
			case <-w.done:
			case <-time.After(time.Minute):
				rt.Fatalf("request %s is stuck", w.approval())
			}
		}
		judgeHolds(rt, gatewayLog, waiters)
		for _, w := range waiters {
			if w.allowed {
				ran++
			} else {
				not++
			}
		}
	})
	if t.Logf("%d ran, %d did not", ran, not); ran == 0 || not == 0 {
		t.Error("the steps show nothing")
	}
}

// says reviews what somebody waits for. What is answered depends on who was first.
func says(w *waiter, s *approvals.Service, who, decision string) {
	for end := time.Now().Add(300 * time.Millisecond); w.approval() == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(as(who), 5*time.Second)
	defer cancel()
	_, _ = s.Review(ctx, w.approval(), decision, "because")
}

// judgeHolds holds what ran against what is on the log, read by other means than the fold, and that every request
// that is over by now has an end there.
func judgeHolds(t *rapid.T, l *journal.Log, waiters []*waiter) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		facts := requests(t, l)
		stuck := ""
		for id, fs := range facts {
			state := approval.State{}
			for _, f := range fs {
				state = state.Fold(f)
			}
			if state.Status.Live() && state.Expires.Sub(state.Requested) <= time.Second {
				stuck = fmt.Sprintf("request %s is %s since %s: %v", id, state.Status, state.Requested, state.Ask.Need)
			}
		}
		if stuck == "" {
			for _, w := range waiters {
				if !w.allowed {
					continue
				}
				if err := approvaltest.Ran(facts[w.approval()]); err != nil {
					t.Fatalf("request %s: %v", w.approval(), err)
				}
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal(stuck)
		}
	}
}

// requests are the facts about each request on the log, in order.
func requests(t *rapid.T, l *journal.Log) map[string][]approval.Fact {
	facts := map[string][]approval.Fact{}
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := l.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{"sallyport.control.approval.*"}}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if err := c.UnmarshalVT(m.Data); err != nil {
				return err
			}
			id := approval.Ref(c).GetId()
			facts[id] = append(facts[id], approval.Fact{Sequence: m.Sequence, Time: m.Time, Control: c})
		}
		if caughtUp {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return facts
}

// BenchmarkHold is from a reviewer's click to the command's moving on, with 1,000 others pending.
func BenchmarkHold(b *testing.B) {
	l := journaltest.Open(b)
	e := sessiontest.NewOn(b, l, "test")
	e.Enforcer.Set("r", holds)
	e.Targets.Put("orders", resources.Target{Protocol: "test", Credential: resources.Credential{Username: "app"}})
	r := &replica{log: l}
	r.start(b)
	defer func() { r.stop() }()
	<-r.s.Answering()
	var others []*waiter
	for range 1000 {
		others = append(others, holdCommand(b, e, oneDBA(time.Hour)))
	}
	ready := func(w *waiter) {
		for w.approval() == "" {
			time.Sleep(time.Millisecond)
		}
	}
	for _, w := range others {
		ready(w)
	}
	var took []time.Duration
	for b.Loop() {
		w := holdCommand(b, e, oneDBA(time.Hour))
		ready(w)
		began := time.Now()
		if _, err := r.s.Review(as("bob"), w.approval(), approval.Approve, ""); err != nil {
			b.Fatal(err)
		}
		<-w.done
		took = append(took, time.Since(began))
		if !w.allowed {
			b.Fatal("refused")
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	for _, w := range others {
		w.cancel(errors.New("the test is over"))
		<-w.done
	}
}
