package notify_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/approvals/notify"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/freeport"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

func question(id string) *schemas.ApprovalAsk {
	return &schemas.ApprovalAsk{Request: id, Session: "s", Command: 2, Target: "orders", Protocol: "postgres", Text: "DROP TABLE x", Digest: []byte{1},
		Principal: &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}, Sql: &schemas.SqlFacts{Kinds: []string{"DROP"}, Writes: []string{"public.x"}},
		Reasons: []*schemas.Reason{{Policy: "p", Message: "destructive"}},
		Need:    &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "p", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 1}}}}}}
}

func asked(a *schemas.ApprovalAsk) *schemas.Control {
	return &schemas.Control{Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: approval.RefOf(a), Ask: a, Lifetime: int64(time.Hour)}}}
}

func says(who, decision string, id ...string) *schemas.Control {
	ref := &schemas.ApprovalRef{Id: "a-1"}
	if len(id) > 0 {
		ref.Id = id[0]
	}
	return &schemas.Control{Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "v-" + who, Decision: decision, Reason: "seen",
		Reviewer: &schemas.Principal{Name: who, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}}}}
}

// ear is a notifier that a test listens to.
type ear struct {
	mu    sync.Mutex
	heard []string
	fail  error
	tries int
}

func (e *ear) Tell(_ context.Context, m notify.Message, reference string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tries++
	if e.fail != nil {
		return "", e.fail
	}
	e.heard = append(e.heard, m.State.ID+" "+m.What+" "+reference)
	return "ref-" + m.State.ID, nil
}

func (e *ear) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.heard, ", ")
}

// heardOnly reports whether the ear was told these things and no other, in whatever order: requests do not wait for each other.
func (e *ear) heardOnly(want ...string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Equal(slices.Sorted(slices.Values(e.heard)), slices.Sorted(slices.Values(want)))
}

func (e *ear) set(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = err
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("it did not happen: %s", what)
}

// office is a running service.
type office struct {
	*notify.Service
	stop func()
}

