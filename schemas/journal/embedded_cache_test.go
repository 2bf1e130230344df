package journal_test

import (
	"testing"
	"time"

	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestBlocksAreForgotten: a block of the embedded server's stays in memory for as long as is configured, of a store that
// was there before, too. It fails where the server's store is built otherwise than shortenCache expects.
func TestBlocksAreForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, keep := range []time.Duration{3 * time.Second, 4 * time.Second} {
		t.Run(keep.String(), func(t *testing.T) {
			l := journaltest.OpenConfig(t, journal.Config{Dir: dir, KeepBlocks: keep})
			w := journaltest.Start(t, l, "orders")
			w.Frames(300, 32<<10) // more than a block
			w.Closes()
			kept, err := l.KeptBlocks()
			if err != nil {
				t.Fatal(err)
			}
			if kept != keep {
				t.Errorf("the newest block is kept for %s, want %s", kept, keep)
			}
		})
	}
}
