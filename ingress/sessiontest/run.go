package sessiontest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal/journaltest"
)

// Client is one session of the protocol under test, as its client sees it.
type Client interface {
	// Do runs a command that has text in it literally and shows it in its output. refused says
	// that the gateway refused it, in the protocol's own way; err that the session is over.
	Do(text string) (output string, refused bool, err error)
	// Ended waits for the session's end, and returns what the client was told.
	Ended() (message string)
	Close() error
}

// Protocol is what a protocol brings to the suite.
type Protocol interface {
	// Start serves a gateway for env. The target must be reached through address (a relay to the
	// real one that Upstream names) and be called "suite".
	Start(t *testing.T, env *Env, address string)
	// Upstream is the network address of the real target.
	Upstream(t *testing.T) string
	// Connect opens a session on the target "suite".
	Connect(t *testing.T) Client
}

// Observer is a Protocol that is encrypted all the way to its target: it has f told what has reached
// the target, before it takes effect there.
type Observer interface{ Observe(f func([]byte)) }

// Run runs the conformance suite. make returns a protocol that is not started yet.
func Run(t *testing.T, name string, make func(t *testing.T) Protocol) {
	for _, c := range []struct {
		name string
		f    func(*testing.T, *suite)
	}{
		{"opened comes first", opened}, {"a command is on the log before it is at the target", ordered},
		{"a refusal reaches only the log", refused}, {"no enforcer is a denial", unanswered},
		{"a kill ends the session", killed}, {"nothing passes when the log fails", failed},
		{"access is denied", turnedAway},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := make(t)
			l := journaltest.Open(t)
			s := &suite{p: p, closeLog: l.Close, env: NewOn(t, l, name)}
			s.spy = startSpy(t, p.Upstream(t))
			if o, ok := p.(Observer); ok {
				o.Observe(s.spy.see)
			}
			p.Start(t, s.env, s.spy.addr)
			c.f(t, s)
			s.spy.watch(nil) // what a client's leaving still sends is looked at by nobody: the log closes
			if l.Healthy(t.Context()) == nil {
				journaltest.Check(t, l)
			}
		})
	}
}

type suite struct {
	p        Protocol
	env      *Env
	spy      *spy
	closeLog func() error
}

