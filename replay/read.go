package replay

import (
	"context"
	"errors"
	"iter"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/values"
)

func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// decoder returns a Decoder that finds what it did not see on the log.
func (s *Service) decoder(ctx context.Context, id schemas.SessionID) *Decoder {
	return newDecoder(ctx, s.Log, id)
}

func newDecoder(ctx context.Context, log *journal.Log, id schemas.SessionID) *Decoder {
	return &Decoder{
		Find:  func(command, before uint64) *schemas.Columns { return findColumns(ctx, log, id, command, before) },
		Begun: func(command, number uint64) *values.Joiner { return begunRow(ctx, log, id, command, number) },
	}
}

// Bounds of looking back, in entries.
const (
	mostBetween = 64   // from one piece of a row to the next: only facts come between
	mostBehind  = 4096 // more than the longest row that is joined has pieces, which are 32 KiB where it is streamed
)

// begunRow reads the row of a command that goes on at an entry: further and further back, until it is known where
// it begins. Most often none does, which the entries just before tell. A failure means that it is not known.
func begunRow(ctx context.Context, log *journal.Log, id schemas.SessionID, command, number uint64) *values.Joiner {
	for behind := uint64(4); ; behind *= 4 {
		from := command
		if number > behind {
			from = max(command, number-behind)
		}
		var j *values.Joiner // from a place on at which no row goes on
		seen := false
		err := log.ReadSession(ctx, id, journal.ReadOptions{From: max(from, 1)}, func(l journal.Located) error {
			if l.Entry.GetNumber() >= number {
				return errEnough
			}
			r := l.Entry.GetRows()
			if r == nil || r.GetCommand() != command {
				return nil
			}
			seen = true
			switch {
			case j != nil || from == command:
				if j == nil {
					j = &values.Joiner{}
				}
				_, _ = j.Join(r) // what is too long is told of where it ends
			case !r.GetMore():
				j = &values.Joiner{}
			}
			return nil
		})
		switch {
		case err != nil && !errors.Is(err, errEnough):
			return nil
		case j != nil:
			if !j.Going() {
				return nil
			}
			return j
		case !seen && (from == command || behind >= mostBetween), behind >= mostBehind:
			return nil
		}
	}
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
		d := newDecoder(ctx, log, id)
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
