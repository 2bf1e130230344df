package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/api"
)

func (a *app) tokenCommands() []*cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Make, list and revoke tokens", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	token.AddCommand(a.tokenCreate(), a.tokenList(), &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token, and the sessions that it opened, at once",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			return server.Do(c.Context(), "DELETE", "/tokens/"+url.PathEscape(args[0]), nil, nil, nil)
		},
	})
	return []*cobra.Command{token}
}

func (a *app) tokenCreate() *cobra.Command {
	create := &cobra.Command{
		Use:   "create (--user NAME | --agent NAME)",
		Short: "Make a token; it is printed this once",
		Args:  exactly(0),
	}
	var in api.NewToken
	var ttl time.Duration
	var promptFile string
	var asJSON bool
	flags := create.Flags()
	flags.StringVar(&in.User, "user", "", "`NAME` of the user it is for")
	flags.StringVar(&in.Agent, "agent", "", "`NAME` of the agent it is for")
	flags.StringSliceVar(&in.Groups, "group", nil, "`GROUP` that its holder is in; may be repeated")
	flags.DurationVar(&ttl, "ttl", time.Hour, "how long it lives")
	flags.StringSliceVar(&in.Targets, "target", nil, "only for this `TARGET`; may be repeated")
	flags.StringSliceVar(&in.Protocols, "protocol", nil, "only for this `PROTOCOL` (postgres, api, web); may be repeated")
	flags.StringVar(&promptFile, "run-prompt-file", "", "open a run of the agent that began with the prompt in `FILE` (-: standard input)")
	flags.BoolVar(&in.SignIn, "sign-in", false, "print a link that signs a browser in, once, instead of a token")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	create.RunE = func(c *cobra.Command, _ []string) error {
		in.TTL = ttl.String()
		if promptFile != "" {
			prompt, err := a.read(promptFile)
			if err != nil {
				return err
			}
			text := string(prompt)
			in.RunPrompt = &text
		}
		return a.createToken(c, in, asJSON)
	}
	return create
}

func (a *app) createToken(c *cobra.Command, in api.NewToken, asJSON bool) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	var made api.TokenMade
	if err := server.Do(c.Context(), "POST", "/tokens", nil, in, &made); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.Out).Encode(made)
	}
	shown := made.Token
	if made.Link != "" {
		shown = made.Link
	}
	if _, err := fmt.Fprintln(a.Out, shown); err != nil {
		return err
	}
	if in.RunPrompt != nil {
		fmt.Fprintf(a.Err, "run %s\n", made.Run)
	}
	return nil
}

func (a *app) tokenList() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List live tokens (never the secrets)", Args: exactly(0)}
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	list.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		var answer struct {
			Tokens []api.TokenListed `json:"tokens"`
		}
		if err := server.Do(c.Context(), "GET", "/tokens", nil, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Tokens)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tFOR\tGROUPS\tEXPIRES\tONLY FOR")
		for _, t := range answer.Tokens {
			only := strings.Join(append(append([]string{}, t.Targets...), t.Protocols...), ",")
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Principal, strings.Join(t.Groups, ","), t.Expires.Local().Format(time.DateTime), only)
		}
		return w.Flush()
	}
	return list
}
