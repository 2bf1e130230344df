package api

import (
	"context"

	"sallyport/schemas"
)

// NewRun is what is known of a task of an agent when it begins.
type NewRun struct {
	Prompt string `json:"prompt"`
	Model  string `json:"model,omitempty"`
	Parent string `json:"parent,omitempty"` // id of the run that started it
}

// openRun records that a task of an agent began, and with which prompt. within is the run that the
// request itself belongs to, if any: it is the parent, or an ancestor's.
func (a *API) openRun(ctx context.Context, agent *schemas.Principal, in NewRun, within *schemas.Run, _ []string) (*schemas.Run, error) {
	run := &schemas.Run{Id: schemas.NewID("r-"), Agent: agent.GetName(), Model: in.Model, Parent: in.Parent}
	if run.Parent == "" {
		run.Parent = within.GetId()
	}
	_, err := a.log.AppendControl(ctx, schemas.AreaRun, run.Id, &schemas.Control{
		By:   Who(ctx).Principal.Name,
		Kind: &schemas.Control_RunOpened{RunOpened: &schemas.RunOpened{Run: run, Prompt: in.Prompt, Principal: agent}},
	}, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	return run, nil
}
