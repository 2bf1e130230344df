package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sallyport/ingress/credential"
	"sallyport/ingress/mask"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/resources"
	"sallyport/schemas/trace"
)

// Targets finds targets by name. It is asked at every start of a session and must not do I/O.
type Targets interface {
	Target(name string) (*resources.Resource, bool)
}

// Config is what New needs. The zero value of a limit means its default.
type Config struct {
	Log     *journal.Log
	Lease   *journal.Lease
	Targets Targets
	// Revision is the digest of the policies in force, as this gateway knows it. A verdict is
	// reused only while it equals the verdict's. Nil: verdicts are never reused.
	Revision  func() schemas.Revision
	DigestKey []byte // for the digests of payloads; at least 32 bytes; empty: a random one
	MaskKey   []byte // for masks that hash; at least 32 bytes; empty: a random one
	// Concealer seals what excepted principals saw; nil: under a random key, so that nobody sees it again.
	Concealer *credential.Concealer
	External  *mask.External // detector that masks may ask for; nil: there is none
	Logger    *slog.Logger
	Now       func() time.Time

	AnswerTimeout time.Duration // for verdicts and access; 2 s by default
	CommitTimeout time.Duration // for the log to acknowledge frames; 15 s by default; for commands it is the log's own AckTimeout
	Progress      time.Duration // after something went by, until the log is told how much did; 10 s by default
	CacheEntries  int           // verdicts remembered by a session; 256 by default
	CacheBytes    int           // their texts; 256 KiB by default

	Held           int           // commands held at once; 2,000 by default
	HeldPerSession int           // of those, by one session; 16 by default
	EstimateTime   time.Duration // that a target's planner has to say what a held command would touch; 3 s by default
	HoldNotice     time.Duration // how often a client is told that its command still waits; 30 s by default
	// Regranted returns a channel that is closed when access for a time is given or revoked next. Nil:
	// there is none, and nobody's access is looked at again.
	Regranted    func() <-chan struct{}
	GrantWarning time.Duration // before such access ends, the client is told; 5 m by default

	HoldGrace time.Duration // after an expiry that no approvals service marks, the gateway does; 2 s by default
}

// Gateway opens sessions. Its methods are safe for concurrent use.
type Gateway struct {
	c       Config
	log     *slog.Logger
	waiting *waiting
	masks   *maskMaker
	conceal *credential.Concealer
}

// New returns a Gateway.
func New(c Config) (*Gateway, error) {
	if c.Log == nil || c.Lease == nil || c.Targets == nil {
		return nil, errors.New("a gateway needs a log, a lease and targets")
	}
	for _, key := range []*[]byte{&c.DigestKey, &c.MaskKey} {
		switch {
		case len(*key) == 0:
			*key = randomKey()
		case len(*key) < keySize:
			return nil, errors.New("the digest key, or that of masks, is shorter than 32 bytes")
		}
	}
	if c.Concealer == nil {
		var err error
		if c.Concealer, err = credential.NewConcealer(randomKey()); err != nil {
			return nil, err
		}
	}
	setDefaults(&c)
	g := &Gateway{c: c, log: c.Logger, conceal: c.Concealer, masks: &maskMaker{key: c.MaskKey, external: c.External}}
	g.waiting = newWaiting(g)
	return g, nil
}

const keySize = 32

func randomKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails: see crypto/rand
	return key
}

func setDefaults(c *Config) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AnswerTimeout <= 0 {
		c.AnswerTimeout = 2 * time.Second
	}
	if c.CommitTimeout <= 0 {
		c.CommitTimeout = 15 * time.Second
	}
	if c.Progress <= 0 {
		c.Progress = 10 * time.Second
	}
	if c.CacheEntries <= 0 {
		c.CacheEntries = 256
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 256 << 10
	}
	if c.Held <= 0 {
		c.Held = 2000
	}
	if c.HeldPerSession <= 0 {
		c.HeldPerSession = 16
	}
	if c.EstimateTime <= 0 {
		c.EstimateTime = 3 * time.Second
	}
	if c.HoldNotice <= 0 {
		c.HoldNotice = 30 * time.Second
	}
	if c.GrantWarning <= 0 {
		c.GrantWarning = 5 * time.Minute
	}
	if c.HoldGrace <= 0 {
		c.HoldGrace = 2 * time.Second
	}
}

// Now is the gateway's clock.
func (g *Gateway) Now() time.Time { return g.c.Now() }

// Answer answers what is asked of gateways on subject; those that listen share the asks.
func (g *Gateway) Answer(ctx context.Context, subject schemas.Subject, handle func(ctx context.Context, request []byte) ([]byte, error)) (stop func(), err error) {
	return g.c.Log.Answer(ctx, subject, "gateway", handle)
}