func (s *suite) do(t *testing.T, c Client, text string) (string, bool) {
	t.Helper()
	out, refused, err := c.Do(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out, refused
}

func opened(t *testing.T, s *suite) {
	var early []string
	s.spy.watch(func([]byte) {
		if len(s.env.Sessions(t)) == 0 {
			early = append(early, "bytes reached the target before Opened was on the log")
		}
	})
	c := s.p.Connect(t)
	if out, refused := s.do(t, c, "plain-text"); refused || !strings.Contains(out, "plain-text") {
		t.Errorf("output %q, refused %v", out, refused)
	}
	_ = c.Close()
	es := s.env.Only(t)
	if es[0].Number != 1 || es[0].GetOpened().GetTarget() != "suite" || es[0].GetOpened().GetPrincipal().GetName() == "" {
		t.Errorf("first entry %v", es[0])
	}
	if last := es[len(es)-1].GetClosed(); last.GetReason() != "client" || last.GetCommands() == 0 {
		t.Errorf("last entry %v", es[len(es)-1])
	}
	for _, e := range early {
		t.Error(e)
	}
}

func ordered(t *testing.T, s *suite) {
	const text = "marker-of-order"
	seen, missing := 0, 0
	s.spy.watch(func(b []byte) {
		if !strings.Contains(string(b), text) {
			return
		}
		seen++
		if !s.recorded(t, text) {
			missing++
		}
	})
	c := s.p.Connect(t)
	for range 3 {
		s.do(t, c, text)
	}
	_ = c.Close()
	if seen < 3 || missing > 0 {
		t.Errorf("of %d commands at the target %d were not on the log", seen, missing)
	}
}

// recorded reports whether a command with text is on the log, as any reader sees it.
func (s *suite) recorded(t *testing.T, text string) bool {
	for _, id := range s.env.Sessions(t) {
		for _, e := range s.env.Entries(t, id) {
			if strings.Contains(e.GetCommand().GetText(), text) {
				return true
			}
		}
	}
	return false
}

func refused(t *testing.T, s *suite) {
	leaked := false
	s.spy.watch(func(b []byte) { leaked = leaked || strings.Contains(string(b), Forbidden) })
	c := s.p.Connect(t)
	out, refused := s.do(t, c, "this-is-"+Forbidden)
	if !refused || !strings.Contains(out, "that is "+Forbidden) {
		t.Errorf("output %q, refused %v", out, refused)
	}
	if out, refused := s.do(t, c, "goes-on"); refused || !strings.Contains(out, "goes-on") {
		t.Errorf("afterwards: output %q, refused %v", out, refused)
	}
	_ = c.Close()
	if leaked {
		t.Error("the refused command reached the target")
	}
	verdicts := 0
	for _, e := range s.env.Only(t) {
		if e.GetVerdict().GetOutcome() == schemas.Outcome_OUTCOME_DENY {
			verdicts++
		}
	}
	if verdicts == 0 || !s.recorded(t, "this-is-"+Forbidden) {
		t.Errorf("%d denials on the log", verdicts)
	}
}

func unanswered(t *testing.T, s *suite) {
	c := s.p.Connect(t)
	s.env.Enforcer.Stop()
	out, refused := s.do(t, c, "nobody-judges-this")
	if !refused || !strings.Contains(out, "no enforcer answered") {
		t.Errorf("output %q, refused %v", out, refused)
	}
	_ = c.Close()
}

func killed(t *testing.T, s *suite) {
	c := s.p.Connect(t)
	s.do(t, c, "alive")
	id := s.env.Sessions(t)[0]
	s.env.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_KILL, By: "bob", Message: "because"})
	if m := c.Ended(); !strings.Contains(m, "bob: because") {
		t.Errorf("the client was told %q", m)
	}
	es := s.env.Closed(t, id)
	if last := es[len(es)-1].GetClosed(); last.GetReason() != "killed" || last.GetBy() != "bob" {
		t.Errorf("closed %v", last)
	}
}

func failed(t *testing.T, s *suite) {
	leaked := false
	s.spy.watch(func(b []byte) { leaked = leaked || strings.Contains(string(b), "unrecorded") })
	c := s.p.Connect(t)
	s.do(t, c, "recorded")
	if err := s.closeLog(); err != nil {
		t.Fatal(err)
	}
	if out, refused, err := c.Do("unrecorded"); err == nil && !refused {
		t.Errorf("the command ran: %q", out)
	}
	_ = c.Close()
	if leaked {
		t.Error("a command that is not on the log reached the target")
	}
}

func turnedAway(t *testing.T, s *suite) {
	reached := false
	s.spy.watch(func([]byte) { reached = true })
	s.env.Enforcer.SetAccess(func(*schemas.AccessAsk) *schemas.AccessAnswer { return &schemas.AccessAnswer{Reason: "no"} })
	c := s.p.Connect(t)
	if m := c.Ended(); m == "" {
		t.Error("the client was told nothing")
	}
	if reached {
		t.Error("the target was reached")
	}
}

// spy is a relay before the target, which shows what passes towards it before it does.
type spy struct {
	addr string

	mu sync.Mutex
	f  func([]byte)
}

func (s *spy) watch(f func([]byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.f = f
}

func (s *spy) see(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f != nil {
		s.f(b)
	}
}

func startSpy(t *testing.T, upstream string) *spy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.relay(c, upstream) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return s
}

func (s *spy) relay(c net.Conn, upstream string) {
	defer c.Close()
	u, err := net.DialTimeout("tcp", upstream, 10*time.Second)
	if err != nil {
		return
	}
	defer u.Close()
	go func() {
		_, _ = io.Copy(c, u)
		_ = c.Close()
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if n > 0 {
			s.see(b[:n])
			if _, err := u.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
