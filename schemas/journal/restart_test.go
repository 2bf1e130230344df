package journal_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sallyport/schemas/freeport"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestServerRestarts: the external NATS goes away and comes back under a session and its reader.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	ctx := context30(t)
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	l := journaltest.OpenConfig(t, journal.Config{URL: s.ClientURL(), LeaseTTL: 20 * time.Second})
	w := journaltest.Start(t, l, "orders")
	read := make(chan error, 1)
	entries := 0
	go func() {
		read <- l.ReadSession(ctx, w.ID, journal.ReadOptions{Follow: true}, func(journal.Located) error {
			entries++
			return nil
		})
	}()
	w.Frames(5, 1000)
	s.Shutdown()
	s.WaitForShutdown()
	committed := make(chan error, 1)
	go func() { committed <- w.Commit(ctx, journaltest.Command("SELECT 1")) }()
	startServer(t, dir, port)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	w.Closes()
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if entries != 8 {
		t.Errorf("the reader got %d entries, want 8", entries)
	}
	journaltest.Check(t, l)
}

func startServer(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
		JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 1 << 40,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server did not start")
	}
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
