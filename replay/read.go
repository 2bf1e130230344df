package replay

import (
	"context"
	"errors"
	"iter"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// decoder returns a Decoder that finds what it did not see on the log.
func (s *Service) decoder(ctx context.Context, id schemas.SessionID) *Decoder {
	return &Decoder{Find: func(command, before uint64) *schemas.Columns {
		return findColumns(ctx, s.Log, id, command, before)
	}}
}

// mostSearched bounds, in bytes, how far behind a command its columns are looked for, and how far
// behind those for others: only a text of several statements has several.
const mostSearched = 4 << 20

// findColumns reads on from a command to the columns that describe the rows before which they are
// wanted. A failure means that they are not known: reading the session itself fails, then, too.
func findColumns(ctx context.Context, log *journal.Log, id schemas.SessionID, command, before uint64) (found *schemas.Columns) {
	if command == 0 {
		return nil
	}
	searched := 0
	_ = log.ReadSession(ctx, id, journal.ReadOptions{From: command}, func(l journal.Located) error {
		if l.Entry.GetNumber() >= before || searched > mostSearched {
			return errEnough
		}
		searched += l.Entry.SizeVT()
		if c := l.Entry.GetColumns(); c != nil && c.GetCommand() == command {
			found, searched = c, 0
		}
		return nil
	})
	return found
}

// Entries walks a session as it is on the log now, in order.
func Entries(ctx context.Context, log *journal.Log, id schemas.SessionID, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		d := &Decoder{Find: func(command, before uint64) *schemas.Columns { return findColumns(ctx, log, id, command, before) }}
		err := log.ReadSession(ctx, id, journal.ReadOptions{From: from}, func(l journal.Located) error {
			if !yield(d.Entry(l), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
	}
}
