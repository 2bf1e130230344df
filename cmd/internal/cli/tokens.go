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
	token.AddCommand(a.tokenCreate(), a.tokenList(), a.tokenRevoke())
	return []*cobra.Command{token}
}

func (a *app) tokenRevoke() *cobra.Command {
	revoke := &cobra.Command{
		Use:   "revoke (ID | --user NAME | --agent NAME)",
		Short: "End a token, what was made with it, and the sessions of both, at once",
		Args:  between(0, 1),
	}
	user := revoke.Flags().String("user", "", "all tokens of the user `NAME`")
	agent := revoke.Flags().String("agent", "", "all tokens of the agent `NAME`")
	revoke.RunE = func(c *cobra.Command, args []string) error {
		named := 0
		for _, one := range append(args, *user, *agent) {
			if one != "" {
				named++
			}
		}
		if named != 1 {
			return usage("usage: %s", c.UseLine())
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return server.Do(c.Context(), "DELETE", "/tokens/"+url.PathEscape(args[0]), nil, nil, nil)
		}
		whose := url.Values{}
		if *user != "" {
			whose.Set("user", *user)
		} else {
			whose.Set("agent", *agent)
		}
		return server.Do(c.Context(), "DELETE", "/tokens", whose, nil, nil)
	}
	return revoke
}

func (a *app) tokenCreate() *cobra.Command {
	create := &cobra.Command{
		Use:   "create [--user NAME | --agent NAME]",
		Short: "Make a token; it is printed this once",
		Long: `Make a token; it is printed this once.

An administrator makes tokens for anybody. Everybody else makes them for themselves (leave out
--user and --agent): such a token can do what the one in SALLYPORT_TOKEN can, or less, and ends with it.`,
		Args: exactly(0),
	}
	var in api.NewToken
	var ttl time.Duration
	var promptFile string
	var asJSON bool
	var certificate string
	flags := create.Flags()
	flags.StringVar(&in.User, "user", "", "`NAME` of the user it is for")
	flags.StringVar(&in.Agent, "agent", "", "`NAME` of the agent it is for")
	flags.StringSliceVar(&in.Groups, "group", nil, "`GROUP` that its holder is in; may be repeated")
	flags.DurationVar(&ttl, "ttl", 0, "how long it lives (default 1h, or as long as the token that it is made with)")
	flags.StringSliceVar(&in.Targets, "target", nil, "only for this `TARGET`; may be repeated")
	flags.StringSliceVar(&in.Protocols, "protocol", nil, "only for this `PROTOCOL` (postgres, api, web); may be repeated")
	flags.StringVar(&promptFile, "run-prompt-file", "", "open a run of the agent that began with the prompt in `FILE` (-: standard input)")
	flags.StringVar(&in.RunModel, "model", "", "`MODEL` that the run uses")
	flags.StringToStringVar(&in.RunAttributes, "attribute", nil, "`NAME=VALUE` to be kept with the run; may be repeated")
	flags.StringVar(&in.Traceparent, "traceparent", "", "W3C Trace Context of what starts the run")
	flags.StringVar(&in.RunParent, "parent", "", "`RUN` that started this one")
	flags.BoolVar(&in.SignIn, "sign-in", false, "print a link that signs a browser in, once, instead of a token")
	flags.StringVar(&certificate, "certificate", "", "make a client certificate instead, in `NAME`.crt and NAME.key")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	create.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("ttl") {
			in.TTL = ttl.String()
		}
		if promptFile != "" {
			prompt, err := a.read(promptFile)
			if err != nil {
				return err
			}
			text := string(prompt)
			in.RunPrompt = &text
		}
		if certificate != "" {
			return a.createCertificate(c, in, certificate, asJSON)
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
