package registry

import (
	"context"
	"fmt"

	"sallyport/schemas"
)

// Progress is how far a bucket of the registry is.
type Progress struct {
	Name     string
	Position uint64 // CONTROL up to here is in it
	Head     uint64 // last fact on CONTROL that it is about
}

// Progress says how far the buckets are.
func (r *Registry) Progress(ctx context.Context) ([]Progress, error) {
	var out []Progress
	for _, p := range []projection{r.resources, r.identity} {
		head, err := r.log.HeadOf(ctx, schemas.Controls, p.source(0).Subjects[0])
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", p.name, err)
		}
		r.mu.Lock()
		out = append(out, Progress{Name: p.name, Position: r.positions[p.name], Head: head})
		r.mu.Unlock()
	}
	return out, nil
}
