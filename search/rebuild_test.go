package search_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

func rebuild(t testing.TB, s *search.Service) search.Report {
	t.Helper()
	r, err := s.Rebuild(context.Background(), func(string, uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRebuildIsEqual(t *testing.T) {
	l := openLog(t, t.TempDir())
	sessions := tale(t, l)
	dir := t.TempDir()
	s := openSearch(t, l, dir, everybody{})
	run(t, s)
	caughtUp(t, s)
	before, err := s.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := rebuild(t, s)
	if !r.Equal || len(r.Differences) > 0 || r.Entries != before.Documents || r.Entries < 12 {
		t.Fatalf("%+v, of %+v", r, before)
	}
	found, err := s.Search(context.Background(), search.Query{Text: "verdict:held"})
	if err != nil || found.Total != 2 {
		t.Fatalf("after the rebuild: %v, %v in %v", found, err, sessions)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// TestRebuildUnderWrites rebuilds while a session goes on, and while frames wait for facts.
func TestRebuildUnderWrites(t *testing.T) {
	l := openLog(t, t.TempDir())
	lease := leaseOf(t, l)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w := begin(t, l, lease, alice())
		for range 2000 {
			c := w.command(&schemas.Command{Text: "SELECT busy"}, allow())
			w.rows(c, 1, []byte("busy row"))
			w.result(&schemas.Result{Command: c, Tag: "SELECT 1"})
		}
		w.flush()
	}()
	for range 3 {
		if r := rebuild(t, s); !r.Equal {
			t.Errorf("%+v", r)
		}
	}
	<-stopped
	caughtUp(t, s)
	if r := rebuild(t, s); !r.Equal || r.Entries != 4001 {
		t.Errorf("at the end: %+v", r)
	}
}

// growing is a log that, while it is told to, grows whenever somebody has asked where it ends.
type growing struct {
	*journal.Log
	left atomic.Int32
	grow func()
}

func (l *growing) Head(ctx context.Context, s schemas.Stream) (uint64, error) {
	head, err := l.Log.Head(ctx, s)
	if l.left.Add(-1) >= 0 {
		l.grow()
	}
	return head, err
}

// TestRebuildWhileTheLogGrows holds that a position never has frames without the facts before them.
func TestRebuildWhileTheLogGrows(t *testing.T) {
	l := &growing{Log: openLog(t, t.TempDir())}
	w := begin(t, l.Log, leaseOf(t, l.Log), alice())
	l.grow = func() {
		c := w.command(&schemas.Command{Text: "SELECT grown"}, allow())
		w.rows(c, 1, []byte("grown row"))
		w.flush()
	}
	s := openSearch(t, l, t.TempDir(), everybody{})
	for i := range 2 { // the second compares with what the first made while the log grew
		l.left.Store(20)
		if r := rebuild(t, s); !r.Equal || r.Entries == 0 {
			t.Errorf("rebuild %d: %+v", i, r)
		}
	}
	l.left.Store(0)
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("at the end: %+v", r)
	}
}

// lossy is a log that, while it is told to, does not hand on one message of FACTS.
type lossy struct {
	*journal.Log
	drop atomic.Uint64
}

func (l *lossy) Consume(ctx context.Context, c journal.ConsumeConfig, handle func([]journal.Message, bool) error) error {
	return l.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		kept := ms[:0:0]
		for _, m := range ms {
			if m.Stream != schemas.Facts || m.Sequence != l.drop.Load() {
				kept = append(kept, m)
			}
		}
		return handle(kept, caughtUp)
	})
}

func TestRebuildFindsDifferences(t *testing.T) {
	l := &lossy{Log: openLog(t, t.TempDir())}
	l.drop.Store(2) // alice's first command
	tale(t, l.Log)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	l.drop.Store(0)
	r := rebuild(t, s)
	all := strings.Join(r.Differences, "; ")
	if r.Equal || !strings.Contains(all, "000000000002/000000 is in the new index only") || !strings.Contains(all, "000000000005/000000 differs") {
		t.Errorf("%+v", r)
	}
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("the log is right: %+v", r)
	}
}

func TestAnotherLogEmptiesTheIndex(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	caughtUp(t, s)
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := openLog(t, t.TempDir())
	w := begin(t, other, leaseOf(t, other), alice())
	w.command(&schemas.Command{Text: "SELECT otherwise"}, allow())
	s = openSearch(t, other, dir, everybody{})
	run(t, s)
	caughtUp(t, s)
	r, err := s.Search(context.Background(), search.Query{})
	if err != nil || r.Total != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestABrokenIndexIsBuiltAnew(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	caughtUp(t, s)
	if _, err := search.Open(context.Background(), search.Config{Dir: dir, Log: l, Authorizer: everybody{}, Logger: quiet}); err == nil {
		t.Error("two services opened one index")
	}
	want := rebuild(t, s).Entries
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name, err := os.ReadFile(dir + "/current")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+string(name)+"/index_meta.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = openSearch(t, l, dir, everybody{})
	run(t, s)
	caughtUp(t, s)
	if r := rebuild(t, s); !r.Equal || r.Entries != want {
		t.Errorf("%+v, want %d", r, want)
	}
}

// TestAnIndexOfAnotherReleaseIsBuiltAnew: an upgrade whose documents look otherwise needs nobody's hand.
func TestAnIndexOfAnotherReleaseIsBuiltAnew(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	caughtUp(t, s)
	stop()
	if err := errors.Join(search.MadeBy(s, "2"), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = openSearch(t, l, dir, everybody{})
	if st, err := s.Status(context.Background()); err != nil || st.Documents != 0 || st.Position != (search.Position{}) {
		t.Errorf("as it is opened: %+v, %v", st, err)
	}
	run(t, s)
	caughtUp(t, s)
	if got := numbers(t, s, `"delete from"`); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("%+v", r)
	}
}
