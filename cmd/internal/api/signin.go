package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// browserLife is how long a browser session lasts at most; it never outlives the token that began it.
const browserLife = 12 * time.Hour

// signIn trades a token, or a one-time code, for a browser session. A code is used up.
func (a *API) signIn(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"token"`
	}
	if err := decode(w, r, &in); err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	secret, life, err := a.beginBrowser(r, in.Token)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) beginBrowser(r *http.Request, secret string) (string, time.Duration, error) {
	a.signInMu.Lock() // so that a code serves once
	defer a.signInMu.Unlock()
	t, err := a.login.Bearer(secret, protocolWeb)
	once := err != nil
	if once {
		if t, err = a.login.Bearer(secret, protocolSignIn); err != nil {
			return "", 0, a.signInFailed(r, err)
		}
	}
	life := browserLife
	if !once {
		life = min(life, time.Unix(0, t.Expires).Sub(a.now()))
	}
	cookie, fact, err := login.Mint(login.Spec{
		Principal: t.Principal, Run: t.Run, Targets: t.Targets, TTL: life, Protocols: []string{protocolWeb},
		With: t, Starter: a.starter(t),
	}, a.now())
	if err != nil {
		return "", 0, err
	}
	by := t.Principal.Name
	if once {
		if err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_TokenRevoked{
			TokenRevoked: &schemas.TokenRevoked{Id: t.Id},
		}}); err != nil {
			return "", 0, unavailable(err)
		}
	}
	if err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}}); err != nil {
		return "", 0, unavailable(err)
	}
	return cookie, life, a.recordSignIn(r, &schemas.SignIn{Principal: t.Principal, Succeeded: true})
}

// signInFailed records a failure and returns what the person is told.
func (a *API) signInFailed(r *http.Request, cause error) error {
	if err := a.recordSignIn(r, &schemas.SignIn{Reason: schemas.Shown(cause).Message}); err != nil {
		return err
	}
	return cause
}

func (a *API) recordSignIn(r *http.Request, s *schemas.SignIn) error {
	s.Protocol, s.Address = protocolWeb, r.RemoteAddr
	if err := (SignIns{Log: a.log}).SignedIn(r.Context(), s); err != nil {
		return unavailable(err)
	}
	return nil
}

// SignIns puts sign-ins, and failures to, on the log.
type SignIns struct{ Log *journal.Log }

// SignedIn records one.
func (s SignIns) SignedIn(ctx context.Context, in *schemas.SignIn) error {
	who := in.GetPrincipal().GetName()
	_, err := s.Log.AppendControl(ctx, schemas.AreaSignIn, who, &schemas.Control{By: who, Kind: &schemas.Control_SignIn{SignIn: in}}, nil)
	return err
}

func unavailable(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the log does not take writes, so nothing was done", Hint: "try again", Err: err}
}

// signOut ends the browser session.
func (a *API) signOut(w http.ResponseWriter, r *http.Request) {
	if id := Who(r.Context()); !id.Administrator {
		err := a.registry.Append(r.Context(), &schemas.Control{By: id.Principal.Name, Kind: &schemas.Control_TokenRevoked{
			TokenRevoked: &schemas.TokenRevoked{Id: id.Principal.TokenId},
		}})
		if err != nil {
			problem.Write(w, r, a.logger, unavailable(err))
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
	w.WriteHeader(http.StatusNoContent)
}

// me says who is asking.
func (a *API) me(w http.ResponseWriter, r *http.Request) {
	p := Who(r.Context()).Principal
	admin := a.access.Authorize(r.Context(), "admin", "") == nil // a hint for what to offer; each request is judged by itself
	reply(w, a.logger, map[string]any{"name": p.Name, "kind": kindName(p.Kind), "groups": append([]string{}, p.Groups...), "admin": admin})
}

func kindName(k schemas.PrincipalKind) string {
	if k == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		return "agent"
	}
	return "user"
}

// maxBody bounds what a request may send, in bytes.
const maxBody = 4 << 20

func decode(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "the request's body is not what this takes: " + err.Error()}
	}
	return nil
}
