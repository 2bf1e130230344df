package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sallyport/schemas"
)

// leaseBucket holds a key for each living incarnation; the server drops a key that was not
// renewed for LeaseTTL.
const leaseBucket = "leases"

// Lease is the right of one gateway incarnation to write. It is renewed in the background, over
// the connection that is written through.
type Lease struct {
	log      *Log
	id       schemas.GatewayID
	value    []byte
	revision uint64       // of the key; the renewing goroutine's own after Lease returns
	renewed  atomic.Int64 // when the last good renewal was sent, on the log's clock; <0: lost

	lost chan struct{} // closed when the lease is lost or given up
	stop context.CancelFunc
	gone chan struct{} // closed when renewing has ended

	mu      sync.Mutex
	ended   error // why no writer can be added
	writers map[*Writer]struct{}
}

// openLeases opens the bucket. The embedded store has one owner, this process, which holds no
// lease yet: what is found there is of dead processes.
func (l *Log) openLeases(ctx context.Context) error {
	_, err := l.read.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leaseBucket, TTL: l.config.LeaseTTL, Storage: jetstream.FileStorage,
		Replicas: l.config.Replicas, History: 1,
	})
	if err != nil {
		return fmt.Errorf("open leases: %w", err)
	}
	if l.server == nil {
		return nil
	}
	s, err := l.read.js.Stream(ctx, "KV_"+leaseBucket)
	if err == nil {
		err = s.Purge(ctx)
	}
	if err != nil {
		return fmt.Errorf("remove the leases of dead processes: %w", err)
	}
	return nil
}

