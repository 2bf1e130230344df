package search_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

var quiet = slog.New(slog.DiscardHandler)

func openLog(t testing.TB, dir string) *journal.Log {
	t.Helper()
	l, err := journal.Open(context.Background(), journal.Config{Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// everybody may read everything.
type everybody struct{}

func (everybody) Allowed(context.Context, string) ([]string, bool, error) { return nil, true, nil }

// only may read some targets.
type only []string

func (o only) Allowed(_ context.Context, permission string) ([]string, bool, error) {
	if permission != search.Permission {
		return nil, true, nil
	}
	return o, false, nil
}

func openSearch(t testing.TB, l search.Log, dir string, a search.Authorizer) *search.Service {
	t.Helper()
	s, err := search.Open(context.Background(), search.Config{Dir: dir, Log: l, Authorizer: a, Logger: quiet, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func clock() time.Time { return time.Now() }

// run runs s until the test ends or stop is called.
func run(t testing.TB, s *search.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// caughtUp waits until everything written is searchable.
func caughtUp(t testing.TB, s *search.Service) {
	t.Helper()
	within(t, s, 5*time.Minute)
}

func within(t testing.TB, s *search.Service, most time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	p, err := s.Written(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WaitFor(ctx, p); err != nil {
		t.Fatal(err)
	}
}

// facts waits until everything up to a sequence of FACTS is searchable.
func facts(t testing.TB, s *search.Service, until uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := s.WaitFor(ctx, search.Position{Facts: until}); err != nil {
		t.Fatal(err)
	}
}

// scribe writes one session the way a gateway does.
type scribe struct {
	t  testing.TB
	w  *journal.Writer
	id schemas.SessionID
}

func leaseOf(t testing.TB, l *journal.Log) *journal.Lease {
	t.Helper()
	lease, err := l.Lease(context.Background(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func begin(t testing.TB, l *journal.Log, lease *journal.Lease, o *schemas.Opened) *scribe {
	t.Helper()
	id := schemas.NewSessionID()
	s := &scribe{t: t, w: l.NewWriter(lease, id), id: id}
	s.commit(&schemas.Entry{Kind: &schemas.Entry_Opened{Opened: o}})
	return s
}

func (s *scribe) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scribe) commit(es ...*schemas.Entry) {
	s.t.Helper()
	s.check(s.w.Commit(context.Background(), es...))
}

// command commits a command and its verdict, and returns its number.
func (s *scribe) command(c *schemas.Command, v *schemas.Verdict) uint64 {
	s.t.Helper()
	n, err := s.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Command{Command: c}})
	s.check(err)
	v.Command = n
	s.commit(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: v}})
	return n
}

func (s *scribe) frame(e *schemas.Entry) uint64 {
	s.t.Helper()
	n, err := s.w.Frame(context.Background(), e)
	s.check(err)
	return n
}

func (s *scribe) columns(command uint64, cs ...*schemas.Column) {
	s.t.Helper()
	s.frame(&schemas.Entry{Kind: &schemas.Entry_Columns{Columns: &schemas.Columns{Command: command, Columns: cs}}})
}

func (s *scribe) rows(command uint64, width int, cells ...[]byte) uint64 {
	s.t.Helper()
	return s.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{
		Command: command, Columns: uint32(width), Count: uint32(len(cells) / width), Cells: packCells(cells),
	}}})
}

func packCells(cells [][]byte) []byte {
	var b []byte
	for _, c := range cells {
		if c == nil {
			b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(c))), c...)
	}
	return b
}

func (s *scribe) bytes(command uint64, format, data string) uint64 {
	s.t.Helper()
	return s.frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{
		Command: command, Channel: schemas.Channel_CHANNEL_OUT, Format: format, Data: []byte(data),
	}}})
}

func (s *scribe) result(r *schemas.Result) uint64 {
	s.t.Helper()
	n, err := s.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: r}})
	s.check(err)
	return n
}

func (s *scribe) end() {
	s.t.Helper()
	s.check(s.w.Close(context.Background(), &schemas.Closed{Reason: "client"}))
}

func (s *scribe) flush() {
	s.t.Helper()
	s.check(s.w.Flush(context.Background()))
}

func allow() *schemas.Verdict { return &schemas.Verdict{Outcome: schemas.Outcome_OUTCOME_ALLOW} }

func verdict(o schemas.Outcome, policy string) *schemas.Verdict {
	return &schemas.Verdict{Outcome: o, Reasons: []*schemas.Reason{{Policy: policy, Message: "said so"}}}
}

func alice() *schemas.Opened {
	return &schemas.Opened{
		Principal: &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}},
		Target:    "orders", TargetLabels: map[string]string{"env": "prod"}, Protocol: "postgres", Database: "orders", ClientName: "psql",
	}
}

func agent() *schemas.Opened {
	return &schemas.Opened{
		Principal: &schemas.Principal{Name: "triage-bot", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT},
		Run:       &schemas.Run{Id: "run-7", Agent: "triage-bot"},
		Target:    "billing", TargetLabels: map[string]string{"env": "test"}, Protocol: "postgres", Database: "bills",
	}
}
