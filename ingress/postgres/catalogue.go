package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// catalogues keeps a snapshot of the catalogue of each database that has sessions. What a text
// means depends on it, and only the gateway can read it, so it serves snapshots to the enforcer
// on sallyport.ask.catalogue.<target>, by the digest that it asks verdicts with.
//
// A snapshot is read over a connection of its own, when the first session opens, when a session
// has run what may change it (before that session's next verdict), and when a look every
// CataloguePoll shows that somebody else changed it.
type catalogues struct {
	srv *Server

	mu sync.Mutex
	m  map[catalogueKey]*catalogue
	wg sync.WaitGroup
}

type catalogueKey struct{ target, database string }

func newCatalogues(s *Server) *catalogues {
	return &catalogues{srv: s, m: make(map[catalogueKey]*catalogue)}
}

// enter returns the catalogue of the database that d reaches, and has it kept until leave.
func (cs *catalogues) enter(d *dialer) *catalogue {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	key := catalogueKey{d.name, d.database}
	c := cs.m[key]
	if c == nil || c.target != d.target { // another server may be behind the name now
		c = cs.start(key, d)
	}
	c.users++
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialer = catalogueDialer(d) // with the credential as it is now
	return c
}

// catalogueDialer reaches the same database as d, as the gateway itself.
func catalogueDialer(d *dialer) *dialer {
	own := *d
	own.start = &startup{parameters: []parameter{{"application_name", "sallyport"}}}
	return &own
}

// start begins to keep a catalogue. mu is held.
func (cs *catalogues) start(key catalogueKey, d *dialer) *catalogue {
	ctx, cancel := context.WithCancel(context.Background())
	c := &catalogue{key: key, target: d.target, dialer: catalogueDialer(d), srv: cs.srv, cancel: cancel,
		wanted: 1, kick: make(chan struct{}, 1), changed: make(chan struct{})}
	cs.m[key] = c
	cs.wg.Go(func() { c.run(ctx) })
	return c
}

// leave ends what enter began.
func (cs *catalogues) leave(c *catalogue) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.users--; c.users > 0 {
		return
	}
	c.cancel()
	if cs.m[c.key] == c {
		delete(cs.m, c.key)
	}
}

// close waits until nothing is read any more. Every session has left.
func (cs *catalogues) close() { cs.wg.Wait() }

// answer serves a snapshot to the enforcer. One that no session uses any more is not served:
// nobody waits for a verdict that rests on it.
func (cs *catalogues) answer(ctx context.Context, request []byte) ([]byte, error) {
	ask := &schemas.CatalogueAsk{}
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, fmt.Errorf("decode catalogue ask: %w", err)
	}
	cs.mu.Lock()
	c := cs.m[catalogueKey{ask.Target, ask.Database}]
	cs.mu.Unlock()
	answer := &schemas.CatalogueAnswer{Failure: "the gateway has no snapshot of this catalogue"}
	if c != nil {
		c.Digest(ctx)
		if s := c.find(ask.Digest); s != nil {
			return s.answer, nil
		}
	}
	return answer.MarshalVT()
}

// snapshot is a catalogue at one moment.
type snapshot struct {
	digest []byte
	answer []byte // marshalled CatalogueAnswer
}

// keptSnapshots is how many are served: the enforcer may be asked with one that has just gone.
const keptSnapshots = 3

// catalogue is that of one database. It is read by its own goroutine.
type catalogue struct {
	key    catalogueKey
	target *resources.Target
	srv    *Server
	cancel context.CancelFunc
	users  int // guarded by catalogues.mu

	mu      sync.Mutex
	dialer  *dialer
	wanted  uint64 // rises when it may have changed
	have    uint64 // what was wanted when the last reading began
	latest  []*snapshot
	valid   bool          // the first of latest is what the catalogue is
	changed chan struct{} // closed when have rises
	kick    chan struct{}

	u     *upstream // of run's goroutine, as what follows
	print string    // fingerprint of what was read last
}

// touch says that the catalogue may have changed.
func (c *catalogue) touch() {
	c.mu.Lock()
	c.wanted++
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Digest implements session.Catalogue. It waits CatalogueWait at most.
func (c *catalogue) Digest(ctx context.Context) []byte {
	c.mu.Lock()
	if c.have < c.wanted {
		c.mu.Unlock()
		c.await(ctx)
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	if c.have < c.wanted || !c.valid {
		return nil
	}
	return c.latest[0].digest
}

func (c *catalogue) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.srv.c.Limits.CatalogueWait)
	defer cancel()
	c.mu.Lock()
	for wanted := c.wanted; c.have < wanted; {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			c.mu.Lock()
			wanted = 0
			continue
		}
		c.mu.Lock()
	}
	c.mu.Unlock()
}

// find returns the snapshot of that digest, or the newest for an empty one.
func (c *catalogue) find(digest []byte) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.latest {
		if len(digest) == 0 && c.valid || bytes.Equal(s.digest, digest) {
			return s
		}
	}
	return nil
}

// run reads the catalogue when it is told to, and looks for itself every CataloguePoll.
func (c *catalogue) run(ctx context.Context) {
	defer func() { c.drop() }()
	tick := time.NewTimer(0)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-c.kick:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		err := c.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			c.srv.log.Warn("read the catalogue", "target", c.key.target, "database", c.key.database, "err", err)
		}
		failing = err != nil
		tick.Reset(max(c.srv.c.Limits.CataloguePoll, 20*time.Since(began))) // a large one is not looked at all the time
	}
}

// refresh brings the snapshot up to date. When it fails, there is none.
func (c *catalogue) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.srv.c.Limits.CatalogueRead)
	defer cancel()
	c.mu.Lock()
	wanted := c.wanted
	c.mu.Unlock()
	fresh := c.u == nil
	s, err := c.look(ctx)
	if err != nil && !fresh { // the connection may have been idle for too long for somebody's taste
		s, err = c.look(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.valid = err == nil
	if s != nil && (len(c.latest) == 0 || !bytes.Equal(c.latest[0].digest, s.digest)) {
		c.latest = append([]*snapshot{s}, c.latest[:min(len(c.latest), keptSnapshots-1)]...)
	}
	c.have = wanted
	close(c.changed)
	c.changed = make(chan struct{})
	return err
}

// look returns a new snapshot if the catalogue is not the one that was read last, else nil.
func (c *catalogue) look(ctx context.Context) (s *snapshot, err error) {
	defer func() {
		if err != nil {
			c.drop()
		}
	}()
	if c.u == nil {
		c.mu.Lock()
		d := c.dialer
		c.mu.Unlock()
		if c.u, err = d.connect(ctx); err != nil {
			return nil, err
		}
	}
	deadline, _ := ctx.Deadline()
	conn := c.u.conn
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	q := catalogueReader{u: c.u, limit: c.srv.c.Limits.TargetMessage}
	print, err := q.fingerprint()
	if err != nil || print == c.print {
		return nil, err
	}
	found, err := q.read()
	if err != nil {
		return nil, err
	}
	data, err := found.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode catalogue: %w", err)
	}
	digest := sha256.Sum256(data)
	answer, err := (&schemas.CatalogueAnswer{Catalogue: found, Digest: digest[:]}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode catalogue: %w", err)
	}
	c.print = print
	return &snapshot{digest: digest[:], answer: answer}, nil
}

// drop gives the connection up, and what is known of the catalogue with it.
func (c *catalogue) drop() {
	if c.u != nil {
		_, _ = c.u.conn.Write(message(nil, frontTerminate)) // it is closed in any case
		_ = c.u.conn.Close()
	}
	c.u, c.print = nil, ""
}
