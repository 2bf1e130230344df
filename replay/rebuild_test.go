package replay_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay"
	"sallyport/schemas"
)

// untold is told how far a rebuild is, and does nothing with it.
func untold(string, uint64, uint64) {}

// Each projection tells how far it is, onwards, and at the end that all of the log was read.
func TestRebuildTellsHowFarItIs(t *testing.T) {
	w := newWorld(t)
	ids := []schemas.SessionID{first, second, third}
	for _, id := range ids { // more messages than are handled at once
		s := w.gateway.Story(id)
		for range 200 {
			s.Command(&schemas.Command{Text: "SELECT 1"}, schemas.Outcome_OUTCOME_ALLOW)
		}
		s.Close(&schemas.Closed{Reason: "client"})
	}
	for _, id := range ids {
		w.settled(id)
	}
	for _, p := range []replay.Projection{w.sessions, w.events} {
		var told []uint64
		var last uint64
		report, err := p.Rebuild(t.Context(), func(what string, done, total uint64) {
			if what != "messages read" || done > total || len(told) > 0 && done < told[len(told)-1] {
				t.Errorf("%s: %d of %d %s after %v", p.Name(), done, total, what, told)
			}
			told, last = append(told, done), total
		})
		if err != nil || !report.Equal {
			t.Errorf("%s: %+v, %v", p.Name(), report, err)
		}
		if len(told) < 2 || told[0] == last || told[len(told)-1] != last {
			t.Errorf("%s told %v of %d", p.Name(), told, last)
		}
	}
}

// held is a projection that waits, when it has first told how far it is, until somebody has seen that.
type held struct {
	replay.Projection
	seen chan struct{}
}

func (h held) Rebuild(ctx context.Context, tell replay.Tell) (replay.RebuildReport, error) {
	first := true
	return h.Projection.Rebuild(ctx, func(what string, done, total uint64) {
		tell(what, done, total)
		if first {
			first = false
			select {
			case <-h.seen:
			case <-ctx.Done():
			}
		}
	})
}

// Who accepts lines sees how far a rebuild is while it runs, and nobody can begin another meanwhile.
func TestARebuildIsFollowed(t *testing.T) {
	seen := make(chan struct{})
	w := newWorld(t, func(c *replay.Config) {
		for i, p := range c.Projections {
			c.Projections[i] = held{p, seen}
		}
	})
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	answer := w.rebuilds()
	defer answer.Body.Close()
	lines := json.NewDecoder(answer.Body)
	next := func() (l replay.RebuildLine) {
		t.Helper()
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for i, name := range []string{"sessions", "events"} {
		if d := cmp.Diff(&replay.RebuildProgress{Projection: name, Number: i + 1, Of: 2}, next().Progress); d != "" {
			t.Errorf("at first: %s", d)
		}
		far := next().Progress
		if far == nil || far.Projection != name || far.What != "messages read" || far.Done == 0 || far.Total < far.Done {
			t.Errorf("then: %+v", far)
		}
		if again := w.request("POST", "root", "/rebuild", ""); again.StatusCode != http.StatusConflict {
			t.Errorf("another meanwhile: %s", again.Status)
		}
		seen <- struct{}{}
		l := next()
		for l.Progress != nil {
			l = next()
		}
		if l.Report == nil || l.Report.Projection != name || !l.Report.Equal || l.Report.Entries == 0 || l.Report.Differences == nil {
			t.Errorf("at last: %+v", l)
		}
	}
	if l := next(); !l.Done {
		t.Errorf("at the end: %+v", l)
	}
	if _, err := lines.Token(); err != io.EOF {
		t.Errorf("after it: %v", err)
	}
}

// broken is a projection that cannot be rebuilt.
type broken struct{ replay.Projection }

func (broken) Rebuild(context.Context, replay.Tell) (replay.RebuildReport, error) {
	return replay.RebuildReport{}, &schemas.Error{Code: schemas.CodeUnavailable, Message: "the log does not answer"}
}

// rebuilds asks for a rebuild that tells how far it is.
func (w *world) rebuilds() *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+"/api/v1/rebuild", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Who", "root")
	r.Header.Set("Accept", "application/x-ndjson")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func TestARebuildThatFailsSaysSo(t *testing.T) {
	w := newWorld(t, func(c *replay.Config) { c.Projections[1] = broken{c.Projections[1]} })
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	for range 2 { // the first leaves nothing in the way of the second
		answer := w.rebuilds()
		var last replay.RebuildLine
		for lines := json.NewDecoder(answer.Body); lines.More(); {
			last = replay.RebuildLine{}
			if err := lines.Decode(&last); err != nil {
				t.Fatal(err)
			}
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
		if last.Problem == nil || last.Problem.Code != schemas.CodeUnavailable || last.Problem.Detail != "the log does not answer" {
			t.Errorf("%+v", last)
		}
	}
}
