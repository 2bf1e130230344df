package journal

import "time"

// Bounds of giving way.
const (
	longestRest = 10 * time.Second      // after which it goes on in any case
	glance      = 50 * time.Millisecond // how often it looks how busy writers are
	fewAppends  = 10                    // appends within a glance that are no load
	appendBytes = 4 << 10               // of a frame that are as much work as another append
)

// loaded notes an append of size bytes by a writer of this process: a commit, or a frame.
func (l *Log) loaded(size int) { l.load.Add(1 + uint64(size)/appendBytes) }

// GiveWay is what work that can wait calls after it has worked for a while: it lets this process's
// writers go first, and returns once they are quiet or after as many times what was worked as they
// are busier than that, or when done is closed. So such work has all of the time up to 200 appends
// a second, a tenth at 1,800, a fiftieth at 10,000 (4 KiB of frames count as an append), but goes
// on after 10 s in any case, and catches up when writers rest. On two processors that pgbench keeps
// busy, projections took a fifth of the time when they rested for nine times what they had worked.
func (l *Log) GiveWay(done <-chan struct{}, worked time.Duration) {
	begin, before := l.elapsed(), l.load.Load()
	for pause(done, min(glance, max(worked, time.Millisecond))) {
		now, appends := l.elapsed(), l.load.Load()
		load := float64(appends-before) / fewAppends * float64(glance) / float64(now-begin)
		if load <= 1 || float64(now-begin) >= min(float64(worked)*load, float64(longestRest)) {
			return
		}
	}
}

// pause waits, and reports whether done is still open.
func pause(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}
