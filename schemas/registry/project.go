package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/resources"
)

// positionKey is the item that says up to where CONTROL has been projected into a bucket.
const positionKey = "_position"

// projection is a bucket and the part of CONTROL that it is made from.
type projection struct {
	area   schemas.Area
	name   string
	bucket *journal.Bucket
}

// project writes the last control fact of each entity into its bucket, until ctx is done.
func (r *Registry) project(ctx context.Context, p projection) error {
	from, err := position(ctx, p.bucket)
	if err != nil {
		return err
	}
	return r.log.Consume(ctx, p.source(from+1), func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if err := projectOne(ctx, p.bucket, m); err != nil {
				return err
			}
			from = m.Sequence
		}
		if len(ms) > 0 {
			if err := putNewer(ctx, p.bucket, positionKey, &schemas.Projected{Sequence: from}); err != nil {
				return err
			}
		}
		if caughtUp {
			r.reached(p.name, from)
		}
		return nil
	})
}

func (p projection) source(from uint64) journal.ConsumeConfig {
	return journal.ConsumeConfig{
		Stream:   schemas.Controls,
		Subjects: []schemas.Subject{schemas.Subject("sallyport.control." + string(p.area) + ".*")},
		From:     from,
	}
}

func projectOne(ctx context.Context, b *journal.Bucket, m journal.Message) error {
	key, p, err := projected(m)
	if err != nil {
		return err
	}
	return putNewer(ctx, b, key, p)
}

// projected returns the item that a message of CONTROL makes.
func projected(m journal.Message) (string, *schemas.Projected, error) {
	p := &schemas.Projected{Sequence: m.Sequence, Fact: new(schemas.Control)}
	if err := p.Fact.UnmarshalVT(m.Data); err != nil {
		return "", nil, fmt.Errorf("decode CONTROL %d: %w", m.Sequence, err)
	}
	switch k := p.Fact.Kind.(type) {
	case *schemas.Control_ResourceApplied:
		return key(resources.Kind(k.ResourceApplied.Kind), k.ResourceApplied.Name), p, nil
	case *schemas.Control_ResourceDeleted:
		return key(resources.Kind(k.ResourceDeleted.Kind), k.ResourceDeleted.Name), p, nil
	case *schemas.Control_TokenCreated:
		return schemas.Token(k.TokenCreated.Id), p, nil
	case *schemas.Control_TokenRevoked:
		return revokedKey(schemas.TokenID(k.TokenRevoked.Id)), p, nil
	case *schemas.Control_KeyAdded:
		return schemas.Token(k.KeyAdded.Id), p, nil
	case *schemas.Control_KeyRemoved:
		return schemas.Token(k.KeyRemoved.Id), p, nil
	case *schemas.Control_GrantMade:
		return schemas.Token(k.GrantMade.Id), p, nil
	case *schemas.Control_GrantRevoked:
		return schemas.Token(k.GrantRevoked.Id), p, nil
	case *schemas.Control_GrantEnded:
		return schemas.Token(k.GrantEnded.Id), p, nil
	}
	if person := personKey(p.Fact); person != "" {
		return person, p, nil
	}
	return "", nil, fmt.Errorf("CONTROL %d: a fact of type %T is not the registry's", m.Sequence, p.Fact.Kind)
}

// revokedKey is where it stands that a token was revoked: in its place, and of a certificate of others beside it, as that
// may be presented again.
func revokedKey(id schemas.TokenID) string {
	if id.OfCertificate() {
		return "ended." + schemas.Token(string(id))
	}
	return schemas.Token(string(id))
}

// putNewer writes p unless what is there came from the same or a later control fact.
func putNewer(ctx context.Context, b *journal.Bucket, key string, p *schemas.Projected) error {
	value, err := p.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode item %s: %w", key, err)
	}
	for {
		old, revision, err := get(ctx, b, key)
		if err != nil {
			return err
		}
		if revision > 0 && old.Sequence >= p.Sequence {
			return nil
		}
		if _, err = b.Update(ctx, key, value, revision); !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
}

