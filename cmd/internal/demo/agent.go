package demo

import (
	"context"
	"fmt"
	"strings"

	"sallyport/cmd/internal/api"
	"sallyport/replay"
)

// agent is the sample agent, and prompt its task.
const (
	agent  = "triage"
	prompt = "A customer with an address at example.com says that an order is missing.\nFind out which customers have no order."
	answer = "SELECT name FROM customers WHERE id NOT IN (SELECT customer FROM orders) ORDER BY name;"
)

// runs opens a run, lets the agent work, and follows the prompt to what came of it.
func (d *demo) runs(ctx context.Context, _ string) error {
	for line := range strings.Lines(prompt) {
		d.say("   > %s", strings.TrimSpace(line))
	}
	text := prompt
	made, err := d.token(ctx, api.NewToken{Agent: agent, TTL: "1h", RunPrompt: &text, RunModel: "example-1"})
	if err != nil {
		return err
	}
	out, err := d.psqlAs(ctx, agent, made.Token, answer)
	if err != nil {
		return err
	}
	if err := expect(out, "Alan Turing", "(2 rows)"); err != nil {
		return err
	}
	d.say("   $ sallyport runs show %s", made.Run)
	for {
		var chain replay.RunChain
		if err := d.client.Do(ctx, "GET", "/runs/"+made.Run, nil, nil, &chain); err != nil {
			return fmt.Errorf("show the run: %w", err)
		}
		if done, err := d.shown(&chain); done || err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the run does not show what it did: %w", err)
		}
	}
}

// shown prints a chain once it holds what the agent did.
func (d *demo) shown(c *replay.RunChain) (bool, error) {
	if len(c.Sessions) == 0 || len(c.Sessions[0].Steps) == 0 || c.Sessions[0].Steps[0].Result == nil {
		return false, nil
	}
	step := c.Sessions[0].Steps[0]
	if c.Prompt == nil || *c.Prompt != prompt || step.Text != answer || step.Verdict.Outcome != "allow" || step.Result.Rows != 2 {
		return false, fmt.Errorf("the run shows %+v", c)
	}
	d.say("   prompt → %s → %s → %d rows: http://%s/runs/%s", step.Text, step.Verdict.Outcome, step.Result.Rows, d.server.Address("web"), c.ID)
	return true, nil
}
