package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/certs"
	"sallyport/ingress/credential"
	"sallyport/ingress/postgres"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/resources"
)

// startGateway takes a lease and serves the protocols that listen.
func (m *Main) startGateway(ctx context.Context, g *errgroup.Group) error {
	keys, err := m.keys()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "gateway"
	}
	external, err := m.external()
	if err != nil {
		return err
	}
	lease, err := m.log.Lease(ctx, host)
	if err != nil {
		return fmt.Errorf("take a lease: %w", err)
	}
	gateway, err := session.New(session.Config{
		Log: m.log, Lease: lease, Targets: declared{m}, DigestKey: keys.digest, MaskKey: keys.mask, Concealer: keys.conceal, External: external,
		Revision: func() schemas.Revision { return m.registry.Snapshot().Revision },
		Logger:   m.logger, Now: time.Now,
		AnswerTimeout: m.config.Limits.Verdict, CommitTimeout: m.config.Limits.Acknowledge, Progress: m.config.Limits.Progress,
		Held: m.config.Limits.Held, HeldPerSession: m.config.Limits.HeldPerSession, HoldNotice: m.config.Limits.HoldNotice, EstimateTime: m.config.Limits.Estimate,
		Regranted: m.registry.Regranted, GrantWarning: m.config.Limits.GrantWarning,
	})
	if err != nil {
		return err
	}
	g.Go(func() error {
		select {
		case <-lease.Lost():
			if ctx.Err() == nil {
				return fmt.Errorf("the gateway's lease was lost: %w", journal.ErrLease)
			}
		case <-ctx.Done():
		}
		return nil
	})
	var serving sync.WaitGroup
	for _, start := range []func() (func(context.Context) error, error){
		func() (func(context.Context) error, error) { return m.postgres(gateway, keys) },
		func() (func(context.Context) error, error) { return m.ssh(ctx, gateway, keys) },
	} {
		serve, err := start()
		if err != nil {
			return err
		}
		serving.Add(1)
		g.Go(func() error {
			defer serving.Done()
			return serve(ctx)
		})
	}
	g.Go(func() error {
		serving.Wait() // every session is closed
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.config.Limits.Acknowledge)
		defer cancel()
		if released := lease.Release(release); released != nil {
			m.logger.Warn("release the lease", "error", released)
		}
		return nil
	})
	return nil
}

// off is the service of a protocol that does not listen.
func off(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// postgres returns what serves PostgreSQL clients until its context is done.
func (m *Main) postgres(gateway *session.Gateway, keys *keys) (func(context.Context) error, error) {
	l, ok := m.listeners["postgres"]
	if !ok {
		return off, nil
	}
	cert, err := m.certificate("postgres")
	if err != nil {
		return nil, err
	}
	limits := m.config.Limits
	server, err := postgres.New(postgres.Config{
		Gateway: gateway, Authenticator: m.login.For(postgres.Protocol), SignIns: api.SignIns{Log: m.log},
		Credentials: credential.New(credential.Config{Sealer: keys.seal}), RequireTLS: true,
		TLS: &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert},
		Limits: postgres.Limits{
			Authentication: limits.Authentication, Dial: limits.Dial, Unauthenticated: limits.Unauthenticated,
			PerAddress: limits.PerAddress, Sessions: limits.Sessions, ClientMessage: limits.Message,
			CataloguePoll: limits.CataloguePoll, CatalogueWait: limits.CatalogueWait, MaskedRow: limits.MaskedRow, Estimates: limits.Estimates,
		},
		Logger: m.logger,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return named("postgres", server.Serve(ctx, l)) }, nil
}

// keys are this data directory's.
type keys struct {
	digest  []byte
	seal    *credential.Sealer
	mask    []byte
	conceal *credential.Concealer
}

func (m *Main) keys() (*keys, error) {
	digest, err := credential.LoadKey(m.config.KeyFile("digest"))
	if err != nil {
		return nil, err
	}
	seal, err := credential.LoadKey(m.config.KeyFile("seal"))
	if err != nil {
		return nil, err
	}
	sealer, err := credential.NewSealer(seal)
	if err != nil {
		return nil, err
	}
	k := &keys{digest: digest, seal: sealer}
	return k, m.maskKeys(k)
}

// certificate returns what clients of a service see.
func (m *Main) certificate(service string) (*tls.Certificate, error) {
	c := certs.Config{Dir: m.config.TLSDir(), Cert: m.config.TLS.Cert, Key: m.config.TLS.Key, Now: time.Now}
	if l, ok := m.listeners[service]; ok {
		if host, _, err := net.SplitHostPort(l.Addr().String()); err == nil && !net.ParseIP(host).IsUnspecified() {
			c.Hosts = append(c.Hosts, host)
		}
	}
	return certs.Load(c)
}

// declared finds targets in what is declared now.
type declared struct{ m *Main }

func (d declared) Target(name string) (*resources.Resource, bool) {
	return d.m.registry.Snapshot().Target(name)
}
