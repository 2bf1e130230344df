package replay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (w *world) dial(who, path string, header ...string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{"X-Who": {who}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	conn, response, err := websocket.DefaultDialer.DialContext(w.t.Context(), strings.Replace(w.server.URL, "http", "ws", 1)+"/api/v1"+path, h)
	if err == nil {
		w.t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, response, err
}

func (w *world) play(who, path string) *websocket.Conn {
	w.t.Helper()
	conn, response, err := w.dial(who, path)
	if err != nil {
		w.t.Fatalf("%v %v", err, response)
	}
	return conn
}

// read returns the numbers of entries up to a message of the type wanted.
func read(t *testing.T, conn *websocket.Conn, wanted string) (numbers []uint64, last replay.Message) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var m replay.Message
		if err := conn.ReadJSON(&m); err != nil {
			t.Fatalf("while waiting for %s: %v", wanted, err)
		}
		for _, e := range m.Entries {
			numbers = append(numbers, e.Number)
		}
		if m.Type == wanted {
			return numbers, m
		}
		if m.Type != "entries" {
			t.Fatalf("%s in place of %s: %+v", m.Type, wanted, m.Problem)
		}
	}
}

func consecutive(t *testing.T, numbers []uint64, from, to uint64) {
	t.Helper()
	for i, n := range numbers {
		if n != from+uint64(i) {
			t.Fatalf("number %d is %d", i, n)
		}
	}
	if len(numbers) == 0 || numbers[len(numbers)-1] != to {
		t.Fatalf("numbers %v, want %d to %d", numbers, from, to)
	}
}

func TestPlayGivesHistoryThenLiveThenTheEnd(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Story(first)
	until(t, "it is listed", func() bool { one, err := w.sessions.Get(t.Context(), first); return err == nil && one.Open })
	conn := w.play("root", "/sessions/"+string(first)+"/play?from=4")
	history, _ := read(t, conn, "live")
	consecutive(t, history, 4, 18)
	n := s.Command(&schemas.Command{Text: "SELECT 2"}, schemas.Outcome_OUTCOME_ALLOW)
	now, m := read(t, conn, "entries")
	if len(now) == 1 {
		more, _ := read(t, conn, "entries")
		now = append(now, more...)
	}
	consecutive(t, now, n, n+1)
	if m.Entries[0].Command.Text != "SELECT 2" {
		t.Errorf("%+v", m.Entries[0])
	}
	s.Close(&schemas.Closed{Reason: "client"})
	rest, _ := read(t, conn, "end")
	consecutive(t, rest, n+2, n+2)
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("after the end: %v", err)
	}
}

func TestPlayOfAClosedSessionEnds(t *testing.T) {
	w := newWorld(t)
	last := w.story(first).LastNumber
	numbers, _ := read(t, w.play("root", "/sessions/"+string(first)+"/play"), "end")
	consecutive(t, numbers, 1, last)
}

func TestASlowViewerMissesNothingAndHoldsNobody(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	until(t, "it is listed", func() bool { one, err := w.sessions.Get(t.Context(), first); return err == nil && one.Open })
	conn := w.play("root", "/sessions/"+string(first)+"/play")
	read(t, conn, "live")
	// Far more than sockets and the player hold, while the viewer reads nothing.
	chunk := strings.Repeat("x", 200<<10)
	const chunks = 100
	began := time.Now()
	for range chunks {
		s.Frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Channel: schemas.Channel_CHANNEL_OUT, Format: "text", Data: []byte(chunk)}}})
	}
	s.Close(&schemas.Closed{Reason: "client"})
	t.Logf("%d MB written beside a viewer that stands still in %v", chunks*len(chunk)>>20, time.Since(began))
	numbers, _ := read(t, conn, "end")
	consecutive(t, numbers, 2, chunks+2)
}

func TestAViewerThatTakesNothingIsDropped(t *testing.T) {
	w := newWorld(t, func(c *replay.Config) { c.WriteTimeout = 50 * time.Millisecond })
	s := w.gateway.Open(first)
	chunk := strings.Repeat("x", 250<<10)
	for range 60 {
		s.Frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Channel: schemas.Channel_CHANNEL_OUT, Format: "text", Data: []byte(chunk)}}})
	}
	until(t, "it is listed", func() bool { one, err := w.sessions.Get(t.Context(), first); return err == nil && one.Open })
	conn := w.play("root", "/sessions/"+string(first)+"/play")
	for path := range w.answered {
		if strings.HasSuffix(path, "/play") {
			break
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				t.Errorf("it was not dropped")
			}
			return
		}
	}
}

