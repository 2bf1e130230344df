package registry

import (
	"context"
	"errors"
	"fmt"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Amend appends the control fact that change makes of what is declared, on the condition that nothing was
// said meanwhile about the entity that the fact is about; else change is asked again, with what is declared
// then. It returns once the snapshot holds the fact. What change returns as an error ends it; a nil
// fact too, without one.
func (r *Registry) Amend(ctx context.Context, change func(*Snapshot) (*schemas.Control, error)) error {
	c, err := change(r.Snapshot())
	if err != nil || c == nil {
		return err
	}
	area, entity, err := place(c)
	if err != nil {
		return err
	}
	bucket := bucketResources
	if area == schemas.AreaIdentity {
		bucket = bucketIdentity
	}
	for {
		last, err := r.log.HeadOf(ctx, schemas.Controls, schemas.ControlSubject(area, entity))
		if err != nil {
			return fmt.Errorf("amend %s: %w", entity, err)
		}
		if err := r.await(ctx, func() bool { return r.positions[bucket] >= last }); err != nil {
			return err
		}
		if c, err = change(r.Snapshot()); err != nil || c == nil {
			return err
		}
		seq, err := r.log.AppendControl(ctx, area, entity, c, &last)
		if errors.Is(err, journal.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("append control fact: %w", err)
		}
		return r.await(ctx, func() bool { return r.positions[bucket] >= seq })
	}
}
