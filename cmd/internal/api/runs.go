package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport/cmd/internal/prompts"
	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/trace"
)

// Runs is what opening runs needs.
type Runs struct {
	Prompts   *prompts.Prompts // makes prompts fit for the log
	MaxPrompt int              // bytes of a prompt
	// Find returns nil if there is a run of that id.
	Find func(ctx context.Context, id schemas.RunID) error
}

// NewRun is the request to open a run: what is known of a task of an agent when it begins. Agent is
// left out by agents, who open runs of their own.
type NewRun struct {
	Agent       string            `json:"agent,omitempty"`
	Groups      []string          `json:"groups,omitempty"` // with agent
	Prompt      string            `json:"prompt,omitempty"`
	Model       string            `json:"model,omitempty"`
	Parent      string            `json:"parent,omitempty"` // id of the run that started it
	Attributes  map[string]string `json:"attributes,omitempty"`
	Traceparent string            `json:"traceparent,omitempty"` // or the header of that name
	TTL         string            `json:"ttl,omitempty"`         // of the token, as Go writes durations; default 1h
	Targets     []string          `json:"targets,omitempty"`     // that the token is for
	Protocols   []string          `json:"protocols,omitempty"`
	Meta        map[string]any    `json:"_meta,omitempty"` // of an MCP request, as its host got it: see runMeta
}

// RunMade answers NewRun. Token is bound to the run, and shown this once.
type RunMade struct {
	Run     string    `json:"run"`
	ID      string    `json:"id"` // of the token
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// Bounds of what a run says of itself.
const (
	maxAttributes = 32
	maxAttribute  = 1024 // bytes of a value; a sixteenth of it of a name
)

func (a *API) createRun(w http.ResponseWriter, r *http.Request) error {
	var in NewRun
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := in.runMeta(); err != nil {
		return err
	}
	if in.Traceparent == "" {
		in.Traceparent = r.Header.Get("traceparent")
	}
	spec, err := a.spec(r.Context(), NewToken{
		Agent: in.Agent, Groups: in.Groups, TTL: in.TTL, Targets: in.Targets, Protocols: in.Protocols, RunPrompt: &in.Prompt,
	})
	if err != nil {
		return err
	}
	if spec.Run, err = a.openRun(r.Context(), spec, in); err != nil {
		return err
	}
	secret, fact, err := login.Mint(spec, a.now())
	if err != nil {
		return err
	}
	if err := a.issue(r.Context(), fact); err != nil {
		return err
	}
	reply(w, a.logger, RunMade{Run: spec.Run.Id, ID: fact.Id, Token: secret, Expires: time.Unix(0, fact.Expires).UTC()})
	return nil
}

// openRun records that a task of an agent began, and with which prompt, as masks leave it. A request
// that belongs to a run itself opens a run below it.
func (a *API) openRun(ctx context.Context, spec login.Spec, in NewRun) (*schemas.Run, error) {
	if err := a.checkRun(in); err != nil {
		return nil, err
	}
	run := &schemas.Run{
		Id: schemas.NewID("r-"), Agent: spec.Principal.GetName(), Model: in.Model, Parent: in.Parent,
		PromptDigest: hex.EncodeToString(a.runs.Prompts.Digest(in.Prompt)),
	}
	if spec.Run != nil {
		if in.Parent != "" && in.Parent != spec.Run.Id {
			return nil, beyond("your token belongs to the run " + spec.Run.Id + ", which is the parent of runs that it opens")
		}
		run.Parent = spec.Run.Id
	} else if in.Parent != "" {
		if err := a.runs.Find(ctx, schemas.RunID(in.Parent)); err != nil {
			return nil, err
		}
	}
	fact := &schemas.RunOpened{Run: run, Attributes: in.Attributes, Principal: spec.Principal, Starter: a.openedBy(ctx)}
	if in.Traceparent != "" {
		parent, err := trace.Parse(in.Traceparent)
		if err != nil {
			return nil, invalid("traceparent: " + err.Error())
		}
		fact.Traceparent = string(parent)
	}
	var err error
	if fact.Prompt, fact.Masked, err = a.runs.Prompts.Mask(in.Prompt, spec.Targets); err != nil {
		return nil, err
	}
	_, err = a.log.AppendControl(ctx, schemas.AreaRun, run.Id, &schemas.Control{
		By: Who(ctx).Principal.Name, Kind: &schemas.Control_RunOpened{RunOpened: fact},
	}, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	return run, nil
}

// openedBy is the person behind a request: its sender, or who started the agent that sends it.
func (a *API) openedBy(ctx context.Context) string {
	id := Who(ctx)
	if id.Token == nil {
		return ""
	}
	if id.Principal.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_USER {
		return id.Principal.Name
	}
	return a.starter(id.Token)
}

func (a *API) checkRun(in NewRun) error {
	switch {
	case strings.TrimSpace(in.Prompt) == "":
		return invalid("a run begins with a prompt")
	case len(in.Prompt) > a.runs.MaxPrompt:
		return &schemas.Error{Code: schemas.CodeLimit, Message: fmt.Sprintf("the prompt has %d bytes, and limits.prompt is %d", len(in.Prompt), a.runs.MaxPrompt)}
	case !utf8.ValidString(in.Prompt):
		return invalid("the prompt is not valid UTF-8")
	case len(in.Model) > maxAttribute/4:
		return invalid("the model's name is too long")
	case len(in.Attributes) > maxAttributes:
		return invalid(fmt.Sprintf("a run has at most %d attributes", maxAttributes))
	}
	for k, v := range in.Attributes {
		if k == "" || len(k) > maxAttribute/16 || len(v) > maxAttribute {
			return invalid(fmt.Sprintf("attribute %.64q: a name has 1 to %d bytes, and a value at most %d", k, maxAttribute/16, maxAttribute))
		}
	}
	return nil
}
