package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"sallyport/schemas"
)

// Log is an open log. Its methods are safe for concurrent use.
type Log struct {
	config Config
	logger *slog.Logger
	server *embedded // nil: external

	// Several connections, so that acknowledgements never queue behind the bulk that a reader takes.
	write *wire // leases and, to an external server, appends and their acknowledgements
	ask   *wire // asks and answers
	read  *wire // consumers, buckets and administration

	appender appender // write, or direct with an embedded server
	desk     *desk    // who answers what

	small, large chunkPool // of facts and frames
	waiters      waiterPool

	recent        recent        // facts that were appended last
	commits, load atomic.Uint64 // what this process's writers appended, see Log.committed: how busy they are

	start  time.Time       // zero of the monotonic clock
	life   context.Context // ends with Close, by end
	end    context.CancelFunc
	done   <-chan struct{} // closed then
	broken chan error      // of an embedded log: why it no longer takes writes; holds one
	once   sync.Once
	err    error

	mu      sync.Mutex
	leases  map[*Lease]struct{}
	buckets map[string]*Bucket
	running sync.WaitGroup // leases' renewals and answers
}

// Open starts or connects, and creates the streams and buckets that are missing. An embedded
// store belongs to one process at a time: leases found in it are of dead processes, and go.
func Open(ctx context.Context, c Config) (*Log, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	l := &Log{
		config: c, logger: c.Logger, start: time.Now(), life: life, end: end, done: life.Done(), broken: make(chan error, 1),
		desk:   newDesk(),
		leases: map[*Lease]struct{}{}, buckets: map[string]*Bucket{}, recent: recent{moved: make(chan struct{}, 1)},
	}
	if err := l.open(ctx); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

func (l *Log) open(ctx context.Context) error {
	if l.config.URL == "" {
		s, err := startEmbedded(l.config)
		if err != nil {
			return err
		}
		l.server = s
	}
	for _, w := range []struct {
		to   **wire
		name string
	}{{&l.write, "write"}, {&l.ask, "ask"}, {&l.read, "read"}} {
		c, err := l.connect("sallyport-" + w.name)
		if err != nil {
			return err
		}
		*w.to = c
	}
	l.appender = l.write
	if err := l.createStreams(ctx); err != nil {
		return err
	}
	if l.server != nil {
		l.reachInto(l.server.server)
	}
	l.running.Go(func() { l.desk.serve(l.done) })
	return l.openLeases(ctx)
}

// reachInto uses of an embedded server what it does not export. Without it the log is slower, and takes more memory.
func (l *Log) reachInto(s *server.Server) {
	d, err := openDirect(s, l.write, l.config, l.elapsed, schemas.Facts, schemas.Frames, schemas.Controls, schemas.Events)
	if err != nil {
		l.logger.Warn("appends take a connection to the embedded server", "err", err)
	} else {
		l.appender = d
		l.running.Go(func() { d.watch(l.done, l.broke) })
	}
	if err := shortenCache(s, schemas.Frames, l.config.KeepBlocks); err != nil {
		l.logger.Warn("memory will grow with what is recorded in ten seconds", "err", err)
	}
}

func (l *Log) createStreams(ctx context.Context) error {
	for _, s := range []struct {
		name    schemas.Stream
		subject schemas.Subject
		forEver bool
	}{
		{schemas.Facts, schemas.AllFacts, false},
		{schemas.Frames, schemas.AllFrames, false},
		{schemas.Controls, schemas.AllControls, true},
		{schemas.Events, schemas.AllEvents, false},
	} {
		c := jetstream.StreamConfig{
			Name: string(s.name), Subjects: []string{string(s.subject)},
			Storage: jetstream.FileStorage, Replicas: l.config.Replicas, MaxMsgSize: maxMessage,
			AllowDirect: true, DenyDelete: s.forEver, DenyPurge: s.forEver,
		}
		_, err := l.read.js.CreateStream(ctx, c)
		// A stream that is there with other settings (replicas, retention) is the operator's.
		if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("create stream %s: %w", s.name, err)
		}
	}
	return nil
}

// Broken delivers, at most once, why an embedded log no longer takes writes (ErrBroken): its server gives a
// stream up after a write that failed, as on a full disk, until the process starts anew. An
// external log is its operator's to mend, and delivers nothing.
func (l *Log) Broken() <-chan error { return l.broken }

func (l *Log) broke(why error) {
	if l.server == nil || l.closed() {
		return
	}
	select {
	case l.broken <- why:
	default: // it is known
	}
}

// Close ends every consumer and, when embedded, the server. Writers fail with ErrClosed.
func (l *Log) Close() error {
	l.once.Do(func() {
		l.end()
		l.mu.Lock()
		leases := l.leases
		l.leases = nil
		l.mu.Unlock()
		for lease := range leases {
			lease.end(ErrClosed)
		}
		l.running.Wait()
		for _, w := range []*wire{l.ask, l.read, l.write} {
			if w != nil {
				w.close()
			}
		}
		if l.server != nil {
			l.err = l.server.stop()
		}
	})
	return l.err
}

func (l *Log) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// ctxOf ends with ctx or with the log, whichever is first.
func (l *Log) ctxOf(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(l.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		forget()
		cancel(nil)
	}
}

// elapsed is the monotonic clock.
func (l *Log) elapsed() time.Duration { return time.Since(l.start) }

// Healthy returns nil when the log takes writes: it writes one.
func (l *Log) Healthy(ctx context.Context) error {
	if l.closed() {
		return fmt.Errorf("check log: %w", ErrClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	for _, s := range []schemas.Stream{schemas.Facts, schemas.Frames, schemas.Controls, schemas.Events} {
		if _, err := l.Head(ctx, s); err != nil {
			return fmt.Errorf("check log: %w", err)
		}
	}
	b, err := l.Bucket(ctx, "health")
	if err != nil {
		return fmt.Errorf("check log: %w", err)
	}
	if _, err := b.Put(ctx, "probe", []byte(l.config.Now().UTC().Format(time.RFC3339))); err != nil {
		return fmt.Errorf("check log: %w", err)
	}
	return nil
}

// Head returns the last sequence of a stream.
func (l *Log) Head(ctx context.Context, s schemas.Stream) (uint64, error) {
	var r struct {
		Error *apiError `json:"error"`
		State struct {
			LastSeq uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if err := l.read.api(ctx, "STREAM.INFO."+string(s), nil, &r); err != nil {
		return 0, fmt.Errorf("head of %s: %w", s, err)
	}
	if r.Error != nil {
		return 0, fmt.Errorf("head of %s: %w", s, r.Error)
	}
	return r.State.LastSeq, nil
}

// Last returns the last message of a stream, ErrNotFound when it is empty.
func (l *Log) Last(ctx context.Context, s schemas.Stream) (Message, error) {
	for {
		head, err := l.Head(ctx, s)
		if err != nil {
			return Message{}, err
		}
		if head == 0 {
			return Message{}, fmt.Errorf("last of %s: %w", s, ErrNotFound)
		}
		m, err := l.read.get(ctx, s, getRequest{LastBySubject: ">"})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Message{}, fmt.Errorf("last of %s: %w", s, err)
		}
		if err != nil { // purged whole, or one was just purged: the stream says which
			if again, err := l.Head(ctx, s); err != nil || again == head {
				return Message{}, fmt.Errorf("last of %s: %w", s, errors.Join(err, ErrNotFound))
			}
			continue
		}
		return m, nil
	}
}
