package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// idleSessions is how many are open at once, and openers how many are being opened.
const (
	idleSessions = 1000
	openers      = 4
)

// idle measures what a session that does nothing holds: the difference that a thousand make, each
// of which has run one query, in live heap and stacks after everything has settled. Resident memory
// depends on what was freed before and not given back; it grows by up to twice the live heap.
func (b *bench) idle(name, tlsMode string) workload {
	return workload{name: name, unit: "KiB", paths: []string{sallyport}, run: func(ctx context.Context, p path) (kib float64, err error) {
		if err := b.settle(ctx, p); err != nil {
			return 0, err
		}
		before, err := b.held(ctx)
		if err != nil {
			return 0, err
		}
		var open sessions
		defer func() { err = errors.Join(err, open.close()) }()
		if err := open.many(ctx, p.address(tlsMode)); err != nil {
			return 0, err
		}
		if err := b.settle(ctx, p); err != nil {
			return 0, err
		}
		after, err := b.held(ctx)
		return (after - before) / 1024 / idleSessions, err
	}}
}

func (p path) address(tlsMode string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%s user=%s password=%s dbname=%s sslmode=%s", p.port, p.user, p.password, p.database, tlsMode)
}

// sessions are open connections.
type sessions struct {
	mu    sync.Mutex
	conns []*pgconn.PgConn
	err   error
}

// many opens idleSessions.
func (s *sessions) many(ctx context.Context, address string) error {
	var running sync.WaitGroup
	for range openers {
		running.Go(func() {
			for range idleSessions / openers {
				if err := s.one(ctx, address); err != nil {
					s.mu.Lock()
					s.err = errors.Join(s.err, err)
					s.mu.Unlock()
					return
				}
			}
		})
	}
	running.Wait()
	return s.err
}

func (s *sessions) one(ctx context.Context, address string) error {
	c, err := pgconn.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	if _, err := c.Exec(ctx, "SELECT 1").ReadAll(); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

func (s *sessions) close() error {
	var err error
	for _, c := range s.conns {
		err = errors.Join(err, c.Close(context.Background()))
	}
	return err
}

// heapFields are the lines of runtime.MemStats in a heap profile that say what is held, in bytes.
var heapFields = regexp.MustCompile(`(?m)^# (?:HeapAlloc|Stack) = (\d+)`)

// held returns the live heap and the stacks of Sallyport in bytes, after a collection.
func (b *bench) held(ctx context.Context) (total float64, err error) {
	var d net.Dialer
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", filepath.Join(b.dir, "data", "sallyport.sock"))
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sallyport/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	profile, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for _, m := range heapFields.FindAllSubmatch(profile, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		total += n
	}
	return total, nil
}