func open(t *testing.T, l *journal.Log, owner string, ears map[string]*ear) *office {
	t.Helper()
	var routes []notify.Route
	for name, e := range ears {
		routes = append(routes, notify.Route{Name: name, Kind: "test", Notifier: e, Targets: func(target string) bool { return target != "quiet" }})
	}
	s, err := notify.New(t.Context(), notify.Config{Log: l, Routes: routes, Owner: owner, Least: 5 * time.Millisecond, Most: 20 * time.Millisecond,
		GiveUp: time.Hour, Beat: 20 * time.Millisecond, Takeover: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	o := &office{s, sync.OnceFunc(func() { cancel(); running.Wait() })}
	t.Cleanup(o.stop)
	eventually(t, "it delivers", func() bool {
		status, err := s.Status(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range status.Notifiers {
			if !n.Running {
				return false
			}
		}
		return true
	})
	return o
}

func say(t *testing.T, l *journal.Log, id string, facts ...*schemas.Control) {
	t.Helper()
	for _, c := range facts {
		if _, err := l.AppendControl(t.Context(), schemas.AreaApproval, id, c, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDelivery(t *testing.T) {
	l := journaltest.Open(t)
	say(t, l, "a-0", asked(question("a-0"))) // before anybody listens: no news
	good, bad := &ear{}, &ear{fail: errors.New("down")}
	o := open(t, l, "one", map[string]*ear{"good": good, "bad": bad})
	say(t, l, "a-1", asked(question("a-1")))
	eventually(t, "one is told while another is down", func() bool { return good.all() == "a-1 requested " })
	quiet := question("a-q")
	quiet.Target = "quiet"
	say(t, l, "a-q", asked(quiet))
	eventually(t, "it is tried again", func() bool { bad.mu.Lock(); defer bad.mu.Unlock(); return bad.tries > 3 })
	status, err := o.Status(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range status.Notifiers {
		if n.Name == "bad" && (n.Retrying != 1 || n.Error != "down" || n.Next == nil) || n.Name == "good" && n.Delivered != 1 {
			t.Errorf("%+v", n)
		}
	}
	say(t, l, "a-1", says("bob", "approve"))
	say(t, l, "a-0", says("bob", "deny", "a-0")) // it began before: what it was is read
	eventually(t, "both changes are told", func() bool {
		return good.heardOnly("a-1 requested ", "a-1 approved ref-a-1", "a-0 denied ")
	})
	// Killed and started anew: nothing is told twice, and who was down is told what it missed.
	o.stop()
	bad.set(nil)
	open(t, l, "two", map[string]*ear{"good": good, "bad": bad})
	eventually(t, "the other is told, too", func() bool {
		all := bad.all()
		return strings.Contains(all, "a-1 requested ") && strings.Contains(all, "a-1 approved") && strings.Contains(all, "a-0 denied ")
	})
	say(t, l, "a-2", asked(question("a-2")))
	eventually(t, "it goes on", func() bool {
		return strings.HasSuffix(good.all(), ", a-2 requested ") && strings.HasSuffix(bad.all(), ", a-2 requested ")
	})
	if n := strings.Count(good.all(), "a-1 requested"); n != 1 || strings.Contains(good.all()+bad.all(), "a-q") {
		t.Errorf("told %s; %s", good.all(), bad.all())
	}
}

// What is refused for good is given up, and holds nothing up.
func TestGivenUp(t *testing.T) {
	l := journaltest.Open(t)
	e := &ear{fail: notify.Permanent(errors.New("no such channel"))}
	o := open(t, l, "one", map[string]*ear{"e": e})
	say(t, l, "a-1", asked(question("a-1")))
	eventually(t, "it is given up", func() bool {
		s, err := o.Status(t.Context(), 10)
		return err == nil && len(s.Deliveries) == 1 && s.Deliveries[0].Outcome == "failed" && s.Deliveries[0].Error == "no such channel" && s.Deliveries[0].Attempts == 1
	})
	e.set(nil)
	say(t, l, "a-1", says("bob", "deny"))
	eventually(t, "the next is told", func() bool { return e.all() == "a-1 denied " })
}

// Of two processes one delivers; when it is gone the other does.
func TestOneDelivers(t *testing.T) {
	l := journaltest.Open(t)
	first, second := &ear{}, &ear{}
	one := open(t, l, "one", map[string]*ear{"e": first})
	open(t, l, "two", map[string]*ear{"e": second})
	say(t, l, "a-1", asked(question("a-1")))
	eventually(t, "one is told", func() bool { return first.all() == "a-1 requested " })
	one.stop()
	say(t, l, "a-1", says("bob", "approve"))
	eventually(t, "the other goes on", func() bool { return second.all() == "a-1 approved ref-a-1" })
	if first.all() != "a-1 requested " {
		t.Errorf("the first was told %s", first.all())
	}
}

func TestWebhook(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // of the specification's example
	var got *http.Request
	var body []byte
	answer := http.StatusNoContent
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(answer)
	}))
	defer s.Close()
	w, err := notify.NewWebhook(notify.WebhookConfig{URL: s.URL + "/hook", Secret: secret, Now: func() time.Time { return time.Unix(1614265330, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	if sign := base64.StdEncoding.EncodeToString(w.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))); sign != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the specification's example is signed %s", sign)
	}
	if _, err := w.Tell(t.Context(), message("requested", state(t, nil)), ""); err != nil {
		t.Fatal(err)
	}
	var in struct {
		Type string `json:"type"`
		Data struct {
			ID, Text, Status, Link string
			Whole                  bool
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Type != "approval.requested" || in.Data.ID != "a-1" || in.Data.Text != "DROP TABLE x" || !in.Data.Whole || in.Data.Status != "pending" {
		t.Errorf("%v: %s", err, body)
	}
	if got.Header.Get("webhook-id") != "a-1.7" || got.Header.Get("webhook-timestamp") != "1614265330" ||
		got.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(w.Sign("a-1.7", "1614265330", body)) {
		t.Errorf("headers %v", got.Header)
	}
	for code, again := range map[int]bool{503: true, 429: true, 408: true, 400: false, 401: false, 301: false} {
		answer = code
		_, err := w.Tell(t.Context(), message("requested", state(t, nil)), "")
		if err == nil || (errors.Unwrap(err) == nil) != again {
			t.Errorf("%d: %v, tried again: %t", code, err, again)
		}
	}
	for _, bad := range []string{"", "whsec_", "whsec_c2hvcnQ=", "odd!"} {
		if _, err := notify.NewWebhook(notify.WebhookConfig{Secret: bad}); err == nil {
			t.Errorf("secret %q was taken", bad)
		}
	}
}

func links(now time.Time) notify.Links {
	return notify.Links{PublicURL: "https://sallyport.example", Key: []byte("0123456789abcdef0123456789abcdef"), Now: func() time.Time { return now }}
}

func TestTeamsCards(t *testing.T) {
	var card map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&card)
		w.WriteHeader(http.StatusAccepted) // as workflows do
	}))
	defer s.Close()
	st := state(t, nil)
	l := links(st.Seen)
	n := notify.NewTeams(notify.TeamsConfig{URL: s.URL + "/workflows/1/triggers/manual/paths/invoke?sig=secret", Links: l})
	if _, err := n.Tell(t.Context(), message("requested", st), ""); err != nil {
		t.Fatal(err)
	}
	attached := card["attachments"].([]any)[0].(map[string]any)
	content := attached["content"].(map[string]any)
	if card["type"] != "message" || attached["contentType"] != "application/vnd.microsoft.card.adaptive" || content["type"] != "AdaptiveCard" || content["version"] != "1.4" {
		t.Errorf("card %v", card)
	}
	actions := content["actions"].([]any)
	if len(actions) != 3 || !strings.Contains(text(content["body"]), "DROP TABLE x") {
		t.Fatalf("content %s", text(content))
	}
	u, err := url.Parse(actions[0].(map[string]any)["url"].(string))
	if err != nil || u.Path != "/decide" {
		t.Fatalf("link %s", u)
	}
	if request, decision, err := l.Read(u.Query().Get("t")); err != nil || request != "a-1" || decision != "approve" {
		t.Errorf("the link is for %s %s, %v", decision, request, err)
	}
	if _, err := n.Tell(t.Context(), message("approved", state(t, nil, says("bob", "approve"))), "x"); err != nil || len(card["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)["actions"].([]any)) != 1 {
		t.Errorf("decided: %v %s", err, text(card))
	}
	s.Close()
	if _, err := n.Tell(t.Context(), message("requested", st), ""); err == nil || strings.Contains(err.Error(), "sig=secret") {
		t.Errorf("while it is down: %v", err)
	}
}

func TestLinks(t *testing.T) {
	st := state(t, nil)
	l := links(st.Seen)
	good := strings.TrimPrefix(l.For(st, "deny"), "https://sallyport.example/decide?t=")
	follow := func(l notify.Links, token string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, httptest.NewRequest("GET", "/decide?t="+url.QueryEscape(token), nil))
		return w
	}
	if w := follow(l, good); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/approvals/a-1?decision=deny" {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	if w := follow(links(st.Expires), good); w.Code != http.StatusGone {
		t.Errorf("too late: %d", w.Code)
	}
	other := l
	other.Key = []byte("another key, of thirty-two bytes")
	claim, mac, _ := strings.Cut(good, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte("a-2 approve 99999999999")) + "." + mac
	for _, token := range []string{"", ".", claim, claim + ".", forged, good + "A", strings.TrimPrefix(other.For(st, "deny"), "https://sallyport.example/decide?t=")} {
		if w := follow(l, token); w.Code != http.StatusForbidden {
			t.Errorf("%q: %d", token, w.Code)
		}
	}
}

func FuzzLink(f *testing.F) {
	l := links(time.Unix(0, 0))
	f.Add("a.b")
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := l.Read(token); err == nil {
			t.Errorf("%q was taken", token)
		}
	})
}

