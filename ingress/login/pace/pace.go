// Package pace bounds how often something may be tried, for each of many keys (an address, a user).
// It keeps no more than a fixed number of keys in memory, whoever makes them up.
package pace

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds memory: about 200 bytes each.
const maxKeys = 50_000

// Pace allows each key so many tries a minute. Its methods are safe for concurrent use.
type Pace struct {
	perMinute int
	now       func() time.Time

	mu   sync.Mutex
	keys map[string]*rate.Limiter
}

// New returns a Pace that allows perMinute tries a minute, all of which may come at once.
func New(perMinute int, now func() time.Time) *Pace {
	return &Pace{perMinute: perMinute, now: now, keys: make(map[string]*rate.Limiter)}
}

// Allow counts one try and reports whether it may go on.
func (p *Pace) Allow(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.keys[key]
	if !ok {
		p.makeRoom()
		l = rate.NewLimiter(rate.Limit(float64(p.perMinute)/60), p.perMinute)
		p.keys[key] = l
	}
	return l.AllowN(p.now(), 1)
}

// makeRoom forgets who has not tried for a while and, when that is nobody, anybody: a flood of made-up
// keys must neither fill the memory nor shut everybody out.
func (p *Pace) makeRoom() {
	if len(p.keys) < maxKeys {
		return
	}
	now := p.now()
	for key, l := range p.keys {
		if l.TokensAt(now) >= float64(p.perMinute) {
			delete(p.keys, key)
		}
	}
	for key := range p.keys { // a tenth at once, so that a flood does not come here with every key
		if len(p.keys) < maxKeys*9/10 {
			return
		}
		delete(p.keys, key)
	}
}

// Address returns the key of a peer: its IPv4 address, or the /64 of its IPv6 address, since one
// machine has all of that.
func Address(remote string) string {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return prefix.String()
}
