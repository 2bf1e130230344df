package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

func TestASessionIsFolded(t *testing.T) {
	w := newWorld(t)
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client", Commands: 4, Rows: 4, BytesIn: 10, BytesOut: 500})
	got := w.settled(first)
	if got.Closed == nil || got.DurationMS <= 0 || got.LastNumber == 0 {
		t.Errorf("closed %v, %v ms, last %d", got.Closed, got.DurationMS, got.LastNumber)
	}
	want := replay.Session{
		ID: first, Principal: "alice@example.com", PrincipalKind: "user", Groups: []string{"eng"}, Target: "orders",
		TargetLabels: map[string]string{"env": "prod", "team": "shop"}, Protocol: "postgres", Database: "shop",
		ClientAddress: "127.0.0.1:50123", ClientName: "psql", UpstreamUser: "app", TLS: true, Gateway: "gateway1",
		Opened: sample.Begin, Reason: "client", Commands: 4, Rows: 4, BytesIn: 10, BytesOut: 500, Denied: 1, Errors: 1,
		Closed: got.Closed, DurationMS: got.DurationMS, LastNumber: got.LastNumber,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnOpenSessionIsListedAtOnceAndItsCountsSoon(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	until(t, "it is listed", func() bool { one, err := w.sessions.Get(t.Context(), first); return err == nil && one.Open })
	for range 5 {
		s.Command(&schemas.Command{Text: "SELECT 1"}, schemas.Outcome_OUTCOME_ALLOW)
	}
	until(t, "five commands are counted", func() bool { one, _ := w.sessions.Get(t.Context(), first); return one.Commands == 5 })
}

func TestListIsFilteredOrderedAndPaged(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 7 {
		id := schemas.SessionID(strings.Repeat(string(rune('a'+i)), 26))
		ids = append([]string{string(id)}, ids...)
		s := w.gateway.Open(id, func(o *schemas.Opened) {
			if i%2 == 1 {
				o.Target = "secret"
			}
			if i == 4 {
				o.Principal.Name = "bob"
			}
		})
		if i != 6 {
			s.Close(&schemas.Closed{Reason: "client"})
			w.settled(id)
		}
	}
	until(t, "the last is listed", func() bool { _, err := w.sessions.Get(t.Context(), "gggggggggggggggggggggggggg"); return err == nil })
	type page struct {
		Sessions []replay.Session `json:"sessions"`
		Next     string           `json:"next"`
	}
	list := func(who, query string) (got []string, next string) {
		status, body := w.get(who, "/sessions?"+query)
		if status != 200 {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		p := decode[page](t, body)
		for _, s := range p.Sessions {
			got = append(got, string(s.ID[:1]))
		}
		return got, p.Next
	}
	w.rights.grant("root replay secret", "auditor replay orders")
	for _, c := range []struct{ who, query, want string }{
		{"root", "", "gfedcba"},
		{"root", "open=true", "g"},
		{"root", "open=false", "fedcba"},
		{"root", "who=bob", "e"},
		{"root", "target=secret", "fdb"},
		{"auditor", "", "eca"}, // may replay orders, and watch nothing
		{"nobody", "", ""},
	} {
		if got, next := list(c.who, c.query); strings.Join(got, "") != c.want || next != "" {
			t.Errorf("%s %q: got %v, next %q, want %s", c.who, c.query, got, next, c.want)
		}
	}
	got, cursor := list("root", "limit=3")
	for cursor != "" {
		var more []string
		more, cursor = list("root", "limit=3&cursor="+cursor)
		got = append(got, more...)
	}
	if strings.Join(got, "") != "gfedcba" {
		t.Errorf("page by page: %v", got)
	}
	if status, body := w.get("root", "/sessions?cursor=nonsense"); status != 400 || decode[problem.Document](t, body).Code != schemas.CodeInvalid {
		t.Errorf("a bad cursor: %d %s", status, body)
	}
}

// bucket returns the items, without the position.
func bucket(t *testing.T, log *journal.Log) map[string]string {
	t.Helper()
	b, err := log.Bucket(t.Context(), replay.SessionsBucket)
	if err != nil {
		t.Fatal(err)
	}
	items, err := b.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range items {
		if i.Key != "position" {
			got[i.Key] = string(i.Value)
		}
	}
	return got
}

func TestReplicasAndRestartsCountNothingTwice(t *testing.T) {
	log := sample.Open(t)
	g := sample.NewGateway(t, log)
	start := func() (s *replay.Sessions, stop func()) {
		s, err := replay.NewSessions(t.Context(), replay.SessionsConfig{Log: log, FlushEvery: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return s, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		}
	}
	a, stopA := start()
	_, stopB := start()
	one, two := g.Open(first), g.Open(second)
	for i := range 30 {
		for _, w := range []*sample.Writer{one, two} {
			n := w.Command(&schemas.Command{Text: "SELECT 1"}, schemas.Outcome_OUTCOME_ALLOW)
			w.Result(&schemas.Result{Command: n, Tag: "SELECT 1", Rows: 1, Bytes: 3})
		}
		switch i {
		case 10:
			stopA()
			a, stopA = start()
		case 20:
			stopB()
			_, stopB = start()
		}
	}
	one.Close(&schemas.Closed{Reason: "client"})
	until(t, "both agree", func() bool {
		x, errX := a.Get(t.Context(), first)
		y, errY := a.Get(t.Context(), second)
		return errX == nil && errY == nil && !x.Open && x.Commands == 30 && x.Rows == 30 && y.Commands == 30 && y.BytesOut == 90
	})
	report, err := a.Rebuild(t.Context(), untold)
	if err != nil || !report.Equal || report.Entries != 2 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	stopA()
	stopB()
}

func TestRebuildFindsAndMendsWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for _, id := range []schemas.SessionID{first, second, third} {
		w.gateway.Story(id).Close(&schemas.Closed{Reason: "client"})
		w.settled(id)
	}
	open := w.gateway.Story("dddddddddddddddddddddddddd")
	report, err := w.sessions.Rebuild(t.Context(), untold)
	if err != nil || !report.Equal || report.Entries != 4 || len(report.Differences) != 0 {
		t.Fatalf("untouched: %+v, %v", report, err)
	}
	want := bucket(t, w.log)
	b, err := w.log.Bucket(t.Context(), replay.SessionsBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), string(first)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), string(second), []byte(strings.Replace(want[string(second)], `"denied":1`, `"denied":0`, 1))); err != nil {
		t.Fatal(err)
	}
	forged, _ := json.Marshal(replay.Session{ID: "eeeeeeeeeeeeeeeeeeeeeeeeee", Opened: sample.Begin, LastNumber: 3})
	if _, err := b.Put(t.Context(), "eeeeeeeeeeeeeeeeeeeeeeeeee", forged); err != nil {
		t.Fatal(err)
	}
	report, err = w.sessions.Rebuild(t.Context(), untold)
	if err != nil || report.Equal || len(report.Differences) != 3 || report.Appended != 3 {
		t.Fatalf("damaged: %+v, %v", report, err)
	}
	if d := cmp.Diff(want, bucket(t, w.log)); d != "" {
		t.Errorf("after the rebuild: %s", d)
	}
	// What comes after a rebuild is folded on top of it.
	open.Command(&schemas.Command{Text: "SELECT 1"}, schemas.Outcome_OUTCOME_ALLOW)
	open.Close(&schemas.Closed{Reason: "client"})
	if got := w.settled(open.ID); got.Commands != 5 || got.Denied != 1 {
		t.Errorf("after the rebuild: %+v", got)
	}
	if report, err = w.sessions.Rebuild(t.Context(), untold); err != nil || !report.Equal {
		t.Errorf("again: %+v, %v", report, err)
	}
}

func TestRebuildOverTheAPIIsForAdministrators(t *testing.T) {
	w := newWorld(t)
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	if r := w.request("POST", "nobody", "/rebuild", ""); r.StatusCode != 403 {
		t.Errorf("nobody: %s", r.Status)
	}
	r := w.request("POST", "root", "/rebuild", "")
	var answer struct{ Projections []replay.RebuildReport }
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || len(answer.Projections) != 2 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for _, p := range answer.Projections {
		if !p.Equal || p.Entries == 0 || p.Differences == nil {
			t.Errorf("%+v", p)
		}
	}
}

func TestVerifyTellsWholeFromUnknown(t *testing.T) {
	w := newWorld(t)
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	status, body := w.get("root", fmt.Sprintf("/sessions/%s/verify", first))
	v := decode[replay.Verification](t, body)
	if status != 200 || !v.Closed || v.Entries == 0 || len(v.Problems) != 0 || v.Problems == nil {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := w.get("nobody", fmt.Sprintf("/sessions/%s/verify", first)); status != 403 {
		t.Errorf("nobody: %d", status)
	}
	if status, body := w.get("root", "/verify"); status != 200 || strings.Count(body, "\n") != 1 || decode[replay.Verification](t, body).Session != first {
		t.Errorf("all: %d %s", status, body)
	}
	if status, body := w.get("root", "/sessions/"+string(second)+"/verify"); status != 404 || decode[problem.Document](t, body).Code != schemas.CodeNotFound {
		t.Errorf("unknown: %d %s", status, body)
	}
}

// What goes through a session shows while it is open, before any of its commands has a result, and is not counted twice.
func TestAnOpenSessionShowsWhatMoved(t *testing.T) {
	w := newWorld(t)
	s := w.gateway.Open(first)
	n := s.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, schemas.Outcome_OUTCOME_ALLOW)
	shows := func(in, out uint64) {
		t.Helper()
		until(t, fmt.Sprintf("it shows %d in and %d out", in, out), func() bool {
			one, err := w.sessions.Get(t.Context(), first)
			return err == nil && one.BytesIn == in && one.BytesOut == out && one.MovedIn == 0 && one.MovedOut == 0
		})
	}
	told := func(in, out uint64) {
		s.Fact(&schemas.Entry{Kind: &schemas.Entry_Moved{Moved: &schemas.Moved{BytesIn: in, BytesOut: out}}})
	}
	told(3, 100)
	shows(3, 100)
	told(5, 200)
	shows(5, 200)
	s.Result(&schemas.Result{Command: n, Tag: "exit 0", Bytes: 210, BytesIn: 5})
	shows(5, 210)
	told(5, 210)
	s.Close(&schemas.Closed{Reason: "gateway_lost"}) // a reaper does not know
	shows(5, 210)
}
