package search_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

// busy is a log whose writers are never quiet: who gives way to them rests until it is done.
type busy struct {
	*journal.Log
	once    sync.Once
	resting chan struct{}
}

func (l *busy) GiveWay(done <-chan struct{}, worked time.Duration) {
	l.once.Do(func() { close(l.resting) })
	<-done
}

// TestMergesGiveWay has a merge rest for good: what comes meanwhile is found, and closing ends it.
func TestMergesGiveWay(t *testing.T) {
	l := &busy{Log: openLog(t, t.TempDir()), resting: make(chan struct{})}
	dir := t.TempDir()
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	w := begin(t, l.Log, leaseOf(t, l.Log), alice())
	deadline := time.Now().Add(time.Minute)
	for n, resting := 0, false; !resting; {
		for range 300 {
			n++
			w.command(&schemas.Command{Text: fmt.Sprintf("SELECT word%d, value%d FROM table%d", n, n%1000, n%100)}, allow())
		}
		w.flush()
		caughtUp(t, s)
		select {
		case <-l.resting:
			resting = true
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no merge gave way within %d commands", n)
		}
	}
	w.command(&schemas.Command{Text: "SELECT meanwhile"}, allow())
	w.flush()
	caughtUp(t, s)
	if found, err := s.Search(context.Background(), search.Query{Text: "meanwhile"}); err != nil || found.Total != 1 {
		t.Errorf("while a merge rests: %+v, %v", found, err)
	}
	stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
