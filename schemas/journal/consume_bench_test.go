package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// BenchmarkConsume measures what a projection pays for each message of FACTS before it looks at it.
func BenchmarkConsume(b *testing.B) {
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
	if err := commitMany(ctx, l.NewWriter(lease, schemas.NewSessionID()), b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	all := errors.New("all")
	n := 0
	c := journal.ConsumeConfig{Stream: schemas.Facts, Batch: 1024, Linger: time.Millisecond}
	err = l.Consume(ctx, c, func(ms []journal.Message, _ bool) error {
		if n += len(ms); n >= b.N {
			return all
		}
		return nil
	})
	if !errors.Is(err, all) {
		b.Fatal(err)
	}
}
