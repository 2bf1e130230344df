package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/approvals"
)

// grantCommands are those of access for a time.
func (a *app) grantCommands() []*cobra.Command {
	return []*cobra.Command{a.requestAccess(), a.listAccess(), a.revokeAccess()}
}

func (a *app) requestAccess() *cobra.Command {
	command := &cobra.Command{
		Use: "request TARGET", Short: "Ask for access to a target for a time", Args: exactly(1),
		Long: "Ask for access to a target for a time, where a role lets you (its request). It needs your own token, in\n" +
			"SALLYPORT_TOKEN. Moments are written 2026-12-01T09:00:00+01:00; without --from it begins when it is approved.",
	}
	asJSON := command.Flags().Bool("json", false, "print one JSON object")
	length := command.Flags().String("for", "", "`DURATION`, such as 2h")
	from := command.Flags().String("from", "", "`MOMENT` of its beginning")
	until := command.Flags().String("until", "", "`MOMENT` of its end")
	reason := command.Flags().String("reason", "", "`WHY`, for whoever decides and for the record")
	wait := command.Flags().Bool("wait", false, "wait until it is decided; status 1 if there is no access then. Ctrl-C leaves the request")
	command.RunE = func(c *cobra.Command, args []string) error {
		in := approvals.NewAccess{Target: args[0], For: *length, Reason: *reason}
		var err error
		if in.From, err = instant("from", *from); err != nil {
			return err
		}
		if in.Until, err = instant("until", *until); err != nil {
			return err
		}
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := server.Do(c.Context(), "POST", "/access", nil, in, &raw); err != nil {
			return err
		}
		if !*wait || !*asJSON {
			if err := a.printAccess(raw, *asJSON); err != nil {
				return err
			}
		}
		if *wait {
			return a.awaitAccess(c.Context(), server, raw, *asJSON)
		}
		return nil
	}
	return command
}

func instant(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage("--%s %q is not a moment such as 2026-12-01T09:00:00+01:00", flag, text)
	}
	return &at, nil
}

func (a *app) listAccess() *cobra.Command {
	command := &cobra.Command{Use: "list", Short: "List access for a time that you have or may review, and requests for it", Args: exactly(0)}
	asJSON := command.Flags().Bool("json", false, "print one object a line")
	status := command.Flags().String("status", "", "`STATUS`: coming, active, ended, revoked, all; coming and active by default")
	target := command.Flags().String("target", "", "only to this `TARGET`")
	command.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		var out approvals.Granted
		if err := server.Do(c.Context(), "GET", "/access", url.Values{"status": {*status}, "target": {*target}}, nil, &out); err != nil {
			return err
		}
		if *asJSON {
			if err := printLines(a.Out, out.Grants); err != nil {
				return err
			}
			return printLines(a.Out, out.Requests)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tWHO\tTARGET\tSTATUS\tFROM\tUNTIL\tBY\tWHY")
		for _, g := range out.Grants {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, printable(g.Principal), g.Target, g.Status,
				g.From.Local().Format(time.DateTime), g.Until.Local().Format(time.DateTime), printable(strings.Join(g.By, ", ")), oneLine(g.Reason))
		}
		for _, r := range out.Requests {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\t\t\t%s\n", r.ID, printable(r.Principal), r.Target, r.Status, oneLine(r.Text+": "+r.Why))
		}
		return w.Flush()
	}
	return command
}

func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }

func (a *app) revokeAccess() *cobra.Command {
	command := &cobra.Command{Use: "revoke ID", Short: "End access for a time, and the sessions that rest on it, at once", Args: exactly(1)}
	reason := command.Flags().String("reason", "", "`WHY`, for the record")
	command.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.reviewer()
		if err != nil {
			return err
		}
		var g approvals.Grant
		if err := server.Do(c.Context(), "POST", "/access/"+url.PathEscape(args[0])+"/revoke", nil, approvals.NewRevocation{Reason: *reason}, &g); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Out, "%s is %s\n", g.ID, g.Status)
		return err
	}
	return command
}
