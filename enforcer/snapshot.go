package enforcer

import (
	"slices"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Source gives what is declared.
type Source interface {
	// Resources returns all resources as they are at one moment, their revision, and a channel that
	// is closed once they are no longer current. The resources are never changed afterwards.
	Resources() (all []*resources.Resource, revision schemas.Revision, stale <-chan struct{})
}

// snapshot is what is declared, compiled. It is never changed.
type snapshot struct {
	revision schemas.Revision
	stale    <-chan struct{}
	targets  map[string]*protected
	roles    []*resources.Resource
}

// protected is a target and what speaks about it.
type protected struct {
	resource *resources.Resource
	object   *Target
	policies []*policy
	masks    *maskSet
}

func newSnapshot(all []*resources.Resource, revision schemas.Revision, stale <-chan struct{}) *snapshot {
	s := &snapshot{revision: revision, stale: stale, targets: map[string]*protected{}}
	var policies []*policy
	for _, r := range all {
		switch {
		case r.Target != nil:
			s.targets[r.Metadata.Name] = &protected{
				resource: r, object: &Target{Name: r.Metadata.Name, Labels: r.Metadata.Labels},
			}
		case r.Role != nil:
			s.roles = append(s.roles, r)
		case r.Policy != nil:
			p, err := compile(r)
			if err != nil { // it should have been refused when it was applied
				p = &policy{resource: r, err: err}
			}
			policies = append(policies, p)
		}
	}
	// What is needed is compared byte by byte: it is always said in the same order.
	slices.SortFunc(policies, func(a, b *policy) int { return strings.Compare(a.resource.Metadata.Name, b.resource.Metadata.Name) })
	for name, t := range s.targets {
		labels := t.resource.Metadata.Labels
		for _, p := range policies {
			if p.resource.Policy.Targets.Matches(name, labels) {
				t.policies = append(t.policies, p)
			}
		}
		var masks []*resources.Resource
		for _, r := range all {
			if r.Mask != nil && r.Mask.Targets.Matches(name, labels) {
				masks = append(masks, r)
			}
		}
		t.masks = newMaskSet(masks)
	}
	return s
}

// isStale reports whether something has been applied or deleted since.
func (s *snapshot) isStale() bool {
	select {
	case <-s.stale:
		return true
	default:
		return false
	}
}
