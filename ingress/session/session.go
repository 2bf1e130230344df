package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"sallyport/ingress/credential"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Reason is why a session ended, as Closed.reason says it.
type Reason string

// Reasons.
const (
	ReasonClient   Reason = "client"
	ReasonTarget   Reason = "target"
	ReasonKilled   Reason = "killed"
	ReasonExpired  Reason = "expired"
	ReasonLimit    Reason = "limit"
	ReasonError    Reason = "error"
	ReasonShutdown Reason = "shutdown"
)

// End is why a session ends or ended.
type End struct {
	Reason  Reason
	Message string // for the person at the client
	By      string // killed: who
}

// Totals is what a protocol counted. It may be added to from several goroutines.
type Totals struct {
	Commands, Rows, BytesIn, BytesOut atomic.Uint64
}

// Catalogue says which snapshot of a target's catalogue verdicts rest on. Digest waits until what
// is known to have changed is in it; no snapshot in time is no digest. What it returns is not
// changed by anybody.
type Catalogue interface {
	Digest(ctx context.Context) []byte
}

// Session is one principal on one target. Its methods may be called from several goroutines; Decide
// and Command of SQL, whose meaning depends on what came before, belong to the one that reads the
// client.
type Session struct {
	ID     schemas.SessionID
	Totals Totals
	State  *State
	Strict bool // output is acknowledged before it is delivered
	// Later says that the client does not wait for approvals: what is held is refused, and may run
	// when the client sends it again and it was approved meanwhile.
	Later bool
	// Catalogue is what the target's catalogue is known by; nil: it has none. It is set before the
	// first Decide.
	Catalogue Catalogue
	// Estimator asks what held commands would touch; nil: nobody is asked. It is set before the first Hold.
	Estimator Estimator

	g        *Gateway
	w        *journal.Writer
	req      Request
	unparsed string // what the target says about text that cannot be parsed

	judging sync.Mutex         // guards what follows
	ask     schemas.VerdictAsk // reused for every ask
	tenure  tenure             // as it was at the start
	// regranted is closed when access for a time has changed since then; nil: nobody looks.
	regranted <-chan struct{}
	cache     *cache    // nil until something is cached
	shape     []byte    // scratch
	mac       hash.Hash // HMAC-SHA256 under the gateway's key

	progress progress

	standing  atomic.Pointer[standing]
	concealer sync.Once
	concealed *credential.Concealed // once there is something to conceal

	done chan struct{} // closed by end
	once sync.Once
	why  End // set before done is closed
	stop func()

	mu      sync.Mutex
	resumed chan struct{} // non-nil while paused; closed by resume
	notify  func(message string)
	early   []string // messages for a client that cannot be told yet
	onStop  func()
	closed  bool
}

func newSession(g *Gateway, r Request) *Session {
	id := schemas.NewSessionID()
	s := &Session{
		ID: id, State: newState(r.State), Strict: r.Target.Target.Strict, g: g, req: r,
		w: g.c.Log.NewWriter(g.c.Lease, id), mac: hmac.New(sha256.New, g.c.DigestKey),
		unparsed: r.Target.Target.Unparsed, done: make(chan struct{}),
	}
	s.ask = schemas.VerdictAsk{Session: string(id), Protocol: r.Protocol, Target: r.Target.Metadata.Name,
		Principal: r.Identity.Principal, Run: r.Identity.Run}
	return s
}

// Done is closed when the session must end; End then says why. The log's failure is among the
// reasons.
func (s *Session) Done() <-chan struct{} { return s.done }

// End returns why, once Done is closed.
func (s *Session) End() End {
	select {
	case <-s.done:
		return s.why
	default:
		return End{}
	}
}

// Stop ends the session. The first call decides the reason.
func (s *Session) Stop(e End) {
	s.once.Do(func() {
		s.why = e
		close(s.done)
		s.mu.Lock()
		f := s.onStop
		s.mu.Unlock()
		if f != nil {
			f()
		}
	})
}

// OnStop sets what is called, once, when the session must end, so that nobody has to wait for
// Done. It is called at once if that has happened. It must not block.
func (s *Session) OnStop(f func()) {
	s.mu.Lock()
	s.onStop = f
	s.mu.Unlock()
	if s.Err() != nil {
		f()
	}
}

// Err returns an error for the user once the session must end, else nil.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.why.error()
	default:
		return nil
	}
}

func (e End) error() error {
	code := schemas.CodeKilled
	switch e.Reason {
	case ReasonError:
		code = schemas.CodeUnavailable
	case ReasonExpired:
		code = schemas.CodeUnauthenticated
	case ReasonLimit:
		code = schemas.CodeLimit
	}
	return &schemas.Error{Code: code, Message: e.Message}
}

// fail notes that the log did not take something, and returns the error for the user.
func (s *Session) fail(err error) error {
	if err == nil {
		return nil
	}
	s.g.log.Error("session cannot be recorded", "session", s.ID, "err", err)
	s.Stop(unrecorded)
	return logFailed(err)
}

// unrecorded is the end of a session that the log no longer takes.
var unrecorded = End{Reason: ReasonError, Message: "the session cannot be recorded, so it was ended"}

// Stopped is the end of the sessions of a gateway that stops for cause, the [context.Cause] of what it served under. One
// that lost its lease or its log says so: whichever notices first, the session or its gateway, its client is told the same.
func Stopped(cause error) End {
	if errors.Is(cause, journal.ErrLease) || errors.Is(cause, journal.ErrBroken) {
		return unrecorded
	}
	return End{Reason: ReasonShutdown, Message: "the gateway is shutting down"}
}

// Wait returns when commands may go on: at once, unless somebody paused the session. It returns
// an error when the session must end.
func (s *Session) Wait(ctx context.Context) error {
	s.mu.Lock()
	resumed := s.resumed
	s.mu.Unlock()
	if resumed != nil {
		select {
		case <-resumed:
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Err()
}

// OnMessage sets who delivers what reviewers say to the client. It must not block for long.
func (s *Session) OnMessage(f func(message string)) {
	s.mu.Lock()
	s.notify = f
	var early []string
	if f != nil {
		early, s.early = s.early, nil
	}
	s.mu.Unlock()
	for _, m := range early {
		s.tell(m)
	}
}

// Close appends Closed with the totals. The session's controls end with it.
func (s *Session) Close(ctx context.Context, e End) error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.Stop(e)
	s.stop()
	s.progress.end()
	e = s.End()
	err := s.w.Close(ctx, &schemas.Closed{
		Reason: string(e.Reason), Message: printable(e.Message), By: e.By,
		Commands: s.Totals.Commands.Load(), Rows: s.Totals.Rows.Load(),
		BytesIn: s.Totals.BytesIn.Load(), BytesOut: s.Totals.BytesOut.Load(),
	})
	if err != nil && !errors.Is(err, journal.ErrClosed) {
		return logFailed(err)
	}
	return nil
}

func (s *Session) now() int64 { return s.g.c.Now().UnixNano() }

// printable makes text fit for a field that is a string on the log.
func printable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
