package registry

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Snapshot is what is declared at one moment. It is never changed after it was made.
type Snapshot struct {
	Revision  schemas.Revision // of all resources
	resources map[string]*resources.Resource
	tokens    map[schemas.TokenID]*schemas.TokenCreated
	makers    map[schemas.TokenID]string
	ended     map[schemas.TokenID]bool
	people    people
	byLookup  map[[sha256.Size]byte]*schemas.TokenCreated
	byOwner   map[string][]*schemas.TokenCreated
	keys      keyring
	grants    map[string][]*schemas.GrantMade // by the principal's name
}

// Resource returns one resource.
func (s *Snapshot) Resource(k resources.Kind, name string) (*resources.Resource, bool) {
	r, ok := s.resources[key(k, name)]
	return r, ok
}

// Target returns the target of that name.
func (s *Snapshot) Target(name string) (*resources.Resource, bool) {
	return s.Resource(resources.KindTarget, name)
}

// All returns the resources of a kind in the order of their names.
func (s *Snapshot) All(k resources.Kind) []*resources.Resource {
	var all []*resources.Resource
	for _, r := range s.resources {
		if r.Kind == k {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *resources.Resource) int {
		return strings.Compare(a.Metadata.Name, b.Metadata.Name)
	})
	return all
}

// Tokens returns the tokens of a principal that have not expired at now.
func (s *Snapshot) Tokens(principal string, now time.Time) []*schemas.TokenCreated {
	var live []*schemas.TokenCreated
	for _, t := range s.byOwner[principal] {
		if t.Expires > now.UnixNano() {
			live = append(live, t)
		}
	}
	return live
}

// Lookup returns the token whose SHA-256 is sum, unless it has expired at now.
func (s *Snapshot) Lookup(sum [sha256.Size]byte, now time.Time) (*schemas.TokenCreated, bool) {
	t, ok := s.byLookup[sum]
	if !ok || t.Expires <= now.UnixNano() {
		return nil, false
	}
	return t, true
}

// Token returns a token that was not revoked; it may have expired.
func (s *Snapshot) Token(id schemas.TokenID) (*schemas.TokenCreated, bool) {
	t, ok := s.tokens[id]
	return t, ok
}

// Ended reports whether the token that stands for a certificate of others was revoked. That is for good.
func (s *Snapshot) Ended(id schemas.TokenID) bool { return s.ended[id] }

// Maker returns who made a token that was not revoked; empty: there is none of that id.
func (s *Snapshot) Maker(id schemas.TokenID) string { return s.makers[id] }

// Descendants returns the tokens that were made with a token, or with one that was made with it.
func (s *Snapshot) Descendants(id schemas.TokenID) []*schemas.TokenCreated {
	var line []*schemas.TokenCreated
	for _, t := range s.tokens {
		if slices.Contains(t.Ancestors, string(id)) {
			line = append(line, t)
		}
	}
	return line
}

// AllTokens returns every token that was not revoked, in the order of their ids.
func (s *Snapshot) AllTokens() []*schemas.TokenCreated {
	return slices.SortedFunc(maps.Values(s.tokens), func(a, b *schemas.TokenCreated) int {
		return strings.Compare(a.Id, b.Id)
	})
}

func key(k resources.Kind, name string) string {
	return schemas.Token(string(k)) + "." + schemas.Token(name)
}

func newSnapshot(rs map[string]*resources.Resource, tokens map[schemas.TokenID]*schemas.TokenCreated, makers map[schemas.TokenID]string) *Snapshot {
	s := &Snapshot{
		Revision:  resources.Revision(slices.Collect(maps.Values(rs))),
		resources: rs,
		tokens:    tokens,
		makers:    makers,
		byLookup:  make(map[[sha256.Size]byte]*schemas.TokenCreated, len(tokens)),
		byOwner:   make(map[string][]*schemas.TokenCreated),
	}
	for _, t := range tokens {
		if len(t.Lookup) == sha256.Size {
			s.byLookup[[sha256.Size]byte(t.Lookup)] = t
		}
		owner := t.GetPrincipal().GetName()
		s.byOwner[owner] = append(s.byOwner[owner], t)
	}
	return s
}
