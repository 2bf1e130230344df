package session_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// regrants is what tells gateways that access for a time has changed.
type regrants struct {
	mu sync.Mutex
	c  chan struct{}
}

func (r *regrants) Regranted() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c
}

func (r *regrants) change() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.c)
	r.c = make(chan struct{})
}

// lets answers that access ends at a moment; zero: that there is none.
func lets(e *sessiontest.Env, until time.Time) {
	e.Enforcer.SetAccess(func(*schemas.AccessAsk) *schemas.AccessAnswer {
		if until.IsZero() {
			return &schemas.AccessAnswer{Reason: "no"}
		}
		return &schemas.AccessAnswer{Allowed: true, Until: until.UnixNano()}
	})
}

func ends(t *testing.T, s *session.Session) session.End {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the session goes on")
	}
	return s.End()
}

func TestAccessEnds(t *testing.T) {
	r := &regrants{c: make(chan struct{})}
	e := sessiontest.New(t, "test", func(c *session.Config) { c.Regranted, c.GrantWarning = r.Regranted, 25*time.Minute })
	until := time.Now().Add(25*time.Minute + time.Second)
	lets(e, until)
	s := open(t, e, alice())
	told := make(chan string, 10)
	s.OnMessage(func(m string) { told <- m })
	select {
	case m := <-told:
		if !strings.Contains(m, "your access to orders ends at "+until.UTC().Format("15:04:05 UTC")+", in 25m") {
			t.Errorf("told %q", m)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was warned")
	}
	// Access that is shortened ends sooner; the clock is not asked in vain.
	lets(e, time.Now().Add(500*time.Millisecond))
	r.change()
	time.AfterFunc(100*time.Millisecond, func() { lets(e, time.Time{}) })
	if end := ends(t, s); end.Reason != session.ReasonExpired || end.Message != "your access to orders has ended" {
		t.Errorf("ended: %+v", end)
	}
}

func TestAccessIsRevoked(t *testing.T) {
	r := &regrants{c: make(chan struct{})}
	e := sessiontest.New(t, "test", func(c *session.Config) { c.Regranted = r.Regranted })
	lets(e, time.Now().Add(time.Hour))
	s := open(t, e, alice())
	r.change() // somebody else's
	if _, err := s.Decide(t.Context(), kind, "select 1"); err != nil {
		t.Errorf("it goes on: %v", err)
	}
	lets(e, time.Time{})
	r.change()
	if end := ends(t, s); end.Reason != session.ReasonExpired {
		t.Errorf("ended: %+v", end)
	}
}

// Access that was given anew before the end goes on, and so does access that a role gives.
func TestAccessIsProlonged(t *testing.T) {
	r := &regrants{c: make(chan struct{})}
	e := sessiontest.New(t, "test", func(c *session.Config) { c.Regranted = r.Regranted })
	first := time.Now().Add(time.Second)
	lets(e, first)
	s := open(t, e, alice())
	lets(e, time.Now().Add(time.Hour))
	for time.Now().Before(first.Add(200 * time.Millisecond)) {
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	lets(e, time.Time{})
	r.change()
	ends(t, s)
}

// Somebody whose access ended between being found and being let in is not let in.
func TestAccessAtTheDoor(t *testing.T) {
	r := &regrants{c: make(chan struct{})}
	e := sessiontest.New(t, "test", func(c *session.Config) { c.Regranted = r.Regranted })
	e.Targets.Put("orders", resources.Target{Protocol: "test", Credential: resources.Credential{Username: "app"}})
	found, err := e.Gateway.Find(t.Context(), alice(), "test", "orders")
	if err != nil {
		t.Fatal(err)
	}
	lets(e, time.Time{})
	if _, err := e.Gateway.Open(t.Context(), session.Request{Identity: alice(), Target: found, Protocol: "test"}); schemas.Shown(err).Code != schemas.CodeForbidden {
		t.Errorf("let in: %v", err)
	}
}
