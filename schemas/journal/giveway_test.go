package journal_test

import (
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestRests gives way for as long as writers are busy, and no longer.
func TestRests(t *testing.T) {
	t.Parallel()
	const worked = 20 * time.Millisecond
	for what, c := range map[string]struct {
		appends []uint64 // so far, every 50 ms
		want    int
	}{
		"nobody writes":              {[]uint64{0, 0, 0}, 1},
		"a few":                      {[]uint64{0, 10, 20}, 1},
		"ten times as many":          {[]uint64{0, 100, 200, 300, 400, 500, 600}, 4},
		"a bulk that ends":           {[]uint64{0, 5000, 10_000, 15_000, 15_005, 15_010}, 4},
		"a bulk that pauses briefly": {[]uint64{0, 5000, 10_000, 10_050, 15_000, 20_000}, 6},
	} {
		if got := journal.Rests(worked, c.appends...); got != c.want {
			t.Errorf("%s: rests for %d glances, want %d", what, got, c.want)
		}
	}
}

// TestFactsGiveWayToCommits: frames keep nobody from following facts.
func TestFactsGiveWayToCommits(t *testing.T) {
	t.Parallel()
	l := journaltest.Open(t)
	w := journaltest.Start(t, l, "orders")
	facts, frames := l.LoadOf(schemas.Facts), l.LoadOf(schemas.Frames)
	w.Frames(4, 100<<10)
	if now := l.LoadOf(schemas.Facts); now != facts {
		t.Errorf("frames count as %d commits", now-facts)
	}
	if now := l.LoadOf(schemas.Frames); now < frames+4*100/4 {
		t.Errorf("400 KiB of frames count as %d appends", now-frames)
	}
	w.Commits(journaltest.Command("SELECT 1"))
	if now := l.LoadOf(schemas.Facts); now != facts+1 {
		t.Errorf("a commit counts as %d", now-facts)
	}
	w.Closes()
	journaltest.Check(t, l)
}
