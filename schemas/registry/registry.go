package registry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/resources"
)

// Names of the buckets.
const (
	bucketResources = "resources"
	bucketIdentity  = "identity"
	bucketGrants    = "grants"
)

// Config is what Open needs.
type Config struct {
	Log    *journal.Log
	Logger *slog.Logger
}

// Registry follows the buckets. Its methods are safe for concurrent use.
type Registry struct {
	log       *journal.Log
	logger    *slog.Logger
	resources projection
	identity  projection
	granted   projection

	mu        sync.Mutex
	snapshot  *Snapshot
	rs        map[string]*resources.Resource
	tokens    map[schemas.TokenID]*schemas.TokenCreated
	makers    map[schemas.TokenID]string
	ended     map[schemas.TokenID]bool // certificates of others that were revoked here
	people    people
	keys      map[schemas.TokenID]*schemas.KeyAdded
	grants    map[string]*schemas.GrantMade // neither revoked nor known to have ended
	regranted chan struct{}                 // closed and replaced when grants change
	positions map[string]uint64             // by bucket: CONTROL up to here is in the snapshot
	goals     map[string]uint64             // by bucket: CONTROL up to here was there when the projector caught up
	changed   chan struct{}                 // closed and replaced at every change
}

// Open opens the buckets. Nothing is followed until Run.
func Open(ctx context.Context, c Config) (*Registry, error) {
	r := &Registry{
		log: c.Log, logger: c.Logger,
		rs:        make(map[string]*resources.Resource),
		tokens:    make(map[schemas.TokenID]*schemas.TokenCreated),
		makers:    make(map[schemas.TokenID]string),
		ended:     make(map[schemas.TokenID]bool),
		keys:      make(map[schemas.TokenID]*schemas.KeyAdded),
		grants:    make(map[string]*schemas.GrantMade),
		regranted: make(chan struct{}),
		positions: make(map[string]uint64),
		goals:     make(map[string]uint64),
		changed:   make(chan struct{}),
		people:    newPeople(),
		snapshot:  newSnapshot(nil, nil, nil),
	}
	r.resources = projection{area: schemas.AreaResource, name: bucketResources}
	r.identity = projection{area: schemas.AreaIdentity, name: bucketIdentity}
	r.granted = projection{area: schemas.AreaGrant, name: bucketGrants}
	for _, p := range []*projection{&r.resources, &r.identity, &r.granted} {
		var err error
		if p.bucket, err = c.Log.Bucket(ctx, p.name); err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", p.name, err)
		}
	}
	return r, nil
}

// Run projects CONTROL into the buckets and follows them until ctx is done, when it returns nil,
// or something fails.
func (r *Registry) Run(ctx context.Context) error {
	err := r.run(ctx)
	if ctx.Err() != nil {
		return nil // asked to end: what was cut short is not a failure
	}
	return err
}

func (r *Registry) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	tasks := []func(context.Context) error{
		func(ctx context.Context) error { return r.project(ctx, r.resources) },
		func(ctx context.Context) error { return r.project(ctx, r.identity) },
		func(ctx context.Context) error { return r.project(ctx, r.granted) },
		func(ctx context.Context) error { return r.follow(ctx, r.granted, r.setGrant) },
		func(ctx context.Context) error { return r.follow(ctx, r.resources, r.setResource) },
		func(ctx context.Context) error { return r.follow(ctx, r.identity, r.setToken) },
	}
	for _, task := range tasks {
		group.Go(func() error { return task(ctx) })
	}
	return group.Wait()
}

// Snapshot returns what is declared now.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot
}

// Changed returns a channel that is closed at the next change. Take it before Snapshot.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Resources returns every resource as it is now, their revision, and a channel that is closed once
// they may no longer be current.
func (r *Registry) Resources() ([]*resources.Resource, schemas.Revision, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.snapshot.resources)), r.snapshot.Revision, r.changed
}

// Ready returns once the snapshot holds everything that was on CONTROL when Run began.
func (r *Registry) Ready(ctx context.Context) error {
	return r.await(ctx, func() bool {
		for _, bucket := range []string{bucketResources, bucketIdentity, bucketGrants} {
			if goal, ok := r.goals[bucket]; !ok || r.positions[bucket] < goal {
				return false
			}
		}
		return true
	})
}

// reached notes that the projector of a bucket has caught up with CONTROL.
func (r *Registry) reached(bucket string, sequence uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.goals[bucket]; !ok {
		r.goals[bucket] = sequence
		r.signal()
	}
}

