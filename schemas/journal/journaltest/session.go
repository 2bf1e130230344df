package journaltest

import (
	"context"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Session is a writer and what it writes, for tests that need a session on the log.
type Session struct {
	*journal.Writer
	ID    schemas.SessionID
	Lease *journal.Lease
	t     testing.TB
}

// Start opens a session under a lease of its own; target says whose.
func Start(t testing.TB, l *journal.Log, target string) *Session {
	t.Helper()
	lease, err := l.Lease(context.Background(), "journaltest")
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{ID: schemas.NewSessionID(), Lease: lease, t: t}
	s.Writer = l.NewWriter(lease, s.ID)
	s.Commits(Opened(target, lease))
	return s
}

// Commits commits or fails the test.
func (s *Session) Commits(es ...*schemas.Entry) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Commit(ctx, es...); err != nil {
		s.t.Fatal(err)
	}
}

// Frames adds n frames of size bytes or fails the test.
func (s *Session) Frames(n, size int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for i := range n {
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(i + j)
		}
		if _, err := s.Frame(ctx, Bytes(data)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Closes closes or fails the test.
func (s *Session) Closes() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Close(ctx, &schemas.Closed{Reason: "client"}); err != nil {
		s.t.Fatal(err)
	}
}

// Opened is a first entry.
func Opened(target string, lease *journal.Lease) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Opened{Opened: &schemas.Opened{
		Principal: &schemas.Principal{Name: "alice@example.com", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER},
		Target:    target, Protocol: "postgres", Gateway: string(lease.ID()),
	}}}
}

// Command is a command with this text.
func Command(text string) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Command{Command: &schemas.Command{
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: text, TextSize: uint64(len(text)),
	}}}
}

// Bytes is a frame with this payload.
func Bytes(data []byte) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{
		Channel: schemas.Channel_CHANNEL_OUT, Format: "text", Data: data,
	}}}
}
