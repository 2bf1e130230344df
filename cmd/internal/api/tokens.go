package api

import (
	"context"
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// NewToken is the request to make a token. User or Agent says for whom; without both it is for whoever asks.
type NewToken struct {
	User          string            `json:"user,omitempty"`
	Agent         string            `json:"agent,omitempty"`
	Groups        []string          `json:"groups,omitempty"`
	TTL           string            `json:"ttl,omitempty"` // as Go writes durations; default 1h
	Targets       []string          `json:"targets,omitempty"`
	Protocols     []string          `json:"protocols,omitempty"`
	RunPrompt     *string           `json:"run_prompt,omitempty"` // agents: opens a run that began with this prompt
	RunModel      string            `json:"run_model,omitempty"`
	RunParent     string            `json:"run_parent,omitempty"`  // id of the run that started it
	Traceparent   string            `json:"traceparent,omitempty"` // of the run
	RunAttributes map[string]string `json:"run_attributes,omitempty"`
	SignIn        bool              `json:"sign_in,omitempty"` // a one-time code for the browser instead of a token
}

// TokenMade answers NewToken. Token is shown this once.
type TokenMade struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Run     string    `json:"run,omitempty"`
	Link    string    `json:"link,omitempty"` // sign_in: where the browser goes
}

// TokenListed is a token without its secret.
type TokenListed struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	Kind      string    `json:"kind"`
	Groups    []string  `json:"groups"`
	Expires   time.Time `json:"expires"`
	Run       string    `json:"run,omitempty"`
	Targets   []string  `json:"targets,omitempty"`
	Protocols []string  `json:"protocols,omitempty"`
	Serial    string    `json:"serial,omitempty"` // of a client certificate
	MadeBy    string    `json:"made_by"`
	MadeWith  string    `json:"made_with,omitempty"` // id of the token that it was made with
}

const defaultTTL = time.Hour

// mountTokens adds what everybody may do with their own tokens, and administrators with all.
func (a *API) mountTokens(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/tokens", a.handle(a.listTokens))
	mux.HandleFunc("POST /api/v1/tokens", a.handle(a.createToken))
	mux.HandleFunc("POST /api/v1/certificates", a.handle(a.createCertificate))
	mux.HandleFunc("DELETE /api/v1/tokens", a.handle(a.revokeTokens))
	mux.HandleFunc("DELETE /api/v1/tokens/{id}", a.handle(a.revokeToken))
}

// handle answers what f returns as a problem document.
func (a *API) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			problem.Write(w, r, a.logger, err)
		}
	}
}

// administers reports whether the sender of a request may administer the gateway.
func (a *API) administers(ctx context.Context) (bool, error) {
	err := a.access.Authorize(ctx, "admin", "")
	if err != nil && schemas.Shown(err).Code != schemas.CodeForbidden {
		return false, err
	}
	return err == nil, nil
}

func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	var in NewToken
	if err := decode(w, r, &in); err != nil {
		return err
	}
	made, err := a.makeToken(r, in)
	if err != nil {
		return err
	}
	reply(w, a.logger, made)
	return nil
}

func (a *API) makeToken(r *http.Request, in NewToken) (*TokenMade, error) {
	spec, err := a.specWithRun(r.Context(), in)
	if err != nil {
		return nil, err
	}
	secret, fact, err := login.Mint(spec, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.issue(r.Context(), fact); err != nil {
		return nil, err
	}
	made := &TokenMade{ID: fact.Id, Token: secret, Expires: time.Unix(0, fact.Expires).UTC(), Run: spec.Run.GetId()}
	if in.SignIn {
		made.Link = a.publicURL + "/signin#code=" + secret
	}
	return made, nil
}

// specWithRun is spec, with the run opened that the request asks for.
func (a *API) specWithRun(ctx context.Context, in NewToken) (login.Spec, error) {
	spec, err := a.spec(ctx, in)
	if err != nil || in.RunPrompt == nil {
		return spec, err
	}
	run := NewRun{Prompt: *in.RunPrompt, Model: in.RunModel, Parent: in.RunParent, Attributes: in.RunAttributes, Traceparent: in.Traceparent}
	spec.Run, err = a.openRun(ctx, spec, run)
	return spec, err
}

// issue puts a token on the log. What was made with a token that was revoked meanwhile is revoked.
func (a *API) issue(ctx context.Context, fact *schemas.TokenCreated) error {
	id := Who(ctx)
	err := a.registry.Append(ctx, &schemas.Control{By: id.Principal.Name, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}})
	if err != nil {
		return unavailable(err)
	}
	if id.Token == nil {
		return nil
	}
	if _, live := a.registry.Snapshot().Token(schemas.TokenID(id.Token.Id)); live {
		return nil
	}
	if err := a.revoke(ctx, fact.Id); err != nil {
		return err
	}
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "your token was revoked"}
}

