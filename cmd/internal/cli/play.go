package cli

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sallyport/cmd/internal/client"
	"sallyport/replay"
)

func (a *app) play() *cobra.Command {
	play := &cobra.Command{
		Use:   "play SESSION",
		Short: "Replay a session at its original pace",
		Long: "Replay a session at its original pace. On a terminal, what the session's terminals showed is drawn as it\n" +
			"looked: nothing that was recorded is written to yours as it is. Elsewhere it is text.",
		Args: exactly(1),
	}
	speed := play.Flags().Float64("speed", 1, "1 is the original pace, 4 is four times as fast, 0 does not wait")
	idle := play.Flags().Duration("idle", 2*time.Second, "longest pause that is kept")
	from := play.Flags().Duration("from", 0, "begin at this moment of the session, such as 1m30s")
	play.RunE = func(c *cobra.Command, args []string) error {
		if *speed < 0 || *idle <= 0 || *from < 0 {
			return usage("--speed and --from must not be negative, and --idle must be more than 0")
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		o := replay.PlayOptions{Speed: *speed, MaxIdle: *idle, Size: a.size()}
		path := "/sessions/" + url.PathEscape(args[0])
		if *from > 0 {
			return a.playFrom(c.Context(), server, path, *from, o)
		}
		body, err := server.Stream(c.Context(), "GET", path+"/export", url.Values{"format": {"ndjson"}}, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		return replay.Play(c.Context(), a.Out, replay.Lines(body), o)
	}
	return play
}

// playFrom plays a session from a moment on: from the last keyframe before it, if terminals are drawn.
func (a *app) playFrom(ctx context.Context, server *client.Client, path string, from time.Duration, o replay.PlayOptions) error {
	var index replay.IndexAnswer
	if err := server.Do(ctx, "GET", path+"/index", nil, nil, &index); err != nil {
		return err
	}
	o.Began, o.From = index.First, index.First.Add(from)
	first := uint64(1)
	if o.Size != nil {
		at := strconv.FormatFloat(float64(from)/float64(time.Millisecond), 'f', 3, 64)
		if err := server.Do(ctx, "GET", path+"/keyframe", url.Values{"at": {at}}, nil, &o.Keyframe); err != nil {
			return err
		}
		first = o.Keyframe.Number + 1
	}
	conn, err := server.Websocket(ctx, path+"/play", url.Values{"from": {strconv.FormatUint(first, 10)}})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	err = replay.Play(ctx, a.Out, replay.History(conn), o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// size tells the size of the terminal that output goes to; nil: it goes to none, or to one that cannot be drawn on.
func (a *app) size() func() (columns, rows int) {
	f, ok := a.Out.(*os.File)
	if kind := a.Env("TERM"); !ok || !term.IsTerminal(int(f.Fd())) || kind == "" || kind == "dumb" {
		return nil
	}
	return func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil || columns < 2 || rows < 1 {
			return 80, 24
		}
		return columns, rows
	}
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
			err = replay.Play(c.Context(), a.Out, replay.Stream(conn), replay.PlayOptions{Size: a.size()})
			if c.Context().Err() != nil {
				return c.Context().Err()
			}
			return err
		},
	}
}
