package registry

import (
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
)

// keyring is the public keys that are registered.
type keyring struct {
	byID  map[schemas.TokenID]*schemas.KeyAdded
	byKey map[string][]*schemas.KeyAdded // by the key's wire form: several people may have registered one
}

func newKeyring(keys map[schemas.TokenID]*schemas.KeyAdded) keyring {
	k := keyring{byID: keys, byKey: make(map[string][]*schemas.KeyAdded, len(keys))}
	for _, key := range keys {
		k.byKey[string(key.Key)] = append(k.byKey[string(key.Key)], key)
	}
	return k
}

// Key returns the registration of a public key (RFC 4253 section 6.6) for a principal, unless it
// has expired at now. Of several the one that holds longest.
func (s *Snapshot) Key(principal string, key []byte, now time.Time) (*schemas.KeyAdded, bool) {
	var best *schemas.KeyAdded
	for _, k := range s.keys.byKey[string(key)] {
		if k.GetPrincipal().GetName() == principal && k.Expires > now.UnixNano() && (best == nil || k.Expires > best.Expires) {
			best = k
		}
	}
	return best, best != nil
}

// KeyOf returns the registration of that id; it may have expired.
func (s *Snapshot) KeyOf(id schemas.TokenID) (*schemas.KeyAdded, bool) {
	k, ok := s.keys.byID[id]
	return k, ok
}

// AllKeys returns every registration, in the order of their ids.
func (s *Snapshot) AllKeys() []*schemas.KeyAdded {
	all := make([]*schemas.KeyAdded, 0, len(s.keys.byID))
	for _, k := range s.keys.byID {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *schemas.KeyAdded) int { return strings.Compare(a.Id, b.Id) })
	return all
}
