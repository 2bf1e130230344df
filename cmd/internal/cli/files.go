package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sallyport/replay"
)

func (a *app) files() *cobra.Command {
	command := &cobra.Command{
		Use:   "files SESSION [COMMAND]",
		Short: "List the files that a session moved, or take one out of its recording",
		Long: "List the files that a session moved, or write to standard output what it moved of the one that the\n" +
			"command of that number opened. Its digest is checked before anything is written.",
		Example: "  sallyport files SESSION 12 > uploaded",
		Args:    between(1, 2),
	}
	read := command.Flags().Bool("read", false, "what was read from the target; otherwise, of a file that was read and written, what was written")
	asJSON := command.Flags().Bool("json", false, "print one object a line")
	command.RunE = func(c *cobra.Command, args []string) error {
		number := uint64(0)
		if len(args) == 2 {
			var err error
			if number, err = strconv.ParseUint(args[1], 10, 62); err != nil || number == 0 {
				return usage("%q is no number of a command", args[1])
			}
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
		if number > 0 {
			return a.takeFile(body, number, *read)
		}
		return a.listFiles(body, *asJSON)
	}
	return command
}

func (a *app) listFiles(body io.Reader, asJSON bool) error {
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "COMMAND\tWRITTEN\tREAD\tKEPT\tPATH")
	}
	for f, err := range replay.Files(replay.Lines(body)) {
		if err != nil {
			return err
		}
		if asJSON {
			if err := printLines(a.Out, []replay.File{f}); err != nil {
				return err
			}
			continue
		}
		kept := strconv.FormatBool(f.Kept)
		if f.Kept && f.Masked {
			kept = "masked"
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\n", f.Command, f.BytesIn, f.BytesOut, kept, onOneLine(f.Path))
	}
	return w.Flush()
}

// takeFile puts a file together where pieces may come in any order, and prints it if it is what was moved.
func (a *app) takeFile(body io.Reader, number uint64, read bool) error {
	f, err := os.CreateTemp("", "sallyport-file-*")
	if err != nil {
		return fmt.Errorf("make a temporary file: %w", err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return fmt.Errorf("make a temporary file: %w", err)
	}
	taken, err := replay.TakeFile(f, replay.Lines(body), number, read)
	if err != nil {
		return fmt.Errorf("command %d: %w", number, err)
	}
	content := func() io.Reader { return io.NewSectionReader(f, taken.Begin, taken.End-taken.Begin) }
	want := ""
	switch {
	case taken.File == nil:
		fmt.Fprintln(a.Err, "the file was not closed when the session ended, or is still open: this may be a part of it")
	case taken.File.Masked:
		fmt.Fprintln(a.Err, "this is what masks leave of what was moved, of which the recorded digest is")
	case read:
		want = taken.File.DigestOut
	default:
		want = taken.File.DigestIn
	}
	if taken.Begin > 0 {
		fmt.Fprintf(a.Err, "what was moved begins at byte %d of the file\n", taken.Begin)
	}
	switch {
	case taken.File != nil && taken.File.Masked:
	case want == "":
		fmt.Fprintln(a.Err, "there is no digest to check: the file was not moved in order, or not as a whole")
	default:
		digest := sha256.New()
		if _, err := io.Copy(digest, content()); err != nil {
			return fmt.Errorf("read the temporary file: %w", err)
		}
		if hex.EncodeToString(digest.Sum(nil)) != want {
			return errors.New("the content is not what the recorded digest says: `sallyport verify` tells whether the recording was altered")
		}
	}
	_, err = io.Copy(a.Out, content())
	return err
}
