package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sallyport/cmd/internal/api"
)

func (a *app) userCommands() []*cobra.Command {
	user := &cobra.Command{Use: "user", Short: "Make, list, change and remove users of the built-in provider", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	user.AddCommand(a.userPut("add", "Make a user; the password is asked for", true), a.userPut("set", "Change a user's groups or password; ends what the user has open", false), a.userList(), &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a user, and end what the user has open, at once",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			return server.Do(c.Context(), "DELETE", "/users/"+url.PathEscape(args[0]), nil, nil, nil)
		},
	})
	return []*cobra.Command{user}
}

func (a *app) userPut(verb, short string, create bool) *cobra.Command {
	put := &cobra.Command{Use: verb + " NAME", Short: short, Args: exactly(1)}
	groups := put.Flags().StringSlice("group", nil, "`GROUP` that the user is in; may be repeated")
	change := put.Flags().Bool("password", create, "ask for a password (from standard input when that is no terminal)")
	byPasskey := put.Flags().Bool("passkey", false, "print a link with which the user signs in, once, and enrols a passkey; no password is asked for")
	put.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		in := api.NewUser{Name: args[0], Groups: *groups, Create: create, Link: *byPasskey}
		if !create && !c.Flags().Changed("group") {
			if in.Groups, err = a.groupsOf(c, args[0]); err != nil {
				return err
			}
		}
		if *change && (!*byPasskey || c.Flags().Changed("password")) {
			password, err := a.newPassword()
			if err != nil {
				return err
			}
			in.Password = &password
		}
		if !in.Link {
			return server.Do(c.Context(), "POST", "/users", nil, in, nil)
		}
		var made api.UserLink
		if err := server.Do(c.Context(), "POST", "/users", nil, in, &made); err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "Until %s, once, this signs %s in to enrol a passkey:\n", made.Expires.Local().Format(time.DateTime), args[0])
		_, err = fmt.Fprintln(a.Out, made.Link)
		return err
	}
	return put
}

func (a *app) users(c *cobra.Command) ([]api.UserListed, error) {
	server, err := a.client()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Users []api.UserListed `json:"users"`
	}
	return answer.Users, server.Do(c.Context(), "GET", "/users", nil, nil, &answer)
}

func (a *app) groupsOf(c *cobra.Command, name string) ([]string, error) {
	users, err := a.users(c)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.Name == name {
			return u.Groups, nil
		}
	}
	return nil, fmt.Errorf("there is no user %s (sallyport user add makes one)", name)
}

func (a *app) userList() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the users of the built-in provider", Args: exactly(0)}
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	list.RunE = func(c *cobra.Command, _ []string) error {
		users, err := a.users(c)
		if err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, users)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tGROUPS\tPASSWORD\tPASSKEYS")
		for _, u := range users {
			password := "no"
			if u.Password {
				password = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", u.Name, strings.Join(u.Groups, ","), password, u.Passkeys)
		}
		return w.Flush()
	}
	return list
}

// newPassword asks for a password, twice and unseen where there is a terminal.
func (a *app) newPassword() (string, error) {
	file, ok := a.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(a.In).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(a.Err, prompt)
		line, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(a.Err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(line)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}
