package registry

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
)

// people is what is kept of users of the local provider, of everybody's passkeys, and of who proved one.
type people struct {
	users     map[string]*schemas.UserPut
	passkeys  map[string]*schemas.PasskeyPut // by credential id
	steppedUp map[schemas.TokenID]int64      // nanoseconds since 1970
}

func newPeople() people {
	return people{users: make(map[string]*schemas.UserPut), passkeys: make(map[string]*schemas.PasskeyPut), steppedUp: make(map[schemas.TokenID]int64)}
}

func (p people) clone() people {
	return people{users: maps.Clone(p.users), passkeys: maps.Clone(p.passkeys), steppedUp: maps.Clone(p.steppedUp)}
}

// set folds one control fact; others than about people do nothing.
func (p people) set(c *schemas.Control) {
	switch kind := c.GetKind().(type) {
	case *schemas.Control_UserPut:
		p.users[kind.UserPut.Name] = kind.UserPut
	case *schemas.Control_UserRemoved:
		delete(p.users, kind.UserRemoved.Name)
	case *schemas.Control_PasskeyPut:
		p.passkeys[string(kind.PasskeyPut.Id)] = kind.PasskeyPut
	case *schemas.Control_PasskeyRemoved:
		delete(p.passkeys, string(kind.PasskeyRemoved.Id))
	case *schemas.Control_TokenSteppedUp:
		p.steppedUp[schemas.TokenID(kind.TokenSteppedUp.Id)] = kind.TokenSteppedUp.At
	}
}

// personKey is the entity that a fact about people is about, on CONTROL and in the bucket; empty:
// it is about something else.
func personKey(c *schemas.Control) string {
	switch kind := c.GetKind().(type) {
	case *schemas.Control_UserPut:
		return "user." + schemas.Token(kind.UserPut.Name)
	case *schemas.Control_UserRemoved:
		return "user." + schemas.Token(kind.UserRemoved.Name)
	case *schemas.Control_PasskeyPut:
		return "passkey." + hex.EncodeToString(kind.PasskeyPut.Id)
	case *schemas.Control_PasskeyRemoved:
		return "passkey." + hex.EncodeToString(kind.PasskeyRemoved.Id)
	case *schemas.Control_TokenSteppedUp:
		return "stepup." + schemas.Token(kind.TokenSteppedUp.Id)
	}
	return ""
}

// SteppedUp returns when the holder of a token last proved a passkey; zero: they did not, or the token was
// revoked.
func (s *Snapshot) SteppedUp(id schemas.TokenID) time.Time {
	t, ok := s.tokens[id]
	if !ok {
		return time.Time{}
	}
	if at := max(t.SteppedUp, s.people.steppedUp[id]); at > 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Proved reports whether the holder of a token proved a passkey less than life before now.
func (s *Snapshot) Proved(id schemas.TokenID, now time.Time, life time.Duration) bool {
	at := s.SteppedUp(id)
	return !at.IsZero() && now.Sub(at) < life
}

// User returns a user of the local provider.
func (s *Snapshot) User(name string) (*schemas.UserPut, bool) {
	u, ok := s.people.users[name]
	return u, ok
}

// Users returns the users of the local provider in the order of their names.
func (s *Snapshot) Users() []*schemas.UserPut {
	return slices.SortedFunc(maps.Values(s.people.users), func(a, b *schemas.UserPut) int {
		return strings.Compare(a.Name, b.Name)
	})
}

// Passkey returns the passkey with that credential id.
func (s *Snapshot) Passkey(id []byte) (*schemas.PasskeyPut, bool) {
	p, ok := s.people.passkeys[string(id)]
	return p, ok
}

// Passkeys returns the passkeys of a principal in the order of their ids.
func (s *Snapshot) Passkeys(user string) []*schemas.PasskeyPut {
	var all []*schemas.PasskeyPut
	for _, p := range s.people.passkeys {
		if p.User == user {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *schemas.PasskeyPut) int { return strings.Compare(string(a.Id), string(b.Id)) })
	return all
}
