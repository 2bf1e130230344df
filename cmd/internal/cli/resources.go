package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

func (a *app) resourceCommands() []*cobra.Command {
	apply := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Declare targets, roles, policies and masks",
		Args:  exactly(0),
	}
	files := apply.Flags().StringSliceP("file", "f", nil, "YAML `FILE` of resources (-: standard input); may be repeated")
	apply.RunE = func(c *cobra.Command, _ []string) error { return a.apply(c, *files) }

	get := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "Print declared resources as JSON, one a line",
		Args:  between(1, 2),
		RunE:  a.get,
	}
	remove := &cobra.Command{
		Use:   "delete KIND NAME",
		Short: "Remove a declared resource",
		Args:  exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			return server.Do(c.Context(), "DELETE", "/resources/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1]), nil, nil, nil)
		},
	}
	return []*cobra.Command{apply, get, remove}
}

func (a *app) apply(c *cobra.Command, files []string) error {
	if len(files) == 0 {
		return usage("usage: %s", c.UseLine())
	}
	server, err := a.client()
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := a.read(file)
		if err != nil {
			return err
		}
		var answer struct {
			Changes []struct{ Kind, Name, Change string } `json:"changes"`
		}
		if err := server.Do(c.Context(), "POST", "/apply", url.Values{"name": {file}}, data, &answer); err != nil {
			return err
		}
		for _, change := range answer.Changes {
			fmt.Fprintf(a.Out, "%s %s %s\n", change.Kind, change.Name, change.Change)
		}
	}
	return nil
}

func (a *app) read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(a.In)
	}
	return os.ReadFile(file)
}

func (a *app) get(c *cobra.Command, args []string) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	if len(args) == 2 {
		var one json.RawMessage
		if err := server.Do(c.Context(), "GET", "/resources/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1]), nil, nil, &one); err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.Out, string(one))
		return err
	}
	var all struct {
		Resources []json.RawMessage `json:"resources"`
	}
	if err := server.Do(c.Context(), "GET", "/resources/"+url.PathEscape(args[0]), nil, nil, &all); err != nil {
		return err
	}
	for _, one := range all.Resources {
		if _, err := fmt.Fprintln(a.Out, string(one)); err != nil {
			return err
		}
	}
	return nil
}
