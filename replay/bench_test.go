package replay_test

import (
	"testing"
	"time"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
)

// BenchmarkProjections measures how fast a backlog of short commands (a command, a verdict and a
// result each) becomes events, and items of the list.
func BenchmarkProjections(b *testing.B) {
	const commands = 5000
	log := sample.Open(b)
	g := sample.NewGateway(b, log)
	s := g.Open(first)
	for range commands {
		s.Pending(&schemas.Command{Text: "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"}, &schemas.Result{Tag: "SELECT 1", Rows: 1, Bytes: 8})
	}
	s.Close(&schemas.Closed{Reason: "client"})
	b.Run("events", func(b *testing.B) {
		b.StopTimer()
		e, err := replay.NewEvents(replay.EventsConfig{Log: log})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		run(b, "events", e.Run)
		for {
			head, err := log.Head(b.Context(), schemas.Events)
			if err != nil {
				b.Fatal(err)
			}
			if head >= 2*commands+2 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(float64(2*commands+2)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("sessions", func(b *testing.B) {
		l, err := replay.NewSessions(b.Context(), replay.SessionsConfig{Log: log})
		if err != nil {
			b.Fatal(err)
		}
		run(b, "sessions", l.Run)
		for {
			if one, err := l.Get(b.Context(), first); err == nil && !one.Open {
				break
			}
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(commands/b.Elapsed().Seconds(), "commands/s")
	})
}
