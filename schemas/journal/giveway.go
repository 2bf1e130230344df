package journal

import (
	"sync/atomic"
	"time"

	"sallyport/schemas"
)

// Bounds of giving way.
const (
	longestRest = 10 * time.Second      // after which it goes on in any case
	glance      = 50 * time.Millisecond // how often it looks how busy writers are
	fewAppends  = 10                    // appends within a glance that are no load
	appendBytes = 4 << 10               // of a frame that are as much work as another append
)

// committed and framed note an append by a writer of this process: a commit, and a frame of size bytes.
func (l *Log) committed()      { l.commits.Add(1); l.load.Add(1) }
func (l *Log) framed(size int) { l.load.Add(1 + uint64(size)/appendBytes) }

// loadOf is what work on a stream gives way to. Facts come with commits alone: few of them are little
// work, however many frames there are beside them, and whoever looks for a command that ran during a
// bulk transfer is not to wait for its end.
func (l *Log) loadOf(s schemas.Stream) *atomic.Uint64 {
	if s == schemas.Frames {
		return &l.load
	}
	return &l.commits
}

// GiveWay is what work that can wait calls after it has worked for a while: it lets this process's
// writers go first, and returns once they are quiet or after as many times what was worked as they
// are busier than that, or when done is closed. So such work has all of the time up to 200 appends
// a second, a tenth at 1,800, a fiftieth at 10,000 (4 KiB of frames count as an append), but goes
// on after 10 s in any case, and catches up when writers rest. On two processors that pgbench keeps
// busy, projections took a fifth of the time when they rested for nine times what they had worked.
func (l *Log) GiveWay(done <-chan struct{}, worked time.Duration) { l.giveWay(done, worked, &l.load) }

// giveWay is GiveWay to what is counted in appended.
func (l *Log) giveWay(done <-chan struct{}, worked time.Duration, appended *atomic.Uint64) {
	r := newRest(worked, l.elapsed(), appended.Load())
	for pause(done, min(glance, max(worked, time.Millisecond))) && !r.over(l.elapsed(), appended.Load()) {
	}
}

// rest is one time of giving way.
type rest struct {
	worked time.Duration
	whole  span
	glance span // the one that goes on
}

// span is a time, and how many appends there were when it began.
type span struct {
	begin   time.Duration
	appends uint64
}

func newRest(worked, now time.Duration, appends uint64) *rest {
	s := span{now, appends}
	return &rest{worked, s, s}
}

// over reports whether it has been long enough: for how busy writers were in all of it, or because they are quiet now.
func (r *rest) over(now time.Duration, appends uint64) bool {
	load := r.whole.load(now, appends)
	if load <= 1 || float64(now-r.whole.begin) >= min(float64(r.worked)*load, float64(longestRest)) {
		return true
	}
	if now-r.glance.begin < glance {
		return false
	}
	load = r.glance.load(now, appends)
	r.glance = span{now, appends}
	return load <= 1
}

// load is how many times as many appends as are no load there were since s began.
func (s span) load(now time.Duration, appends uint64) float64 {
	return float64(appends-s.appends) / fewAppends * float64(glance) / float64(now-s.begin)
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
