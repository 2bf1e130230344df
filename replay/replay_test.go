package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

const (
	first  schemas.SessionID = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	second schemas.SessionID = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
	third  schemas.SessionID = "cccccccccccccccccccccccccc"
)

// rights is an Authorizer of a table: "alice replay orders".
type rights struct {
	mu sync.Mutex
	m  map[string]bool
}

func (r *rights) grant(words ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil {
		r.m = map[string]bool{}
	}
	for _, w := range words {
		r.m[w] = true
	}
}

func (r *rights) revoke(word string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, word)
}

func (r *rights) Authorize(ctx context.Context, permission, target string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m[who(ctx)+" "+permission+" "+target] {
		return nil
	}
	return &schemas.Error{Code: schemas.CodeForbidden, Message: fmt.Sprintf("you may not %s %s", permission, target)}
}

type whoKey struct{}

func who(ctx context.Context) string { s, _ := ctx.Value(whoKey{}).(string); return s }

// world is a log with everything that reads it.
type world struct {
	t        testing.TB
	log      *journal.Log
	gateway  *sample.Gateway
	sessions *replay.Sessions
	events   *replay.Events
	rights   *rights
	server   *httptest.Server
	answered chan string // paths, once their handlers have returned
}

func newWorld(t testing.TB, change ...func(*replay.Config)) *world {
	t.Helper()
	w := &world{t: t, log: sample.Open(t), rights: &rights{}, answered: make(chan string, 1000)}
	w.gateway = sample.NewGateway(t, w.log)
	w.sessions = w.project()
	w.events = w.tell()
	quiet := slog.New(slog.DiscardHandler)
	c := replay.Config{Log: w.log, Sessions: w.sessions, Authorizer: w.rights, Who: who, Projections: []replay.Projection{w.sessions, w.events}, Logger: quiet}
	for _, f := range change {
		f(&c)
	}
	mux := http.NewServeMux()
	replay.New(c).Mount(mux)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), whoKey{}, r.Header.Get("X-Who"))))
		select {
		case w.answered <- r.URL.Path:
		default:
		}
	}))
	t.Cleanup(w.server.Close)
	w.rights.grant("root admin ", "root replay orders", "root watch orders", "root kill orders", "root replay ", "root replay stock", "root watch stock")
	return w
}

// run runs f until the test ends.
func run(t testing.TB, what string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	})
}

func (w *world) project() *replay.Sessions {
	w.t.Helper()
	s, err := replay.NewSessions(w.t.Context(), replay.SessionsConfig{Log: w.log, FlushEvery: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, "sessions", s.Run)
	return s
}

func (w *world) tell() *replay.Events {
	w.t.Helper()
	e, err := replay.NewEvents(replay.EventsConfig{Log: w.log})
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, "events", e.Run)
	return e
}

// until polls a condition that others bring about.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// settled waits until a session's item has folded in its closing.
func (w *world) settled(id schemas.SessionID) replay.Session {
	w.t.Helper()
	var s replay.Session
	until(w.t, "session "+string(id)+" is listed as closed", func() bool {
		var err error
		s, err = w.sessions.Get(w.t.Context(), id)
		return err == nil && !s.Open
	})
	return s
}

func (w *world) request(method, who, path, body string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Who", who)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// get returns the status and the body.
func (w *world) get(who, path string) (int, string) {
	w.t.Helper()
	r := w.request("GET", who, path, "")
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.StatusCode, string(data)
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return v
}

func readAs[T any](t *testing.T, from io.Reader) T {
	t.Helper()
	data, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return decode[T](t, string(data))
}
