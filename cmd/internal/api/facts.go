package api

import (
	"context"
	"errors"
	"fmt"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// errEnough ends a read of the log.
var errEnough = errors.New("enough")

// facts hands the control facts on a subject (which may have wildcards) with sequences in
// [from, until] to f, in order, up to what is on the log now.
func (a *API) facts(ctx context.Context, subject schemas.Subject, from, until uint64, f func(journal.Message, *schemas.Control) error) error {
	c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{subject}, From: from}
	err := a.log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if m.Sequence > until {
				return errEnough
			}
			fact := new(schemas.Control)
			if err := fact.UnmarshalVT(m.Data); err != nil {
				return fmt.Errorf("decode CONTROL %d: %w", m.Sequence, err)
			}
			if err := f(m, fact); err != nil {
				return err
			}
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil { // ctx is done
		err = context.Cause(ctx)
	}
	return err
}
