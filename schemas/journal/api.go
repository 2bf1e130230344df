package journal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sallyport/schemas"
)

// Errors that callers tell apart. They are wrapped.
var (
	ErrFenced   = errors.New("the session was ended by somebody else")
	ErrLease    = errors.New("the gateway's lease has lapsed")
	ErrClosed   = errors.New("closed")
	ErrNoAnswer = errors.New("no answer")
	ErrConflict = errors.New("the subject has moved on")
	ErrNotFound = errors.New("not found")
)

// Sync says when an acknowledged message is on the disk of the embedded server.
type Sync string

// Sync modes.
const (
	// SyncInterval: written at acknowledgement, fsynced every SyncInterval. A crash of the process
	// loses nothing; a power cut loses at most the last interval.
	SyncInterval Sync = "interval"
	// SyncAlways: fsynced before acknowledgement. A power cut loses nothing.
	SyncAlways Sync = "always"
)

// Config is what Open needs. The zero value of a limit means its default.
type Config struct {
	URL          string // of an external NATS; empty: embedded
	Credentials  string // NATS credentials file, external only
	Dir          string // of the embedded server's store
	Sync         Sync
	SyncInterval time.Duration // 200 ms by default; SyncInterval only
	Replicas     int           // of each stream; 1 by default
	LeaseTTL     time.Duration // 10 s by default
	FlushEvery   time.Duration // pending facts and frames are published after this; 25 ms by default
	MaxPending   int           // bytes of a session's frames not yet acknowledged; 256 KiB by default
	MaxAge       time.Duration // longest that output may be unacknowledged before its writer blocks; 100 ms by default
	AckTimeout   time.Duration // how long to try for an acknowledgement before the writer fails; 10 s by default
	Logger       *slog.Logger
	Now          func() time.Time // time.Now by default
}

// Log is an open log. Its methods are safe for concurrent use.
type Log struct{}

// Open starts or connects, and creates the streams and buckets that are missing.
func Open(ctx context.Context, c Config) (*Log, error) { panic("not built yet") }

// Close ends every consumer and, when embedded, the server. Writers fail with ErrClosed.
func (l *Log) Close() error { panic("not built yet") }

// Healthy returns nil when the log takes writes.
func (l *Log) Healthy(ctx context.Context) error { panic("not built yet") }

// Lease is the right of one gateway incarnation to write. It is renewed in the background.
type Lease struct{}

// Lease takes a lease for a new incarnation; name says whose, for people.
func (l *Log) Lease(ctx context.Context, name string) (*Lease, error) { panic("not built yet") }

// ID is the incarnation.
func (l *Lease) ID() schemas.GatewayID { panic("not built yet") }

// Valid reports whether the lease was renewed within half its time. It does no I/O.
func (l *Lease) Valid() bool { panic("not built yet") }

// Lost is closed when the lease is lost for good.
func (l *Lease) Lost() <-chan struct{} { panic("not built yet") }

// Release gives the lease up after all its sessions are closed.
func (l *Lease) Release(ctx context.Context) error { panic("not built yet") }

// Writer writes one session. Methods may be called from several goroutines; entries are numbered
// in the order of the calls. Entries are encoded before a call returns: the caller keeps them and
// their buffers. Number is set in the entry passed, At too unless it is already set.
type Writer struct{}

// NewWriter returns the writer of a new session. It does no I/O.
func (l *Log) NewWriter(lease *Lease, id schemas.SessionID) *Writer { panic("not built yet") }

// Fact adds a fact that travels with the next Commit, or after FlushEvery. It does not block.
func (w *Writer) Fact(e *schemas.Entry) (number uint64, err error) { panic("not built yet") }

// Commit adds facts and returns once they and every fact before them are acknowledged. Text
// frames that belong to them must have been flushed before.
func (w *Writer) Commit(ctx context.Context, es ...*schemas.Entry) error { panic("not built yet") }

// Frame adds a frame. It blocks while MaxPending bytes, or anything older than MaxAge, is
// unacknowledged. A frame's payload is at most 256 KiB; larger is the caller's to split.
func (w *Writer) Frame(ctx context.Context, e *schemas.Entry) (number uint64, err error) {
	panic("not built yet")
}

// Flush returns once everything added so far is acknowledged.
func (w *Writer) Flush(ctx context.Context) error { panic("not built yet") }

// Close flushes, appends closed as the last fact, and ends the writer.
func (w *Writer) Close(ctx context.Context, closed *schemas.Closed) error { panic("not built yet") }

// Failed is closed when the writer has failed; Err then says why.
func (w *Writer) Failed() <-chan struct{} { panic("not built yet") }

// Err returns the first error.
func (w *Writer) Err() error { panic("not built yet") }

// Message is one message of a stream.
type Message struct {
	Stream   schemas.Stream
	Sequence uint64
	Subject  schemas.Subject
	Time     time.Time // the stream's
	Data     []byte
	Header   map[string]string
}