// Request says what session to open.
type Request struct {
	Identity      *Identity
	Target        *resources.Resource // as Find returned it
	Protocol      string
	Database      string // protocol's own sub-address
	ClientAddress string
	ClientName    string
	UpstreamUser  string
	TLS           bool         // of the client's leg
	Traceparent   trace.Parent // as the client says; empty: nothing
	// State is what is known of the session on the target; its database and user are set.
	State *schemas.SessionState
}

// Find returns the target of that name if the identity may connect to it. The error is the same
// (ErrNoTarget) for a target that does not exist and for one that is out of reach, so that names
// cannot be probed; no answer from the enforcer is another one.
func (g *Gateway) Find(ctx context.Context, id *Identity, protocol, name string) (*resources.Resource, error) {
	r, ok := g.c.Targets.Target(name)
	if !ok || r.Target == nil || r.Target.Protocol != protocol || !id.allows(protocol, name) {
		return nil, ErrNoTarget
	}
	answer, err := g.access(ctx, id, name)
	if err != nil {
		return nil, err
	}
	if !answer.Allowed {
		g.log.Info("access denied", "principal", id.Principal.GetName(), "target", name, "reason", answer.Reason)
		return nil, ErrNoTarget
	}
	return r, nil
}

// Target returns what is declared under a name, whoever may reach it.
func (g *Gateway) Target(name string) (*resources.Resource, bool) {
	r, ok := g.c.Targets.Target(name)
	return r, ok && r.Target != nil
}

// ErrNoTarget says that there is no target of that name for this principal.
var ErrNoTarget = errors.New("no such target")

func (g *Gateway) access(ctx context.Context, id *Identity, target string) (*schemas.AccessAnswer, error) {
	ask := &schemas.AccessAsk{Principal: id.Principal, Run: id.Run, Target: target, Permission: "connect"}
	data, err := ask.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode access ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, g.c.AnswerTimeout)
	defer cancel()
	reply, err := g.c.Log.Ask(ctx, schemas.AskAccess, data)
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "no enforcer answered, so access is denied",
			Hint: "try again; if it persists, tell the operator of the gateway", Err: err}
	}
	answer := &schemas.AccessAnswer{}
	if err := answer.UnmarshalVT(reply); err != nil {
		return nil, fmt.Errorf("decode access answer: %w", err)
	}
	return answer, nil
}

// Open begins a session: when it returns, Opened is acknowledged by the log, and the target may
// be dialled. The caller calls Close in the end, whatever happens.
func (g *Gateway) Open(ctx context.Context, r Request) (*Session, error) {
	now := g.c.Now()
	if r.Identity.expired(now) {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the token has expired", Hint: "get a new one"}
	}
	if !g.c.Lease.Valid() {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "the gateway has lost its lease on the log", Hint: "connect again"}
	}
	var lets tenure
	var regranted <-chan struct{}
	if g.c.Regranted != nil {
		regranted = g.c.Regranted() // what changes from here on is seen
		if lets = g.look(ctx, r.Identity, r.Target.Metadata.Name, tenure{err: noAnswer()}); lets.err != nil {
			return nil, lets.err
		}
	}
	s := newSession(g, r)
	s.tenure, s.regranted = lets, regranted
	if err := s.w.Commit(ctx, &schemas.Entry{At: now.UnixNano(), Kind: &schemas.Entry_Opened{Opened: g.opened(r)}}); err != nil {
		_ = s.w.Close(ctx, &schemas.Closed{Reason: string(ReasonError), Message: "the log did not take the start of the session"})
		return nil, logFailed(err)
	}
	if err := s.start(ctx); err != nil {
		_ = s.w.Close(ctx, &schemas.Closed{Reason: string(ReasonError), Message: "the session's controls could not be set up"})
		return nil, fmt.Errorf("answer for session: %w", err)
	}
	return s, nil
}

func (g *Gateway) opened(r Request) *schemas.Opened {
	return &schemas.Opened{
		Principal: r.Identity.Principal, Run: r.Identity.Run,
		Target: r.Target.Metadata.Name, TargetLabels: r.Target.Metadata.Labels,
		Protocol: r.Protocol, Database: printable(r.Database),
		ClientAddress: r.ClientAddress, ClientName: printable(r.ClientName),
		Gateway: string(g.c.Lease.ID()), UpstreamUser: r.UpstreamUser, Tls: r.TLS,
		Traceparent: string(r.Traceparent),
	}
}

func logFailed(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the session cannot be recorded, so it cannot go on",
		Hint: "the gateway's log of events is not writable; connect again later", Err: err}
}
