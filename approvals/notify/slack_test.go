package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/approvals/notify"
	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// call is what a stand-in was asked.
type call struct {
	path, auth string
	body       map[string]any
	form       string
}

// standIn answers as Slack does.
type standIn struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	fail  string // error that it answers
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		c := call{path: r.URL.Path, auth: r.Header.Get("Authorization")}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			_ = json.Unmarshal(data, &c.body)
		} else {
			c.form = string(data)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, c)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case s.fail == "http":
			w.WriteHeader(http.StatusServiceUnavailable)
		case s.fail != "":
			_, _ = io.WriteString(w, `{"ok":false,"error":"`+s.fail+`"}`)
		case c.path == "/api/users.info":
			_, _ = io.WriteString(w, `{"ok":true,"user":{"id":"U061F7AUR","deleted":false,"profile":{"email":"bob@example.com"}}}`)
		default:
			_, _ = io.WriteString(w, `{"ok":true,"channel":"C0LAN2Q65","ts":"1548261231.000200","message":{}}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) asked(path string) (out []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.path == path {
			out = append(out, c)
		}
	}
	return out
}

// state is a request that waits, after facts.
func state(t *testing.T, change func(*schemas.ApprovalAsk), facts ...*schemas.Control) approval.State {
	t.Helper()
	a := question("a-1")
	if change != nil {
		change(a)
	}
	s := approval.State{}
	for i, c := range append([]*schemas.Control{asked(a)}, facts...) {
		s = s.Fold(approval.Fact{Sequence: uint64(i + 1), Time: time.Date(2026, 11, 26, 12, 0, i, 0, time.UTC), Control: c})
	}
	return s
}

func message(what string, s approval.State) notify.Message {
	return notify.Message{ID: "a-1.7", What: what, State: s, Link: "https://sallyport.example/approvals/a-1", At: s.Seen}
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestSlackTellsAndChanges(t *testing.T) {
	in := newStandIn(t)
	s := notify.NewSlack(notify.SlackConfig{API: in.URL + "/api", Token: "xoxb-1", Channel: "C0LAN2Q65"})
	sneaky := func(a *schemas.ApprovalAsk) {
		a.Text = "DELETE FROM x -- <!channel> <https://evil.example|Approve> & *b*"
	}
	reference, err := s.Tell(t.Context(), message("requested", state(t, sneaky)), "")
	if err != nil || reference != "C0LAN2Q65 1548261231.000200" {
		t.Fatalf("%q, %v", reference, err)
	}
	posted := in.asked("/api/chat.postMessage")
	blocks := text(posted[0].body["blocks"])
	if posted[0].auth != "Bearer xoxb-1" || strings.Contains(strings.ReplaceAll(blocks, `\u0026lt;`, ""), `\u003c!channel`) ||
		!strings.Contains(blocks, `"action_id":"approve"`) || !strings.Contains(blocks, `"value":"a-1"`) || !strings.Contains(blocks, "alice") {
		t.Errorf("posted %s", blocks)
	}
	if _, err = s.Tell(t.Context(), message("approved", state(t, nil, says("bob", "approve"))), reference); err != nil {
		t.Fatal(err)
	}
	changed := in.asked("/api/chat.update")
	if len(changed) != 1 || changed[0].body["ts"] != "1548261231.000200" || strings.Contains(text(changed[0].body["blocks"]), `"action_id":"approve"`) ||
		!strings.Contains(text(changed[0].body), "approved by bob") {
		t.Errorf("changed %v", changed)
	}
	for name, change := range map[string]func(*schemas.ApprovalAsk){
		"long":       func(a *schemas.ApprovalAsk) { a.Text = strings.Repeat("x", 4000) },
		"parameters": func(a *schemas.ApprovalAsk) { a.Parameters = []*schemas.Value{{Data: []byte("7")}} },
		"unparsed":   func(a *schemas.ApprovalAsk) { a.Sql.Unparsed = true },
		"fences":     func(a *schemas.ApprovalAsk) { a.Text = "SELECT '```'" },
		"passkey":    func(a *schemas.ApprovalAsk) { a.Need.Rules[0].StepUp = true },
		"controls":   func(a *schemas.ApprovalAsk) { a.Text = "SELECT 1 \u202e DROP" },
	} {
		before := len(in.asked("/api/chat.postMessage"))
		if _, err := s.Tell(t.Context(), message("requested", state(t, change)), ""); err != nil {
			t.Fatal(err)
		}
		if blocks := text(in.asked("/api/chat.postMessage")[before].body["blocks"]); strings.Contains(blocks, `"action_id":"approve"`) || name == "unparsed" && strings.Contains(blocks, "DROP") {
			t.Errorf("%s can be decided there: %s", name, blocks)
		}
	}
	in.mu.Lock()
	in.fail = "ratelimited"
	in.mu.Unlock()
	if _, err := s.Tell(t.Context(), message("requested", state(t, nil)), ""); err == nil || strings.Contains(err.Error(), "xoxb") {
		t.Errorf("while limited: %v", err)
	}
}

