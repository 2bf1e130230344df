package approvals

import (
	"context"
	"errors"
	"sync"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// prompts remembers what runs began with, as the log says it.
type prompts struct {
	log *journal.Log

	mu   sync.Mutex
	kept map[string]string // by run
}

// maxPrompts bounds how many are remembered; past it they are read anew.
const maxPrompts = 1000

// of returns the prompt of a run; empty: it has none.
func (p *prompts) of(ctx context.Context, run string) (string, error) {
	if run == "" {
		return "", nil
	}
	p.mu.Lock()
	prompt, ok := p.kept[run]
	p.mu.Unlock()
	if ok {
		return prompt, nil
	}
	found := false
	c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{schemas.ControlSubject(schemas.AreaRun, run)}}
	err := p.log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := new(schemas.Control)
			if c.UnmarshalVT(m.Data) == nil && c.GetRunOpened().GetRun().GetId() == run {
				prompt, found = c.GetRunOpened().GetPrompt(), true
			}
		}
		if caughtUp || found {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return "", unavailable(errors.Join(err, ctx.Err()))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil || len(p.kept) >= maxPrompts {
		p.kept = make(map[string]string)
	}
	if found {
		p.kept[run] = prompt
	}
	return prompt, nil
}
