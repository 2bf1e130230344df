package api

import (
	"context"
	"errors"
	"net/http"

	"sallyport/ingress/login/local"
	"sallyport/ingress/login/passkey"
	"sallyport/schemas"
)

// Methods of proofs, as facts of sign-ins have them.
const (
	methodPasskey = "passkey" // signing in with one
	methodStepUp  = "step_up" // confirming with one
	methodEnrol   = "enrol"   // a new one; failures alone: what was enrolled is a fact of its own
)

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
			p.Barred = !p.Suspect
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
