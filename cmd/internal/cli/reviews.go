package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/approvals"
	"sallyport/cmd/internal/client"
)

// review approves or denies one request, or several with the same words.
func (a *app) review(decision, short string) *cobra.Command {
	command := &cobra.Command{Use: decision + " REQUEST...", Short: short, Args: atLeast(1)}
	asJSON := command.Flags().Bool("json", false, "print one JSON object a line")
	reason := command.Flags().String("reason", "", "`WHY`, for whoever asked and for the record")
	command.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return a.decide(c, server, args[0], approvals.NewReview{Decision: decision, Reason: *reason}, *asJSON)
		}
		var out approvals.Reviewed
		in := approvals.NewReviews{IDs: args, Decision: decision, Reason: *reason}
		if err := server.Do(c.Context(), "POST", "/approvals/reviews", nil, in, &out); err != nil {
			return err
		}
		return a.printReviewed(out, *asJSON)
	}
	return command
}

func (a *app) breakGlass() *cobra.Command {
	command := &cobra.Command{
		Use: "break-glass REQUEST", Short: "Let your own held command run without consent, to be reviewed afterwards", Args: exactly(1),
		Long: "Let your own held command run without consent, where its policy lets your groups do so.\n" +
			"It is recorded, told to everybody who is told of requests, and reviewed afterwards.",
	}
	asJSON := command.Flags().Bool("json", false, "print one JSON object")
	reason := command.Flags().String("reason", "", "`WHY` it cannot wait")
	command.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		return a.decide(c, server, args[0], approvals.NewReview{Decision: "break_glass", Reason: *reason}, *asJSON)
	}
	return command
}

// decide sends one review and prints what the request is with it.
func (a *app) decide(c *cobra.Command, server *client.Client, id string, in approvals.NewReview, asJSON bool) error {
	var raw json.RawMessage
	if err := server.Do(c.Context(), "POST", "/approvals/"+url.PathEscape(id)+"/reviews", nil, in, &raw); err != nil {
		return err
	}
	if asJSON {
		return a.printApproval(raw, true)
	}
	var v approvals.Approval
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	line := v.ID + " is " + v.Status
	if len(v.Missing) > 0 {
		line += ": others are still needed, for " + strings.Join(v.Missing, ", ")
	}
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

func (a *app) printReviewed(out approvals.Reviewed, asJSON bool) error {
	if asJSON {
		if err := printLines(a.Out, out.Results); err != nil {
			return err
		}
	}
	failed := 0
	for _, r := range out.Results {
		line := r.ID + " is " + r.Status
		if r.Problem != "" {
			failed++
			line = r.ID + ": " + printable(r.Problem)
		}
		if !asJSON {
			fmt.Fprintln(a.Out, line)
		}
	}
	if failed > 0 {
		return errors.New(fmt.Sprint(failed, " of ", len(out.Results), " reviews did not count"))
	}
	return nil
}

// atLeast is cobra.MinimumNArgs as a wrong use.
func atLeast(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return usage("usage: %s", c.UseLine())
		}
		return nil
	}
}

// groupsNeeded writes whose consent suffices.
func groupsNeeded(anyOf, allOf []approvals.Reviewers) string {
	one := func(g approvals.Reviewers) string {
		names := g.Groups
		for _, agent := range g.Agents {
			names = append(names, "agent "+agent)
		}
		text := fmt.Sprintf("%d of %s", g.Count, strings.Join(names, " or "))
		if g.Hours != "" {
			text += " (" + g.Hours + ")"
		}
		return text
	}
	var parts, some []string
	for _, g := range allOf {
		parts = append(parts, one(g))
	}
	for _, g := range anyOf {
		some = append(some, one(g))
	}
	if len(some) > 0 {
		parts = append(parts, strings.Join(some, ", or "))
	}
	return strings.Join(parts, ", and ")
}

func describeStep(s approvals.Step) string {
	text := groupsNeeded(s.Any, s.All)
	if s.Within > 0 {
		text += ", within " + (time.Duration(s.Within * float64(time.Second))).String()
		if len(s.Escalate) > 0 {
			text += ", then " + groupsNeeded(s.Escalate, nil)
		}
	}
	switch {
	case s.Satisfied:
		text += " (satisfied)"
	case s.Escalated:
		text += " (escalated)"
	case s.Open:
		text += " (open)"
	}
	return text
}
