package search_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
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
