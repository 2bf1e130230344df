package replay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sallyport/replay"
	"sallyport/schemas"
)

// BenchmarkSeek seeks anywhere in a session of ten hours with 64 MiB of output: a keyframe and the
// entries up to the moment, over HTTP, as the player asks for them.
func BenchmarkSeek(b *testing.B) {
	w, _ := seekable(b)
	s := w.gateway.Open(first, ssh)
	s.Terminal(10*time.Hour, 36_000, 64<<20)
	s.Close(&schemas.Closed{Reason: "client"})
	until(b, "it is closed", func() bool { one, err := w.sessions.Get(b.Context(), first); return err == nil && !one.Open })
	began := time.Now()
	status, body := w.get("root", "/sessions/"+string(first)+"/index")
	if status != 200 {
		b.Fatalf("%d %s", status, body)
	}
	b.Logf("the first index took %v", time.Since(began))
	x := decode[replay.IndexAnswer](b, body)
	var took []time.Duration
	bytes := 0
	for i := range b.N {
		at := float64(10*time.Hour/time.Millisecond) * float64((i*7919)%1000) / 1000
		began := time.Now()
		_, body := w.get("root", fmt.Sprintf("/sessions/%s/keyframe?at=%f", first, at))
		k := decode[replay.KeyframeAnswer](b, body)
		_, entries := w.get("root", fmt.Sprintf("/sessions/%s/entries?from=%d&limit=500", first, k.Number+1))
		took = append(took, time.Since(began))
		bytes += len(body) + len(entries)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(float64(bytes/b.N)/1024, "KiB/seek")
	b.ReportMetric(float64(x.Keyframes), "keyframes")
	b.ReportMetric(float64(x.Number), "entries")
}
