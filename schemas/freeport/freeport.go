// Package freeport finds TCP ports for servers that tests, the demo and the benchmark start and that cannot choose one
// themselves.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Below what operating systems choose from for connections (IANA: 49152 on, RFC 6335 section 6; Linux: 32768 on), so
// that no connection takes a port between its being found and its being used.
const (
	lowest  = 16384
	highest = 32767
)

var (
	mu    sync.Mutex
	given = make(map[int]bool)
)

// Find returns a port on which nobody listens at 127.0.0.1, and which this process was not given before.
func Find() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	var last error
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest+1)
		if given[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		given[port] = true
		return port, l.Close()
	}
	return 0, fmt.Errorf("find a free port: %w", errors.Join(errors.New("none is left"), last))
}
