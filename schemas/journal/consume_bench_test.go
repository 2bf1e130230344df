package journal_test

import (
	"context"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// BenchmarkFollowed measures a commit together with what it costs to hand its message to a
// projection that follows: none, one that reads from the server, one that takes from memory.
func BenchmarkFollowed(b *testing.B) {
	b.Run("by=none", func(b *testing.B) { benchmarkFollowed(b, nil) })
	b.Run("by=reader", func(b *testing.B) { benchmarkFollowed(b, &journal.ConsumeConfig{}) })
	b.Run("by=recent", func(b *testing.B) { benchmarkFollowed(b, &journal.ConsumeConfig{Recent: true}) })
}

func benchmarkFollowed(b *testing.B, c *journal.ConsumeConfig) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, err := journal.Open(ctx, journal.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a benchmark
	lease, err := l.Lease(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	if n := 0; c == nil {
		done <- nil
	} else {
		c.Stream, c.Batch, c.Linger = schemas.Facts, 1024, 50*time.Millisecond
		go func() {
			done <- l.Consume(ctx, *c, func(ms []journal.Message, _ bool) error {
				if n += len(ms); n >= b.N { // more when one was cut in two
					cancel()
				}
				return nil
			})
		}()
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := commitMany(context.Background(), l.NewWriter(lease, schemas.NewSessionID()), b.N); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
