package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// castPage has asciinema's own player, as its documentation says to embed it.
const castPage = `<!doctype html><meta charset="utf-8"><title>cast</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/player/asciinema-player.css"><body><script src="/player/asciinema-player.min.js"></script>`

// castScreen is a screen that the player must show.
type castScreen struct {
	At      float64  `json:"at,omitempty"` // seconds from the start
	Columns int      `json:"columns"`
	Rows    int      `json:"rows"`
	Lines   []string `json:"lines"` // without the blanks at their ends
	word    string
}

// screenOf is what atEdges draws: a letter at the right edge of the first row, and text at the left of the last.
func screenOf(word string, columns, rows int) castScreen {
	s := castScreen{Columns: columns, Rows: rows, Lines: make([]string, rows), word: word}
	s.Lines[0], s.Lines[rows-1] = strings.Repeat(" ", columns-1)+"R", fmt.Sprintf("%s %dx%d Ünïcödé 世界", word, columns, rows)
	return s
}

// atEdges draws a screen for each line that it reads, once its terminal has the size that the line says.
const atEdges = `stty -echo; printf 'ready$ '
while read -r word columns rows && [ "$word" != bye ]; do
  until [ "$(stty size)" = "$rows $columns" ]; do sleep 0.05; done
  printf '\033[2J\033[1;%dHR\033[%d;1H\033[1;32m%s\033[0m %dx%d Ünïcödé 世界' "$columns" "$rows" "$word" "$columns" "$rows"
done`

// TestCastInStockPlayer records a real ssh on a terminal whose size changes, exports that as asciicast, and has asciinema's
// player, which is not this project's, play it: with the sizes that the terminal had, and what was on it.
func TestCastInStockPlayer(t *testing.T) {
	t.Parallel()
	g, sshd := newSSHGateway(t)
	g.declareSSH(sshd, "")
	screens := []castScreen{screenOf("FIRST", 90, 30), screenOf("SECOND", 133, 41), screenOf("THIRD", 80, 24)}
	client, tty := g.sshOnTerminal(t, screens[0].Columns, screens[0].Rows)
	for i, s := range screens {
		if i > 0 {
			if out, err := exec.Command("stty", "-F", tty, "columns", fmt.Sprint(s.Columns), "rows", fmt.Sprint(s.Rows)).CombinedOutput(); err != nil {
				t.Fatalf("stty: %v: %s", err, out)
			}
		}
		client.run(fmt.Sprintf("%s %d %d", s.word, s.Columns, s.Rows), fmt.Sprintf("%dx%d Ünïcödé 世界", s.Columns, s.Rows))
	}
	if _, err := io.WriteString(client.in, "bye\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-client.done:
		if err != nil {
			t.Fatalf("ssh: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("ssh did not end")
	}
	g.await("the session to be closed", func() bool { return len(g.sessions()) == 1 && !g.newest().Open })
	cast := g.sallyport("export", g.newest().ID, "--format", "asciicast")
	seconds := timed(t, cast, screens)
	last := screens[len(screens)-1]
	after := []string{"exit 0", "", "-- closed: client: the client left", ""}
	end := castScreen{Columns: last.Columns, Rows: last.Rows, Lines: append(last.Lines[len(after):last.Rows:last.Rows], after...)}
	expect, err := json.Marshal(map[string]any{"seconds": seconds, "screens": screens, "end": end})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, g: g}
	b.play("cast.mjs", "SALLYPORT_URL="+serveCast(t, cast), "SALLYPORT_EXPECT="+string(expect))
}

// sshOnTerminal runs atEdges with the real client on a terminal of that size, and returns the terminal's name.
func (g *gateway) sshOnTerminal(t testing.TB, columns, rows int) (s *shell, tty string) {
	t.Helper()
	write(t, filepath.Join(g.dir, "edges"), atEdges)
	write(t, filepath.Join(g.dir, "askpass"), "#!/bin/sh\necho '"+g.token("alice")+"'\n")
	write(t, filepath.Join(g.dir, "client"), fmt.Sprintf("tty > tty; stty columns %d rows %d\nexec ssh -F none -t -p %s -o StrictHostKeyChecking=no"+
		" -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o PreferredAuthentications=password alice+web1@127.0.0.1 \"$(cat edges)\"\n", columns, rows, g.port))
	if err := os.Chmod(filepath.Join(g.dir, "askpass"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("script", "-qefc", "sh client", "/dev/null")
	c.Dir = g.dir
	c.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS="+filepath.Join(g.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force", "TERM=xterm-256color")
	s = &shell{t: t, out: new(lockedBuffer), cmd: c, done: make(chan error, 1)}
	c.Stdout, c.Stderr, c.WaitDelay = s.out, s.out, 10*time.Second
	var err error
	if s.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- c.Wait() }()
	t.Cleanup(func() { _ = c.Process.Kill() })
	g.await("the command at the target to begin", func() bool { return strings.Contains(s.out.String(), "ready$ ") })
	name, err := os.ReadFile(filepath.Join(g.dir, "tty"))
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimSpace(string(name))
}

// timed says when each screen was there, in the middle between its last output and what came next, and how many seconds there are.
func timed(t testing.TB, cast string, screens []castScreen) (seconds float64) {
	t.Helper()
	_, events, _ := strings.Cut(cast, "\n")
	next, drawing := 0, ""
	for line := range strings.Lines(events) {
		var event []any
		if err := json.Unmarshal([]byte(line), &event); err != nil || len(event) != 3 {
			t.Fatalf("%s: %v", line, err)
		}
		interval, _ := event[0].(float64)
		if next < len(screens) && strings.HasSuffix(drawing, "世界") {
			screens[next].At = seconds + interval/2
			next, drawing = next+1, ""
		}
		seconds += interval
		if text, _ := event[2].(string); event[1] == "o" {
			drawing += text
		}
	}
	if next != len(screens) {
		t.Fatalf("not all is in the export:\n%s", cast)
	}
	return seconds
}

// serveCast has a page with the player, and returns its address.
func serveCast(t testing.TB, cast string) string {
	t.Helper()
	const bundle = "testdata/cast-player/node_modules/asciinema-player/dist/bundle"
	if _, err := os.Stat(bundle); err != nil {
		t.Fatal("asciinema's player is what `deploy/clients.sh` installs")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /player/", http.StripPrefix("/player/", http.FileServer(http.Dir(bundle))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, castPage) })
	mux.HandleFunc("GET /cast", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, cast) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}
