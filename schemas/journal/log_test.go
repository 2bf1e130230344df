package journal_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
