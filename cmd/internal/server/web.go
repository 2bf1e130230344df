package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/certs"
	"sallyport/replay/web"
)

// Deadlines of HTTP. Answers have none: they may be streams.
const (
	headerDeadline = 10 * time.Second
	idleDeadline   = 2 * time.Minute
	goodbye        = 3 * time.Second // for requests under way when the process ends
)

// startWeb serves the API and the browser app at the web address and, for the administrator, at
// the socket in the data directory.
func (m *Main) startWeb(ctx context.Context, g *errgroup.Group) error {
	entrances, err := m.entrances(ctx)
	if err != nil {
		return err
	}
	runs, err := m.runs()
	if err != nil {
		return err
	}
	clients, err := certs.OpenClients(certs.Config{Dir: m.config.TLSDir(), Now: time.Now})
	if err != nil {
		return err
	}
	handler := api.New(api.Config{
		Certificates: clients,
		Log:          m.log, Registry: m.registry, Login: m.login, Access: m.access, Guard: m.guard, Applier: m.applier, Entrances: entrances,
		Runs:      runs,
		PublicURL: m.publicURL(), MaxTTL: m.config.Limits.TokenTTL, Logger: m.logger, Now: time.Now,
		Ready: m.readiness, Metrics: m.metrics(), Public: m.mountPublic, App: web.Handler(),
	}, m.mount)
	socket, err := m.listenSocket()
	if err != nil {
		return err
	}
	m.serveHTTP(ctx, g, socket, &http.Server{
		Handler:     withProfiles(handler),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return api.Administrator(ctx) },
	})
	l, ok := m.listeners["web"]
	if !ok {
		return nil
	}
	if m.secured(l.Addr()) {
		cert, err := m.certificate("web")
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequestClientCert, ClientCAs: m.welcome(clients.Pool())})
	}
	m.serveHTTP(ctx, g, l, &http.Server{Handler: handler})
	return nil
}

// withProfiles adds Go's profiles, for the administrator alone.
func withProfiles(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// mount adds what the services of this process answer.
func (m *Main) mount(mux *http.ServeMux) {
	m.read.mount(mux)
	m.mountSSH(mux)
	if m.approvals != nil {
		m.approvals.Mount(mux)
		m.mountNotify(mux)
	}
	m.mountHealth(mux)
}

// mount adds what the read side answers.
func (r *readSide) mount(mux *http.ServeMux) {
	if r.replay != nil {
		r.replay.Mount(mux)
	}
	if r.search != nil {
		mux.Handle("GET /api/v1/search", http.StripPrefix("/api/v1", r.search.Handler()))
		mux.Handle("GET /api/v1/search/suggest", http.StripPrefix("/api/v1", r.search.Handler()))
	}
}

func (m *Main) serveHTTP(ctx context.Context, g *errgroup.Group, l net.Listener, s *http.Server) {
	s.ReadHeaderTimeout, s.IdleTimeout = headerDeadline, idleDeadline
	// Streams (live views, followed events) end with the process.
	streams, end := context.WithCancel(context.WithoutCancel(ctx))
	s.BaseContext = func(net.Listener) context.Context { return streams }
	g.Go(func() error {
		<-ctx.Done()
		end()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if s.Shutdown(closing) != nil {
			_ = s.Close() // some took longer than they were given
		}
		return nil
	})
	g.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("web: %w", err)
		}
		return nil
	})
}

// listenSocket listens where whoever may read the data directory is the administrator.
func (m *Main) listenSocket() (net.Listener, error) {
	path := m.config.Socket()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the administrator's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the administrator's socket: %w", err), l.Close())
	}
	return l, nil
}

func (m *Main) readiness(r *http.Request) error {
	if !m.serving.Load() {
		return errors.New("starting")
	}
	return m.log.Healthy(r.Context())
}

// publicURL is where browsers find the app.
func (m *Main) publicURL() string {
	if m.config.PublicURL != "" {
		return m.config.PublicURL
	}
	l, ok := m.listeners["web"]
	if !ok {
		return ""
	}
	if m.secured(l.Addr()) {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// secured reports whether the web listener speaks TLS.
func (m *Main) secured(a net.Addr) bool { return m.config.TLS.Loopback || !loopback(a) }

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
