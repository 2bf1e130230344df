package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) readCommands() []*cobra.Command {
	return []*cobra.Command{a.sessions(), a.search(), a.play(), a.watch(), a.kill(), a.export(), a.files(), a.reveal(), a.events()}
}

// session is what the list shows of one; the whole is kept for --json.
type session struct {
	ID         string    `json:"id"`
	Principal  string    `json:"principal"`
	Target     string    `json:"target"`
	Database   string    `json:"database"`
	Opened     time.Time `json:"opened"`
	Open       bool      `json:"open"`
	Reason     string    `json:"reason"`
	Commands   uint64    `json:"commands"`
	Denied     uint64    `json:"denied"`
	DurationMS float64   `json:"duration_ms"`
}

func (a *app) sessions() *cobra.Command {
	list := &cobra.Command{Use: "sessions", Short: "List sessions, newest first", Args: exactly(0)}
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	limit := list.Flags().Int("limit", 50, "how many")
	who := list.Flags().String("who", "", "only of this `PRINCIPAL`")
	target := list.Flags().String("target", "", "only on this `TARGET`")
	open := list.Flags().Bool("open", false, "only those that are open now")
	list.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(*limit)}, "who": {*who}, "target": {*target}}
		if *open {
			q.Set("open", "true")
		}
		var answer struct {
			Sessions []json.RawMessage `json:"sessions"`
		}
		if err := server.Do(c.Context(), "GET", "/sessions", q, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Sessions)
		}
		return printSessions(a.Out, answer.Sessions)
	}
	return list
}

func printSessions(out io.Writer, raw []json.RawMessage) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tWHO\tTARGET\tOPENED\tFOR\tCOMMANDS\tDENIED\tSTATE")
	for _, one := range raw {
		var s session
		if err := json.Unmarshal(one, &s); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		state := s.Reason
		if s.Open {
			state = "open"
		}
		target := s.Target
		if s.Database != "" {
			target += "/" + s.Database
		}
		length := time.Duration(s.DurationMS * float64(time.Millisecond)).Round(time.Second)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", s.ID, s.Principal, target, s.Opened.Local().Format(time.DateTime), length, s.Commands, s.Denied, state)
	}
	return w.Flush()
}

// hit is one result of a search.
type hit struct {
	Session   string    `json:"session"`
	Number    uint64    `json:"number"`
	Time      time.Time `json:"time"`
	Principal string    `json:"principal"`
	Target    string    `json:"target"`
	Field     string    `json:"field"`
	Verdict   string    `json:"verdict"`
	Snippet   string    `json:"snippet"`
	Link      string    `json:"link"`
	Run       string    `json:"run"`
	Prompt    string    `json:"prompt"`
}

func (a *app) search() *cobra.Command {
	search := &cobra.Command{
		Use:     "search [QUERY]",
		Short:   "Find commands and rows in every recording",
		Long:    "Find commands and rows in every recording. Without a query: run the search service\nagainst an external log.",
		Example: `  sallyport search 'who:alice target:orders kind:DROP "customers" verdict:denied after:2026-11-01'`,
		Args:    cobra.ArbitraryArgs,
	}
	asJSON := search.Flags().Bool("json", false, "print one object a line")
	limit := search.Flags().Int("limit", 20, "how many")
	wait := search.Flags().Duration("wait", 2*time.Second, "wait so long for what was recorded until now to be searchable")
	search.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.alone(c.Context(), "search")
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		q := url.Values{"q": {strings.Join(args, " ")}, "limit": {strconv.Itoa(*limit)}, "wait": {wait.String()}}
		var answer struct {
			Hits  []json.RawMessage `json:"hits"`
			Total uint64            `json:"total"`
		}
		if err := server.Do(c.Context(), "GET", "/search", q, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Hits)
		}
		return printHits(a.Out, answer.Hits, answer.Total)
	}
	return search
}

func printHits(out io.Writer, raw []json.RawMessage, total uint64) error {
	for _, one := range raw {
		var h hit
		if err := json.Unmarshal(one, &h); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		fmt.Fprintf(out, "%s  %s on %s  %s %s\n    %s\n    %s\n", h.Time.Local().Format(time.DateTime), h.Principal, h.Target, h.Verdict, h.Field, plainSnippet(h.Snippet), h.Link)
		if h.Prompt != "" {
			fmt.Fprintf(out, "    prompt of %s: %s\n", h.Run, printable(h.Prompt))
		}
	}
	_, err := fmt.Fprintf(out, "%d of %d\n", len(raw), total)
	return err
}

// plainSnippet turns a snippet (escaped HTML with marks) into a line for a terminal.
func plainSnippet(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer(
		"<mark>", "", "</mark>", "", "&lt;", "<", "&gt;", ">", "&#34;", `"`, "&quot;", `"`, "&#39;", "'", "&amp;", "&",
	).Replace(s)), " ")
}

func (a *app) kill() *cobra.Command {
	kill := &cobra.Command{Use: "kill SESSION", Short: "End a session at once", Args: exactly(1)}
	reason := kill.Flags().String("reason", "", "why, for the record and for the person at the client")
	kill.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		return server.Do(c.Context(), "POST", "/sessions/"+url.PathEscape(args[0])+"/kill", nil, map[string]string{"reason": *reason}, nil)
	}
	return kill
}

func (a *app) export() *cobra.Command {
	export := &cobra.Command{Use: "export SESSION", Short: "Write a recording to standard output", Args: exactly(1)}
	format := export.Flags().String("format", "ndjson", "asciicast, ndjson or html")
	encrypt := export.Flags().String("encrypt", "", "encrypt it to an age `RECIPIENT`, such as age1…")
	export.RunE = func(c *cobra.Command, args []string) error {
		q := url.Values{"format": {*format}}
		if *encrypt != "" {
			q.Set("encrypt", *encrypt)
		}
		return a.copy(c, "/sessions/"+url.PathEscape(args[0])+"/export", q)
	}
	return export
}

func (a *app) events() *cobra.Command {
	events := &cobra.Command{
		Use:   "events",
		Short: "Print public events (CloudEvents), one a line",
		Long: "Print public events (CloudEvents), one a line. Each carries its cursor in `sequence`: give the\n" +
			"last one seen as --cursor to go on from there, across restarts, without a gap or a repeat.",
		Args: exactly(0),
	}
	follow := events.Flags().Bool("follow", false, "go on with events as they come")
	filter := events.Flags().String("filter", "", "only `SUBJECT`s, such as sallyport.event.command.denied.>")
	since := events.Flags().String("since", "", "only events from this time on (RFC 3339, or a duration such as 1h)")
	cursor := events.Flags().Uint64("cursor", 0, "only events after this `SEQUENCE`")
	events.RunE = func(c *cobra.Command, _ []string) error {
		q := url.Values{"subject": {*filter}}
		if *since != "" {
			at, err := moment(*since, time.Now())
			if err != nil {
				return err
			}
			q.Set("since", at.Format(time.RFC3339Nano))
		}
		if *cursor > 0 {
			q.Set("cursor", strconv.FormatUint(*cursor, 10))
		}
		if *follow {
			q.Set("follow", "true")
		}
		return a.copy(c, "/events", q)
	}
	return events
}

// moment reads a time, or a duration before now.
func moment(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usage("%q is neither a time such as 2026-11-01T00:00:00Z nor a duration such as 1h", s)
	}
	return t, nil
}

// copy prints what the server answers, as it comes.
func (a *app) copy(c *cobra.Command, path string, q url.Values) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	body, err := server.Stream(c.Context(), "GET", path, q, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(a.Out, body)
	return err
}
