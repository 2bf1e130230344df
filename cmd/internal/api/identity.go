package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// csrfHeader is set by the app on whatever changes something; another site's page cannot set it.
const csrfHeader = "X-Sallyport"

// What a token may be used for, besides the protocols.
const (
	protocolAPI    = "api"    // bearer
	protocolWeb    = "web"    // browser session
	protocolSignIn = "signin" // once, to start a browser session
)

// Identity is who sends a request.
type Identity struct {
	Principal     *schemas.Principal
	Run           *schemas.Run
	Administrator bool                  // came through the socket in the data directory
	Targets       []string              // empty: every target that roles allow
	Token         *schemas.TokenCreated // that proved it; nil: the administrator
}

type identityKey struct{}

// Who returns the identity of a request that has passed authenticate.
func Who(ctx context.Context) *Identity {
	id, _ := ctx.Value(identityKey{}).(*Identity)
	return id
}

// NameAdministrator is what the administrator is called on the log: nobody in particular.
const NameAdministrator = "administrator"

// Administrator returns a context whose requests come from the administrator.
func Administrator(ctx context.Context) context.Context {
	return context.WithValue(ctx, identityKey{}, &Identity{
		Principal:     &schemas.Principal{Name: NameAdministrator, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER},
		Administrator: true,
	})
}

// authenticate lets a request pass with an identity, or answers 401.
func (a *API) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Who presents a token at the administrator's socket acts as whom it proves.
		if Who(r.Context()) != nil && r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
			return
		}
		id, err := a.identify(r)
		if err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, id)))
	})
}

func (a *API) identify(r *http.Request) (*Identity, error) {
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return a.identity(secret, protocolAPI)
	}
	cookie := a.cookie(r, cookieSession)
	if cookie == "" {
		if t, err := a.byCertificate(r); t != nil || err != nil {
			if err != nil {
				return nil, err
			}
			// Browsers send certificates by themselves, as they send cookies.
			return &Identity{Principal: t.Principal, Run: t.Run, Targets: t.Targets, Token: t}, sameSite(r)
		}
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "not signed in"}
	}
	if err := sameSite(r); err != nil {
		return nil, err
	}
	return a.identity(cookie, protocolWeb)
}

func (a *API) identity(secret, protocol string) (*Identity, error) {
	t, err := a.login.Bearer(secret, protocol)
	if err != nil {
		return nil, err
	}
	return &Identity{Principal: t.Principal, Run: t.Run, Targets: t.Targets, Token: t}, nil
}

// sameSite refuses what another site made a browser send. The cookie is SameSite=Strict; this
// holds for browsers that ignore it, too.
func sameSite(r *http.Request) error {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !safe && subtle.ConstantTimeCompare([]byte(r.Header.Get(csrfHeader)), []byte("1")) != 1 {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "the header " + csrfHeader + " is missing"}
	}
	if foreign(r) {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "requests from other sites are refused"}
	}
	return nil
}
