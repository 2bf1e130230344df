package search_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

// TestPrompts finds what was done by words of the prompt that started it, for those who may read the prompt.
func TestPrompts(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l) // the agent's session is of run-7
	for id, prompt := range map[string]string{
		"run-7": "Clean the unpaid invoices up,\nthen tell billing_support about customer 4711.", "run-8": "Tell support what is unpaid.", "run-9": "",
	} {
		run := &schemas.RunOpened{Run: &schemas.Run{Id: id, Agent: "triage-bot"}, Prompt: prompt}
		if _, err := l.AppendControl(t.Context(), schemas.AreaRun, id, &schemas.Control{Kind: &schemas.Control_RunOpened{RunOpened: run}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	readable, failure := true, error(nil)
	s, err := search.Open(t.Context(), search.Config{
		Dir: t.TempDir(), Log: l, Authorizer: everybody{}, Logger: quiet, Now: clock,
		Prompts: func(context.Context) (search.PromptReader, error) {
			return func(run schemas.RunID) (string, bool, error) { return "beginning of " + string(run), readable, failure }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	run(t, s)
	caughtUp(t, s)
	count := func(query string) uint64 {
		t.Helper()
		res, err := s.Search(t.Context(), search.Query{Text: query})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, h := range res.Hits {
			want := ""
			if readable && h.Run != "" {
				want = "beginning of " + string(h.Run)
			}
			if d := cmp.Diff(want, h.Prompt); d != "" {
				t.Errorf("%s: %s", query, d)
			}
		}
		return res.Total
	}
	ofRun := count("run:run-7")
	if all := count(""); ofRun == 0 || ofRun == all {
		t.Fatalf("the run has %d of %d", ofRun, all)
	}
	for query, want := range map[string]uint64{
		`prompt:invoices`: ofRun, `prompt:INVOICES`: ofRun, `prompt:"unpaid invoices up then"`: ofRun, `prompt:"invoices unpaid"`: 0,
		`prompt:(invoices unpaid)`: ofRun, `prompt:(paid OR invoices)`: ofRun, `prompt:(invoices -unpaid)`: 0, `prompt:inv*`: ofRun, `prompt:paid`: 0,
		`prompt:billing_support`: ofRun, `prompt:"tell billing_support about"`: ofRun, `prompt:support`: ofRun, `prompt:"tell support"`: 0, `prompt:4711`: ofRun,
		`prompt:invoices kind:DELETE field:command`: 1, `prompt:invoices who:alice`: 0, `prompt:invoices run:run-7 -prompt:invoices`: 0,
		`prompt:support prompt:billing_support`: ofRun,
	} {
		if got := count(query); got != want {
			t.Errorf("%s finds %d, want %d", query, got, want)
		}
	}

	// Who may not read the prompt finds nothing by it, and is not told of it.
	readable = false
	for query, want := range map[string]uint64{`prompt:invoices`: 0, `run:run-7 -prompt:invoices`: ofRun, `prompt:nothing`: 0, `prompt:inv*`: 0} {
		if got := count(query); got != want {
			t.Errorf("withheld, %s finds %d, want %d", query, got, want)
		}
	}
	readable, failure = true, errors.New("nobody knows")
	for _, query := range []string{"prompt:invoices", "run:run-7"} {
		if _, err := s.Search(t.Context(), search.Query{Text: query}); !errors.Is(err, failure) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestPromptsWithoutReader says that nothing is known of prompts where nothing says who may read them.
func TestPromptsWithoutReader(t *testing.T) {
	l := openLog(t, t.TempDir())
	s := openSearch(t, l, t.TempDir(), everybody{})
	for query, want := range map[string]string{"-prompt:x1": "not searched by this process", "prompt:;": "no letters", "prompt:x*": "two letters"} {
		if _, err := s.Search(t.Context(), search.Query{Text: query}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}

// late is a log that hands on what CONTROL says of runs only once it is let go.
type late struct {
	*journal.Log
	asked, let chan struct{}
	once       sync.Once
}

func (l *late) HeadOf(ctx context.Context, s schemas.Stream, subjects schemas.Subject) (uint64, error) {
	head, err := l.Log.HeadOf(ctx, s, subjects)
	l.once.Do(func() { close(l.asked) })
	return head, err
}

func (l *late) Consume(ctx context.Context, c journal.ConsumeConfig, handle func([]journal.Message, bool) error) error {
	return l.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		if c.Stream == schemas.Controls && len(ms) > 0 {
			select {
			case <-l.let:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return handle(ms, caughtUp)
	})
}

// TestPromptsOfRunsJustOpened finds what a run did by its prompt, however late that is read.
func TestPromptsOfRunsJustOpened(t *testing.T) {
	l := &late{Log: openLog(t, t.TempDir()), asked: make(chan struct{}), let: make(chan struct{})}
	s, err := search.Open(t.Context(), search.Config{
		Dir: t.TempDir(), Log: l, Authorizer: everybody{}, Logger: quiet, Now: clock,
		Prompts: func(context.Context) (search.PromptReader, error) {
			return func(schemas.RunID) (string, bool, error) { return "", true, nil }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	run(t, s)
	opened := &schemas.RunOpened{Run: &schemas.Run{Id: "run-7", Agent: "triage-bot"}, Prompt: "Clean the invoices up."}
	if _, err := l.AppendControl(t.Context(), schemas.AreaRun, "run-7", &schemas.Control{Kind: &schemas.Control_RunOpened{RunOpened: opened}}, nil); err != nil {
		t.Fatal(err)
	}
	tale(t, l.Log) // the agent's session is of run-7
	caughtUp(t, s)
	type result struct {
		total uint64
		err   error
	}
	found := make(chan result, 1)
	go func() {
		for {
			res, err := s.Search(t.Context(), search.Query{Text: "prompt:invoices"})
			if err != nil && schemas.Shown(err).Code == schemas.CodeUnavailable && t.Context().Err() == nil {
				continue // the machine is slow: it waited as long as it does
			}
			if err != nil {
				found <- result{err: err}
				return
			}
			found <- result{total: res.Total}
			return
		}
	}()
	select {
	case <-l.asked:
	case r := <-found:
		t.Fatalf("it did not ask how far the log is: %+v", r)
	}
	close(l.let)
	if r := <-found; r.err != nil || r.total == 0 {
		t.Errorf("%+v", r)
	}
}
