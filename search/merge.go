package search

import (
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"
)

// Merging keeps an index of few segments, and can take longer than all else that indexing does. It
// can wait, so it gives way to the gateway like the rest of the projection: from within, since a
// merge of large segments takes minutes. Bleve tells the format of its segments while it merges how
// much was written, and lets it be replaced by name: paced is that format with a reporter that rests.
type paced struct{ *zap.ZapPlugin }

// paceKey is where a store's configuration of segments has its pace.
const paceKey = "sallyport_pace"

// pace rests after work, until done is closed.
type pace func(done <-chan struct{}, worked time.Duration)

// usePaced makes paced the format of the indexes that this process opens.
var usePaced = sync.OnceFunc(func() { scorch.RegisterSegmentPlugin(paced{&zap.ZapPlugin{}}, true) })

// MergeUsing merges. Segments that are not on disk yet are merged at once: their batch waits for it.
func (p paced) MergeUsing(segments []segment.Segment, drops []*roaring.Bitmap, path string, done chan struct{}, s segment.StatsReporter, config map[string]any) ([][]uint64, uint64, error) {
	if rest, ok := config[paceKey].(pace); ok && len(segments) > 0 {
		if _, stored := segments[0].(segment.PersistedSegment); stored {
			s = &pacer{StatsReporter: s, rest: rest, done: done, began: time.Now()}
		}
	}
	return p.ZapPlugin.MergeUsing(segments, drops, path, done, s, config)
}

// pacer is told of what one merge writes, and lets it rest. One goroutine uses it.
type pacer struct {
	segment.StatsReporter
	rest  pace
	done  <-chan struct{}
	began time.Time // of the work since the last rest
	bytes uint64    // written since the clock was looked at
}

// Bounds of a turn of merging.
const (
	turn      = 2 * time.Millisecond
	turnBytes = 4 << 10 // after which to look at the clock
)

// ReportBytesWritten is called by the merge for every few bytes.
func (p *pacer) ReportBytesWritten(n uint64) {
	if p.StatsReporter != nil {
		p.StatsReporter.ReportBytesWritten(n)
	}
	if p.bytes += n; p.bytes < turnBytes {
		return
	}
	p.bytes = 0
	if worked := time.Since(p.began); worked >= turn {
		p.rest(p.done, worked)
		p.began = time.Now()
	}
}
