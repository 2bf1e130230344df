package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sallyport/cmd/internal/client"
)

// rebuilt is what rebuild answers of one projection.
type rebuilt struct {
	Projection  string   `json:"projection"`
	Entries     uint64   `json:"entries"`
	Equal       bool     `json:"equal"`
	Differences []string `json:"differences"`
	Appended    uint64   `json:"appended"`
}

// advance is how far a rebuild is.
type advance struct {
	Projection string `json:"projection"`
	Number     int    `json:"number"`
	Of         int    `json:"of"`
	What       string `json:"what"`
	Done       uint64 `json:"done"`
	Total      uint64 `json:"total"`
}

func (a *app) rebuild() *cobra.Command {
	rebuild := &cobra.Command{
		Use:   "rebuild",
		Short: "Make every projection again from the log, compare, and put right what differs",
		Long:  "Make every projection again from the log, compare, and put right what differs. How far it is comes on standard error.",
		Args:  exactly(0),
	}
	asJSON := rebuild.Flags().Bool("json", false, "print one object a line")
	rebuild.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		body, err := server.Lines(c.Context(), "POST", "/rebuild", nil, struct{}{})
		if err != nil {
			return err
		}
		defer body.Close()
		return a.followRebuild(body, *asJSON)
	}
	return rebuild
}

// followRebuild prints how far it is, and each report as it comes.
func (a *app) followRebuild(body io.Reader, asJSON bool) error {
	decoder, shown := json.NewDecoder(body), meter{out: a.Err, live: terminal(a.Err)}
	for {
		var line struct {
			Progress *advance
			Report   *rebuilt
			Problem  *client.Problem
			Done     bool
		}
		err := decoder.Decode(&line)
		if line.Progress != nil && err == nil {
			shown.show(*line.Progress)
			continue
		}
		shown.clear()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the server's answer ended before the rebuild did")
		case err != nil:
			return fmt.Errorf("read the server's answer: %w", err)
		case line.Problem != nil:
			return line.Problem
		case line.Done:
			return nil
		case line.Report == nil: // a later release's
		case asJSON:
			if err := printLines(a.Out, []rebuilt{*line.Report}); err != nil {
				return err
			}
		default:
			fmt.Fprintf(a.Out, "%-10s %d entries  %s\n", line.Report.Projection, line.Report.Entries, line.Report.judgement())
		}
	}
}

func (r *rebuilt) judgement() string {
	if r.Equal {
		return "equal"
	}
	return fmt.Sprintf("DIFFERED, put right: %s (%d appended)", strings.Join(r.Differences, ", "), r.Appended)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// meter shows how far something is: on a terminal in one line that changes, elsewhere in a line whenever another tenth of
// something is done.
type meter struct {
	out  io.Writer
	live bool
	last advance // that was shown
}

func (m *meter) show(p advance) {
	if p.What == "" || !m.live && p.Projection == m.last.Projection && p.What == m.last.What && p.tenths() == m.last.tenths() {
		return
	}
	m.last = p
	text := fmt.Sprintf("%d/%d %s: %d of %d %s (%d %%)", p.Number, p.Of, p.Projection, p.Done, p.Total, p.What, p.percent())
	if m.live {
		fmt.Fprint(m.out, "\r\x1b[K"+text)
		return
	}
	fmt.Fprintln(m.out, text)
}

// clear takes the line away that changes.
func (m *meter) clear() {
	if m.live {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

func (p advance) percent() uint64 {
	if p.Total == 0 {
		return 100
	}
	return min(100, uint64(float64(p.Done)/float64(p.Total)*100))
}

func (p advance) tenths() uint64 { return p.percent() / 10 }
