package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/cmd/internal/api"
	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/registry"
	"sallyport/search"
)

// readSide is what answers questions about the log.
type readSide struct {
	sessions *replay.Sessions
	events   *replay.Events
	runs     *replay.Runs
	search   *search.Service // nil: not in this process
	replay   *replay.Service // nil: not in this process
	indexes  *replay.Indexes
	watched  *replay.Service // tells who is read, also where replay answers nothing
	logger   *slog.Logger
}

func (m *Main) openRead(ctx context.Context) (*readSide, error) {
	r := &readSide{logger: m.logger}
	projections := []replay.Projection{}
	if m.services.Search {
		var err error
		r.search, err = search.Open(ctx, search.Config{
			Dir: filepath.Join(m.config.DataDir, "index"), Log: m.log, Authorizer: m.access, Logger: m.logger,
			Shown:   func(ctx context.Context, ids []schemas.SessionID) error { return r.watched.Found(ctx, ids) },
			Prompts: func(ctx context.Context) (search.PromptReader, error) { return r.watched.Prompts(ctx) },
		})
		if err != nil {
			return nil, fmt.Errorf("open the search index: %w", err)
		}
		projections = append(projections, searchProjection{r.search})
	}
	var err error
	if r.sessions, err = replay.NewSessions(ctx, replay.SessionsConfig{Log: m.log, Logger: m.logger}); err != nil {
		return nil, err
	}
	r.runs = replay.NewRuns(m.log, m.logger)
	who := func(ctx context.Context) string { return api.Who(ctx).Principal.Name }
	reader := func(ctx context.Context) *schemas.Principal { return api.Who(ctx).Principal }
	if !m.services.Replay {
		r.watched = replay.New(replay.Config{Log: m.log, Sessions: r.sessions, Runs: r.runs, Authorizer: m.access, Who: who, Reader: reader, Logger: m.logger})
		return r, nil
	}
	if r.events, err = replay.NewEvents(replay.EventsConfig{Log: m.log, Logger: m.logger}); err != nil {
		return nil, err
	}
	if r.indexes, err = replay.NewIndexes(replay.IndexesConfig{Log: m.log, Sessions: r.sessions, Dir: filepath.Join(m.config.DataDir, "player"), Every: m.config.Player.IndexEvery,
		Spacing: replay.Spacing{Bytes: m.config.Player.KeyframeBytes, Entries: m.config.Player.KeyframeEntries, Every: m.config.Player.KeyframeEvery}, Logger: m.logger}); err != nil {
		return nil, err
	}
	for _, name := range m.registry.Projections() {
		projections = append(projections, registryProjection{m.registry, name})
	}
	revealer, err := m.revealer()
	if err != nil {
		return nil, err
	}
	r.replay = replay.New(replay.Config{
		Runs: r.runs, Reader: reader,
		Log: m.log, Sessions: r.sessions, Indexes: r.indexes, Authorizer: m.access, Confirmer: m.guard, Revealer: revealer,
		Who:         who,
		Projections: append(projections, r.sessions, r.events, r.indexes), Logger: m.logger,
	})
	r.watched = r.replay
	return r, nil
}

// start runs the projections.
func (r *readSide) start(g *errgroup.Group, ctx context.Context) {
	if r.search != nil {
		g.Go(func() error { return r.index(ctx) })
	}
	if r.search != nil && r.replay == nil {
		g.Go(func() error { return named("sessions", r.sessions.Follow(ctx)) })
		g.Go(func() error { return named("runs", r.runs.Run(ctx)) })
	}
	if r.replay != nil {
		g.Go(func() error { return named("sessions", r.sessions.Run(ctx)) })
		g.Go(func() error { return named("events", r.events.Run(ctx)) })
		g.Go(func() error { return named("runs", r.runs.Run(ctx)) })
		g.Go(func() error { return named("player", r.indexes.Run(ctx)) })
	}
}

// index keeps the search index. It stands beside the log, on a disk that may fill up on its own: a
// gateway does not end because it cannot be searched. It is tried again, later and later.
func (r *readSide) index(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := r.search.Run(ctx)
		if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return nil
		}
		r.logger.Error("the search index does not follow the log", "error", err, "next_try", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (r *readSide) close() error {
	if r.search == nil {
		return nil
	}
	return r.search.Close()
}

// searchProjection is the index as replay's rebuild sees it.
type searchProjection struct{ s *search.Service }

func (p searchProjection) Name() string { return "search" }

func (p searchProjection) Rebuild(ctx context.Context, tell replay.Tell) (replay.RebuildReport, error) {
	r, err := p.s.Rebuild(ctx, search.Tell(tell))
	return replay.RebuildReport{
		Projection: p.Name(), Entries: uint64(r.Entries), Equal: r.Equal, Differences: r.Differences, Appended: int(r.Appended),
	}, err
}

// registryProjection is one bucket of the registry as replay's rebuild sees it.
type registryProjection struct {
	r    *registry.Registry
	name string
}

func (p registryProjection) Name() string { return p.name }

func (p registryProjection) Rebuild(ctx context.Context, tell replay.Tell) (replay.RebuildReport, error) {
	r, err := p.r.Rebuild(ctx, p.name, func(sequence, end uint64) { tell("messages read", sequence, end) })
	return replay.RebuildReport{
		Projection: p.name, Entries: uint64(r.Entries), Equal: len(r.Differences) == 0,
		Differences: r.Differences, Appended: len(r.Differences),
	}, err
}
