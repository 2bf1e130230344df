package replay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/screen"
)

func onServer(o *schemas.Opened) {
	o.Protocol, o.Database, o.ClientName, o.UpstreamUser = "ssh", "", "SSH-2.0-OpenSSH_9.2p1", "deploy"
}

func output(command uint64, channel schemas.Channel, format, text string) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: command, Channel: channel, Format: format, Data: []byte(text)}}}
}

func terminalSize(command uint64, kind string, columns, rows uint32) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: command, Type: kind, Columns: columns, Rows: rows}}}
}

// serverStory is a session with a command line, two shells at once, and files.
func serverStory(w *sample.Writer) {
	const out, in, allow = schemas.Channel_CHANNEL_OUT, schemas.Channel_CHANNEL_IN, schemas.Outcome_OUTCOME_ALLOW
	shell := w.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, allow)
	w.Fact(terminalSize(shell, "xterm-256color", 100, 30))
	w.Frame(output(shell, out, "terminal", "deploy@web1:~$ "))
	w.Frame(output(shell, in, "terminal", "ls\r"))
	w.Frame(output(shell, out, "terminal", "ls\r\n\x1b[32mMüll\xc3"))
	w.Frame(output(shell, out, "terminal", "\xb6l\x1b[0m\r\ndeploy@web1:~$ "))
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{Command: shell, Text: "ls", Source: "marks", Ended: true}}})
	w.Fact(terminalSize(shell, "", 120, 40))
	second := w.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, allow)
	w.Fact(terminalSize(second, "xterm", 80, 24))
	w.Frame(output(second, out, "terminal", "another$ "))
	w.Frame(output(shell, in, "withheld", "6"))
	w.Frame(output(shell, in, "terminal", "[not echoed]"))
	w.Frame(output(shell, out, "terminal", "exit\r\n"))
	w.Result(&schemas.Result{Command: shell, Tag: "exit 0"})
	w.Result(&schemas.Result{Command: second, Tag: "exit 0"})
	run := w.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXEC, Text: "cat f | wc -l"}, allow)
	w.Frame(output(run, out, "text", "7\n"))
	w.Result(&schemas.Result{Command: run, Tag: "exit 0"})
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_File{File: &schemas.File{Command: run, Path: "/srv/x", BytesIn: 7}}})
	w.Close(&schemas.Closed{Reason: "client"})
}

func TestCastOfTerminals(t *testing.T) {
	w := newWorld(t)
	serverStory(w.gateway.Open(first, onServer))
	w.settled(first)
	header, events := readCast(t, w.exported(first, "asciicast"))
	if term, _ := header["term"].(map[string]any); term["cols"] != 100.0 || term["rows"] != 30.0 {
		t.Errorf("header: %v", header)
	}
	var sizes, markers, typed []string
	played := screen.New(screen.Config{Columns: 100, Rows: 30})
	for _, e := range events {
		switch e.code {
		case "r":
			sizes = append(sizes, e.data)
			var columns, rows int
			if n, err := fmt.Sscanf(e.data, "%dx%d", &columns, &rows); n != 2 || err != nil {
				t.Fatalf("size %q", e.data)
			}
			played.Resize(columns, rows)
		case "o":
			_, _ = played.Write([]byte(e.data))
		case "m":
			markers = append(markers, e.data)
		case "i":
			typed = append(typed, e.data)
		}
	}
	if d := cmp.Diff([]string{"120x40", "80x24", "120x40"}, sizes); d != "" {
		t.Errorf("sizes: %s", d)
	}
	if d := cmp.Diff([]string{"shell", "ls", "shell", "cat f | wc -l"}, markers); d != "" {
		t.Errorf("markers: %s", d)
	}
	if d := cmp.Diff([]string{"ls\r", "[not echoed]"}, typed); d != "" {
		t.Errorf("input: %s", d)
	}
	text := slices.DeleteFunc(played.Text(), func(l string) bool { return l == "" })
	if got := strings.Join(text, "\n"); !strings.HasPrefix(got, "deploy@web1:~$ ls\nMüllöl\ndeploy@web1:~$ exit\n") || !strings.Contains(got, "deploy@orders$ cat f | wc -l\n7\n") {
		t.Errorf("the screen at the end:\n%s", got)
	}
}

const serverTranscript = `-- alice@example.com on orders: ssh, from 127.0.0.1:50123
-- a shell
deploy@web1:~$ ls
Müllöl
-- typed (as seen by marks, exit 0): ls
-- a shell
deploy@web1:~$ exit
exit 0

another$
exit 0

deploy@orders$ cat f | wc -l
7
exit 0

-- /srv/x: 7 bytes in, 0 bytes out
-- closed: client
`

func TestPlayPrintsTerminals(t *testing.T) {
	w := newWorld(t)
	serverStory(w.gateway.Open(first, onServer))
	w.settled(first)
	var out strings.Builder
	if err := replay.Play(t.Context(), &out, replay.Lines(strings.NewReader(w.exported(first, "ndjson"))), replay.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(serverTranscript, out.String()); d != "" {
		t.Error(d)
	}
}
