package mask_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/mask"
)

// analyzer speaks what Presidio's analyzer does: it finds the names that it is given, and answers
// with offsets in characters.
func analyzer(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Text, Language string
			Entities       []string
			ScoreThreshold float64 `json:"score_threshold"`
		}
		body, _ := io.ReadAll(r.Body)
		err := json.Unmarshal(body, &ask)
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPost || r.URL.Path != "/analyze" || r.Header.Get("Content-Type") != "application/json" || err != nil || ask.Text == "" || ask.Language == "" {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error": "No text provided"}`)
			return
		}
		results := []string{}
		for _, name := range names {
			if k := strings.Index(ask.Text, name); k >= 0 {
				start := utf8.RuneCountInString(ask.Text[:k])
				results = append(results, fmt.Sprintf(`{"analysis_explanation": null, "end": %d, "entity_type": "PERSON", "score": 0.85, "start": %d}`,
					start+utf8.RuneCountInString(name), start))
			}
		}
		fmt.Fprintf(w, "[%s]", strings.Join(results, ", "))
	}
}

func external(t testing.TB, h http.HandlerFunc, change func(*mask.Config)) *mask.External {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := mask.Config{URL: srv.URL, Deadline: 5 * time.Second, Client: srv.Client()}
	if change != nil {
		change(&c)
	}
	e, err := mask.NewExternal(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExternalFinds(t *testing.T) {
	e := external(t, analyzer("John Smith", "Zoë Müller", "Smith"), nil)
	for text, want := range map[string]string{
		"":                 "",
		"nobody":           "",
		"I am John Smith.": "John Smith",
		"é用🙂 Zoë Müller, 🙂 John Smith 🙂":    "Zoë Müller|John Smith",
		"\xff\xfe John Smith \xff":          "John Smith",
		"<b>\u2028 &amp; \x00 John Smith\"": "John Smith",
	} {
		matches, err := e.Find(t.Context(), []byte(text))
		var got []string
		for _, m := range matches {
			got = append(got, text[m.Start:m.End])
			if m.Detector != mask.ExternalDetector {
				t.Errorf("found by %q", m.Detector)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "|")); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

func TestExternalAsks(t *testing.T) {
	var body string
	e := external(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		fmt.Fprint(w, `[{"start": 0, "end": 1, "score": 0.4, "entity_type": "A"}, {"start": 1, "end": 2, "score": 0.6, "entity_type": "A"}]`)
	}, func(c *mask.Config) { c.Language, c.Entities, c.MinScore = "de", []string{"PERSON"}, 0.5 })
	got, err := e.Find(t.Context(), []byte("ab"))
	if diff := cmp.Diff([]mask.Match{{Start: 1, End: 2, Detector: mask.ExternalDetector}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if want := `{"text":"ab","language":"de","entities":["PERSON"],"score_threshold":0.5}`; body != want {
		t.Errorf("asked %s", body)
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// faults are analyzers that cannot be relied on.
func faults() map[string]http.HandlerFunc {
	one := func(fields string) http.HandlerFunc { return answer(200, "["+fields+"]") }
	return map[string]http.HandlerFunc{
		"status 500":    answer(500, `{"error": "fatal"}`),
		"status 404":    answer(404, `[]`),
		"redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else", http.StatusFound) },
		"no json":       answer(200, `<html>`),
		"cut json":      answer(200, `[{"start": 0,`),
		"two answers":   answer(200, `[] []`),
		"null":          answer(200, `null`),
		"object":        answer(200, `{}`),
		"empty":         answer(200, ``),
		"past the end":  one(`{"start": 0, "end": 99, "score": 1, "entity_type": "A"}`),
		"by bytes":      one(`{"start": 0, "end": 9, "score": 1, "entity_type": "A"}`), // the value has 8 characters in 10 bytes
		"before":        one(`{"start": -1, "end": 2, "score": 1, "entity_type": "A"}`),
		"backwards":     one(`{"start": 3, "end": 2, "score": 1, "entity_type": "A"}`),
		"nothing":       one(`{"start": 2, "end": 2, "score": 1, "entity_type": "A"}`),
		"no start":      one(`{"end": 2, "score": 1, "entity_type": "A"}`),
		"no score":      one(`{"start": 0, "end": 2, "entity_type": "A"}`),
		"no entity":     one(`{"start": 0, "end": 2, "score": 1}`),
		"score of 2":    one(`{"start": 0, "end": 2, "score": 2, "entity_type": "A"}`),
		"half a place":  one(`{"start": 0.5, "end": 2, "score": 1, "entity_type": "A"}`),
		"text for int":  one(`{"start": "0", "end": 2, "score": 1, "entity_type": "A"}`),
		"huge offset":   one(`{"start": 0, "end": 99999999999999999999, "score": 1, "entity_type": "A"}`),
		"null in list":  one(`null`),
		"endless":       answer(200, "["+strings.Repeat(" ", 5000)+"]"),
		"hangs up":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow":          func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() },
		"slow in parts": slowAnswer,
	}
}

func slowAnswer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	fmt.Fprint(w, "[")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// TestExternalFault holds that without an answer that makes sense the whole value is masked, by the
// rule that asked, and that the hit says so.
func TestExternalFault(t *testing.T) {
	const value = "é🙂 joe@b"
	for name, h := range faults() {
		t.Run(name, func(t *testing.T) {
			e := external(t, h, func(c *mask.Config) {
				c.MaxAnswer = 4096
				c.Client = nil
				if strings.HasPrefix(name, "slow") {
					c.Deadline = 50 * time.Millisecond
				}
			})
			if _, err := e.Find(t.Context(), []byte(value)); err == nil || strings.Contains(err.Error(), "joe") {
				t.Errorf("the error is %v", err)
			}
			s := rules(t, mask.Rule{Name: "a", Transform: transform(mask.Redact), Detect: []mask.Detector{mask.Email}},
				mask.Rule{Name: "b", Transform: transform(mask.Redact), External: e})
			out, hits, null := s.Apply([]byte("<"), []byte(value))
			if diff := cmp.Diff([]mask.Hit{{Rule: 1, Count: 1, Failed: true}}, hits); string(out) != "<[redacted]" || null || diff != "" {
				t.Errorf("out %q, null %v, %s", out, null, diff)
			}
		})
	}
}

func TestExternalDown(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	e, err := mask.NewExternal(mask.Config{URL: strings.Replace(srv.URL, "http://", "http://user:pa55@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Find(t.Context(), []byte("x")); err == nil || strings.Contains(err.Error(), "pa55") {
		t.Errorf("the error is %v", err)
	}
	s := rules(t, mask.Rule{Transform: transform(mask.Null), External: e})
	if out, hits, null := s.Apply([]byte("<"), []byte("x")); string(out) != "<" || !null || !hits[0].Failed {
		t.Errorf("out %q, hits %v, null %v", out, hits, null)
	}
}

func TestExternalInSet(t *testing.T) {
	s := rules(t,
		mask.Rule{Transform: transform(mask.Partial), Detect: []mask.Detector{mask.Email}},
		mask.Rule{Transform: transform(mask.Redact), External: external(t, analyzer("John Smith", "Smith <joe"), nil)},
	)
	out, hits, _ := s.Apply(nil, []byte("To: John Smith <joe@example.com>"))
	if got, want := string(out), "To: [redacted]********.com>"; got != want {
		t.Errorf("out is %q, not %q", got, want)
	}
	if diff := cmp.Diff([]mask.Hit{{Rule: 1, Count: 1}, {Rule: 0, Count: 1}}, hits); diff != "" {
		t.Error(diff)
	}
	if out, hits, _ := s.Apply([]byte("<"), []byte("nobody")); string(out) != "<" || hits != nil {
		t.Errorf("out %q, hits %v", out, hits)
	}
	if _, err := mask.NewStream(mask.StreamConfig{Set: s}); err == nil {
		t.Error("a stream takes a set with an external detector")
	}
}

func TestExternalTooLong(t *testing.T) {
	e := external(t, analyzer(), func(c *mask.Config) { c.MaxBytes = 4 })
	if _, err := e.Find(t.Context(), []byte("12345")); !errors.Is(err, mask.ErrTooLong) {
		t.Errorf("the error is %v", err)
	}
}

// TestBreaker holds that a detector that failed is not asked again before the cooldown, then once.
func TestBreaker(t *testing.T) {
	var asked, broken atomic.Int32
	broken.Store(1)
	var mu sync.Mutex
	now := time.Unix(0, 0)
	e := external(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if broken.Load() == 1 {
			w.WriteHeader(500)
			return
		}
		analyzer()(w, r)
	}, func(c *mask.Config) {
		c.Failures, c.Cooldown = 2, time.Minute
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	find := func(wantAsked int32, want error) {
		t.Helper()
		if _, err := e.Find(t.Context(), []byte("x")); !errors.Is(err, want) {
			t.Errorf("the error is %v, not %v", err, want)
		}
		if n := asked.Load(); n != wantAsked {
			t.Errorf("asked %d times, not %d", n, wantAsked)
		}
	}
	wait := func() { mu.Lock(); now = now.Add(time.Minute); mu.Unlock() }
	find(1, mask.ErrAnswer)
	find(2, mask.ErrAnswer)
	find(2, mask.ErrDown)
	wait()
	find(3, mask.ErrAnswer) // tried once, and still dead
	find(3, mask.ErrDown)
	wait()
	broken.Store(0)
	find(4, nil)
	find(5, nil)
}

func TestExternalBusy(t *testing.T) {
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	e := external(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-leave
		analyzer()(w, r)
	}, func(c *mask.Config) { c.MaxInFlight, c.Deadline = 1, time.Minute })
	done := make(chan error)
	go func() {
		_, err := e.Find(t.Context(), []byte("first"))
		done <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := e.Find(ctx, []byte("second")); !errors.Is(err, mask.ErrBusy) {
		t.Errorf("the error is %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the first is told %v", err)
	}
}

func TestExternalCancelled(t *testing.T) {
	var asked atomic.Int32
	e := external(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); analyzer()(w, r) }, func(c *mask.Config) { c.Failures = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Find(ctx, []byte("x")); err == nil {
		t.Error("a cancelled question is answered")
	}
	if _, err := e.Find(t.Context(), []byte("x")); err != nil || asked.Load() == 0 {
		t.Errorf("a caller who left counts as a failure: %v", err)
	}
}

func TestNewExternalRefuses(t *testing.T) {
	for _, c := range []mask.Config{{}, {URL: "presidio:3000"}, {URL: "ftp://x"}, {URL: "http://"}, {URL: "http://x", MinScore: 2}} {
		if _, err := mask.NewExternal(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func FuzzPresidio(f *testing.F) {
	f.Add([]byte("I am Jörg"), []byte(`[{"start": 5, "end": 9, "score": 0.85, "entity_type": "PERSON"}]`))
	f.Add([]byte("\xff🙂"), []byte(`[{"start": 0, "end": 2, "score": 1, "entity_type": "A"}, {"start": 1, "end": 2, "score": 1, "entity_type": "B"}]`))
	f.Add([]byte("x"), []byte(`null`))
	f.Fuzz(func(t *testing.T, value, answer []byte) {
		matches, err := mask.PresidioMatches(value, answer, 0)
		if err != nil && !errors.Is(err, mask.ErrAnswer) {
			t.Fatal(err)
		}
		end := 0
		for _, m := range matches {
			if m.Start < end || m.End <= m.Start || m.End > len(value) {
				t.Fatalf("%v after %d of %d bytes", m, end, len(value))
			}
			end = m.End
		}
	})
}