func (r *Registry) await(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		ok, changed := done(), r.changed
		r.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Append appends a control fact about a resource or a token, and returns once the snapshot holds it.
func (r *Registry) Append(ctx context.Context, c *schemas.Control) error {
	area, entity, err := place(c)
	if err != nil {
		return err
	}
	seq, err := r.log.AppendControl(ctx, area, entity, c, nil)
	if err != nil {
		return fmt.Errorf("append control fact: %w", err)
	}
	bucket := bucketResources
	if area == schemas.AreaIdentity {
		bucket = bucketIdentity
	}
	return r.await(ctx, func() bool { return r.positions[bucket] >= seq })
}

// place returns where on CONTROL a fact goes.
func place(c *schemas.Control) (schemas.Area, string, error) {
	switch k := c.Kind.(type) {
	case *schemas.Control_ResourceApplied:
		return schemas.AreaResource, k.ResourceApplied.Kind + "/" + k.ResourceApplied.Name, nil
	case *schemas.Control_ResourceDeleted:
		return schemas.AreaResource, k.ResourceDeleted.Kind + "/" + k.ResourceDeleted.Name, nil
	case *schemas.Control_TokenCreated:
		return schemas.AreaIdentity, k.TokenCreated.Id, nil
	case *schemas.Control_TokenRevoked:
		return schemas.AreaIdentity, k.TokenRevoked.Id, nil
	case *schemas.Control_KeyAdded:
		return schemas.AreaIdentity, k.KeyAdded.Id, nil
	case *schemas.Control_KeyRemoved:
		return schemas.AreaIdentity, k.KeyRemoved.Id, nil
	}
	if person := personKey(c); person != "" {
		return schemas.AreaIdentity, person, nil
	}
	return "", "", fmt.Errorf("a control fact of type %T is not the registry's", c.Kind)
}

// follow keeps the snapshot equal to one bucket.
func (r *Registry) follow(ctx context.Context, p projection, set func(*schemas.Projected) error) error {
	ready := false // until then one snapshot is enough
	return p.bucket.Watch(ctx, func(i journal.Item, caughtUp bool) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if caughtUp {
			ready = true
		} else if err := r.take(p.name, i, set); err != nil {
			return err
		}
		if ready {
			r.publish()
			if p.name == bucketGrants {
				close(r.regranted)
				r.regranted = make(chan struct{})
			}
		}
		return nil
	})
}

func (r *Registry) take(name string, i journal.Item, set func(*schemas.Projected) error) error {
	if i.Deleted {
		return nil // Clear, when the bucket is made again
	}
	var p schemas.Projected
	if err := p.UnmarshalVT(i.Value); err != nil {
		return fmt.Errorf("read %s of bucket %s: %w", i.Key, name, err)
	}
	if i.Key == positionKey {
		r.positions[name] = max(r.positions[name], p.Sequence)
		return nil
	}
	return set(&p)
}

func (r *Registry) publish() {
	r.snapshot = newSnapshot(maps.Clone(r.rs), maps.Clone(r.tokens), maps.Clone(r.makers))
	r.snapshot.people = r.people.clone()
	r.snapshot.ended = maps.Clone(r.ended)
	r.snapshot.keys = newKeyring(maps.Clone(r.keys))
	r.snapshot.grants = byPrincipal(r.grants)
	r.signal()
}

func (r *Registry) signal() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Registry) setResource(p *schemas.Projected) error {
	switch kind := p.GetFact().GetKind().(type) {
	case *schemas.Control_ResourceApplied:
		res, err := resources.UnmarshalCanonical(kind.ResourceApplied.Document)
		if err != nil {
			return fmt.Errorf("read %s %s: %w", kind.ResourceApplied.Kind, kind.ResourceApplied.Name, err)
		}
		r.rs[key(res.Kind, res.Metadata.Name)] = res
	case *schemas.Control_ResourceDeleted:
		delete(r.rs, key(resources.Kind(kind.ResourceDeleted.Kind), kind.ResourceDeleted.Name))
	}
	return nil
}

func (r *Registry) setToken(p *schemas.Projected) error {
	switch kind := p.GetFact().GetKind().(type) {
	case *schemas.Control_TokenCreated:
		if r.ended[schemas.TokenID(kind.TokenCreated.Id)] {
			return nil // whoever presents the certificate again does not undo that
		}
		r.tokens[schemas.TokenID(kind.TokenCreated.Id)] = kind.TokenCreated
		r.makers[schemas.TokenID(kind.TokenCreated.Id)] = p.GetFact().GetBy()
	case *schemas.Control_TokenRevoked:
		if id := schemas.TokenID(kind.TokenRevoked.Id); id.OfCertificate() {
			r.ended[id] = true
		}
		delete(r.tokens, schemas.TokenID(kind.TokenRevoked.Id))
		delete(r.makers, schemas.TokenID(kind.TokenRevoked.Id))
		delete(r.people.steppedUp, schemas.TokenID(kind.TokenRevoked.Id))
	case *schemas.Control_KeyAdded:
		r.keys[schemas.TokenID(kind.KeyAdded.Id)] = kind.KeyAdded
	case *schemas.Control_KeyRemoved:
		delete(r.keys, schemas.TokenID(kind.KeyRemoved.Id))
	default:
		r.people.set(p.GetFact())
	}
	return nil
}
