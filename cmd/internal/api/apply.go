package api

import (
	"bytes"
	"context"
	"fmt"

	"sallyport/schemas"
	"sallyport/schemas/registry"
	"sallyport/schemas/resources"
)

// Applier puts declared resources on the log.
type Applier struct {
	Registry *registry.Registry
	Check    func(*resources.Resource) error // beyond its form: does its policy compile
}

// Change is what applying one resource did.
type Change struct {
	Kind   resources.Kind `json:"kind"`
	Name   string         `json:"name"`
	Change string         `json:"change"` // created, changed, unchanged
}

// Apply checks every document in data, and only if all are sound applies each that differs from
// what is declared. name is what errors call data.
func (a Applier) Apply(ctx context.Context, by, name string, data []byte) ([]Change, error) {
	rs, err := resources.Load(name, data)
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: err.Error()}
	}
	return a.ApplyAll(ctx, by, name, rs)
}

// ApplyAll is Apply of documents that are loaded already.
func (a Applier) ApplyAll(ctx context.Context, by, name string, rs []*resources.Resource) ([]Change, error) {
	for _, r := range rs {
		if err := a.Check(r); err != nil {
			return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("%s: %s %s: %v", name, r.Kind, r.Metadata.Name, err)}
		}
	}
	changes := make([]Change, 0, len(rs))
	for _, r := range rs {
		change, err := a.applyOne(ctx, by, r)
		if err != nil {
			return nil, err
		}
		changes = append(changes, Change{Kind: r.Kind, Name: r.Metadata.Name, Change: change})
	}
	return changes, nil
}

func (a Applier) applyOne(ctx context.Context, by string, r *resources.Resource) (string, error) {
	document, err := resources.MarshalCanonical(r)
	if err != nil {
		return "", fmt.Errorf("encode %s %s: %w", r.Kind, r.Metadata.Name, err)
	}
	change := "created"
	if old, ok := a.Registry.Snapshot().Resource(r.Kind, r.Metadata.Name); ok {
		have, err := resources.MarshalCanonical(old)
		if err != nil {
			return "", fmt.Errorf("encode %s %s: %w", r.Kind, r.Metadata.Name, err)
		}
		if bytes.Equal(have, document) {
			return "unchanged", nil
		}
		change = "changed"
	}
	err = a.Registry.Append(ctx, &schemas.Control{By: by, Kind: &schemas.Control_ResourceApplied{
		ResourceApplied: &schemas.ResourceApplied{Kind: string(r.Kind), Name: r.Metadata.Name, Document: document},
	}})
	if err != nil {
		return "", unavailable(err)
	}
	return change, nil
}
