package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// revealed is a value that a client saw and the recording has in masked form.
type revealed struct {
	Command uint64   `json:"command"`
	Row     uint64   `json:"row"`
	Column  uint32   `json:"column"`
	Part    string   `json:"part"`
	Length  *uint64  `json:"length"` // of a stream
	Name    string   `json:"name"`
	Masks   []string `json:"masks"`
	Null    bool     `json:"null"`
	Text    string   `json:"text"`
}

func (a *app) reveal() *cobra.Command {
	reveal := &cobra.Command{
		Use:   "reveal SESSION [COMMAND]",
		Short: "Print what masks hid from a recording and the client was shown",
		Long: "Print what masks hid from a recording and the client was shown: of the session, or of the command\n" +
			"of that number. For people who may replay the session and whom the masks except. The reason is\nput on record before anything is shown.",
		Example: `  sallyport reveal SESSION 12 --reason "ticket 481: which customer was called"`,
		Args:    between(1, 2),
	}
	reason := reveal.Flags().String("reason", "", "why, for the record; must be given")
	asJSON := reveal.Flags().Bool("json", false, "print one object a line")
	reveal.RunE = func(c *cobra.Command, args []string) error {
		if strings.TrimSpace(*reason) == "" {
			return usage("say why with --reason")
		}
		q := url.Values{}
		if len(args) == 2 {
			if n, err := strconv.ParseUint(args[1], 10, 62); err != nil || n == 0 {
				return usage("%q is no number of a command", args[1])
			}
			q.Set("command", args[1])
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		withheld, found := 0, 0
		for {
			var page struct {
				Values   []json.RawMessage `json:"values"`
				Withheld int               `json:"withheld"`
				Next     uint64            `json:"next"`
			}
			if err := server.Do(c.Context(), "POST", "/sessions/"+url.PathEscape(args[0])+"/reveal", q, map[string]string{"reason": *reason}, &page); err != nil {
				return err
			}
			found, withheld = found+len(page.Values), withheld+page.Withheld
			if *asJSON {
				err = printLines(a.Out, page.Values)
			} else {
				err = printRevealed(a.Out, page.Values)
			}
			if err != nil {
				return err
			}
			if page.Next == 0 {
				break
			}
			q.Set("from", strconv.FormatUint(page.Next, 10))
		}
		if found == 0 {
			fmt.Fprintln(a.Err, "there is nothing to reveal")
		}
		if withheld > 0 {
			fmt.Fprintf(a.Err, "%d frames are withheld: you are not excepted from their masks\n", withheld)
		}
		return nil
	}
	return reveal
}

// printRevealed prints a value a line, with what it is before it.
func printRevealed(out io.Writer, raw []json.RawMessage) error {
	for _, one := range raw {
		var v revealed
		if err := json.Unmarshal(one, &v); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		place := ""
		if v.Command > 0 {
			place = fmt.Sprintf("command %d, ", v.Command)
		}
		switch {
		case v.Length != nil:
			place += fmt.Sprintf("%s at byte %d", v.Part, v.Row)
		case v.Part != "":
			place += v.Part
		case v.Column == 0:
			place += fmt.Sprintf("at byte %d", v.Row)
		case v.Name == "":
			place += fmt.Sprintf("row %d, column %d", v.Row, v.Column)
		default:
			place += fmt.Sprintf("row %d, %s", v.Row, onOneLine(v.Name))
		}
		text := onOneLine(v.Text)
		if v.Null {
			text = "null"
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", place, text); err != nil {
			return err
		}
	}
	return nil
}

// onOneLine is a text as it is, or quoted where a terminal would make something else of it, or of null.
func onOneLine(s string) string {
	if s == "null" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || s == "" {
		return strconv.Quote(s)
	}
	return s
}
