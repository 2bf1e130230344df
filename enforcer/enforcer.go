package enforcer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/enforcer/internal/shell"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// queue is shared by all enforcers: each ask is answered by one.
const queue = "enforcer"

// Log is where asks come from; *journal.Log is one.
type Log interface {
	// Answer answers requests on subject until stop is called; an error of handle means no answer.
	Answer(ctx context.Context, subject schemas.Subject, queue string, handle func(ctx context.Context, request []byte) ([]byte, error)) (stop func(), err error)
}

// Config is what New needs. The zero value of a limit means its default.
type Config struct {
	Log       Log
	Resources Source
	SQL       SQLConfig
	Shell     ShellConfig
	// Catalogues tells what is in the targets' databases. Without it, what masks of columns cannot rule
	// out is masked.
	Catalogues       Catalogues
	CatalogueCount   int           // catalogues that are kept; 16 by default
	CatalogueTimeout time.Duration // for asking for one; 5 s by default
	// Grants returns the access for a time that a principal of that name was given, over or not. Nil:
	// nobody has any.
	Grants func(principal string) []*schemas.GrantMade
	Logger *slog.Logger
	Now    func() time.Time
}

// SQLConfig bounds the work on SQL.
type SQLConfig struct {
	MaxText    int // bytes of a command that are parsed; 2 MiB by default. More is unparsed.
	MaxTokens  int // tokens of it; 200,000 by default
	CacheBytes int // of commands and their facts that are kept; 32 MiB by default
	Parsers    int // commands parsed at once; the number of processors by default
}

// ShellConfig bounds the work on command lines.
type ShellConfig struct {
	MaxText     int // bytes of a command line that are parsed; 128 KiB by default. More is unparsed.
	MaxNesting  int // brackets and backquotes of it; 2,000 by default
	MaxCommands int // commands found in it; 10,000 by default
	MaxDepth    int // command lines within it (sh -c); 8 by default. More is opaque.
}

// Enforcer judges commands. Its methods are safe for concurrent use.
type Enforcer struct {
	c          Config
	sql        *pgsql.Analyzer
	shell      *shell.Analyzer
	catalogues *catalogues

	snapshot atomic.Pointer[snapshot]
	mu       sync.Mutex // held while a snapshot is compiled
}

// New returns an enforcer that answers nothing until Start.
func New(c Config) (*Enforcer, error) {
	if c.Resources == nil {
		return nil, errors.New("the enforcer needs a source of resources")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if _, err := celEnvironment(); err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	return &Enforcer{c: c, sql: pgsql.New(pgsql.Config(c.SQL)), shell: shell.New(shell.Config(c.Shell)), catalogues: newCatalogues(c)}, nil
}

// Start warms the parsers and answers asks until stop is called or ctx is done.
func (e *Enforcer) Start(ctx context.Context) (stop func(), err error) {
	if err := e.sql.Warm(); err != nil {
		return nil, fmt.Errorf("start the SQL parser: %w", err)
	}
	e.current()
	stop, err = e.answer(ctx, map[schemas.Subject]func(context.Context, []byte) ([]byte, error){
		schemas.AskVerdict(resources.ProtocolPostgres): e.answerVerdict,
		schemas.AskVerdict(resources.ProtocolSSH):      e.answerVerdict,
		schemas.AskAccess: e.answerAccess,
	})
	return stop, err
}

// answer answers on all subjects, or on none.
func (e *Enforcer) answer(ctx context.Context, subjects map[schemas.Subject]func(context.Context, []byte) ([]byte, error)) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for subject, handle := range subjects {
		s, err := e.c.Log.Answer(ctx, subject, queue, handle)
		if err != nil {
			stop()
			return nil, fmt.Errorf("answer on %s: %w", subject, err)
		}
		stops = append(stops, s)
	}
	return stop, nil
}

func (e *Enforcer) answerVerdict(ctx context.Context, request []byte) ([]byte, error) {
	ask := new(schemas.VerdictAsk)
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, fmt.Errorf("decode ask: %w", err)
	}
	return e.Verdict(ctx, ask).MarshalVT()
}

func (e *Enforcer) answerAccess(_ context.Context, request []byte) ([]byte, error) {
	ask := new(schemas.AccessAsk)
	if err := ask.UnmarshalVT(request); err != nil {
		return nil, fmt.Errorf("decode ask: %w", err)
	}
	return e.Access(ask).MarshalVT()
}

// current returns what is declared now, compiled. Who asks after something was applied gets an
// answer that knows it.
func (e *Enforcer) current() *snapshot {
	if s := e.snapshot.Load(); s != nil && !s.isStale() {
		return s
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.snapshot.Load(); s != nil && !s.isStale() {
		return s
	}
	s := newSnapshot(e.c.Resources.Resources())
	for name, t := range s.targets {
		for _, p := range t.policies {
			if p.err != nil {
				e.c.Logger.Error("policy does not compile: every command of its targets is denied",
					"policy", p.resource.Metadata.Name, "target", name, "error", p.err)
			}
		}
	}
	e.snapshot.Store(s)
	return s
}
