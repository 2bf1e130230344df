package search_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"sallyport/schemas"
	"sallyport/search"
)

const crashVariable = "SALLYPORT_TEST_CRASH"

// TestIndexUntilKilled is not a test of its own but the other process of TestKilledWhileIndexing:
// it indexes a log and says how far it is.
func TestIndexUntilKilled(t *testing.T) {
	dir := os.Getenv(crashVariable)
	if dir == "" {
		t.Skip("run by TestKilledWhileIndexing")
	}
	l := openLog(t, dir+"/log")
	s := openSearch(t, l, dir+"/search", everybody{})
	run(t, s)
	for {
		st, err := s.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(st.Position.Facts + st.Position.Frames)
		next := st.Position
		if next == st.Head {
			fmt.Println("end")
			select {} // nothing is left to do but to be killed
		}
		if next.Facts < st.Head.Facts {
			next.Facts++
		} else {
			next.Frames++
		}
		if err := s.WaitFor(context.Background(), next); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledWhileIndexing kills the process again and again in the middle of indexing: at the end
// the index is what a whole build makes of the log.
func TestKilledWhileIndexing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir+"/log")
	lease := leaseOf(t, l)
	for range 8 {
		w := begin(t, l, lease, alice())
		for i := range 150 {
			c := w.command(&schemas.Command{Text: fmt.Sprintf("SELECT crash, %d", i), Sql: &schemas.SqlFacts{Kinds: []string{"SELECT"}}}, allow())
			w.rows(c, 1, fmt.Appendf(nil, "crash row %d", i))
			w.bytes(c, "file", "crash content, of which there is no document")
			w.result(&schemas.Result{Command: c, Tag: "SELECT 1"})
		}
		w.end()
	}
	if err := lease.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for at := uint64(1); ; kills++ {
		reached := indexAndKill(t, dir, at)
		if reached < at {
			break
		}
		at = reached + 1
	}
	if kills < 2 {
		t.Fatalf("killed %d times in the middle", kills)
	}
	l = openLog(t, dir+"/log")
	s := openSearch(t, l, dir+"/search", everybody{})
	run(t, s)
	caughtUp(t, s)
	r, err := s.Search(context.Background(), search.Query{Text: "crash"})
	if err != nil || r.Total != 8*150*2 {
		t.Errorf("%d hits, %v", r.Total, err)
	}
	if rep := rebuild(t, s); !rep.Equal || rep.Entries != 8*150*2+8 {
		t.Errorf("after %d kills: %+v", kills, rep)
	}
}

// indexAndKill lets another process index until it is at or after position at, and kills it. It
// returns where it was, 0 when all was indexed before.
func indexAndKill(t *testing.T, dir string, at uint64) (reached uint64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^TestIndexUntilKilled$")
	c.Env = append(os.Environ(), crashVariable+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Wait() }() // it was killed
	defer func() { _ = c.Process.Kill() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "end" {
			return 0
		}
		if reached, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if reached >= at {
			return reached
		}
	}
	t.Fatal("the other process ended by itself")
	return 0
}
