package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestBrowser drives a real Chromium through the app on a real gateway. SALLYPORT_SHOTS names a
// folder for its screenshots.
func TestBrowser(t *testing.T) {
	g := newGateway(t, newTarget(t), "")
	token := g.token("alice")
	s := g.shell("alice", token)
	s.run("SELECT id, name FROM customers ORDER BY id;", "2|Grace")
	s.run("DROP TABLE customers;", "destructive SQL needs a DBA")
	s.leave()
	const query = `kind:DROP "customers" who:alice`
	g.search(query, 1)

	expect, err := json.Marshal(map[string]string{
		"who": "alice", "target": "orders", "search": query, "denied": "DROP TABLE customers",
		"policy": "no-destructive-sql", "message": "destructive SQL needs a DBA",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(g.signInLink("alice"), "#code=")
	b := &browser{t: t, g: g, token: token}
	b.play("run.mjs", "SALLYPORT_CODE="+code, "SALLYPORT_EXPECT="+string(expect), "SALLYPORT_KILL=1")
}

// browser answers what the script in the browser asks for.
type browser struct {
	t      *testing.T
	g      *gateway
	token  string
	in     io.Writer
	shells map[string]*shell
	runs   int
	asked  map[string]func(said) map[string]string // what a test answers itself
}

// browserPatience has a script be as patient as the tests are.
func browserPatience() string { return fmt.Sprintf("SALLYPORT_TIMEOUT=%d", patience.Milliseconds()) }

// play runs a script of replay/web/e2e to its end, which must be that it saw everything.
func (b *browser) play(script string, env ...string) {
	b.t.Helper()
	if _, err := os.Stat("../../replay/web/node_modules/playwright-core"); err != nil {
		b.t.Fatal("the browser tests need what `deploy/web.sh install` installs")
	}
	b.shells = make(map[string]*shell)
	c := exec.Command("node", "e2e/"+script)
	c.Dir = "../../replay/web"
	c.Env = append(append(os.Environ(), "SALLYPORT_URL=http://"+b.g.web, browserPatience()), env...)
	c.Stderr = os.Stderr
	var err error
	if b.in, err = c.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Process.Kill() })
	done := b.drive(out)
	if err := c.Wait(); err != nil || !done {
		b.t.Errorf("the browser's half ended: %v", err)
	}
}

// said is one line of the script.
type said struct {
	Ask     string   `json:"ask"`
	Session string   `json:"session"`
	Text    string   `json:"text"`
	Want    string   `json:"want"`
	Step    string   `json:"step"`
	MS      int      `json:"ms"`
	Done    bool     `json:"done"`
	Failed  string   `json:"failed"`
	Faults  []string `json:"faults"`
}

// drive serves the script to its end and reports whether it saw everything.
func (b *browser) drive(out io.Reader) bool {
	done := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m said
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			b.t.Errorf("the script said %q: %v", lines.Text(), err)
			continue
		}
		switch {
		case m.Ask != "":
			b.answer(m)
		case m.Step != "":
			b.t.Logf("%5d ms  %s", m.MS, m.Step)
		case m.Failed != "":
			b.t.Errorf("%s %v", m.Failed, m.Faults)
		}
		done = done || m.Done
	}
	return done
}

func (b *browser) answer(m said) {
	answer := map[string]string{}
	switch m.Ask {
	case "open":
		answer["session"] = b.open()
	case "run":
		b.runs++
		mark := fmt.Sprintf("driver %d done", b.runs)
		b.shells[m.Session].run(m.Text+"\n;\n\\echo "+mark, mark)
	case "close":
		b.shells[m.Session].leave()
	case "gone":
		if err := b.shells[m.Session].gone(); err != nil {
			answer["error"] = err.Error()
		}
	default:
		if own, ok := b.asked[m.Ask]; ok {
			answer = own(m)
			break
		}
		answer["error"] = "unknown request " + m.Ask
	}
	line, err := json.Marshal(answer)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		b.t.Errorf("answer the script: %v", err)
	}
}

// open opens a session and returns its id once it is listed.
func (b *browser) open() string {
	known := map[string]bool{}
	for _, s := range b.g.sessions() {
		known[s.ID] = true
	}
	sh := b.g.shell("alice", b.token)
	sh.run("\\echo connected", "connected")
	id := ""
	b.g.await("the new session to be listed", func() bool {
		for _, s := range b.g.sessions() {
			if !known[s.ID] {
				id = s.ID
			}
		}
		return id != ""
	})
	b.shells[id] = sh
	return id
}

// leave ends the client as its user would.
func (s *shell) leave() {
	s.t.Helper()
	if err := s.in.Close(); err != nil {
		s.t.Errorf("close psql's input: %v", err)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Error("psql did not end with its input")
	}
}

// gone returns nil if the client was disconnected. psql notices when it next speaks.
func (s *shell) gone() error {
	if _, err := io.WriteString(s.in, "SELECT 'still connected';\n\\q\n"); err != nil {
		return nil // psql has ended
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		return fmt.Errorf("psql is still there")
	}
	if strings.Contains(s.out.String(), "still connected\n") {
		return fmt.Errorf("psql is still connected")
	}
	return nil
}