func TestPlayIsRefused(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	path := "/sessions/" + string(first) + "/play"
	for _, c := range []struct {
		name, who, path string
		header          []string
		status          int
	}{
		{"to who may not replay", "nobody", path, nil, 403},
		{"to pages from elsewhere", "root", path, []string{"Origin", "https://evil.example"}, 403},
		{"for what is not there", "root", "/sessions/" + string(second) + "/play", nil, 404},
		{"for an id of another form", "root", "/sessions/x.y/play", nil, 404},
		{"from a number that is none", "root", path + "?from=x", nil, 400},
	} {
		_, response, err := w.dial(c.who, c.path, c.header...)
		if err == nil || response == nil || response.StatusCode != c.status {
			t.Errorf("%s: %v, %v", c.name, response, err)
		}
	}
	if _, _, err := w.dial("root", path, "Origin", w.server.URL); err != nil {
		t.Errorf("the own page: %v", err)
	}
	if status, _ := w.get("root", path); status != 400 {
		t.Errorf("without a websocket: %d", status)
	}
}

func TestARightThatIsTakenAwayEndsTheView(t *testing.T) {
	w := newWorld(t, func(c *replay.Config) { c.Reauthorize = 10 * time.Millisecond })
	w.gateway.Story(first)
	until(t, "it is listed", func() bool { _, err := w.sessions.Get(t.Context(), first); return err == nil })
	conn := w.play("root", "/sessions/"+string(first)+"/play")
	read(t, conn, "live")
	w.rights.revoke("root watch orders")
	if _, m := read(t, conn, "error"); m.Problem.Status != 403 {
		t.Errorf("%+v", m.Problem)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		t.Errorf("then: %v", err)
	}
}

// controls returns what is on CONTROL.
func controls(t *testing.T, log *journal.Log) (all []*schemas.Control) {
	t.Helper()
	done := errors.New("done")
	err := log.Consume(t.Context(), journal.ConsumeConfig{Stream: schemas.Controls}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			c := &schemas.Control{}
			if err := c.UnmarshalVT(m.Data); err != nil {
				return err
			}
			all = append(all, c)
		}
		if caughtUp {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return all
}

func TestReadingIsRecordedFirst(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	for range 3 {
		w.get("root", "/sessions/"+string(first)+"/entries")
	}
	w.get("root", "/sessions/"+string(first)+"/export?format=html")
	read(t, w.play("root", "/sessions/"+string(first)+"/play"), "end")
	w.get("nobody", "/sessions/"+string(first)+"/export")
	var got []string
	for _, c := range controls(t, w.log) {
		got = append(got, c.GetBy()+" "+c.GetViewed().GetHow())
		if c.GetViewed().GetSession() != string(first) {
			t.Errorf("%v", c)
		}
	}
	if strings.Join(got, ", ") != "root entries, root export, root replay" {
		t.Errorf("%v", got)
	}
}

func TestKillIsRecordedAndThenAsked(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	until(t, "it is listed", func() bool { _, err := w.sessions.Get(t.Context(), first); return err == nil })
	path := "/sessions/" + string(first) + "/kill"
	if r := w.request("POST", "nobody", path, `{}`); r.StatusCode != 403 || len(controls(t, w.log)) != 0 {
		t.Errorf("nobody: %s", r.Status)
	}
	if r := w.request("POST", "root", path, `{"reason":`); r.StatusCode != 400 {
		t.Errorf("not JSON: %s", r.Status)
	}
	if r := w.request("POST", "root", path, `{}`); r.StatusCode != 503 {
		t.Errorf("no gateway: %s", r.Status)
	}
	asked := make(chan string, 1)
	stop, err := w.log.Answer(t.Context(), schemas.AskSession(first), "", func(_ context.Context, request []byte) ([]byte, error) {
		var a schemas.SessionAsk
		if err := a.UnmarshalVT(request); err != nil {
			return nil, err
		}
		asked <- fmt.Sprintf("%v by %s: %s, after %d facts", a.GetAction(), a.GetBy(), a.GetMessage(), len(controls(t, w.log)))
		return (&schemas.SessionAnswer{}).MarshalVT()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if r := w.request("POST", "root", path, `{"reason":"enough"}`); r.StatusCode != 204 {
		t.Errorf("%s", r.Status)
	}
	if got := <-asked; got != "ACTION_KILL by root: enough, after 2 facts" {
		t.Errorf("%s", got)
	}
	s.Close(&schemas.Closed{Reason: "killed", By: "root"})
	w.settled(first)
	if r := w.request("POST", "root", path, ``); r.StatusCode != 409 {
		t.Errorf("closed already: %s", r.Status)
	}
}
