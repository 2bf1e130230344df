// Package api is the HTTP surface of the server: who is asking, what everybody may ask, and the
// administration of resources and tokens. What the replay and search services answer is mounted
// beside it, behind the same authentication.
package api

import (
	"log/slog"
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
	"sallyport/schemas/registry"
)

// Config is what New needs.
type Config struct {
	Log          *journal.Log
	Registry     *registry.Registry
	Login        *login.Service
	Access       *Access
	Guard        *Guard
	Applier      Applier
	Entrances    Entrances
	Runs         Runs
	Certificates CertificateSigner
	PublicURL    string                      // of the web app, without a slash at its end
	MaxTTL       time.Duration               // longest life of a token
	Ready        func(r *http.Request) error // nil: the process serves
	Public       func(*http.ServeMux)        // adds what is asked without signing in
	Metrics      http.Handler
	App          http.Handler // the browser app
	Logger       *slog.Logger
	Now          func() time.Time
}

// API answers HTTP requests.
type API struct {
	log          *journal.Log
	registry     *registry.Registry
	login        *login.Service
	access       *Access
	guard        *Guard
	applier      Applier
	publicURL    string
	maxTTL       time.Duration
	runs         Runs
	certificates CertificateSigner
	logger       *slog.Logger
	now          func() time.Time
	in           Entrances
}

// New returns the handler of everything. mount adds the routes of other services to the mux that
// stands behind authentication; their paths begin with /api/v1/.
func New(c Config, mount func(*http.ServeMux)) http.Handler {
	a := &API{
		log: c.Log, registry: c.Registry, login: c.Login, access: c.Access, guard: c.Guard, applier: c.Applier,
		publicURL: c.PublicURL, maxTTL: c.MaxTTL, logger: c.Logger, now: c.Now, in: c.Entrances,
		runs: c.Runs, certificates: c.Certificates,
	}
	behind := http.NewServeMux()
	mount(behind)
	behind.HandleFunc("GET /api/v1/me", a.me)
	behind.HandleFunc("POST /api/v1/signout", a.signOut)
	behind.HandleFunc("POST /api/v1/identity/authorize", a.authorize)
	behind.HandleFunc("GET /api/v1/identity/device/{code}", a.seeDevice)
	behind.HandleFunc("POST /api/v1/identity/device/{code}", a.decideDevice)
	a.mountConsole(behind)
	a.mountPasskeys(behind)
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /api/v1/resources/{kind}":           a.listResources,
		"GET /api/v1/resources/{kind}/{name}":    a.getResource,
		"PUT /api/v1/resources/{kind}/{name}":    a.guarded(guardResources, a.putResource),
		"DELETE /api/v1/resources/{kind}/{name}": a.guarded(guardResources, a.deleteResource),
		"POST /api/v1/apply":                     a.guarded(guardResources, a.apply),
		"GET /api/v1/users":                      a.listUsers,
		"POST /api/v1/users":                     a.guarded(guardUsers, a.putUser),
		"DELETE /api/v1/users/{name}":            a.guarded(guardUsers, a.removeUser),
	} {
		behind.Handle(pattern, a.admin(handler))
	}
	a.mountTokens(behind)
	behind.HandleFunc("POST /api/v1/runs", a.handle(a.createRun))
	behind.HandleFunc("GET /api/v1/access/explain", a.handle(a.explain))
	behind.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, a.logger, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is nothing at " + r.URL.Path})
	})

	front := http.NewServeMux()
	front.Handle("/api/", a.authenticate(behind))
	a.mountEntrances(front)
	front.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	front.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := c.Ready(r); err != nil {
			problem.Write(w, r, a.logger, &schemas.Error{Code: schemas.CodeUnavailable, Message: "not ready: " + err.Error()})
		}
	})
	front.Handle("GET /metrics", c.Metrics)
	if c.Public != nil {
		c.Public(front)
	}
	front.Handle("/", c.App)
	return a.hardened(front)
}

// admin lets administrators pass. The permission is asked for on the target "", which only a role
// for every target covers.
func (a *API) admin(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.access.Authorize(r.Context(), "admin", ""); err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
		next(w, r)
	})
}
