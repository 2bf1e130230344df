package server

import (
	"context"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/prompts"
	"sallyport/schemas"
)

// runs is what opening runs needs: prompts are made fit for the log with the keys that gateways mask with.
func (m *Main) runs() (api.Runs, error) {
	keys, err := m.keys()
	if err != nil {
		return api.Runs{}, err
	}
	p := prompts.New(prompts.Config{Declared: m.registry.Snapshot, MaskKey: keys.mask, DigestKey: keys.digest})
	return api.Runs{Prompts: p, MaxPrompt: m.config.Limits.Prompt, Find: m.read.run}, nil
}

// run returns nil if there is a run of that id.
func (r *readSide) run(ctx context.Context, id schemas.RunID) error {
	if r.runs == nil {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "this process does not know of runs, so no parent can be named"}
	}
	_, err := r.runs.Get(ctx, id)
	return err
}
