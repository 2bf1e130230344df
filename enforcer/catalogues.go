package enforcer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/schemas"
)

// Catalogues gives what is in a target's database.
type Catalogues interface {
	// Catalogue returns the catalogue of a database of target with that digest. It is never changed
	// afterwards.
	Catalogue(ctx context.Context, target, database string, digest []byte) (*schemas.Catalogue, error)
}

// Asker asks on the log; *journal.Log is one.
type Asker interface {
	Ask(ctx context.Context, subject schemas.Subject, request []byte) ([]byte, error)
}

// AskCatalogues gives the catalogues that gateways answer with on sallyport.ask.catalogue.<target>.
func AskCatalogues(log Asker) Catalogues { return asked{log} }

type asked struct{ log Asker }

func (a asked) Catalogue(ctx context.Context, target, database string, digest []byte) (*schemas.Catalogue, error) {
	request, err := (&schemas.CatalogueAsk{Target: target, Database: database, Digest: digest}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode ask: %w", err)
	}
	reply, err := a.log.Ask(ctx, schemas.AskCatalogue(schemas.TargetName(target)), request)
	if err != nil {
		return nil, err
	}
	answer := new(schemas.CatalogueAnswer)
	if err := answer.UnmarshalVT(reply); err != nil {
		return nil, fmt.Errorf("decode catalogue: %w", err)
	}
	switch {
	case answer.Failure != "":
		return nil, errors.New(answer.Failure)
	case string(answer.Digest) != string(digest) || answer.Catalogue == nil:
		return nil, errors.New("the gateway has another catalogue by now")
	}
	return answer.Catalogue, nil
}

// Limits of the catalogues that an enforcer keeps.
const (
	defaultCatalogues       = 16
	defaultCatalogueTimeout = 5 * time.Second
	// catalogueRetry is how long a failure is remembered: not every command need wait for it.
	catalogueRetry = time.Second
)

type catalogueKey struct{ target, database, digest string }

// keptCatalogue is a catalogue, or one that is being asked for.
type keptCatalogue struct {
	ready     chan struct{} // closed once the rest is set
	catalogue *catalogue.Catalogue
	err       error
	at        time.Time // when that was
	used      uint64
}

// catalogues keeps the last few.
type catalogues struct {
	source  Catalogues
	limit   int
	timeout time.Duration
	now     func() time.Time

	mu   sync.Mutex
	kept map[catalogueKey]*keptCatalogue
	uses uint64
}

func newCatalogues(c Config) *catalogues {
	k := &catalogues{source: c.Catalogues, limit: c.CatalogueCount, timeout: c.CatalogueTimeout, now: c.Now, kept: map[catalogueKey]*keptCatalogue{}}
	if k.limit <= 0 {
		k.limit = defaultCatalogues
	}
	if k.timeout <= 0 {
		k.timeout = defaultCatalogueTimeout
	}
	return k
}

// get returns the catalogue that a state names. Without one, it is nil, and the error says why.
func (k *catalogues) get(ctx context.Context, target string, state *schemas.SessionState) (*catalogue.Catalogue, error) {
	if k.source == nil || len(state.GetCatalogue()) == 0 {
		return nil, nil
	}
	key := catalogueKey{target, state.Database, string(state.Catalogue)}
	k.mu.Lock()
	entry, ok := k.kept[key]
	if !ok || entry.stale(k.now()) {
		entry, ok = &keptCatalogue{ready: make(chan struct{})}, false
		k.kept[key] = entry
		k.evict(key)
	}
	k.uses++
	entry.used = k.uses
	k.mu.Unlock()
	if !ok {
		go k.fetch(context.WithoutCancel(ctx), key, entry)
	}
	select {
	case <-entry.ready:
		return entry.catalogue, entry.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stale reports whether a failure is old enough to be tried again.
func (e *keptCatalogue) stale(now time.Time) bool {
	select {
	case <-e.ready:
		return e.err != nil && now.Sub(e.at) > catalogueRetry
	default:
		return false
	}
}

// evict drops the one used longest ago when there are too many. k.mu is held.
func (k *catalogues) evict(keep catalogueKey) {
	for len(k.kept) > k.limit {
		var oldest catalogueKey
		least := ^uint64(0)
		for key, e := range k.kept {
			if key != keep && e.used < least {
				oldest, least = key, e.used
			}
		}
		delete(k.kept, oldest)
	}
}

func (k *catalogues) fetch(ctx context.Context, key catalogueKey, entry *keptCatalogue) {
	defer close(entry.ready)
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	c, err := k.source.Catalogue(ctx, key.target, key.database, []byte(key.digest))
	entry.at = k.now()
	if err != nil {
		entry.err = fmt.Errorf("catalogue of %s: %w", key.target, err)
		return
	}
	entry.catalogue = catalogue.New(c, []byte(key.digest))
}
