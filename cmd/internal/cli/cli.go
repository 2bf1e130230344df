// Package cli is the command line: it parses, calls one thing, and prints. Exit status 0 is done,
// 1 refused or failed, 2 wrong use.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/client"
	"sallyport/cmd/internal/config"
)

// Streams is what a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	Env func(string) string
}

// Standard returns the process's own.
func Standard() Streams { return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv} }

// usageError is a wrong use: exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs one command line and returns its exit status. An interrupt ends it in order.
func Run(args []string, s Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return 0
	}
	fmt.Fprintln(s.Err, "sallyport: "+err.Error())
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// app is what commands share.
type app struct {
	Streams
	configFile string
	caFile     string
	url        string
}

func newRoot(s Streams) *cobra.Command {
	a := &app{Streams: s}
	root := &cobra.Command{
		Use:           "sallyport",
		Short:         "An access gateway that masks, holds and records what people and agents send",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q; see sallyport --help", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&a.configFile, "config", "", "configuration `FILE` (default sallyport.yaml, if it is there)")
	root.PersistentFlags().StringVar(&a.caFile, "ca", "", "with --url and login: PEM `FILE` of authorities that vouch for the server, beside the system's; login keeps them")
	root.PersistentFlags().StringVar(&a.url, "url", "", "`URL` of a server, reached with the token in SALLYPORT_TOKEN, else with the one that login kept")
	for _, group := range [][]*cobra.Command{a.serverCommands(), a.resourceCommands(), a.tokenCommands(), a.readCommands(), a.proofCommands(), a.approvalCommands(), a.steering(), a.sshCommands()} {
		root.AddCommand(group...)
	}
	root.AddCommand(a.accessCommands()...)
	root.AddCommand(a.userCommands()...)
	root.AddCommand(a.passkeyCommands()...)
	root.AddCommand(a.loginCommands()...)
	return root
}

// exactly is cobra.ExactArgs as a wrong use.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("usage: %s", c.UseLine())
		}
		return nil
	}
}

// between is cobra.RangeArgs as a wrong use.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage("usage: %s", c.UseLine())
		}
		return nil
	}
}

const defaultConfig = "sallyport.yaml"

// load reads the configuration: the file named, else sallyport.yaml here, else the defaults.
func (a *app) load() (*config.Config, error) {
	if a.configFile != "" {
		return config.Load(a.configFile)
	}
	if _, err := os.Stat(defaultConfig); err == nil {
		return config.Load(defaultConfig)
	}
	return config.Load("")
}

// client returns how to reach the server.
func (a *app) client() (*client.Client, error) {
	if a.url != "" && a.configFile != "" {
		return nil, usage("--config and --url exclude each other")
	}
	if a.url != "" {
		return a.remote()
	}
	if a.caFile != "" {
		return nil, usage("--ca goes with --url: through the socket in the data directory nobody needs to vouch for the server")
	}
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{Socket: c.Socket()})
}
