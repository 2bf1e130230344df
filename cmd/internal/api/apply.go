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

	// Of a plan alone: the resource as it is and as it would be, as YAML.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Apply checks every document in data, and only if all are sound applies each that differs from
// what is declared. name is what errors call data.
func (a Applier) Apply(ctx context.Context, by, name string, data []byte) ([]Change, error) {
	rs, err := load(name, data)
	if err != nil {
		return nil, err
	}
	return a.ApplyAll(ctx, by, name, rs)
}

func load(name string, data []byte) ([]*resources.Resource, error) {
	rs, err := resources.Load(name, data)
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: err.Error()}
	}
	return rs, nil
}

// Plan says what Apply would do, and does nothing.
func (a Applier) Plan(_ context.Context, _, name string, data []byte) ([]Change, error) {
	rs, err := load(name, data)
	if err == nil {
		err = a.check(name, rs)
	}
	if err != nil {
		return nil, err
	}
	changes := make([]Change, 0, len(rs))
	for _, r := range rs {
		one := Change{Kind: r.Kind, Name: r.Metadata.Name}
		if _, one.Change, err = a.compare(r); err != nil {
			return nil, err
		}
		after, err := resources.MarshalYAML(r)
		if err != nil {
			return nil, err
		}
		one.After = string(after)
		if old, ok := a.Registry.Snapshot().Resource(r.Kind, r.Metadata.Name); ok {
			before, err := resources.MarshalYAML(old)
			if err != nil {
				return nil, err
			}
			one.Before = string(before)
		}
		changes = append(changes, one)
	}
	return changes, nil
}

// check goes beyond the form of resources.
func (a Applier) check(name string, rs []*resources.Resource) error {
	for _, r := range rs {
		if err := a.Check(r); err != nil {
			return &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("%s: %s %s: %v", name, r.Kind, r.Metadata.Name, err)}
		}
	}
	return nil
}

// compare returns the document of r, and what applying it would be.
func (a Applier) compare(r *resources.Resource) (document []byte, change string, err error) {
	document, err = resources.MarshalCanonical(r)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s %s: %w", r.Kind, r.Metadata.Name, err)
	}
	old, ok := a.Registry.Snapshot().Resource(r.Kind, r.Metadata.Name)
	if !ok {
		return document, "created", nil
	}
	have, err := resources.MarshalCanonical(old)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s %s: %w", r.Kind, r.Metadata.Name, err)
	}
	if bytes.Equal(have, document) {
		return document, "unchanged", nil
	}
	return document, "changed", nil
}

// ApplyAll is Apply of documents that are loaded already.
func (a Applier) ApplyAll(ctx context.Context, by, name string, rs []*resources.Resource) ([]Change, error) {
	if err := a.check(name, rs); err != nil {
		return nil, err
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
	document, change, err := a.compare(r)
	if err != nil || change == "unchanged" {
		return change, err
	}
	err = a.Registry.Append(ctx, &schemas.Control{By: by, Kind: &schemas.Control_ResourceApplied{
		ResourceApplied: &schemas.ResourceApplied{Kind: string(r.Kind), Name: r.Metadata.Name, Document: document},
	}})
	if err != nil {
		return "", unavailable(err)
	}
	return change, nil
}