// listTokens answers the sender's live tokens, an administrator those of everybody.
func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	all, err := a.administers(r.Context())
	if err != nil {
		return err
	}
	out, s := []TokenListed{}, a.registry.Snapshot()
	for _, t := range s.AllTokens() {
		if t.Expires <= a.now().UnixNano() || !all && !owns(Who(r.Context()), t) {
			continue
		}
		l := TokenListed{
			ID: t.Id, Principal: t.Principal.GetName(), Kind: kindName(t.Principal.GetKind()), Groups: append([]string{}, t.Principal.GetGroups()...),
			Expires: time.Unix(0, t.Expires).UTC(), Run: t.Run.GetId(), Targets: t.Targets, Protocols: t.Protocols,
			Serial: t.Serial, MadeBy: s.Maker(schemas.TokenID(t.Id)),
		}
		if n := len(t.Ancestors); n > 0 {
			l.MadeWith = t.Ancestors[n-1]
		}
		out = append(out, l)
	}
	reply(w, a.logger, map[string]any{"tokens": out})
	return nil
}

// owns reports whether a token is the sender's own. A token of a run sees those of that run.
func owns(id *Identity, t *schemas.TokenCreated) bool {
	p := t.GetPrincipal()
	return id.Principal.GetName() == p.GetName() && id.Principal.GetKind() == p.GetKind() &&
		(id.Run == nil || id.Run.Id == t.GetRun().GetId())
}

// revokeToken ends a token, what was made with it, and the sessions of both.
func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	all, err := a.administers(r.Context())
	if err != nil {
		return err
	}
	t, ok := a.registry.Snapshot().Token(schemas.TokenID(id))
	if !ok || !all && !owns(Who(r.Context()), t) { // said alike, so that ids cannot be probed
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no live token " + id}
	}
	if err := a.revokeLine(r.Context(), t); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// revokeTokens ends every token of the principal that ?user= or ?agent= names.
func (a *API) revokeTokens(w http.ResponseWriter, r *http.Request) error {
	p, err := principalOf(r.URL.Query())
	if err != nil {
		return err
	}
	all, err := a.administers(r.Context())
	if err != nil {
		return err
	}
	id := Who(r.Context())
	if own := id.Principal.GetName() == p.Name && id.Principal.GetKind() == p.Kind && id.Run == nil; !all && !own {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "you may end your own tokens alone"}
	}
	ended := 0
	for _, t := range a.registry.Snapshot().AllTokens() {
		if t.Principal.GetName() != p.Name || t.Principal.GetKind() != p.Kind {
			continue
		}
		if err := a.revokeLine(r.Context(), t); err != nil {
			return err
		}
		ended++
	}
	reply(w, a.logger, map[string]any{"revoked": ended})
	return nil
}

// revokeLine revokes a token and then what was made with it: nothing new can be, once it is gone.
func (a *API) revokeLine(ctx context.Context, t *schemas.TokenCreated) error {
	if err := a.revoke(ctx, t.Id); err != nil {
		return err
	}
	for _, d := range a.registry.Snapshot().Descendants(schemas.TokenID(t.Id)) {
		if err := a.revoke(ctx, d.Id); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) revoke(ctx context.Context, id string) error {
	err := a.registry.Append(ctx, &schemas.Control{
		By: Who(ctx).Principal.Name, Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: id}},
	})
	if err != nil {
		return unavailable(err)
	}
	return nil
}
