package registry

import (
	"sallyport/schemas"
)

// Grants returns the access for a time of a principal, by name, that is neither revoked nor known to
// have ended; it may be over, or yet to begin.
func (s *Snapshot) Grants(principal string) []*schemas.GrantMade { return s.grants[principal] }

// Regranted returns a channel that is closed when access for a time is given, revoked or over next.
// Take it before Snapshot.
func (r *Registry) Regranted() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.regranted
}

// setGrant takes in the last fact about a grant. mu is held.
func (r *Registry) setGrant(p *schemas.Projected) error {
	switch kind := p.GetFact().GetKind().(type) {
	case *schemas.Control_GrantMade:
		r.grants[kind.GrantMade.Id] = kind.GrantMade
	case *schemas.Control_GrantRevoked:
		delete(r.grants, kind.GrantRevoked.Id)
	case *schemas.Control_GrantEnded:
		delete(r.grants, kind.GrantEnded.Id)
	}
	return nil
}

func byPrincipal(grants map[string]*schemas.GrantMade) map[string][]*schemas.GrantMade {
	out := make(map[string][]*schemas.GrantMade)
	for _, g := range grants {
		name := g.GetPrincipal().GetName()
		out[name] = append(out[name], g)
	}
	return out
}
