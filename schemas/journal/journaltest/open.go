package journaltest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sallyport/schemas/journal"
)

// Open returns a fresh embedded log in a directory of its own, closed when the test ends. change
// may alter its configuration.
func Open(t testing.TB, change ...func(*journal.Config)) *journal.Log {
	t.Helper()
	c := journal.Config{Dir: t.TempDir()}
	for _, f := range change {
		f(&c)
	}
	return OpenConfig(t, c)
}

// OpenConfig opens a log that is closed when the test ends.
func OpenConfig(t testing.TB, c journal.Config) *journal.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l, err := journal.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close log: %v", err)
		}
	})
	return l
}

// Server starts a NATS server with JetStream on a free port of the loopback, and returns its URL.
// It ends with the test. change may alter its options.
func Server(t testing.TB, change ...func(*server.Options)) string {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 1 << 40,
	}
	for _, f := range change {
		f(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatalf("set up nats server: %v", err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("nats server did not start")
	}
	return s.ClientURL()
}