// Lease takes a lease for a new incarnation; name says whose, for people.
func (l *Log) Lease(ctx context.Context, name string) (*Lease, error) {
	value, err := json.Marshal(map[string]string{"name": name, "since": l.config.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	le := &Lease{
		log: l, id: schemas.GatewayID(schemas.NewID("")), value: value,
		lost: make(chan struct{}), gone: make(chan struct{}), writers: map[*Writer]struct{}{},
	}
	kv, err := l.write.js.KeyValue(ctx, leaseBucket)
	if err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	sent := l.elapsed()
	if le.revision, err = kv.Create(ctx, string(le.id), value); err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	le.renewed.Store(int64(sent))
	ctx, le.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leases == nil {
		le.stop()
		return nil, fmt.Errorf("take lease: %w", ErrClosed)
	}
	l.leases[le] = struct{}{}
	l.running.Add(1)
	go le.renew(ctx, kv)
	return le, nil
}

// ID is the incarnation.
func (le *Lease) ID() schemas.GatewayID { return le.id }

// Valid reports whether the lease was renewed within half its time. It does no I/O. The clock is
// the monotonic one, which stands still while a machine is suspended; a writer of a lease that
// lapsed meanwhile is fenced by the log itself.
func (le *Lease) Valid() bool {
	renewed := le.renewed.Load()
	return renewed >= 0 && int64(le.log.elapsed())-renewed < int64(le.log.config.LeaseTTL/2)
}

// Lost is closed when the lease is lost for good.
func (le *Lease) Lost() <-chan struct{} { return le.lost }

// Release gives the lease up after all its sessions are closed. Writers that are left fail with
// ErrLease; the reaper closes their sessions.
func (le *Lease) Release(ctx context.Context) error {
	le.end(ErrLease)
	<-le.gone
	if err := le.giveUp(ctx); err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	return nil
}

// giveUp removes the key, and leaves a mark beside it for reapers that never saw the key.
func (le *Lease) giveUp(ctx context.Context) error {
	kv, err := le.log.write.js.KeyValue(ctx, leaseBucket)
	if err != nil {
		return err
	}
	if _, err := kv.Put(ctx, releasedPrefix+string(le.id), nil); err != nil {
		return err
	}
	var r struct {
		Error *apiError `json:"error"`
	}
	filter := map[string]string{"filter": leaseSubjects + string(le.id)}
	if err := le.log.write.api(ctx, "STREAM.PURGE.KV_"+leaseBucket, filter, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return r.Error
	}
	return nil
}

const (
	leaseSubjects  = "$KV." + leaseBucket + "." // comes before a key
	releasedPrefix = "released."                // comes before an incarnation that gave its lease up
)

// leases is what the bucket holds.
type leases struct {
	living   map[schemas.GatewayID]bool // not lapsed
	released map[schemas.GatewayID]bool // within the last LeaseTTL
}

// leasesNow returns the leases as the leader of the bucket sees them.
func (l *Log) leasesNow(ctx context.Context) (leases, error) {
	var r struct {
		Error *apiError `json:"error"`
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	filter := map[string]string{"subjects_filter": leaseSubjects + ">"}
	err := l.read.api(ctx, "STREAM.INFO.KV_"+leaseBucket, filter, &r)
	if err == nil && r.Error != nil {
		err = r.Error
	}
	if err != nil {
		return leases{}, fmt.Errorf("list leases: %w", err)
	}
	now := leases{living: map[schemas.GatewayID]bool{}, released: map[schemas.GatewayID]bool{}}
	for s := range r.State.Subjects {
		id, released := strings.CutPrefix(strings.TrimPrefix(s, leaseSubjects), releasedPrefix)
		if released {
			now.released[schemas.GatewayID(id)] = true
		} else {
			now.living[schemas.GatewayID(id)] = true
		}
	}
	return now, nil
}

// end stops renewing; every writer fails with err.
func (le *Lease) end(err error) {
	le.stop()
	le.mu.Lock()
	if le.ended != nil {
		le.mu.Unlock()
		return
	}
	le.ended = err
	writers := le.writers
	le.writers = nil
	le.mu.Unlock()
	le.renewed.Store(-1)
	close(le.lost)
	for w := range writers {
		w.fail(fmt.Errorf("write to session: %w", err))
	}
	l := le.log
	l.mu.Lock()
	delete(l.leases, le)
	l.mu.Unlock()
}

// renew renews until the lease is lost or given up.
func (le *Lease) renew(ctx context.Context, kv jetstream.KeyValue) {
	defer le.log.running.Done()
	defer close(le.gone)
	every := le.log.config.LeaseTTL / 6
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent := le.log.elapsed()
		err := le.renewOnce(ctx, kv, every)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			le.renewed.Store(int64(sent))
			continue
		case errors.Is(err, ErrLease) || le.log.elapsed()-time.Duration(le.renewed.Load()) > le.log.config.LeaseTTL:
			le.log.logger.Error("lease lost", "gateway", le.id, "error", err)
			le.end(ErrLease)
			return
		}
		le.log.logger.Warn("renew lease", "gateway", le.id, "error", err)
		tick.Reset(every / 4) // soon again, while there is time
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tick.Reset(every)
	}
}

// renewOnce returns ErrLease when the key is gone.
func (le *Lease) renewOnce(ctx context.Context, kv jetstream.KeyValue, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	revision, err := kv.Update(ctx, string(le.id), le.value, le.revision)
	if err == nil {
		le.revision = revision
		return nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) && !isWrongRevision(err) {
		return err
	}
	// The key has moved on: by an earlier renewal whose acknowledgement was lost, or it is gone.
	e, err := kv.Get(ctx, string(le.id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("renew lease: the key is gone: %w", ErrLease)
	}
	if err != nil {
		return err
	}
	le.revision = e.Revision()
	return errors.New("renew lease: the revision was an older one")
}

// await waits for the next renewal; false when the lease is lost or does not come back in time.
func (le *Lease) await(timeout time.Duration) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := le.log.elapsed() + timeout
	for le.log.elapsed() < end {
		select {
		case <-le.lost:
			return false
		case <-tick.C:
			if le.Valid() {
				return true
			}
		}
	}
	return false
}

func (le *Lease) add(w *Writer) error {
	le.mu.Lock()
	defer le.mu.Unlock()
	if le.ended != nil {
		return fmt.Errorf("open session: %w", le.ended)
	}
	le.writers[w] = struct{}{}
	return nil
}

// remove forgets a writer that was closed or has failed.
func (le *Lease) remove(w *Writer) {
	le.mu.Lock()
	defer le.mu.Unlock()
	delete(le.writers, w)
}
