// Package admission accepts connections, and bounds those that are not authenticated yet, in all and by address, for
// every protocol that listens.
package admission

import (
	"net"
	"sync"
)

// Admission counts connections that are not authenticated. It is safe for concurrent use.
type Admission struct {
	total, each int

	mu   sync.Mutex
	n    int
	from map[string]int
}

// New returns an Admission for total connections, each of them from one address.
func New(total, each int) *Admission {
	return &Admission{total: total, each: each, from: make(map[string]int)}
}

// Enter admits a connection, if there is room. release may be called more than once; it is not
// nil even when there is no room.
func (a *Admission) Enter(addr net.Addr) (release func(), ok bool) {
	host := Host(addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n >= a.total || a.from[host] >= a.each {
		return func() {}, false
	}
	a.n++
	a.from[host]++
	return sync.OnceFunc(func() { a.leave(host) }), true
}

func (a *Admission) leave(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	if a.from[host]--; a.from[host] == 0 {
		delete(a.from, host)
	}
}

// Host is an address without its port.
func Host(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}
