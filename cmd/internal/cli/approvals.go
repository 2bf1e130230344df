package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"sallyport/approvals"
	"sallyport/cmd/internal/client"
	"sallyport/schemas/approval"
)

// approvalCommands are the client's, and the service's under the same name.
func (a *app) approvalCommands() []*cobra.Command {
	top := &cobra.Command{
		Use: "approvals", Short: "List, show, approve and deny what is held; alone: run the service", Args: exactly(0),
		Long: "List, show, approve and deny what is held. A review needs your own token, in SALLYPORT_TOKEN.\n" +
			"Without a command: run the approvals service against an external log.",
		RunE: func(c *cobra.Command, _ []string) error { return a.alone(c.Context(), "approvals") },
	}
	top.AddCommand(a.listApprovals(), a.showApproval(),
		a.review("approve", "Let held commands run"), a.review("deny", "Refuse held commands"), a.breakGlass(), a.deliveries())
	return []*cobra.Command{top}
}

// reviewer returns how to reach the server as whom SALLYPORT_TOKEN proves, if it is set.
func (a *app) reviewer() (*client.Client, error) {
	server, err := a.client()
	if err != nil {
		return nil, err
	}
	if token := a.Env("SALLYPORT_TOKEN"); token != "" {
		server = server.As(token)
	}
	return server, nil
}

func (a *app) listApprovals() *cobra.Command {
	command := &cobra.Command{Use: "list", Short: "List requests, the newest first", Args: exactly(0)}
	asJSON := command.Flags().Bool("json", false, "print one object a line")
	status := command.Flags().String("status", "pending", "`STATUS`: pending, approved, denied, expired, withdrawn, used, unreviewed, all")
	like := command.Flags().String("like", "", "only those that do the same to the same as this `REQUEST`")
	target := command.Flags().String("target", "", "only for this `TARGET`")
	limit := command.Flags().Int("limit", 100, "how many")
	command.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		q := url.Values{"status": {*status}, "target": {*target}, "limit": {strconv.Itoa(*limit)}, "like": {*like}}
		var answer struct {
			Approvals []json.RawMessage `json:"approvals"`
		}
		if err := server.Do(c.Context(), "GET", "/approvals", q, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Approvals)
		}
		return printApprovals(a.Out, answer.Approvals)
	}
	return command
}

func printApprovals(out io.Writer, raw []json.RawMessage) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REQUEST\tWHO\tTARGET\tSTATUS\tEXPIRES\tWHAT")
	for _, one := range raw {
		var v approvals.Approval
		if err := json.Unmarshal(one, &v); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		what := []rune(printable(strings.Join(strings.Fields(v.Text), " ")))
		if len(what) > 60 {
			what = append(what[:59], '…')
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, printable(v.Principal), v.Target, v.Status, v.Expires.Local().Format(time.DateTime), string(what))
	}
	return w.Flush()
}

func (a *app) showApproval() *cobra.Command {
	command := &cobra.Command{Use: "show REQUEST", Short: "Show a request whole", Args: exactly(1)}
	asJSON := command.Flags().Bool("json", false, "print one JSON object")
	command.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := server.Do(c.Context(), "GET", "/approvals/"+url.PathEscape(args[0]), nil, nil, &raw); err != nil {
			return err
		}
		return a.printApproval(raw, *asJSON)
	}
	return command
}

// printApproval prints a request, as one JSON object or for people.
func (a *app) printApproval(raw json.RawMessage, asJSON bool) error {
	if asJSON {
		return printLines(a.Out, []json.RawMessage{raw})
	}
	var v approvals.Approval
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
	}
	row("request", v.ID)
	row("status", strings.TrimSpace(v.Status+" "+strings.Join(v.By, ", ")))
	row("reason", v.Reason)
	row("who", v.Principal+" ("+v.PrincipalKind+", "+strings.Join(v.Groups, ", ")+") from "+v.ClientAddress)
	row("why", v.Why)
	row("run", strings.TrimSpace(v.Run+" "+v.Starter))
	row("began with", v.RunPrompt)
	row("target", v.Target+"/"+v.Database)
	row("session", v.Session+" command "+strconv.FormatUint(v.Command, 10))
	row("requested", v.Requested.Local().Format(time.DateTime))
	row("expires", v.Expires.Local().Format(time.DateTime))
	for _, r := range v.Need {
		row("needs", need(r))
		for i, step := range r.Steps {
			row(fmt.Sprintf("  step %d", i+1), describeStep(step))
		}
	}
	if v.SQL != nil {
		row("reads", strings.Join(v.SQL.Reads, ", "))
		row("writes", strings.Join(v.SQL.Writes, ", "))
	}
	if e := v.Estimate; e != nil {
		row("estimate", describeEstimate(e))
		for _, scan := range e.Scans {
			row("  "+scan.Node, scan.Relation+": "+approval.Expected(scan.Rows, ""))
		}
	}
	for _, r := range v.Reviews {
		row(r.Decision, strings.TrimSpace(r.By+" "+r.Reason))
	}
	row("similar", fmt.Sprintf("%d approved, %d denied before", v.Similar.Approved, v.Similar.Denied))
	for _, p := range v.Past {
		row("  "+p.Requested.Local().Format(time.DateTime), strings.TrimSpace(p.Principal+" "+p.Status+" "+strings.Join(p.By, ", ")+" "+p.Reason))
	}
	if v.Alike > 0 {
		row("alike", fmt.Sprintf("%d others wait: sallyport approvals list --like %s", v.Alike, v.ID))
	}
	if v.Glass != nil {
		row("without consent", v.Glass.By+": "+v.Glass.Reason)
	}
	if v.After != nil {
		row("afterwards", v.After.By+": "+v.After.Decision+" "+v.After.Reason)
	}
	if v.WhyNot != "" {
		row("you", v.WhyNot)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "\n%s\n", printable(v.Text))
	for i, p := range v.Parameters {
		value := p.Marker
		switch {
		case p.Null:
			value = "NULL"
		case p.Text != nil:
			value = strconv.Quote(*p.Text)
		}
		fmt.Fprintf(a.Out, "$%d = %s\n", i+1, value)
	}
	return nil
}

func describeEstimate(e *approvals.Estimate) string {
	if e.Pending {
		return "on its way"
	}
	return approval.Expected(e.Rows, e.Failure)
}

func need(r approvals.Rule) string {
	who := groupsNeeded(r.Any, r.All)
	switch {
	case r.Automatic:
		who = "nobody"
	case len(r.Steps) > 0:
		who = "steps, one after the other"
	case who == "":
		who = "anybody who may review"
	}
	if r.StepUp {
		who += ", with a passkey"
	}
	done := ""
	if r.Satisfied {
		done = " (satisfied)"
	}
	return r.Policy + ": " + who + done
}

// printable keeps what others wrote from steering the terminal, or from looking like something else.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
