package cli

import (
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/api"
)

// passkeyCommands are what administrators do with passkeys; people have them in the browser.
func (a *app) passkeyCommands() []*cobra.Command {
	top := &cobra.Command{Use: "passkeys", Short: "List and remove people's passkeys", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	top.AddCommand(a.passkeyList(), &cobra.Command{
		Use: "remove PASSKEY", Short: "Remove a passkey that is lost, or may have been copied", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			return server.Do(c.Context(), "DELETE", "/passkeys/"+url.PathEscape(args[0]), nil, nil, nil)
		},
	})
	return []*cobra.Command{top}
}

func (a *app) passkeyList() *cobra.Command {
	list := &cobra.Command{Use: "list USER", Short: "List somebody's passkeys", Args: exactly(1)}
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	list.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		var answer struct {
			Passkeys []api.PasskeyListed `json:"passkeys"`
		}
		if err := server.Do(c.Context(), "GET", "/passkeys", url.Values{"user": args}, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Passkeys)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PASSKEY\tNAME\tENROLLED\tUSED\tSTATE")
		for _, p := range answer.Passkeys {
			used, state := "never", "good"
			if p.Used != nil {
				used = p.Used.Local().Format(time.DateTime)
			}
			if p.Suspect {
				state = "may have been copied"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.ID, printable(p.Name), p.Created.Local().Format(time.DateTime), used, state)
		}
		return w.Flush()
	}
	return list
}
