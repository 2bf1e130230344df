package api

import (
	"net/http"
	"slices"
	"time"

	"sallyport/ingress/login/local"
	"sallyport/ingress/login/oidc"
	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/ingress/login/saml"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// Entrances is by what people and machines come in.
type Entrances struct {
	OIDC      []*oidc.Provider // in the order of the sign-in page
	SAML      []*saml.Provider // after them
	Workloads *oidc.Workloads
	Local     *local.Users
	Passwords bool // local users may sign in with them
	Passkeys  Passkeys
	Once      *once.Ledger
	PerSource *pace.Pace // sign-ins of an address
	PerUser   *pace.Pace // passwords tried for a user

	Session time.Duration // most that a browser session lasts
	Refresh time.Duration // between questions to the provider
	Relogin time.Duration // most that one lasts whose provider cannot be asked
	Token   time.Duration // life of what `sallyport login` gets
}

// Methods of sign-ins, as facts have them.
const (
	methodToken    = "token"
	methodCode     = "code"
	methodOIDC     = "oidc"
	methodSAML     = "saml"
	methodPassword = "password"
	methodRefresh  = "refresh"
	methodWorkload = "workload"
	methodLogin    = "login"  // a terminal, by a browser on its machine
	methodDevice   = "device" // a terminal, by a browser elsewhere
)

// mountEntrances adds what must be reachable without being signed in.
func (a *API) mountEntrances(front *http.ServeMux) {
	for pattern, handler := range map[string]http.HandlerFunc{
		"POST /api/v1/signin":                           a.paced(a.signIn),
		"POST /api/v1/signin/refresh":                   a.refresh,
		"GET /api/v1/identity/providers":                a.providers,
		"GET /api/v1/identity/oidc/{provider}/start":    a.oidcStart,
		"GET /api/v1/identity/oidc/{provider}/callback": a.oidcCallback,
		"POST /api/v1/identity/password":                a.paced(a.password),
		"POST /api/v1/identity/passkey/ask":             a.paced(a.handle(a.askEntrance)),
		"POST /api/v1/identity/passkey":                 a.paced(a.handle(a.byPasskey)),
		"GET /api/v1/identity/saml/{provider}/metadata": a.samlMetadata,
		"GET /api/v1/identity/saml/{provider}/start":    a.samlStart,
		"POST /api/v1/identity/saml/{provider}/acs":     a.samlACS,
		"GET /api/v1/identity/saml/{provider}/finish":   a.samlFinish,
		"POST /api/v1/identity/token":                   a.token,
		"POST /api/v1/identity/device":                  a.paced(a.askDevice),
	} {
		front.HandleFunc(pattern, handler)
	}
}

// paced refuses an address that tries too often. What is refused so is not judged, and so is no
// failure on the log: that would let anybody fill it.
func (a *API) paced(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.pace(r); err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
		next(w, r)
	}
}

func (a *API) pace(r *http.Request) error {
	if Who(r.Context()) != nil || a.in.PerSource.Allow(pace.Address(r.RemoteAddr)) {
		return nil // the administrator's socket has no address
	}
	return tooOften()
}

func tooOften() error {
	return &schemas.Error{Code: schemas.CodeLimit, Message: "too many sign-ins were tried", Hint: "wait a minute"}
}

// providerListed is one way to sign in.
type providerListed struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Kind  string `json:"kind"`
	Start string `json:"start"` // path that begins it
}

// providers answers how one may sign in.
func (a *API) providers(w http.ResponseWriter, _ *http.Request) {
	out := []providerListed{}
	for _, p := range a.in.OIDC {
		out = append(out, providerListed{Name: p.Name(), Title: p.Title(), Kind: methodOIDC, Start: "/api/v1/identity/oidc/" + p.Name() + "/start"})
	}
	for _, p := range a.in.SAML {
		out = append(out, providerListed{Name: p.Name(), Title: p.Title(), Kind: methodSAML, Start: "/api/v1/identity/saml/" + p.Name() + "/start"})
	}
	reply(w, a.logger, map[string]any{
		"providers": out, "passwords": a.in.Passwords && len(a.registry.Snapshot().Users()) > 0, "passkeys": a.passkeysAt(),
	})
}

// passkeysAt is where, as an origin, users of this gateway may sign in with passkeys; empty: nowhere, or nobody has one.
func (a *API) passkeysAt() string {
	now := a.registry.Snapshot()
	has := func(u *schemas.UserPut) bool { return len(now.Passkeys(u.Name)) > 0 }
	if a.in.Passkeys.Keys == nil || !a.in.Passkeys.SignIn || !slices.ContainsFunc(now.Users(), has) {
		return ""
	}
	return a.in.Passkeys.Keys.Origin()
}
