package sessiontest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
	"sallyport/schemas/resources"
)

// Env is what sessions need, for one test. When the test ends the log is checked and closed.
type Env struct {
	Log      *journal.Log
	Lease    *journal.Lease
	Gateway  *session.Gateway
	Enforcer *Enforcer
	Targets  *Targets
	Logger   *slog.Logger
}

// Targets is a table of targets.
type Targets struct {
	mu sync.Mutex
	by map[string]*resources.Resource
}

// Target implements session.Targets.
func (t *Targets) Target(name string) (*resources.Resource, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.by[name]
	return r, ok
}

// Put adds or replaces a target.
func (t *Targets) Put(name string, target resources.Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[name] = &resources.Resource{Kind: resources.KindTarget, Target: &target,
		Metadata: resources.Metadata{Name: name, Labels: map[string]string{"env": "test"}}}
}

// New returns an Env; change may alter the gateway's configuration.
func New(t testing.TB, protocol string, change ...func(*session.Config)) *Env {
	t.Helper()
	l := journaltest.Open(t)
	t.Cleanup(func() {
		if !t.Failed() && l.Healthy(context.Background()) == nil {
			journaltest.Check(t, l)
		}
	})
	return NewOn(t, l, protocol, change...)
}

// NewOn is New on a log of the test's own.
func NewOn(t testing.TB, l *journal.Log, protocol string, change ...func(*session.Config)) *Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	lease, err := l.Lease(ctx, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	e := &Env{Log: l, Lease: lease, Targets: &Targets{by: make(map[string]*resources.Resource)},
		Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	e.Enforcer = startEnforcer(t, l, protocol)
	c := session.Config{Log: l, Lease: lease, Targets: e.Targets, Revision: e.Enforcer.Revision, Logger: e.Logger,
		AnswerTimeout: time.Minute, CommitTimeout: time.Minute, // a busy machine is not what is tested
		Progress: time.Hour} // recordings say what a test makes them say
	for _, f := range change {
		f(&c)
	}
	if e.Gateway, err = session.New(c); err != nil {
		t.Fatal(err)
	}
	return e
}

// testWriter sends the gateway's own log to the test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Sessions returns the ids of the sessions on the log.
func (e *Env) Sessions(t testing.TB) []schemas.SessionID {
	t.Helper()
	var ids []schemas.SessionID
	for id := range journaltest.Sessions(t, e.Log, schemas.Facts) {
		ids = append(ids, id)
	}
	return ids
}

// Entries returns what is on the log of a session.
func (e *Env) Entries(t testing.TB, id schemas.SessionID) []*schemas.Entry {
	t.Helper()
	return journaltest.Entries(t, e.Log, id)
}

// Closed waits until the session is closed, and returns its entries.
func (e *Env) Closed(t testing.TB, id schemas.SessionID) []*schemas.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []*schemas.Entry
	if err := e.Log.ReadSession(ctx, id, journal.ReadOptions{Follow: true}, func(l journal.Located) error {
		out = append(out, l.Entry)
		return nil
	}); err != nil {
		t.Fatalf("read session to its end: %v", err)
	}
	if len(out) == 0 || out[len(out)-1].GetClosed() == nil {
		t.Fatalf("session %s is not closed", id)
	}
	return out
}

// Only waits for the one session there is to be closed, and returns its entries.
func (e *Env) Only(t testing.TB) []*schemas.Entry {
	t.Helper()
	ids := e.Sessions(t)
	if len(ids) != 1 {
		t.Fatalf("%d sessions on the log, want one", len(ids))
	}
	return e.Closed(t, ids[0])
}

// Control asks the gateway that owns a session.
func (e *Env) Control(t testing.TB, id schemas.SessionID, ask *schemas.SessionAsk) {
	t.Helper()
	data, err := ask.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	reply, err := e.Log.Ask(ctx, schemas.AskSession(id), data)
	if err != nil {
		t.Fatalf("ask session: %v", err)
	}
	answer := &schemas.SessionAnswer{}
	if err := answer.UnmarshalVT(reply); err != nil || answer.Error != "" {
		t.Fatalf("ask session: %v %s", err, answer.Error)
	}
}
