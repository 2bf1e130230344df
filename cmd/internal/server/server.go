// Package server is one process of Sallyport: it opens the log, starts the services that it was
// told to, connects them, and stops them in order.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/approvals"
	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/config"
	"sallyport/enforcer"
	"sallyport/ingress/login"
	"sallyport/ingress/login/authority"
	"sallyport/schemas/journal"
	"sallyport/schemas/registry"
)

// Config is what New needs.
type Config struct {
	Config   *config.Config
	Services Services
	Version  string
	Logger   *slog.Logger
}

// Main is one process.
type Main struct {
	config   *config.Config
	services Services
	version  string
	logger   *slog.Logger

	log         *journal.Log
	registry    *registry.Registry
	login       *login.Service
	authorities *authority.Authorities // nil: none is configured
	access      *api.Access
	guard       *api.Guard
	applier     api.Applier
	listeners   map[string]net.Listener // by service; bound before anything runs
	read        *readSide               // nil: not in this process
	notify      *notifying              // nil: not in this process
	approvals   *approvals.Service      // nil: not in this process
	judging     chan struct{}           // closed once this process's enforcer answers
	ready       chan struct{}
	serving     atomic.Bool
	began       time.Time
}

// New returns a Main that does nothing yet.
func New(c Config) *Main {
	return &Main{
		config: c.Config, services: c.Services, version: c.Version, logger: c.Logger, began: time.Now(),
		listeners: make(map[string]net.Listener), judging: make(chan struct{}), ready: make(chan struct{}),
	}
}

// Ready is closed once every listener accepts and the log takes writes.
func (m *Main) Ready() <-chan struct{} { return m.ready }

// Address returns where a service ("web", "postgres") listens, once Ready; empty: it is off.
func (m *Main) Address(service string) string {
	if l, ok := m.listeners[service]; ok {
		return l.Addr().String()
	}
	return ""
}

