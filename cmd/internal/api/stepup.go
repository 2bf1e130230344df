package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sallyport/ingress/login/local"
	"sallyport/ingress/login/passkey"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// Methods of proofs, as facts of sign-ins have them.
const (
	methodPasskey = "passkey" // signing in with one
	methodStepUp  = "step_up" // confirming with one
	methodEnrol   = "enrol"   // a new one; failures alone: what was enrolled is a fact of its own
)

// What administrators can be made to step up for.
const (
	guardResources = "resources" // applying and deleting them
	guardUsers     = "users"     // making, changing and removing users, and removing others' passkeys
	guardTokens    = "tokens"    // making them for others
	guardReveal    = "reveal"    // values that masks conceal
	guardKill      = "kill"      // ending sessions
)

// Guards are the names of what administrators can be made to step up for.
func Guards() []string {
	return []string{guardResources, guardUsers, guardTokens, guardReveal, guardKill}
}

// guarded are the routes that belong to a guard as a whole. Others are guarded where more is known.
var guarded = map[string]string{
	"PUT /api/v1/resources/{kind}/{name}":    guardResources,
	"DELETE /api/v1/resources/{kind}/{name}": guardResources,
	"POST /api/v1/apply":                     guardResources,
	"POST /api/v1/users":                     guardUsers,
	"DELETE /api/v1/users/{name}":            guardUsers,
	"POST /api/v1/sessions/{id}/reveal":      guardReveal,
	"POST /api/v1/sessions/{id}/kill":        guardKill,
}

// guardedBy stands before a mux, and refuses who must step up for a route and has not.
func (a *API) guardedBy(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if what, ok := guarded[pattern]; ok && !(what == guardResources && r.URL.Query().Get("dry_run") == "true") {
			if err := a.guard(r.Context(), what); err != nil {
				problem.Write(w, r, a.logger, err)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// guard returns nil if the sender need not step up for something, or has.
func (a *API) guard(ctx context.Context, what string) error {
	if !a.in.Passkeys.Required[what] || Who(ctx).Administrator {
		return nil
	}
	return a.proven(ctx, 0)
}

// proven returns nil if the sender has proved a passkey not long ago, or not much longer than that.
func (a *API) proven(ctx context.Context, grace time.Duration) error {
	id := Who(ctx)
	if id.Token != nil && a.registry.Snapshot().Proved(schemas.TokenID(id.Token.Id), a.now(), a.in.Passkeys.Life+grace) {
		return nil
	}
	if !atBrowser(id) {
		return &schemas.Error{Code: schemas.CodeStepUp, Message: "this needs you to prove with a passkey that it is you, which a token cannot", Hint: "do it in the web app, at " + a.publicURL}
	}
	return &schemas.Error{Code: schemas.CodeStepUp, Message: "this needs you to prove with a passkey that it is you"}
}

// askStepUp asks the person at the browser to prove that it is them.
func (a *API) askStepUp(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	who, err := a.holder(r.Context())
	if err != nil {
		return err
	}
	asked, err := keys.Prove(who)
	if err != nil {
		return err
	}
	a.ask(w, r, cookieProof, keys, asked)
	return nil
}

// stepUp judges the answer. The browser session is stepped up by it, and nothing else: neither terminals that it
// signed in nor tokens that it made.
func (a *API) stepUp(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	who, err := a.holder(r.Context())
	if err != nil {
		return err
	}
	if !a.in.PerUser.Allow("passkey " + who.User) {
		return tooOften()
	}
	in, state, err := a.answered(w, r, cookieProof)
	if err != nil {
		return err
	}
	put, err := keys.Proved(r.Context(), who, state, in.Answer)
	if err = a.usePasskey(r.Context(), put, err); err != nil {
		return a.unproven(r, methodStepUp, err)
	}
	err = a.registry.Append(r.Context(), &schemas.Control{By: who.User, Kind: &schemas.Control_TokenSteppedUp{
		TokenSteppedUp: &schemas.TokenSteppedUp{Id: string(who.Session), User: who.User, Passkey: put.Id, At: a.now().UnixNano()},
	}})
	if err != nil {
		return unavailable(err)
	}
	t := Who(r.Context()).Token
	if err := a.recordSignIn(r, &schemas.SignIn{Principal: t.Principal, Succeeded: true, Provider: t.Provider, Method: methodStepUp}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// usePasskey puts on the log that a passkey was used, or is suspect from now on, and returns judged or what
// came between.
func (a *API) usePasskey(ctx context.Context, put *schemas.PasskeyPut, judged error) error {
	if put == nil {
		return judged
	}
	err := a.amendPasskey(ctx, put.User, put.Id, func(p *schemas.PasskeyPut) error {
		switch {
		case put.Suspect:
			p.Suspect = true
		case p.Suspect, p.SignCount != 0 && put.SignCount <= p.SignCount: // used elsewhere at the same moment
			return &schemas.Error{Code: schemas.CodeForbidden, Message: "the passkey was used elsewhere at the same moment", Hint: "try again"}
		default:
			p.SignCount, p.Flags, p.Used = put.SignCount, put.Flags, put.Used
		}
		return nil
	})
	if _, told := asError(err); err != nil && !told {
		err = unavailable(err)
	}
	return errors.Join(judged, err)
}

// unproven records that somebody who is signed in did not prove a passkey, and returns why.
func (a *API) unproven(r *http.Request, method string, cause error) error {
	t := Who(r.Context()).Token
	err := a.recordSignIn(r, &schemas.SignIn{Principal: t.Principal, Reason: reason(cause), Provider: t.Provider, Method: method})
	if err != nil {
		return err
	}
	return cause
}

// askEntrance begins a sign-in with a passkey.
func (a *API) askEntrance(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.entranceKeys(r)
	if err != nil {
		return err
	}
	asked, err := keys.Enter()
	if err != nil {
		return err
	}
	a.ask(w, r, cookieEntrance, keys, asked)
	return nil
}

func (a *API) entranceKeys(r *http.Request) (*passkey.Keys, error) {
	if err := fromApp(r); err != nil {
		return nil, err
	}
	if !a.in.Passkeys.SignIn {
		return nil, &schemas.Error{Code: schemas.CodeForbidden, Message: "signing in with passkeys is switched off here"}
	}
	return a.keys()
}

// byPasskey signs a user of this gateway in. Whoever has a provider signs in there: it says in which groups they are.
func (a *API) byPasskey(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.entranceKeys(r)
	if err != nil {
		return err
	}
	in, state, err := a.answered(w, r, cookieEntrance)
	if err != nil {
		return err
	}
	put, err := keys.Entered(r.Context(), state, in.Answer)
	if err = a.usePasskey(r.Context(), put, err); err != nil {
		return a.turnedAway(r, put.GetUser(), local.Provider, methodPasskey, outside(err))
	}
	user, ok := a.registry.Snapshot().User(put.User)
	if !ok {
		return a.turnedAway(r, put.User, local.Provider, methodPasskey, &schemas.Error{Code: schemas.CodeUnauthenticated,
			Message: "you sign in with your provider, and confirm with a passkey after that"})
	}
	err = a.enter(w, r, arrival{principal: local.Principal(user), provider: local.Provider, method: methodPasskey, life: a.in.Session, steppedUp: a.now()})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// outside is a refusal of somebody who is not signed in.
func outside(err error) error {
	e, ok := asError(err)
	if !ok || e.Code != schemas.CodeForbidden {
		return err
	}
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: e.Message, Hint: e.Hint, Err: e.Err}
}
