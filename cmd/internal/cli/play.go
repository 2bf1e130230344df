package cli

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"sallyport/replay"
)

func (a *app) play() *cobra.Command {
	play := &cobra.Command{Use: "play SESSION", Short: "Replay a session at its original pace", Args: exactly(1)}
	speed := play.Flags().Float64("speed", 1, "1 is the original pace, 4 is four times as fast, 0 does not wait")
	play.RunE = func(c *cobra.Command, args []string) error {
		if *speed < 0 {
			return usage("--speed must not be negative")
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		body, err := server.Stream(c.Context(), "GET", "/sessions/"+url.PathEscape(args[0])+"/export", url.Values{"format": {"ndjson"}}, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		return replay.Play(c.Context(), a.Out, replay.Lines(body), replay.PlayOptions{Speed: *speed})
	}
	return play
}

func (a *app) watch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch SESSION",
		Short: "Show what a session did and what it does now, until it ends",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			conn, err := server.Websocket(c.Context(), "/sessions/"+url.PathEscape(args[0])+"/play", nil)
			if err != nil {
				return err
			}
			defer context.AfterFunc(c.Context(), func() { _ = conn.Close() })()
			defer conn.Close()
			err = replay.Play(c.Context(), a.Out, replay.Stream(conn), replay.PlayOptions{})
			if c.Context().Err() != nil {
				return c.Context().Err()
			}
			return err
		},
	}
}
