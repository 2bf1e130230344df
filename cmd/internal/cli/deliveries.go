package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/approvals/notify"
)

// deliveries shows how notifiers stand, and what they were told.
func (a *app) deliveries() *cobra.Command {
	command := &cobra.Command{Use: "deliveries", Short: "Show how notifiers stand, and what they were told of", Args: exactly(0)}
	asJSON := command.Flags().Bool("json", false, "print one JSON object")
	limit := command.Flags().Int("limit", 20, "how many deliveries")
	command.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		var out notify.Deliveries
		if err := server.Do(c.Context(), "GET", "/approvals/deliveries", url.Values{"limit": {strconv.Itoa(*limit)}}, nil, &out); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, []notify.Deliveries{out})
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NOTIFIER\tKIND\tDELIVERED\tRETRYING\tFAILED\tERROR")
		for _, n := range out.Notifiers {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", n.Name, n.Kind, n.Delivered, n.Retrying, n.Failed, oneLine(n.Error))
		}
		fmt.Fprintln(w, "\nREQUEST\tNOTIFIER\tWHAT\tOUTCOME\tATTEMPTS\tAT\tERROR")
		for _, d := range out.Deliveries {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.Request, d.Notifier, d.What, d.Outcome, d.Attempts, d.At.Local().Format(time.DateTime), oneLine(d.Error))
		}
		return w.Flush()
	}
	return command
}
