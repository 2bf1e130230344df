package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/client"
	"sallyport/replay"
)

func (a *app) runs() *cobra.Command {
	runs := &cobra.Command{Use: "runs", Short: "Open runs of agents, list them, and show what came of a prompt", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	runs.AddCommand(a.runsList(), a.runsShow(), a.runsOpen())
	return runs
}

func (a *app) runsOpen() *cobra.Command {
	open := &cobra.Command{
		Use:   "open PROMPT-FILE",
		Short: "Open a run that begins with the prompt in a file (-: standard input), and print its token",
		Long: `Open a run that begins with the prompt in a file (-: standard input), and print its token.

An agent does it with --url and its own token; an administrator names the agent.`,
		Args: exactly(1),
	}
	var in api.NewRun
	flags := open.Flags()
	flags.StringVar(&in.Agent, "agent", "", "`NAME` of the agent, for administrators")
	flags.StringSliceVar(&in.Groups, "group", nil, "`GROUP` that the agent is in; may be repeated")
	flags.StringVar(&in.Model, "model", "", "`MODEL` that the run uses")
	flags.StringVar(&in.Parent, "parent", "", "`RUN` that started this one")
	flags.StringToStringVar(&in.Attributes, "attribute", nil, "`NAME=VALUE` to be kept with the run; may be repeated")
	flags.StringVar(&in.Traceparent, "traceparent", "", "W3C Trace Context of what starts the run")
	flags.StringVar(&in.TTL, "ttl", "", "how long the token lives, such as 30m (default 1h)")
	flags.StringSliceVar(&in.Targets, "target", nil, "token only for this `TARGET`; may be repeated")
	asJSON := flags.Bool("json", false, "print one JSON object")
	open.RunE = func(c *cobra.Command, args []string) error {
		prompt, err := a.read(args[0])
		if err != nil {
			return err
		}
		in.Prompt = string(prompt)
		server, err := a.client()
		if err != nil {
			return err
		}
		var made api.RunMade
		if err := server.Do(c.Context(), "POST", "/runs", nil, in, &made); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(a.Out).Encode(made)
		}
		if _, err := fmt.Fprintln(a.Out, made.Token); err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "run %s\n", made.Run)
		return nil
	}
	return open
}

func (a *app) runsList() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List runs, newest first", Args: exactly(0)}
	agent := list.Flags().String("agent", "", "only of this `AGENT`")
	prompt := list.Flags().String("prompt", "", "only those in whose prompt this `TEXT` stands, where you may read it")
	limit := list.Flags().Int("limit", 50, "how many")
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	list.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(*limit)}, "agent": {*agent}, "prompt": {*prompt}}
		found, err := listedRuns(c.Context(), server, q, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, found)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RUN\tAGENT\tOPENED\tSESSIONS\tCOMMANDS\tDENIED\tHELD\tPROMPT")
		for _, raw := range found {
			var r replay.RunSummary
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			t := r.Tally
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.60s\n", r.ID, r.Agent, r.Opened.Local().Format(time.DateTime), t.Sessions, t.Commands, t.Denied, t.Held, cmp.Or(printable(r.Title), "(withheld)"))
		}
		return w.Flush()
	}
	return list
}

// listedRuns reads pages until there are as many runs as wanted: a page that looks for a text may hold few.
func listedRuns(ctx context.Context, server *client.Client, q url.Values, limit int) (found []json.RawMessage, err error) {
	for {
		var page struct {
			Runs []json.RawMessage `json:"runs"`
			Next string            `json:"next"`
		}
		if err := server.Do(ctx, "GET", "/runs", q, nil, &page); err != nil {
			return nil, err
		}
		if found = append(found, page.Runs...); page.Next == "" || len(found) >= limit {
			return found[:min(len(found), limit)], nil
		}
		q.Set("cursor", page.Next)
	}
}

func (a *app) runsShow() *cobra.Command {
	show := &cobra.Command{Use: "show RUN", Short: "Show a run's prompt and what came of it", Args: exactly(1)}
	asJSON := show.Flags().Bool("json", false, "print one JSON object")
	show.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := server.Do(c.Context(), "GET", "/runs/"+url.PathEscape(args[0]), nil, nil, &raw); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, []json.RawMessage{raw})
		}
		var chain replay.RunChain
		if err := json.Unmarshal(raw, &chain); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		a.printChain(&chain)
		return nil
	}
	return show
}

func (a *app) printChain(c *replay.RunChain) {
	fmt.Fprintf(a.Out, "run %s of %s, opened %s by %s\n", c.ID, c.Agent, c.Opened.Local().Format(time.DateTime), c.By)
	for _, one := range [][2]string{{"started by", c.Starter}, {"model", c.Model}, {"parent", string(c.Parent)}, {"trace", c.Traceparent}} {
		if one[1] != "" {
			fmt.Fprintf(a.Out, "  %s %s\n", one[0], one[1])
		}
	}
	prompt := "(withheld: it is for those who may replay all of its sessions)"
	if c.Prompt != nil {
		prompt = *c.Prompt
	}
	fmt.Fprintln(a.Out)
	for line := range strings.Lines(prompt) {
		fmt.Fprintf(a.Out, "  > %s\n", printable(line))
	}
	for _, s := range c.Sessions {
		fmt.Fprintf(a.Out, "\n%s on %s, %s\n", s.ID, s.Target, s.Opened.Local().Format(time.DateTime))
		for _, step := range s.Steps {
			fmt.Fprintf(a.Out, "  #%d %s\n      %s\n", step.Number, printable(step.Text), stepEnd(step))
		}
		if s.More {
			fmt.Fprintf(a.Out, "  … and more: sallyport play %s\n", s.ID)
		}
	}
	for _, child := range c.Children {
		fmt.Fprintf(a.Out, "\nstarted %s of %s: %s\n", child.ID, child.Agent, printable(child.Title))
	}
}

// stepEnd is what became of a command, in one line.
func stepEnd(s replay.Step) string {
	var said []string
	if s.Verdict != nil {
		said = append(said, s.Verdict.Outcome)
		for _, r := range s.Verdict.Reasons {
			said = append(said, strings.TrimSpace(r.Policy+" "+printable(r.Message)))
		}
	}
	if p := s.Approval; p != nil {
		said = append(said, strings.TrimSpace(cmp.Or(p.Decision, "waits")+" "+strings.Join(p.By, " and ")))
	}
	for _, m := range s.Masked {
		said = append(said, fmt.Sprintf("%d × %s masked by %s", m.Count, cmp.Or(m.Column, m.Detector), m.Mask))
	}
	if r := s.Result; r != nil {
		end := fmt.Sprintf("%s, %d rows", cmp.Or(r.Tag, "done"), r.Rows)
		if r.Error != nil {
			end = r.Error.Code + " " + printable(r.Error.Message)
		}
		said = append(said, end)
	}
	return strings.Join(said, " · ")
}
