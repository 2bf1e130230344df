package api

import (
	"context"
	"net/http"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/problem"
	"sallyport/schemas/registry"
)

// What people can be made to step up for.
const (
	guardResources = "resources" // applying and deleting them
	guardUsers     = "users"     // making, changing and removing users, and removing others' passkeys
	guardTokens    = "tokens"    // making them for others
	guardReveal    = "reveal"    // values that masks conceal
	guardKill      = "kill"      // ending sessions
)

// Guards are the names of what people can be made to step up for.
func Guards() []string {
	return []string{guardResources, guardUsers, guardTokens, guardReveal, guardKill}
}

// Guard asks people for more than a permission: to have proved a passkey not long ago. It is asked after the
// permission was, so that who may not do a thing is refused, whatever they prove.
type Guard struct {
	Required  map[string]bool // see Guards
	Life      time.Duration   // of having proved a passkey
	Registry  *registry.Registry
	PublicURL func() string // of the web app, without a slash at its end
	Now       func() time.Time
}

// Check returns nil if the sender of a request need not step up for something, or has.
func (g *Guard) Check(ctx context.Context, what string) error {
	if !g.Required[what] || Who(ctx).Administrator {
		return nil
	}
	return g.proven(ctx, 0)
}

// Reveal and Kill are Check for what other services do.
func (g *Guard) Reveal(ctx context.Context) error { return g.Check(ctx, guardReveal) }
func (g *Guard) Kill(ctx context.Context) error   { return g.Check(ctx, guardKill) }

// proven returns nil if the sender has proved a passkey not long ago, or not much longer than that.
func (g *Guard) proven(ctx context.Context, grace time.Duration) error {
	id := Who(ctx)
	if id.Token != nil && g.Registry.Snapshot().Proved(schemas.TokenID(id.Token.Id), g.Now(), g.Life+grace) {
		return nil
	}
	if !atBrowser(id) {
		return &schemas.Error{Code: schemas.CodeStepUp, Message: "this needs you to prove with a passkey that it is you, which a token cannot", Hint: "do it in the web app, at " + g.PublicURL()}
	}
	return &schemas.Error{Code: schemas.CodeStepUp, Message: "this needs you to prove with a passkey that it is you"}
}

// guarded lets through who need not step up for something, or has. Looking what would change needs nothing.
func (a *API) guarded(what string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if what != guardResources || r.URL.Query().Get("dry_run") != "true" {
			if err := a.guard.Check(r.Context(), what); err != nil {
				problem.Write(w, r, a.logger, err)
				return
			}
		}
		next(w, r)
	}
}