func get(ctx context.Context, b *journal.Bucket, key string) (*schemas.Projected, uint64, error) {
	p := new(schemas.Projected)
	i, err := b.Get(ctx, key)
	if errors.Is(err, journal.ErrNotFound) {
		return p, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read item %s: %w", key, err)
	}
	if err := p.UnmarshalVT(i.Value); err != nil {
		return nil, 0, fmt.Errorf("decode item %s: %w", key, err)
	}
	return p, i.Revision, nil
}

func position(ctx context.Context, b *journal.Bucket) (uint64, error) {
	p, _, err := get(ctx, b, positionKey)
	if err != nil {
		return 0, err
	}
	return p.Sequence, nil
}

// Report is what Rebuild found.
type Report struct {
	Projection  string
	Entries     int
	Differences []string // items that were not what CONTROL says; they have been put right
}

// Projections names the buckets that Rebuild takes.
func (r *Registry) Projections() []string {
	return []string{r.resources.name, r.identity.name, r.granted.name}
}

// Rebuild makes one bucket again from CONTROL beside the live one, compares, and puts right what
// differs. It tells up to which sequence of CONTROL it has read, and where it ends.
func (r *Registry) Rebuild(ctx context.Context, name string, tell func(sequence, end uint64)) (Report, error) {
	for _, p := range []projection{r.resources, r.identity, r.granted} {
		if p.name == name {
			report, err := r.rebuild(ctx, p, tell)
			if err != nil {
				return report, fmt.Errorf("rebuild %s: %w", name, err)
			}
			return report, nil
		}
	}
	return Report{}, fmt.Errorf("rebuild %s: there is no such projection", name)
}

func (r *Registry) rebuild(ctx context.Context, p projection, tell func(sequence, end uint64)) (Report, error) {
	report, b := Report{Projection: p.name}, p.bucket
	until, err := position(ctx, b)
	if err != nil {
		return report, err
	}
	fresh, err := r.fold(ctx, p, until, tell)
	if err != nil {
		return report, err
	}
	report.Entries = len(fresh)
	items, err := b.All(ctx)
	if err != nil {
		return report, err
	}
	for _, i := range items {
		if want, ok := fresh[i.Key]; i.Key == positionKey || ok && bytes.Equal(want, i.Value) {
			delete(fresh, i.Key)
			continue
		}
		have := new(schemas.Projected)
		if have.UnmarshalVT(i.Value) == nil && have.Sequence > until {
			delete(fresh, i.Key) // newer than what was compared
			continue
		}
		report.Differences = append(report.Differences, i.Key)
		if _, ok := fresh[i.Key]; !ok {
			if err := b.Delete(ctx, i.Key); err != nil {
				return report, err
			}
		}
	}
	for key, value := range fresh { // missing or different
		report.Differences = append(report.Differences, key)
		if _, err := b.Put(ctx, key, value); err != nil {
			return report, err
		}
	}
	return report, nil
}

var errReached = errors.New("reached")

// fold returns the items that CONTROL up to a sequence makes.
func (r *Registry) fold(ctx context.Context, p projection, until uint64, tell func(sequence, end uint64)) (map[string][]byte, error) {
	fresh := make(map[string][]byte)
	err := r.log.Consume(ctx, p.source(1), func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			if m.Sequence > until {
				return errReached
			}
			key, item, err := projected(m)
			if err != nil {
				return err
			}
			if fresh[key], err = item.MarshalVT(); err != nil {
				return fmt.Errorf("encode item %s: %w", key, err)
			}
		}
		if caughtUp {
			return errReached
		}
		tell(ms[len(ms)-1].Sequence, until)
		return nil
	})
	if err != nil && !errors.Is(err, errReached) {
		return nil, err
	}
	tell(until, until)
	return fresh, ctx.Err()
}
