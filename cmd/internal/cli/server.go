package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/config"
	"sallyport/cmd/internal/demo"
	"sallyport/cmd/internal/server"
)

func (a *app) serverCommands() []*cobra.Command {
	commands := []*cobra.Command{a.demo(), {
		Use: "up", Short: "Run everything in one process", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), server.Everything()) },
	}}
	for _, one := range []struct{ name, what string }{
		{"gateway", "the gateway: clients connect to it"},
		{"enforcer", "the enforcer: it decides what may run"},
		{"replay", "the read side: API, browser app, live view, events"},
	} {
		commands = append(commands, &cobra.Command{
			Use: one.name, Short: "Run one service against an external log: " + one.what, Args: exactly(0),
			RunE: func(c *cobra.Command, _ []string) error { return a.alone(c.Context(), one.name) },
		})
	}
	return commands
}

// alone runs one service.
func (a *app) alone(ctx context.Context, name string) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	if config.NATS.URL == "" {
		return usage("%s alone needs nats.url in the configuration: an embedded log belongs to one process", name)
	}
	return a.run(ctx, config, server.Only(name))
}

func (a *app) serve(ctx context.Context, services server.Services) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	return a.run(ctx, config, services)
}

func (a *app) run(ctx context.Context, c *config.Config, services server.Services) error {
	logger, err := a.logger(c.Logging)
	if err != nil {
		return err
	}
	return server.New(server.Config{Config: c, Services: services, Version: version, Logger: logger}).Run(ctx)
}

func (a *app) logger(c config.Logging) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("logging.level: %q is none of debug, info, warn and error", c.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	if strings.EqualFold(c.Format, "json") {
		return slog.New(slog.NewJSONHandler(a.Err, options)), nil
	}
	return slog.New(slog.NewTextHandler(a.Err, options)), nil
}

func (a *app) demo() *cobra.Command {
	command := &cobra.Command{
		Use:   "demo",
		Short: "Show Sallyport with a throwaway PostgreSQL",
		Args:  exactly(0),
	}
	once := command.Flags().Bool("once", false, "run the story and end: exit status 0 only if every step was seen")
	command.RunE = func(c *cobra.Command, _ []string) error {
		return demo.Run(c.Context(), demo.Config{Once: *once, Out: a.Out, Version: version})
	}
	return command
}
