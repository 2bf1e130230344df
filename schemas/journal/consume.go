package journal

import (
	"context"
	"time"

	"sallyport/schemas"
)

// ConsumeConfig says what to consume.
type ConsumeConfig struct {
	Stream   schemas.Stream
	Subjects []schemas.Subject // filter; empty: all
	From     uint64            // first sequence wanted; 0 or 1: from the beginning
	Batch    int               // most messages handled at once; 256 by default

	// Linger is how long a new message may wait for others, so that they are handled together. A
	// projection that need not follow at once costs the writers next to nothing with one.
	Linger time.Duration
	// Background gives way to this process's writers: the busier they are, the smaller the share of
	// the time that is spent on reading and handling (all of it up to 200 appends a second, a tenth
	// at 1,800, a fiftieth at 10,000), but every 10 s there is a turn. It catches up when they rest.
	Background bool
	// Recent takes facts that this process has just appended to an embedded log from memory, with the time of their acknowledgement instead of the stream's. It needs a Linger and
	// no filter, serves one reader at a time, and changes nothing for others.
	Recent bool
}

// Bounds of giving way.
const (
	longestRest = 10 * time.Second      // after which it goes on in any case
	glance      = 50 * time.Millisecond // how often it looks how busy writers are
	fewAppends  = 10                    // commits and frames within a glance that are no load
)

// Consume hands messages to handle in order, history first and then as they come, until ctx is
// done (it then returns nil) or handle returns an error (which it returns). caughtUp is true when
// messages (which may then be empty) reach what was the end of the stream. It reconnects by
// itself. While handle runs, at most one portion (Batch messages, about 1 MiB) waits in memory.
// It returns ErrClosed when the log is closed.
func (l *Log) Consume(ctx context.Context, c ConsumeConfig, handle func(ms []Message, caughtUp bool) error) error {
	setDefault(&c.Batch, 256)
	t := l.tail(c.Stream, c.Subjects, c.From, max(c.Batch, 1))
	t.linger = c.Linger
	defer t.drop()
	if c.Recent && c.Linger > 0 && c.Stream == schemas.Facts && len(c.Subjects) == 0 && l.server != nil && l.recent.join() {
		t.own, t.behind = &l.recent, true
		defer l.recent.leave()
	}
	for {
		ms, caughtUp, err := t.take(ctx, t.portion)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		began := l.elapsed()
		if err := handle(ms, caughtUp); err != nil {
			return err
		}
		if c.Background {
			l.rest(ctx, t.reading+l.elapsed()-began)
		}
	}
}

// rest lets writers go first: it returns once they are quiet, or after as many times what was
// worked as they are busier than that. On two processors that pgbench keeps busy, projections took
// a fifth of the time when they rested for nine times what they had worked.
func (l *Log) rest(ctx context.Context, worked time.Duration) {
	begin, before := l.elapsed(), l.appends.Load()
	for pause(ctx, min(glance, max(worked, time.Millisecond))) {
		now, appends := l.elapsed(), l.appends.Load()
		load := float64(appends-before) / fewAppends * float64(glance) / float64(now-begin)
		if load <= 1 || float64(now-begin) >= min(float64(worked)*load, float64(longestRest)) {
			return
		}
	}
}

// pause waits, and reports whether ctx is still on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
