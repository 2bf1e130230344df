package journal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// BenchmarkCommit measures what a gateway adds to each query: result of the last one, command and
// verdict of this one, acknowledged.
func BenchmarkCommit(b *testing.B) {
	for _, sync := range []journal.Sync{journal.SyncInterval, journal.SyncAlways} {
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("sync=%s/writers=%d", sync, writers), func(b *testing.B) { benchmarkCommit(b, sync, writers) })
		}
	}
}

func benchmarkCommit(b *testing.B, sync journal.Sync, writers int) {
	ctx := context.Background()
	l, err := journal.Open(ctx, journal.Config{Dir: b.TempDir(), Sync: sync})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a benchmark
	lease, err := l.Lease(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	errs := make(chan error, writers)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range writers {
		n := b.N / writers
		if i == 0 {
			n += b.N % writers
		}
		go func() { errs <- commitMany(ctx, l.NewWriter(lease, schemas.NewSessionID()), n) }()
	}
	for range writers {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func commitMany(ctx context.Context, w *journal.Writer, n int) error {
	text := "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;" + strings.Repeat(" ", 8)
	var number uint64
	for range n {
		result := &schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: number, Tag: "SELECT 1", Rows: 1, Bytes: 40, Duration: 90000}}}
		if _, err := w.Fact(result); err != nil {
			return err
		}
		command := &schemas.Entry{Kind: &schemas.Entry_Command{Command: &schemas.Command{
			Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: text, TextSize: uint64(len(text)), Digest: make([]byte, 32),
		}}}
		verdict := &schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{
			Outcome: schemas.Outcome_OUTCOME_ALLOW, Revision: "abcdefgh", Reused: true,
		}}}
		if err := w.Commit(ctx, command, verdict); err != nil {
			return err
		}
		number = command.Number
	}
	return nil
}

// BenchmarkFrame measures bulk: rows of a large result, in frames of 32 KiB.
func BenchmarkFrame(b *testing.B) {
	ctx := context.Background()
	l, err := journal.Open(ctx, journal.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a benchmark
	lease, err := l.Lease(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	w := l.NewWriter(lease, schemas.NewSessionID())
	rows := &schemas.Rows{Columns: 3, Count: 100, Cells: make([]byte, 32<<10)}
	b.SetBytes(32 << 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Frame(ctx, &schemas.Entry{Kind: &schemas.Entry_Rows{Rows: rows}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAsk measures a verdict that is asked for and answered in the same process.
func BenchmarkAsk(b *testing.B) {
	ctx := context.Background()
	l, err := journal.Open(ctx, journal.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a benchmark
	stop, err := l.Answer(ctx, schemas.AskVerdict("postgres"), "enforcer", func(_ context.Context, request []byte) ([]byte, error) {
		return request, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Ask(ctx, schemas.AskVerdict("postgres"), make([]byte, 400)); err != nil {
			b.Fatal(err)
		}
	}
}
