package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestPlayer drives a real Chromium through the player: a database session of a real psql, and
// terminals that are written to the log as a gateway writes them.
func TestPlayer(t *testing.T) {
	url := journaltest.Server(t)
	g := newGateway(t, newTarget(t), "nats: {url: \""+url+"\"}\n")
	token := g.token("alice")
	s := g.shell("alice", token)
	s.run("SELECT id, name FROM customers ORDER BY id;", "2|Grace")
	s.run("SELECT pg_sleep(0.3);", "")
	s.run("DROP TABLE customers;", "destructive SQL needs a DBA")
	s.run("SELECT generate_series(1, 120) AS n;", "\n120")
	s.leave()
	database := g.newest().ID

	log, err := journal.Open(t.Context(), journal.Config{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	terminals := newTerminals(t, log)
	closed := terminals.open()
	closed.story()
	closed.close()
	live := terminals.open()
	live.story()
	g.await("three sessions", func() bool { return len(g.sessions()) == 3 })
	g.search("session:"+database+" customers", 1)

	_, code, _ := strings.Cut(g.signInLink("alice"), "#code=")
	expect, err := json.Marshal(map[string]string{"database": database, "terminal": string(closed.id), "live": string(live.id)})
	if err != nil {
		t.Fatal(err)
	}
	var b *browser
	b = &browser{t: t, g: g, token: token, asked: map[string]func(said) map[string]string{
		"write": func(m said) map[string]string {
			live.out(m.Text)
			return map[string]string{}
		},
		"export": func(m said) map[string]string {
			file := filepath.Join(t.TempDir(), m.Session+".html")
			write(t, file, g.sallyport("export", m.Session, "--format", "html"))
			return map[string]string{"file": file}
		},
		"told": func(m said) map[string]string {
			b.shells[m.Session].run("SELECT 1;", m.Want)
			return map[string]string{}
		},
		"finish": func(said) map[string]string { live.close(); return map[string]string{} },
	}}
	b.play("player.mjs", "SALLYPORT_CODE="+code, "SALLYPORT_EXPECT="+string(expect))
}

// terminals writes sessions of terminals, in place of a gateway.
type terminals struct {
	t     testing.TB
	log   *journal.Log
	lease *journal.Lease
}

func newTerminals(t testing.TB, log *journal.Log) *terminals {
	t.Helper()
	lease, err := log.Lease(t.Context(), "terminals")
	if err != nil {
		t.Fatal(err)
	}
	return &terminals{t, log, lease}
}

// recorded is one such session. Its story is told as if it had begun as long ago as it takes.
type recorded struct {
	t     testing.TB
	w     *journal.Writer
	id    schemas.SessionID
	shell uint64
	at    time.Time
}

func (m *terminals) open() *recorded {
	m.t.Helper()
	id := schemas.NewSessionID()
	r := &recorded{t: m.t, w: m.log.NewWriter(m.lease, id), id: id, at: time.Now().Add(-1285 * time.Second)}
	r.fact(&schemas.Entry{Kind: &schemas.Entry_Opened{Opened: &schemas.Opened{
		Principal: &schemas.Principal{Name: "bob", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}, Target: "orders", TargetLabels: map[string]string{"env": "test"},
		Protocol: "ssh", ClientAddress: "127.0.0.1:2222", ClientName: "OpenSSH_9.2", UpstreamUser: "deploy", Tls: true,
	}}})
	r.shell = r.fact(&schemas.Entry{Kind: &schemas.Entry_Command{Command: &schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}}})
	r.fact(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: r.shell, Outcome: schemas.Outcome_OUTCOME_ALLOW, Revision: "r1"}}})
	r.fact(&schemas.Entry{Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: r.shell, Type: "xterm-256color", Columns: 100, Rows: 28}}})
	return r
}

func (r *recorded) fact(e *schemas.Entry) uint64 {
	r.t.Helper()
	e.At = r.at.UnixNano()
	r.at = r.at.Add(10 * time.Millisecond)
	if err := r.w.Commit(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	return e.Number
}

func (r *recorded) frame(channel schemas.Channel, text string) {
	r.t.Helper()
	e := &schemas.Entry{At: r.at.UnixNano(), Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: r.shell, Channel: channel, Format: "terminal", Data: []byte(text)}}}
	if _, err := r.w.Frame(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	r.w.Hasten()
	r.at = r.at.Add(30 * time.Millisecond)
}

// out writes output now.
func (r *recorded) out(text string) {
	r.at = time.Now()
	r.frame(schemas.Channel_CHANNEL_OUT, text)
}

// story is twenty minutes of work, with long pauses, colours, a pager and a failed command.
func (r *recorded) story() {
	for i := range 60 {
		line := fmt.Sprintf("make step-%d", i)
		for _, c := range line {
			r.frame(schemas.Channel_CHANNEL_IN, string(c))
			r.frame(schemas.Channel_CHANNEL_OUT, string(c))
		}
		r.frame(schemas.Channel_CHANNEL_IN, "\r")
		r.frame(schemas.Channel_CHANNEL_OUT, "\r\n")
		for n := range 20 {
			r.frame(schemas.Channel_CHANNEL_OUT, fmt.Sprintf("\x1b[1;3%dm[%3d%%]\x1b[0m Building \x1b[38;2;120;200;180mobject\x1b[0m %d.%d.o 日本 ─┤\r\n", n%7+1, n*5, i, n))
		}
		r.fact(&schemas.Entry{Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{Command: r.shell, Text: line, Source: "marks", Ended: true, ExitStatus: int32(i % 7 / 6)}}})
		r.frame(schemas.Channel_CHANNEL_OUT, "\x1b[1;32mbob@web1\x1b[0m:\x1b[1;34m~/src\x1b[0m$ ")
		r.at = r.at.Add(20 * time.Second)
	}
	if err := r.w.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recorded) close() {
	r.t.Helper()
	r.fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: r.shell, Tag: "exit 0", Duration: int64(20 * time.Minute)}}})
	if err := r.w.Close(context.Background(), &schemas.Closed{Reason: "client", Commands: 1}); err != nil {
		r.t.Fatal(err)
	}
}
