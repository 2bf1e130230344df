package journal

import (
	"context"

	"sallyport/schemas"
)

// ConsumeConfig says what to consume.
type ConsumeConfig struct {
	Stream   schemas.Stream
	Subjects []schemas.Subject // filter; empty: all
	From     uint64            // first sequence wanted; 0 or 1: from the beginning
	Batch    int               // most messages handled at once; 256 by default
}

// Consume hands messages to handle in order, history first and then as they come, until ctx is
// done (it then returns nil) or handle returns an error (which it returns). caughtUp is true when
// messages (which may then be empty) reach what was the end of the stream. It reconnects by
// itself. While handle runs, at most one portion (Batch messages, about 1 MiB) waits in memory.
// It returns ErrClosed when the log is closed.
func (l *Log) Consume(ctx context.Context, c ConsumeConfig, handle func(ms []Message, caughtUp bool) error) error {
	setDefault(&c.Batch, 256)
	t := l.tail(c.Stream, c.Subjects, c.From, max(c.Batch, 1))
	defer t.drop()
	for {
		ms, caughtUp, err := t.take(ctx, t.portion)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := handle(ms, caughtUp); err != nil {
			return err
		}
	}
}
