package search_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/search"
)

// TestBulkIsNotWritten: frames that hold nothing to search for lead the index on without a write for each; where it is
// then is kept when it is closed.
func TestBulkIsNotWritten(t *testing.T) {
	l := openLog(t, t.TempDir())
	dir := t.TempDir()
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	w := begin(t, l, leaseOf(t, l), alice())
	c := w.command(&schemas.Command{Text: "put file"}, allow())
	caughtUp(t, s)
	for range 20 {
		w.bytes(c, "file", string(make([]byte, 64<<10)))
	}
	w.flush()
	caughtUp(t, s)
	if n := search.Unkept(s); n < 20*64<<10 {
		t.Errorf("%d bytes were read since the last write", n)
	}
	w.rows(c, 1, []byte("something to search for"))
	w.flush()
	caughtUp(t, s)
	if n := search.Unkept(s); n > 1 {
		t.Errorf("%d bytes were read since the write of a document", n)
	}
	w.bytes(c, "file", "more")
	w.flush()
	caughtUp(t, s)
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := openSearch(t, l, dir, everybody{}).Status(context.Background())
	if err != nil || st.Lag != 0 || st.Position.Frames == 0 {
		t.Errorf("opened again: %+v, %v", st, err)
	}
}

// BenchmarkBulk writes SALLYPORT_BENCH_MIB MiB (64 by default) of a file that goes by, as fast as the log
// takes them, and a command in another session every 200 ms. It reports how long such a command is on the
// log before it is found, and how long after the last byte the index is complete.
func BenchmarkBulk(b *testing.B) {
	mib := 64
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_BENCH_MIB")); err == nil {
		mib = n
	}
	l := openLog(b, b.TempDir())
	lease := leaseOf(b, l)
	s := openSearch(b, l, b.TempDir(), everybody{})
	run(b, s)
	data := string(make([]byte, 64<<10))
	for b.Loop() {
		bulk, other := begin(b, l, lease, alice()), begin(b, l, lease, alice())
		upload := bulk.command(&schemas.Command{Text: "put file"}, allow())
		written := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(written)
			for range mib << 20 / len(data) {
				bulk.bytes(upload, "file", data)
			}
			bulk.flush()
		}()
		var found []time.Duration
		for i, done := 0, false; !done; i++ {
			other.command(&schemas.Command{Text: fmt.Sprintf("meanwhile %d", i)}, allow())
			at := time.Now()
			until, err := l.Head(context.Background(), schemas.Facts)
			if err != nil {
				b.Fatal(err)
			}
			facts(b, s, until)
			found = append(found, time.Since(at))
			select {
			case <-written:
				done = true
			case <-time.After(200 * time.Millisecond):
			}
		}
		wrote := time.Since(began)
		if st, err := s.Status(context.Background()); err != nil {
			b.Fatal(err)
		} else {
			b.Logf("%d MiB in %v, then %d messages behind", mib, wrote.Round(time.Millisecond), st.Lag)
		}
		began = time.Now()
		within(b, s, 10*time.Minute)
		slices.Sort(found)
		b.ReportMetric(found[len(found)/2].Seconds()*1000, "found-ms")
		b.ReportMetric(found[len(found)-1].Seconds()*1000, "latest-ms")
		b.ReportMetric(time.Since(began).Seconds()*1000, "complete-ms")
		bulk.end()
		other.end()
	}
}