// receiver is Debian's aiosmtpd, which writes what it gets into a maildir.
const receiver = `
import asyncio, sys
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
c = Controller(Mailbox(sys.argv[1]), hostname="127.0.0.1", port=0)
c.port = int(sys.argv[2])
c.start()
print("ready", flush=True)
sys.stdin.read()
c.stop()
`

func TestMail(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	c := exec.Command("/usr/bin/python3", "-c", receiver, filepath.Join(dir, "box"), port)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("aiosmtpd did not start: %v", err)
	}
	m, err := notify.NewMail(notify.MailConfig{Server: "127.0.0.1:" + port, From: "Sallyport <sallyport@example.com>", To: []string{"dba@example.com", "lead@example.com"}, Links: links(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	inject := func(a *schemas.ApprovalAsk) {
		a.Principal.Name, a.Text = "alice\r\nBcc: eve@example.com", "DELETE FROM x WHERE note = '<script>é'\n.\nDATA"
	}
	reference, err := m.Tell(t.Context(), message("requested", state(t, inject)), "")
	if err != nil || reference != "<a-1.7@127.0.0.1>" {
		t.Fatalf("%s, %v", reference, err)
	}
	if again, err := m.Tell(t.Context(), message("approved", state(t, nil, says("bob", "approve"))), reference); err != nil || again != reference {
		t.Fatalf("%s, %v", again, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "box", "new", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d mails, %v", len(files), err)
	}
	replies := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mail.ReadMessage(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got.Header.Get("Bcc") != "" || got.Header.Get("X-RcptTo") != "dba@example.com, lead@example.com" {
			t.Errorf("header %v", got.Header)
		}
		body, _ := io.ReadAll(got.Body)
		if got.Header.Get("In-Reply-To") == reference {
			replies++
		} else if !strings.Contains(string(body), "&lt;script&gt;") || !strings.Contains(string(body), "\nDATA") || !strings.Contains(string(body), "/decide?t=3D") {
			t.Errorf("body %s", body)
		}
	}
	if replies != 1 {
		t.Errorf("%d of the mails answer the first", replies)
	}
	for name, c := range map[string]notify.MailConfig{
		"no server": {Server: "x", From: "a@b.c", To: []string{"a@b.c"}}, "no sender": {Server: "x:1", To: []string{"a@b.c"}}, "to nobody": {Server: "x:1", From: "a@b.c"},
	} {
		if _, err := notify.NewMail(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}
