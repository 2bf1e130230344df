package sessiontest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Forbidden is what Judge denies wherever it occurs in a text.
const Forbidden = "forbidden"

// Enforcer answers for access and verdicts on a real log, as a test wants. It knows no language.
type Enforcer struct {
	Asks atomic.Int64 // verdicts asked for

	mu       sync.Mutex
	judge    func(*schemas.VerdictAsk) *schemas.VerdictAnswer
	access   func(*schemas.AccessAsk) *schemas.AccessAnswer
	revision schemas.Revision
	stop     []func()
}

func startEnforcer(t testing.TB, l *journal.Log, protocol string) *Enforcer {
	t.Helper()
	e := &Enforcer{judge: Judge, revision: "r1", access: func(*schemas.AccessAsk) *schemas.AccessAnswer {
		return &schemas.AccessAnswer{Allowed: true, Roles: []string{"test"}}
	}}
	e.serve(t, l, schemas.AskAccess, e.answerAccess)
	e.serve(t, l, schemas.AskVerdict(protocol), e.answerVerdict)
	t.Cleanup(e.Stop)
	return e
}

func (e *Enforcer) serve(t testing.TB, l *journal.Log, subject schemas.Subject, f func(context.Context, []byte) ([]byte, error)) {
	t.Helper()
	stop, err := l.Answer(context.Background(), subject, "enforcer", f)
	if err != nil {
		t.Fatal(err)
	}
	e.stop = append(e.stop, sync.OnceFunc(stop))
}

// Stop makes it fall silent.
func (e *Enforcer) Stop() {
	for _, f := range e.stop {
		f()
	}
}

// Judge denies what contains Forbidden, and allows all else for reuse by shape.
func Judge(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
	lower := strings.ToLower(a.Text)
	v := &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW, Reuse: schemas.Reuse_REUSE_SHAPE,
		Sql:      &schemas.SqlFacts{Kinds: []string{"TEST"}, Statements: uint32(1 + strings.Count(strings.TrimRight(a.Text, "; \n"), ";"))},
		CopiesIn: strings.Contains(lower, "from stdin")}
	if strings.Contains(lower, Forbidden) {
		v.Outcome = schemas.Outcome_OUTCOME_DENY
		v.Reasons = []*schemas.Reason{{Policy: "no-" + Forbidden, Message: "that is " + Forbidden}}
	}
	return v
}

// Set changes how it judges, and the revision.
func (e *Enforcer) Set(revision schemas.Revision, judge func(*schemas.VerdictAsk) *schemas.VerdictAnswer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.revision, e.judge = revision, judge
}

// SetAccess changes who may connect.
func (e *Enforcer) SetAccess(access func(*schemas.AccessAsk) *schemas.AccessAnswer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.access = access
}

// Revision is the one in force, as a gateway knows it.
func (e *Enforcer) Revision() schemas.Revision {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.revision
}

func (e *Enforcer) answerVerdict(_ context.Context, request []byte) ([]byte, error) {
	ask := &schemas.VerdictAsk{}
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, err
	}
	e.Asks.Add(1)
	e.mu.Lock()
	judge, revision := e.judge, e.revision
	e.mu.Unlock()
	v := judge(ask)
	v.Revision = string(revision)
	return v.MarshalVT()
}

func (e *Enforcer) answerAccess(_ context.Context, request []byte) ([]byte, error) {
	ask := &schemas.AccessAsk{}
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, err
	}
	e.mu.Lock()
	access := e.access
	e.mu.Unlock()
	return access(ask).MarshalVT()
}