// ConsumeConfig says what to consume.
type ConsumeConfig struct {
	Stream   schemas.Stream
	Subjects []schemas.Subject // filter; empty: all
	From     uint64            // first sequence wanted; 0 or 1: from the beginning
	Batch    int               // most messages handled at once; 256 by default
}

// Consume hands messages to handle in order, history first and then as they come, until ctx is
// done (it then returns nil) or handle returns an error (which it returns). caughtUp is true when
// messages (which may then be empty) reach what was the end of the stream. It reconnects by itself.
func (l *Log) Consume(ctx context.Context, c ConsumeConfig, handle func(ms []Message, caughtUp bool) error) error {
	panic("not built yet")
}

// Head returns the last sequence of a stream.
func (l *Log) Head(ctx context.Context, s schemas.Stream) (uint64, error) { panic("not built yet") }

// Located is an entry and where it is stored.
type Located struct {
	Entry    *schemas.Entry
	Stream   schemas.Stream
	Sequence uint64    // of the message that holds it
	Time     time.Time // of that message, on the stream's clock
}

// Decode opens a message of FACTS or FRAMES.
func Decode(m Message) (*schemas.Envelope, []Located, error) { panic("not built yet") }

// ReadOptions says which part of a session to read.
type ReadOptions struct {
	From   uint64 // first number wanted
	Follow bool   // go on with what comes, until Closed
	Facts  bool   // facts only
}

// ReadSession hands a session's entries to f in number order, each once. It returns nil after
// Closed, or, without Follow, at the end of what is there; ErrNotFound when there is none.
func (l *Log) ReadSession(ctx context.Context, id schemas.SessionID, o ReadOptions, f func(Located) error) error {
	panic("not built yet")
}

// Report is what Verify found.
type Report struct {
	Session  schemas.SessionID
	Entries  uint64
	Messages uint64
	Closed   bool
	Lost     []*schemas.Range // declared
	Problems []string         // empty: whole and unaltered
}

// Verify checks a session: numbers whole, chains whole, losses only declared ones above the
// acknowledged heads, opened first, nothing after closed.
func (l *Log) Verify(ctx context.Context, id schemas.SessionID) (*Report, error) {
	panic("not built yet")
}

// Reap closes the sessions of gateways whose lease has lapsed, until ctx is done.
func (l *Log) Reap(ctx context.Context) error { panic("not built yet") }

// AppendControl appends to CONTROL; one entity always has the same subject. With expect, it
// fails with ErrConflict unless the subject's last sequence is *expect.
func (l *Log) AppendControl(ctx context.Context, area schemas.Area, entity string, c *schemas.Control, expect *uint64) (sequence uint64, err error) {
	panic("not built yet")
}

// AppendEvent appends to EVENTS on the condition that its last sequence is last.
func (l *Log) AppendEvent(ctx context.Context, subject schemas.Subject, header map[string]string, data []byte, last uint64) (sequence uint64, err error) {
	panic("not built yet")
}

// Last returns the last message of a stream, ErrNotFound when it is empty.
func (l *Log) Last(ctx context.Context, s schemas.Stream) (Message, error) { panic("not built yet") }

// Ask sends a request and returns the answer; ErrNoAnswer when nobody answers before ctx is done
// or nobody listens. Requests of any size are carried (in pieces, unseen).
func (l *Log) Ask(ctx context.Context, subject schemas.Subject, request []byte) ([]byte, error) {
	panic("not built yet")
}

// Answer answers requests on subject until stop is called. Members of the same non-empty queue
// share the requests. handle runs concurrently; its error reaches the asker as ErrNoAnswer.
func (l *Log) Answer(ctx context.Context, subject schemas.Subject, queue string, handle func(ctx context.Context, request []byte) ([]byte, error)) (stop func(), err error) {
	panic("not built yet")
}

// Bucket is a key-value bucket. Keys are of [A-Za-z0-9_=.-]; use schemas.Token for parts.
type Bucket struct{}

// Bucket opens, and if need be creates, a bucket.
func (l *Log) Bucket(ctx context.Context, name string) (*Bucket, error) { panic("not built yet") }

// Item is a value of a bucket.
type Item struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool
}

// Get returns ErrNotFound when there is none.
func (b *Bucket) Get(ctx context.Context, key string) (Item, error) { panic("not built yet") }

// Put writes whatever is there.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	panic("not built yet")
}

// Update writes if the key's revision is revision (0: it does not exist), else ErrConflict.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	panic("not built yet")
}

// Delete removes a key.
func (b *Bucket) Delete(ctx context.Context, key string) error { panic("not built yet") }

// All returns what is there now.
func (b *Bucket) All(ctx context.Context) ([]Item, error) { panic("not built yet") }

// Clear removes everything.
func (b *Bucket) Clear(ctx context.Context) error { panic("not built yet") }

// Watch hands items to f as they are and then as they change, until ctx is done. caughtUp is true
// once with the end of what was there (the item is then the zero Item).
func (b *Bucket) Watch(ctx context.Context, f func(i Item, caughtUp bool) error) error {
	panic("not built yet")
}
