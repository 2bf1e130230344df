package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const kind = schemas.CommandKind_COMMAND_KIND_QUERY

func alice() *session.Identity {
	return &session.Identity{TokenID: "t", Principal: &schemas.Principal{Name: "alice"}}
}

func open(t *testing.T, e *sessiontest.Env, id *session.Identity) *session.Session {
	t.Helper()
	e.Targets.Put("orders", resources.Target{Protocol: "test", Credential: resources.Credential{Username: "app"}})
	r, err := e.Gateway.Find(t.Context(), id, "test", "orders")
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Gateway.Open(t.Context(), session.Request{Identity: id, Target: r, Protocol: "test", ClientAddress: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background(), session.End{Reason: session.ReasonClient}) })
	return s
}

func decide(t *testing.T, s *session.Session, text string) *session.Decision {
	t.Helper()
	d, err := s.Decide(t.Context(), kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFindTellsNothingApart(t *testing.T) {
	e := sessiontest.New(t, "test")
	e.Targets.Put("orders", resources.Target{Protocol: "test"})
	e.Targets.Put("other", resources.Target{Protocol: "ssh"})
	e.Targets.Put("denied", resources.Target{Protocol: "test"})
	e.Enforcer.SetAccess(func(a *schemas.AccessAsk) *schemas.AccessAnswer {
		return &schemas.AccessAnswer{Allowed: a.Target != "denied" && a.Permission == "connect"}
	})
	for name, c := range map[string]struct {
		id     func(*session.Identity)
		target string
		found  bool
	}{
		"allowed":                 {target: "orders", found: true},
		"nothing":                 {target: "nothing"},
		"of another protocol":     {target: "other"},
		"denied":                  {target: "denied"},
		"token for it":            {id: func(i *session.Identity) { i.Targets = []string{"orders"} }, target: "orders", found: true},
		"token for another":       {id: func(i *session.Identity) { i.Targets = []string{"x"} }, target: "orders"},
		"token for this protocol": {id: func(i *session.Identity) { i.Protocols = []string{"test"} }, target: "orders", found: true},
		"token for another one":   {id: func(i *session.Identity) { i.Protocols = []string{"ssh"} }, target: "orders"},
	} {
		id := alice()
		if c.id != nil {
			c.id(id)
		}
		_, err := e.Gateway.Find(t.Context(), id, "test", c.target)
		if (err == nil) != c.found || err != nil && !errors.Is(err, session.ErrNoTarget) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the enforcer's answer lacks or gets wrong is a denial with a reason.
func TestOnlyAnAllowAllows(t *testing.T) {
	allow := func(f func(*schemas.VerdictAnswer)) *schemas.VerdictAnswer {
		v := &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW}
		f(v)
		return v
	}
	span := func(offset, length uint64) func(*schemas.VerdictAnswer) {
		return func(v *schemas.VerdictAnswer) {
			v.Secrets = append(v.Secrets, &schemas.Span{Offset: offset, Length: length, Marker: "*"})
		}
	}
	for name, c := range map[string]struct {
		answer *schemas.VerdictAnswer
		text   string
		words  string // of the refusal; empty: allowed
	}{
		"allow":              {answer: allow(func(*schemas.VerdictAnswer) {}), text: "x"},
		"secret":             {answer: allow(span(0, 1)), text: "x"},
		"nothing said":       {answer: &schemas.VerdictAnswer{}, text: "x", words: "refused by policy"},
		"failure":            {answer: allow(func(v *schemas.VerdictAnswer) { v.Failure = "no catalogue" }), text: "x", words: "no catalogue"},
		"deny":               {answer: &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY, Reasons: []*schemas.Reason{{Message: "because"}}}, text: "x", words: "because"},
		"hold":               {answer: &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_HOLD, Reasons: []*schemas.Reason{{Message: "ask bob"}}}, text: "x", words: "it needs approval, which this protocol cannot wait for: ask bob"},
		"masks":              {answer: allow(func(v *schemas.VerdictAnswer) { v.Masks = []string{"pii"} }), text: "x", words: "masked"},
		"secret beyond":      {answer: allow(span(1, 1)), text: "x", words: "answer is wrong"},
		"secret overflows":   {answer: allow(span(^uint64(0), 2)), text: "x", words: "answer is wrong"},
		"not UTF-8":          {answer: allow(func(*schemas.VerdictAnswer) {}), text: "\xff", words: "UTF-8"},
		"an outcome unknown": {answer: &schemas.VerdictAnswer{Outcome: 99}, text: "x", words: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sessiontest.New(t, "test")
			e.Enforcer.Set("r", func(*schemas.VerdictAsk) *schemas.VerdictAnswer { return c.answer })
			s := open(t, e, alice())
			d := decide(t, s, c.text)
			if d.Allowed() != (c.words == "") {
				t.Fatalf("allowed: %v", d.Allowed())
			}
			if !d.Allowed() && !strings.Contains(d.Refusal().Message, c.words) {
				t.Errorf("refusal %q, want %q", d.Refusal().Message, c.words)
			}
			if _, err := s.Command(t.Context(), session.Command{Kind: kind, Text: c.text}, d); err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	e := sessiontest.New(t, "test", func(c *session.Config) { c.CacheEntries = 4 })
	s := open(t, e, alice())
	for range 2 { // five texts in turn through four places: never one that is remembered
		for i := range 5 {
			if d := decide(t, s, fmt.Sprintf("'%d'", i)); d.Reused {
				t.Errorf("text %d was reused", i)
			}
		}
	}
	if d := decide(t, s, "'4'"); !d.Reused {
		t.Error("the last text was not reused")
	}
	large := "'" + strings.Repeat("x", 100<<10) + "'"
	decide(t, s, large)
	if d := decide(t, s, large); d.Reused {
		t.Error("a large text was remembered")
	}
	s.State.Reported("client_encoding", "LATIN1")
	if d := decide(t, s, "'4'"); d.Reused {
		t.Error("a verdict outlived a change of the state")
	}
}

// What cannot be undone is not reused: holds, and what was not said to be reusable.
func TestReuseIsTheEnforcersToGive(t *testing.T) {
	e := sessiontest.New(t, "test")
	s := open(t, e, alice())
	for name, v := range map[string]*schemas.VerdictAnswer{
		"unspecified": {Outcome: schemas.Outcome_OUTCOME_ALLOW},
		"hold":        {Outcome: schemas.Outcome_OUTCOME_HOLD, Reuse: schemas.Reuse_REUSE_SHAPE},
		"failure":     {Outcome: schemas.Outcome_OUTCOME_DENY, Failure: "x", Reuse: schemas.Reuse_REUSE_SHAPE},
	} {
		e.Enforcer.Set(schemas.Revision(name), func(*schemas.VerdictAsk) *schemas.VerdictAnswer { return v })
		for range 2 {
			if d := decide(t, s, "select 1"); d.Reused || s.Holds(t.Context(), d) {
				t.Errorf("%s is reused", name)
			}
		}
	}
}

func TestExpiryIsTimely(t *testing.T) {
	e := sessiontest.New(t, "test")
	id := alice()
	id.Expires = time.Now().Add(2 * time.Second)
	s := open(t, e, id)
	select {
	case <-s.Done():
	case <-time.After(time.Minute):
		t.Fatal("the session goes on")
	}
	if s.End().Reason != session.ReasonExpired {
		t.Errorf("ended: %v", s.End())
	}
	if _, err := s.Decide(t.Context(), kind, "select 1"); schemas.Shown(err).Code != schemas.CodeUnauthenticated {
		t.Errorf("a command of an ended session: %v", err)
	}
}
