package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// checkLog empties an index that was made from another log: one that is shorter, or whose facts
// have another time where the index stands.
func (s *Service) checkLog(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	same, err := s.sameLog(ctx)
	if err != nil || same {
		return err
	}
	s.c.Logger.Warn("the search index is of another log and is built anew", "index", s.store.position)
	st, err := s.freshBeside()
	if err != nil {
		return err
	}
	return s.replace(st)
}

func (s *Service) sameLog(ctx context.Context) (bool, error) {
	at := s.store.position
	head, err := s.Written(ctx)
	if err != nil || !head.Reached(at) {
		return false, err
	}
	if at.Facts == 0 || s.store.mark == 0 {
		return true, nil
	}
	m, err := messageAt(ctx, s.c.Log, schemas.Facts, at.Facts)
	if err != nil {
		return false, fmt.Errorf("find where the index stands: %w", err)
	}
	gone := m.Sequence != at.Facts // purged
	return gone || m.Time.UnixNano() == s.store.mark, nil
}

// messageAt returns the first message of a stream from sequence on, the zero Message when there
// is none.
func messageAt(ctx context.Context, l Log, stream schemas.Stream, sequence uint64) (found journal.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := journal.ConsumeConfig{Stream: stream, From: sequence, Batch: 1}
	err = l.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		if len(ms) > 0 {
			found = ms[0]
		}
		if len(ms) > 0 || caughtUp {
			return errDone
		}
		return nil
	})
	if err == nil { // ctx is done
		err = ctx.Err()
	}
	if errors.Is(err, errDone) {
		return found, nil
	}
	return found, err
}
