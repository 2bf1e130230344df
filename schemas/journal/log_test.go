package journal_test

import (
	"testing"
	"time"

	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

func TestEmbedded(t *testing.T) {
	journaltest.Run(t, func(t testing.TB) *journal.Log { return journaltest.Open(t, quick) })
}

func TestExternal(t *testing.T) {
	journaltest.Run(t, func(t testing.TB) *journal.Log {
		c := journal.Config{URL: journaltest.Server(t)}
		quick(&c)
		return journaltest.OpenConfig(t, c)
	})
}

// quick shortens what tests wait for.
func quick(c *journal.Config) {
	c.LeaseTTL = 2 * time.Second
}

// TestLocked: a directory belongs to one process, and within it to one log.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	l := journaltest.OpenConfig(t, journal.Config{Dir: dir})
	if _, err := journal.Open(t.Context(), journal.Config{Dir: dir}); err == nil {
		t.Fatal("a log was opened twice")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	journaltest.OpenConfig(t, journal.Config{Dir: dir})
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []journal.Config{
		{}, {Dir: t.TempDir(), Sync: "never"}, {Dir: t.TempDir(), LeaseTTL: time.Millisecond},
		{Dir: t.TempDir(), Replicas: 3}, {Dir: t.TempDir(), MaxPending: -1}, {URL: "nats://127.0.0.1:1"},
		{Dir: "/dev/null/log"},
	} {
		if l, err := journal.Open(t.Context(), c); err == nil {
			t.Errorf("%+v was opened", c)
			_ = l.Close()
		}
	}
}