// signatures of the recorded requests under the secret below, made elsewhere.
const (
	slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	slackAt     = "1548426417"
	signPress   = "v0=b54a3adbd36ae7d026c4bf10c6e5db9cbea2ab29056d9f4e43435b69435f1e75"
	signReason  = "v0=a9c28fb06e168fea5b700ff9f11737957c7f73de65d6101568ab237007109592"
)

func TestSlackButtons(t *testing.T) {
	in := newStandIn(t)
	at := time.Unix(1548426417, 0)
	type said struct{ person, request, decision, reason string }
	for name, c := range map[string]struct {
		file, signature, at string
		now                 time.Time
		needsReason         bool
		refuse              error
		status              int
		want                *said
		answer              string
		opens, responds     int
	}{
		"pressed":           {file: "slack-press.form", signature: signPress, at: slackAt, now: at, status: 200, want: &said{"bob@example.com", "a-1", "approve", ""}},
		"within the time":   {file: "slack-press.form", signature: signPress, at: slackAt, now: at.Add(299 * time.Second), status: 200, want: &said{"bob@example.com", "a-1", "approve", ""}},
		"replayed later":    {file: "slack-press.form", signature: signPress, at: slackAt, now: at.Add(301 * time.Second), status: 401},
		"of the future":     {file: "slack-press.form", signature: signPress, at: slackAt, now: at.Add(-301 * time.Second), status: 401},
		"another's":         {file: "slack-press.form", signature: signReason, at: slackAt, now: at, status: 401},
		"not signed":        {file: "slack-press.form", at: slackAt, now: at, status: 401},
		"another moment":    {file: "slack-press.form", signature: signPress, at: "1548426418", now: at, status: 401},
		"no moment":         {file: "slack-press.form", signature: signPress, now: at, status: 401},
		"asks for a reason": {file: "slack-press.form", signature: signPress, at: slackAt, now: at, needsReason: true, status: 200, opens: 1},
		"refused":           {file: "slack-press.form", signature: signPress, at: slackAt, now: at, status: 200, refuse: &schemas.Error{Code: schemas.CodeForbidden, Message: "not you"}, want: &said{"bob@example.com", "a-1", "approve", ""}, responds: 1},
		"with a reason":     {file: "slack-reason.form", signature: signReason, at: slackAt, now: at, status: 200, want: &said{"bob@example.com", "a-1", "deny", "ask the owners first"}},
		"refused there":     {file: "slack-reason.form", signature: signReason, at: slackAt, now: at, status: 200, refuse: &schemas.Error{Code: schemas.CodeConflict, Message: "too late"}, want: &said{"bob@example.com", "a-1", "deny", "ask the owners first"}, answer: "too late"},
	} {
		t.Run(name, func(t *testing.T) {
			in.mu.Lock()
			in.calls = nil
			in.mu.Unlock()
			var got *said
			h, err := notify.NewSlackHooks(notify.SlackHooksConfig{
				Slack: notify.NewSlack(notify.SlackConfig{API: in.URL + "/api", Token: "xoxb-1"}), SigningSecret: slackSecret, Respond: in.URL + "/actions/",
				Decide: func(_ context.Context, person, request, decision, reason string) (approval.State, error) {
					got = &said{person, request, decision, reason}
					return approval.State{}, c.refuse
				},
				NeedsReason: func(context.Context, string) bool { return c.needsReason },
				Now:         func() time.Time { return c.now }, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			body, err := os.ReadFile(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/hooks/slack/x", strings.NewReader(string(body)))
			r.Header.Set("X-Slack-Signature", c.signature)
			r.Header.Set("X-Slack-Request-Timestamp", c.at)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("decided %v, want %v", got, c.want)
			}
			if n := len(in.asked("/api/views.open")); n != c.opens {
				t.Errorf("%d dialogs, want %d", n, c.opens)
			}
			// The recorded response URL is Slack's own, not the stand-in's: nothing else is called.
			for _, one := range in.calls {
				if strings.HasPrefix(one.path, "/actions/") {
					t.Errorf("called %s", one.path)
				}
			}
		})
	}
}

func FuzzSlackInteraction(f *testing.F) {
	for _, name := range []string{"slack-press.form", "slack-reason.form"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(_ *testing.T, body string) { notify.ParseInteraction([]byte(body)) })
}
