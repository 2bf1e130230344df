package postgres

import (
	"net"
	"runtime/debug"
	"sync"
)

// admission counts the connections that are not authenticated yet, in all and by address.
type admission struct {
	total, each int

	mu   sync.Mutex
	n    int
	from map[string]int
}

func newAdmission(total, each int) *admission {
	return &admission{total: total, each: each, from: make(map[string]int)}
}

// enter admits a connection, if there is room. release may be called more than once; it is not
// nil even when there is no room.
func (a *admission) enter(addr net.Addr) (release func(), ok bool) {
	host := hostOf(addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n >= a.total || a.from[host] >= a.each {
		return func() {}, false
	}
	a.n++
	a.from[host]++
	return sync.OnceFunc(func() { a.leave(host) }), true
}

func (a *admission) leave(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	if a.from[host]--; a.from[host] == 0 {
		delete(a.from, host)
	}
}

func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}

func loopback(addr net.Addr) bool {
	if addr.Network() == "unix" {
		return true
	}
	ip := net.ParseIP(hostOf(addr))
	return ip != nil && ip.IsLoopback()
}

func stack() string { return string(debug.Stack()) }
