package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/api"
)

func (a *app) accessCommands() []*cobra.Command {
	access := &cobra.Command{Use: "access", Short: "Say who may do what, and ask for access for a time", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	access.AddCommand(a.accessExplain())
	access.AddCommand(a.grantCommands()...)
	return []*cobra.Command{access, a.runs()}
}

func (a *app) accessExplain() *cobra.Command {
	explain := &cobra.Command{
		Use:   "explain [--user NAME | --agent NAME] [--target TARGET]",
		Short: "Say why somebody may do something on a target, or what is missing",
		Long: `Say why somebody may do something on a target, or what is missing.

Without --group, the groups are those of the live tokens of that user or agent. Without --target it is
about the gateway itself. With --url, it is about you.`,
		Args: exactly(0),
	}
	var q struct {
		user, agent, target, can string
		groups                   []string
	}
	flags := explain.Flags()
	flags.StringVar(&q.user, "user", "", "`NAME` of the user")
	flags.StringVar(&q.agent, "agent", "", "`NAME` of the agent")
	flags.StringSliceVar(&q.groups, "group", nil, "`GROUP` that they are in; may be repeated")
	flags.StringVar(&q.target, "target", "", "`TARGET`")
	flags.StringVar(&q.can, "can", "connect", "`PERMISSION`: connect, replay, watch, review, kill or admin")
	asJSON := flags.Bool("json", false, "print one JSON object")
	explain.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		values := url.Values{"permission": {q.can}, "group": q.groups}
		for name, value := range map[string]string{"user": q.user, "agent": q.agent, "target": q.target} {
			if value != "" {
				values.Set(name, value)
			}
		}
		var e api.Explained
		if err := server.Do(c.Context(), "GET", "/access/explain", values, nil, &e); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(a.Out).Encode(e)
		}
		return a.printExplained(e)
	}
	return explain
}

func (a *app) printExplained(e api.Explained) error {
	where := cmp.Or(e.Target, "the gateway itself")
	who := fmt.Sprintf("%s %s (groups: %s)", e.Kind, e.Principal, cmp.Or(strings.Join(e.Groups, ", "), "none"))
	if e.Allowed {
		fmt.Fprintf(a.Out, "yes: %s has %s on %s, by %s\n", who, e.Permission, where, strings.Join(e.Roles, ", "))
	} else {
		fmt.Fprintf(a.Out, "no: %s does not have %s on %s: %s\n", who, e.Permission, where, e.Reason)
	}
	if len(e.Considered) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nROLE\tGRANTS\tMISSING\tCAN")
	for _, c := range e.Considered {
		grants := "no"
		if c.Grants {
			grants = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Role, grants, strings.Join(c.Missing, ", "), strings.Join(c.Permissions, ", "))
	}
	return w.Flush()
}
