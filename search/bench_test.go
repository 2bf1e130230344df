package search_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/search"
)

// BenchmarkSearch indexes SALLYPORT_BENCH_DOCS documents (20,000 by default), half of them commands
// and half rows of 20 cells, of 200 people, and reports the rate, the size, and what queries take, with
// their facets and histogram: the mean, and the times that half and 99 of 100 stay below.
func BenchmarkSearch(b *testing.B) {
	docs := 20_000
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_BENCH_DOCS")); err == nil {
		docs = n
	}
	l := openLog(b, b.TempDir())
	lease := leaseOf(b, l)
	text := 0
	for at := 0; at < docs; {
		o := alice()
		o.Principal.Name = fmt.Sprintf("user%d@example.com", at/2000%200)
		w := begin(b, l, lease, o)
		for ; at < docs && at%2000 != 1998; at += 2 {
			text += fill(w, at)
		}
		at += 2
		w.end()
	}
	dir := b.TempDir()
	s := openSearch(b, l, dir, only{"orders", "billing"})
	began := time.Now()
	run(b, s)
	within(b, s, 2*time.Hour)
	took := time.Since(began)
	st, err := s.Status(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d documents of %.1f MB text in %v: %.0f a second; index %.1f MB",
		st.Documents, float64(text)/1e6, took.Round(time.Millisecond), float64(st.Documents)/took.Seconds(), float64(size(b, dir))/1e6)
	for _, q := range []string{
		"", "invoice_4710", "user4711@example.com", `"from invoice_4710 where"`, "kind:SELECT verdict:allow", "invoice_4*",
		"who:user7@example.com paid", "paid -kind:DROP after:1h", `kind:SELECT who:(user1@example.com OR user2@example.com) "state paid"`,
		`"state paid"`, `"amount from"`, `"and state paid"`, `"2026-11-22"`,
	} {
		b.Run(q, func(b *testing.B) { measure(b, s, q) })
	}
	if docs > 100_000 {
		return // its rebuild takes as long as the first
	}
	began = time.Now()
	if r := rebuild(b, s); !r.Equal {
		b.Errorf("%+v", r)
	}
	b.Logf("rebuilt and compared in %v", time.Since(began).Round(time.Millisecond))
}

func measure(b *testing.B, s *search.Service, q string) {
	var took []time.Duration
	for b.Loop() {
		r, err := s.Search(context.Background(), search.Query{Text: q, Counts: true})
		if err != nil || r.Total == 0 {
			b.Fatalf("%v, %v", r, err)
		}
		took = append(took, r.Took)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func fill(w *scribe, at int) (size int) {
	text := fmt.Sprintf("SELECT id, email, amount FROM invoice_%d WHERE customer_id = %d AND state = 'paid'", at%10_000, at)
	n, err := w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Command{Command: &schemas.Command{
		Text: text, Sql: &schemas.SqlFacts{Kinds: []string{"SELECT"}, Reads: []string{fmt.Sprintf("public.invoice_%d", at%10_000)}},
	}}})
	w.check(err)
	_, err = w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: n, Outcome: schemas.Outcome_OUTCOME_ALLOW}}})
	w.check(err)
	var cells [][]byte
	for i := range 5 {
		cells = append(cells, strconv.AppendInt(nil, int64(at+i), 10), fmt.Appendf(nil, "user%d@example.com", at+i), []byte("2026-11-22 10:20:30.123456"), []byte("paid"))
	}
	size = len(text)
	for _, c := range cells {
		size += len(c)
	}
	w.rows(n, 4, cells...)
	w.result(&schemas.Result{Command: n, Tag: "SELECT 5"})
	return size
}

func size(b *testing.B, dir string) (total int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil {
			total += i.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}