// Run serves until ctx is done, when it stops everything in order and returns nil, or until
// something fails that the process cannot go on without.
func (m *Main) Run(ctx context.Context) (err error) {
	if err := m.open(ctx); err != nil {
		return errors.Join(err, m.close())
	}
	defer func() { err = errors.Join(err, m.close()) }()

	// The parts that others rely on outlive them: first the clients are let go, then the services.
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	below, belowCtx := errgroup.WithContext(inner)
	m.startServices(below, belowCtx)
	front, frontCtx := errgroup.WithContext(ctx)
	front.Go(func() error {
		select {
		case <-belowCtx.Done(): // a service failed: nothing may go on without it
			return context.Cause(belowCtx)
		case why := <-m.log.Broken(): // a supervisor starts it anew; until the disk has room, that fails
			return why
		case <-frontCtx.Done():
			return nil
		}
	})
	front.Go(func() error { return m.serve(frontCtx, front) })
	err = front.Wait()
	stop()
	err = errors.Join(err, below.Wait())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// open binds every address and opens the log, so that what cannot work fails at once.
func (m *Main) open(ctx context.Context) error {
	c := m.config
	for _, dir := range []string{c.DataDir, filepath.Dir(c.KeyFile("digest"))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
	}
	if err := m.listen(); err != nil {
		return err
	}
	var err error
	m.log, err = journal.Open(ctx, journal.Config{
		URL: c.NATS.URL, Credentials: c.NATS.Credentials, Dir: filepath.Join(c.DataDir, "log"),
		Sync: journal.Sync(c.NATS.Sync), SyncInterval: c.NATS.SyncInterval, KeepBlocks: c.NATS.KeepBlocks, Replicas: c.NATS.Replicas,
		LeaseTTL: c.Limits.Lease, MaxPending: c.Limits.Unacknowledged, AckTimeout: c.Limits.Acknowledge, Logger: m.logger,
	})
	if err != nil {
		return err
	}
	if m.registry, err = registry.Open(ctx, registry.Config{Log: m.log, Logger: m.logger}); err != nil {
		return err
	}
	if err := m.openLogin(); err != nil {
		return err
	}
	m.access = api.NewAccess(m.log, m.registry, c.Limits.Verdict)
	m.guard = m.newGuard()
	m.applier = api.Applier{Registry: m.registry, Check: enforcer.CheckPolicy}
	if err := m.openApprovals(); err != nil {
		return err
	}
	if err := m.openNotify(ctx); err != nil {
		return err
	}
	if m.services.Replay || m.services.Search {
		if m.read, err = m.openRead(ctx); err != nil {
			return err
		}
	}
	return nil
}

// listen binds the addresses of the services that run here.
func (m *Main) listen() error {
	wanted := map[string]string{}
	if m.services.Gateway {
		wanted["postgres"] = m.config.Listen.Postgres
		wanted["ssh"] = m.config.Listen.SSH
	}
	if m.services.Replay || m.services.Search {
		wanted["web"] = m.config.Listen.Web
	}
	for name, address := range wanted {
		if address == "" {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen.%s: %w", name, err)
		}
		m.listeners[name] = l
	}
	return nil
}

// startServices starts what clients rely on.
func (m *Main) startServices(g *errgroup.Group, ctx context.Context) {
	g.Go(func() error { return named("registry", m.registry.Run(ctx)) })
	g.Go(func() error { return named("sign-in", m.login.Run(ctx)) })
	g.Go(func() error { return named("reaper", m.log.Reap(ctx)) })
	if m.services.Enforcer {
		g.Go(func() error { return named("enforcer", m.runEnforcer(ctx)) })
	}
	m.startApprovals(g, ctx)
	m.startNotify(g, ctx)
	if m.read != nil {
		m.read.start(g, ctx)
	}
}

func (m *Main) runEnforcer(ctx context.Context) error {
	if err := m.registry.Ready(ctx); err != nil {
		return err
	}
	e, err := enforcer.New(enforcer.Config{
		Log: m.log, Resources: m.registry, Catalogues: enforcer.AskCatalogues(m.log), Logger: m.logger, Now: time.Now,
		Grants: m.grants, Shell: m.config.Limits.CommandLine.Enforcer(),
	})
	if err != nil {
		return err
	}
	stop, err := e.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	close(m.judging)
	<-ctx.Done()
	return nil
}

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// serve lets clients in, once what they rely on is there.
func (m *Main) serve(ctx context.Context, g *errgroup.Group) error {
	if err := m.registry.Ready(ctx); err != nil {
		return err
	}
	if err := m.applyFiles(ctx); err != nil {
		return err
	}
	if m.services.Enforcer {
		select {
		case <-m.judging:
		case <-ctx.Done():
			return nil
		}
	}
	if m.services.Approvals {
		select {
		case <-m.approvals.Answering():
		case <-ctx.Done():
			return nil
		}
	}
	if m.services.Gateway {
		if err := m.startGateway(ctx, g); err != nil {
			return err
		}
	}
	if m.read != nil {
		if err := m.startWeb(ctx, g); err != nil {
			return err
		}
	}
	if err := m.log.Healthy(ctx); err != nil {
		return fmt.Errorf("the log: %w", err)
	}
	m.serving.Store(true)
	close(m.ready)
	m.logger.Info("ready", "web", m.Address("web"), "postgres", m.Address("postgres"), "ssh", m.Address("ssh"), "version", m.version)
	return nil
}

// applyFiles applies the files that the configuration names.
func (m *Main) applyFiles(ctx context.Context) error {
	files, err := m.config.Files()
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read resources: %w", err)
		}
		changes, err := m.applier.Apply(ctx, "system", file, data)
		if err != nil {
			return err
		}
		for _, c := range changes {
			m.logger.Info("resource", "kind", c.Kind, "name", c.Name, "change", c.Change)
		}
	}
	return nil
}

// close closes what open opened.
func (m *Main) close() error {
	var errs []error
	for _, l := range m.listeners {
		_ = l.Close() // those that were served are closed already
	}
	if m.read != nil {
		errs = append(errs, m.read.close())
	}
	if m.log != nil {
		errs = append(errs, m.log.Close())
	}
	return errors.Join(errs...)
}
