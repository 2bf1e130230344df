package cli

import (
	"net/url"

	"github.com/spf13/cobra"
)

// steering is what somebody may do to an open session short of ending it.
func (a *app) steering() []*cobra.Command {
	message := &cobra.Command{
		Use: "message SESSION TEXT", Short: "Tell the person at the client of an open session something",
		Example: `  sallyport message SESSION "please stop after this one"`,
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.steer(c, args[0], "message", map[string]string{"message": args[1]})
		},
	}
	pause := &cobra.Command{Use: "pause SESSION", Short: "Let no further command of an open session through", Args: exactly(1)}
	reason := pause.Flags().String("reason", "", "why, for the record and for the person at the client")
	pause.RunE = func(c *cobra.Command, args []string) error {
		return a.steer(c, args[0], "pause", map[string]string{"reason": *reason})
	}
	resume := &cobra.Command{
		Use: "resume SESSION", Short: "Let a paused session go on", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return a.steer(c, args[0], "resume", nil) },
	}
	return []*cobra.Command{message, pause, resume}
}

func (a *app) steer(c *cobra.Command, session, action string, body map[string]string) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	return server.Do(c.Context(), "POST", "/sessions/"+url.PathEscape(session)+"/"+action, nil, body, nil)
}
