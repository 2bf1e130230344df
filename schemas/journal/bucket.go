package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sallyport/schemas"
)

// Bucket is a key-value bucket. Keys are of [A-Za-z0-9_=.-]; use schemas.Token for parts.
type Bucket struct {
	log  *Log
	name string
	kv   jetstream.KeyValue
}

// Item is a value of a bucket.
type Item struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool
}

// Bucket opens, and if need be creates, a bucket.
func (l *Log) Bucket(ctx context.Context, name string) (*Bucket, error) {
	return l.Passing(ctx, name, 0)
}

// Passing opens, and if need be creates, a bucket whose items go once they are older than keep; 0:
// they stay. It is for what is no fact and is soon over, such as a sign-in that is under way.
func (l *Log) Passing(ctx context.Context, name string, keep time.Duration) (*Bucket, error) {
	if name == leaseBucket {
		return nil, fmt.Errorf("open bucket %s: the name is the log's own", name)
	}
	l.mu.Lock()
	b := l.buckets[name]
	l.mu.Unlock()
	if b != nil {
		return b, nil
	}
	kv, err := l.read.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, History: 1, Storage: jetstream.FileStorage, Replicas: l.config.Replicas, TTL: keep,
	})
	if errors.Is(err, jetstream.ErrBucketExists) {
		kv, err = l.read.js.KeyValue(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b = &Bucket{log: l, name: name, kv: kv}
	l.buckets[name] = b
	return b, nil
}

// Get returns ErrNotFound when there is none.
func (b *Bucket) Get(ctx context.Context, key string) (Item, error) {
	e, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Item{}, fmt.Errorf("get %s from %s: %w", key, b.name, ErrNotFound)
	}
	if err != nil {
		return Item{}, fmt.Errorf("get %s from %s: %w", key, b.name, err)
	}
	return itemOf(e), nil
}

// Put writes whatever is there.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	if revision, err = b.kv.Put(ctx, key, value); err != nil {
		return 0, fmt.Errorf("put %s into %s: %w", key, b.name, err)
	}
	return revision, nil
}

// Update writes if the key's revision is revision (0: it does not exist), else ErrConflict.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	var err error
	if revision == 0 {
		revision, err = b.kv.Create(ctx, key, value)
	} else {
		revision, err = b.kv.Update(ctx, key, value, revision)
	}
	if isWrongRevision(err) {
		return 0, fmt.Errorf("update %s in %s: %w", key, b.name, ErrConflict)
	}
	if err != nil {
		return 0, fmt.Errorf("update %s in %s: %w", key, b.name, err)
	}
	return revision, nil
}

// isWrongRevision says that a conditional write met another revision; replicated streams say it
// with a code of their own.
func isWrongRevision(err error) bool {
	if errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == errCodeWrongLast || e.ErrorCode == errCodeWrongLastConstant)
}

// Delete removes a key. It is no error when there is none.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.kv.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete %s from %s: %w", key, b.name, err)
	}
	return nil
}

// All returns what is there now, by revision. What is written meanwhile may be there as it was
// before or after.
func (b *Bucket) All(ctx context.Context) ([]Item, error) {
	items := make(map[string]Item)
	err := b.watch(ctx, func(i Item, caughtUp bool) error {
		if caughtUp {
			return errStop
		}
		items[i.Key] = i // a key that is written meanwhile comes twice
		return nil
	})
	if !errors.Is(err, errStop) {
		return nil, fmt.Errorf("list %s: %w", b.name, errors.Join(err, context.Cause(ctx)))
	}
	if err := b.missed(ctx, items); err != nil {
		return nil, fmt.Errorf("list %s: %w", b.name, err)
	}
	maps.DeleteFunc(items, func(_ string, i Item) bool { return i.Deleted })
	return slices.SortedFunc(maps.Values(items), func(a, b Item) int { return cmp.Compare(a.Revision, b.Revision) }), nil
}

// missed adds what items lack: a key that is written while they are read moves behind their end.
func (b *Bucket) missed(ctx context.Context, items map[string]Item) error {
	stream, err := b.log.read.js.Stream(ctx, "KV_"+b.name)
	if err != nil {
		return err
	}
	prefix := "$KV." + b.name + "."
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, prefix)
		if _, known := items[key]; known {
			continue
		}
		i, err := b.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil {
			items[key] = i
		}
	}
	return nil
}

var errStop = errors.New("stop")

// Clear removes everything. Watchers see each key deleted.
func (b *Bucket) Clear(ctx context.Context) error {
	items, err := b.All(ctx)
	if err != nil {
		return fmt.Errorf("clear: %w", err)
	}
	for _, i := range items {
		if err := b.Delete(ctx, i.Key); err != nil {
			return fmt.Errorf("clear: %w", err)
		}
	}
	return nil
}

// Watch hands items to f as they are and then as they change, until ctx is done. caughtUp is true
// once with the end of what was there (the item is then the zero Item). After a reconnect f may
// be handed what it had already.
func (b *Bucket) Watch(ctx context.Context, f func(i Item, caughtUp bool) error) error {
	return b.watch(ctx, f)
}

func (b *Bucket) watch(ctx context.Context, f func(i Item, caughtUp bool) error) error {
	t := b.log.tail(schemas.Stream("KV_"+b.name), nil, 0, 256)
	t.newest = true
	defer t.drop()
	for told := false; ; {
		ms, caughtUp, err := t.take(ctx, t.portion)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", b.name, err)
		}
		for _, m := range ms {
			if err := f(b.item(m), false); err != nil {
				return err
			}
		}
		if caughtUp && !told {
			told = true
			if err := f(Item{}, true); err != nil {
				return err
			}
		}
	}
}

// item reads a message of the bucket's stream, as ADR-8 of NATS lays it out.
func (b *Bucket) item(m Message) Item {
	key := strings.TrimPrefix(string(m.Subject), "$KV."+b.name+".")
	deleted := m.Header["KV-Operation"] != "" || m.Header["Nats-Marker-Reason"] != ""
	return Item{Key: key, Value: m.Data, Revision: m.Sequence, Deleted: deleted}
}

func itemOf(e jetstream.KeyValueEntry) Item {
	return Item{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
}
