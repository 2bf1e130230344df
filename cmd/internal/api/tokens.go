package api

import (
	"net/http"
	"time"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// NewToken is the request to make a token. Exactly one of User and Agent is set.
type NewToken struct {
	User      string   `json:"user,omitempty"`
	Agent     string   `json:"agent,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	TTL       string   `json:"ttl,omitempty"` // as Go writes durations; default 1h
	Targets   []string `json:"targets,omitempty"`
	Protocols []string `json:"protocols,omitempty"`
	RunPrompt *string  `json:"run_prompt,omitempty"` // agents: opens a run that began with this prompt
	SignIn    bool     `json:"sign_in,omitempty"`    // a one-time code for the browser instead of a token
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
}

const defaultTTL = time.Hour

func (a *API) createToken(w http.ResponseWriter, r *http.Request) {
	var in NewToken
	if err := decode(w, r, &in); err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	made, err := a.makeToken(r, in)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, made)
}

func (a *API) makeToken(r *http.Request, in NewToken) (*TokenMade, error) {
	spec, err := a.spec(in)
	if err != nil {
		return nil, err
	}
	by := Who(r.Context()).Principal.Name
	if in.RunPrompt != nil {
		if spec.Run, err = a.openRun(r, by, in.Agent, *in.RunPrompt); err != nil {
			return nil, err
		}
	}
	secret, fact, err := login.Mint(spec, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}}); err != nil {
		return nil, unavailable(err)
	}
	made := &TokenMade{ID: fact.Id, Token: secret, Expires: time.Unix(0, fact.Expires).UTC(), Run: spec.Run.GetId()}
	if in.SignIn {
		made.Link = a.publicURL + "/signin#code=" + secret
	}
	return made, nil
}

// spec checks a request and says what token it asks for.
func (a *API) spec(in NewToken) (login.Spec, error) {
	invalid := func(message string) (login.Spec, error) {
		return login.Spec{}, &schemas.Error{Code: schemas.CodeInvalid, Message: message}
	}
	if (in.User == "") == (in.Agent == "") {
		return invalid("a token is for a user or for an agent: name one of them")
	}
	principal := &schemas.Principal{Name: in.User, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: in.Groups}
	if in.Agent != "" {
		principal.Name, principal.Kind = in.Agent, schemas.PrincipalKind_PRINCIPAL_KIND_AGENT
	}
	if in.RunPrompt != nil && in.Agent == "" {
		return invalid("a run belongs to an agent: give agent, not user")
	}
	ttl := defaultTTL
	if in.TTL != "" {
		var err error
		if ttl, err = time.ParseDuration(in.TTL); err != nil || ttl <= 0 {
			return invalid("ttl " + in.TTL + " is not a duration above zero such as 30m or 8h")
		}
	}
	if ttl > a.maxTTL {
		return invalid("ttl " + in.TTL + " is longer than limits.token_ttl, " + a.maxTTL.String())
	}
	for _, target := range in.Targets {
		if _, ok := a.registry.Snapshot().Target(target); !ok {
			return invalid("there is no target " + target)
		}
	}
	if in.SignIn {
		in.Protocols = []string{protocolSignIn}
	}
	return login.Spec{Principal: principal, TTL: ttl, Targets: in.Targets, Protocols: in.Protocols}, nil
}

// openRun records that a task of an agent began, and with which prompt.
func (a *API) openRun(r *http.Request, by, agent, prompt string) (*schemas.Run, error) {
	run := &schemas.Run{Id: schemas.NewID("r-"), Agent: agent}
	_, err := a.log.AppendControl(r.Context(), schemas.AreaRun, run.Id, &schemas.Control{
		By:   by,
		Kind: &schemas.Control_RunOpened{RunOpened: &schemas.RunOpened{Run: run, Prompt: prompt}},
	}, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	return run, nil
}

func (a *API) listTokens(w http.ResponseWriter, _ *http.Request) {
	out := []TokenListed{}
	for _, t := range a.registry.Snapshot().AllTokens() {
		if t.Expires <= a.now().UnixNano() {
			continue
		}
		out = append(out, TokenListed{
			ID: t.Id, Principal: t.Principal.GetName(), Kind: kindName(t.Principal.GetKind()), Groups: append([]string{}, t.Principal.GetGroups()...),
			Expires: time.Unix(0, t.Expires).UTC(), Run: t.Run.GetId(), Targets: t.Targets, Protocols: t.Protocols,
		})
	}
	reply(w, a.logger, map[string]any{"tokens": out})
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if _, ok := a.registry.Snapshot().Token(schemas.TokenID(id)); !ok {
		problem.Write(w, r, a.logger, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no live token " + id})
		return
	}
	err := a.registry.Append(r.Context(), &schemas.Control{
		By: Who(r.Context()).Principal.Name, Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: id}},
	})
	if err != nil {
		problem.Write(w, r, a.logger, unavailable(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
