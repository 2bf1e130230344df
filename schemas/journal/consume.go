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
	// Background gives way to this process's writers after each portion, as [Log.GiveWay] does; FACTS only to
	// their commits.
	Background bool
	// Recent takes facts that this process has just appended to an embedded log from memory, with the time of their acknowledgement instead of the stream's. It needs a Linger and
	// no filter, serves one reader at a time, and changes nothing for others.
	Recent bool
}

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
			l.giveWay(ctx.Done(), t.reading+l.elapsed()-began, l.loadOf(c.Stream))
		}
	}
}
