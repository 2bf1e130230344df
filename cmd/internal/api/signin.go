package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"sallyport/ingress/login/once"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// signIn trades a token, or a one-time code, for a browser session. A code is used up.
func (a *API) signIn(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"token"`
	}
	err := fromApp(r)
	if err == nil {
		err = decode(w, r, &in)
	}
	if err == nil {
		err = a.byToken(w, r, in.Token)
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) byToken(w http.ResponseWriter, r *http.Request, secret string) error {
	method := methodToken
	t, err := a.login.Bearer(secret, protocolWeb)
	if err != nil {
		method = methodCode
		if t, err = a.login.Bearer(secret, protocolSignIn); err != nil {
			return a.turnedAway(r, "", "", methodToken, err)
		}
	}
	in := arrival{
		principal: t.Principal, run: t.Run, targets: t.Targets, provider: t.Provider, method: method, with: t,
		life: min(a.in.Session, time.Unix(0, t.Expires).Sub(a.now())),
	}
	if method == methodCode {
		in.life = a.in.Session
		if err := a.spend(r, t); err != nil {
			return err
		}
	}
	return a.enter(w, r, in)
}

// spend uses a one-time code up; of several who present it at once, one succeeds.
func (a *API) spend(r *http.Request, t *schemas.TokenCreated) error {
	err := a.in.Once.Use(r.Context(), "link", t.Id, time.Unix(0, t.Expires).Sub(a.now()))
	if errors.Is(err, once.ErrUsed) {
		used := &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the one-time code was used before"}
		return a.turnedAway(r, t.Principal.GetName(), "", methodCode, used)
	}
	if err != nil {
		return unavailable(err)
	}
	return a.endToken(r, t.Principal.GetName(), t.Id)
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

// asError finds the error that a user sees, with its cause.
func asError(err error) (*schemas.Error, bool) { return errors.AsType[*schemas.Error](err) }

// clip makes text fit to be kept: printable, and of at most n bytes.
func clip(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}

func unavailable(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the log does not take writes, so nothing was done", Hint: "try again", Err: err}
}

// signOut ends the browser session.
func (a *API) signOut(w http.ResponseWriter, r *http.Request) {
	if id := Who(r.Context()); !id.Administrator {
		err := a.forget(w, r)
		if err == nil {
			err = a.endToken(r, id.Principal.Name, id.Principal.TokenId)
		}
		if err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
	}
	a.dropCookie(w, r, cookieSession)
	w.WriteHeader(http.StatusNoContent)
}

// me says who is asking.
func (a *API) me(w http.ResponseWriter, r *http.Request) {
	id := Who(r.Context())
	p := id.Principal
	admin := a.access.Authorize(r.Context(), "admin", "") == nil // a hint for what to offer; each request is judged by itself
	out := map[string]any{"name": p.Name, "kind": kindName(p.Kind), "groups": append([]string{}, p.Groups...), "admin": admin}
	if t := id.Token; t != nil {
		out["expires"], out["provider"], out["method"] = time.Unix(0, t.Expires).UTC(), t.Provider, t.Method
		a.meProven(out, t)
	}
	reply(w, a.logger, out)
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
