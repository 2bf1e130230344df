package replay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/replay"
	"sallyport/schemas"
)

// asks stands for a gateway: it notes what it is asked.
type asks struct {
	mu   sync.Mutex
	said []string
}

func (a *asks) all() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.said, "; ")
}

func (w *world) answer(id schemas.SessionID, failure string) *asks {
	w.t.Helper()
	a := &asks{}
	stop, err := w.log.Answer(w.t.Context(), schemas.AskSession(id), "", func(_ context.Context, request []byte) ([]byte, error) {
		var ask schemas.SessionAsk
		if err := ask.UnmarshalVT(request); err != nil {
			return nil, err
		}
		a.mu.Lock()
		a.said = append(a.said, strings.TrimPrefix(fmt.Sprintf("%s by %s: %s", ask.GetAction(), ask.GetBy(), ask.GetMessage()), "ACTION_"))
		a.mu.Unlock()
		return (&schemas.SessionAnswer{Error: failure}).MarshalVT()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(stop)
	return a
}

func (w *world) listed(id schemas.SessionID) {
	w.t.Helper()
	until(w.t, "it is listed", func() bool { _, err := w.sessions.Get(w.t.Context(), id); return err == nil })
}

func TestSteeringIsRecordedAndThenAsked(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	w.listed(first)
	gateway := w.answer(first, "")
	w.rights.grant("watcher watch orders")
	path := "/sessions/" + string(first)
	for _, c := range []struct {
		who, action, body string
		status            int
	}{
		{"nobody", "/message", `{"message":"hello"}`, 403},
		{"watcher", "/pause", `{}`, 403},
		{"watcher", "/resume", ``, 403},
		{"watcher", "/message", `{"message":"  "}`, 400},
		{"watcher", "/message", `{"message":7}`, 400},
		{"watcher", "/message", `{"message":"` + strings.Repeat("a", 2000) + `"}`, 400},
		{"watcher", "/message", `{"message":"mind the rows"}`, 204},
		{"root", "/pause", `{"reason":"wait"}`, 204},
		{"root", "/resume", ``, 204},
		{"root", "/pause", ``, 204},
	} {
		if r := w.request("POST", c.who, path+c.action, c.body); r.StatusCode != c.status {
			t.Errorf("%s %s %.40s: %s, want %d", c.who, c.action, c.body, r.Status, c.status)
		}
	}
	if got, want := gateway.all(), "MESSAGE by watcher: mind the rows; PAUSE by root: wait; RESUME by root: ; PAUSE by root: "; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	status, body := w.get("root", path+"/remarks")
	got := decode[replay.Remarks](t, body)
	want := []replay.Steering{
		{By: "watcher", Action: "message", Message: "mind the rows"}, {By: "root", Action: "pause", Message: "wait"},
		{By: "root", Action: "resume"}, {By: "root", Action: "pause"},
	}
	if d := cmp.Diff(want, got.Steered, cmpopts.IgnoreFields(replay.Steering{}, "At")); status != 200 || d != "" || !got.Paused {
		t.Errorf("%d, paused %v: %s", status, got.Paused, d)
	}
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	if r := w.request("POST", "root", path+"/pause", ``); r.StatusCode != 409 {
		t.Errorf("closed already: %s", r.Status)
	}
}

func TestWatchingAsksTheGatewayFirst(t *testing.T) {
	w := newWorld(t)
	w.gateway.Open(first)
	w.listed(first)
	path := "/sessions/" + string(first) + "/entries"
	if status, body := w.get("root", path); status != 200 {
		t.Errorf("nobody is there to tell: %d %s", status, body)
	}
	w.rights.grant("bob watch orders")
	gateway := w.answer(first, "")
	for range 2 {
		if status, body := w.get("bob", path); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	}
	if status, body := w.get("bob", "/sessions/"+string(first)+"/export"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if got := gateway.all(); got != "WATCHED by bob: " {
		t.Errorf("asked %q", got)
	}
}

func TestWhoCannotBeToldIsNotWatched(t *testing.T) {
	w := newWorld(t)
	w.gateway.Open(first)
	w.listed(first)
	w.answer(first, "the session has ended")
	if status, body := w.get("root", "/sessions/"+string(first)+"/entries"); status != 409 || !strings.Contains(body, "has ended") {
		t.Errorf("%d %s", status, body)
	}
}

func TestAnnotationsAreFacts(t *testing.T) {
	w := newWorld(t)
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	w.gateway.Story(second).Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	w.settled(second)
	w.rights.grant("alice replay orders", "bob replay orders", "chief replay orders", "chief admin orders")
	path := "/sessions/" + string(first) + "/annotations"
	say := func(who, body string) replay.Annotation {
		t.Helper()
		r := w.request("POST", who, path, body)
		if r.StatusCode != 200 {
			t.Fatalf("%s: %s", body, r.Status)
		}
		return readAs[replay.Annotation](t, r.Body)
	}
	for _, body := range []string{``, `{}`, `{"text":" "}`, `{"text":"` + strings.Repeat("a", 5000) + `"}`, `{"text":1}`} {
		if r := w.request("POST", "alice", path, body); r.StatusCode != 400 {
			t.Errorf("%.20s: %s", body, r.Status)
		}
	}
	if r := w.request("POST", "nobody", path, `{"text":"x"}`); r.StatusCode != 403 {
		t.Errorf("nobody: %s", r.Status)
	}
	hers, his := say("alice", `{"number":3,"text":" look here "}`), say("bob", `{"text":"the whole is odd"}`)
	if r := w.request("DELETE", "bob", path+"/"+hers.ID, ""); r.StatusCode != 403 {
		t.Errorf("bob takes back what alice said: %s", r.Status)
	}
	if r := w.request("DELETE", "bob", path+"/n-nothing", ""); r.StatusCode != 404 {
		t.Errorf("%s", r.Status)
	}
	of := func(id schemas.SessionID) []replay.Annotation {
		t.Helper()
		_, body := w.get("alice", "/sessions/"+string(id)+"/remarks")
		return decode[replay.Remarks](t, body).Annotations
	}
	if d := cmp.Diff([]replay.Annotation{{ID: hers.ID, Number: 3, At: hers.At, By: "alice", Text: "look here", AtMS: 2000}, his}, of(first)); d != "" {
		t.Error(d)
	}
	if got := of(second); len(got) != 0 {
		t.Errorf("another session has %v", got)
	}
	for who, id := range map[string]string{"alice": hers.ID, "chief": his.ID} {
		if r := w.request("DELETE", who, path+"/"+id, ""); r.StatusCode != 204 {
			t.Errorf("%s: %s", who, r.Status)
		}
	}
	if got := of(first); len(got) != 0 {
		t.Errorf("after taking back: %v", got)
	}
	kept := 0
	for _, c := range controls(t, w.log) {
		if c.GetAnnotated() != nil || c.GetAnnotationRemoved() != nil {
			kept++
		}
	}
	if kept != 4 {
		t.Errorf("%d facts on the log, want 4", kept)
	}
}
