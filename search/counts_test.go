package search_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
	"sallyport/search"
)

func counted(t *testing.T, s *search.Service, text string) *search.Results {
	t.Helper()
	r, err := s.Search(context.Background(), search.Query{Text: text, Counts: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sum(h *search.Histogram) (n uint64) {
	if h == nil {
		return 0
	}
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func TestFacets(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	r := counted(t, s, "field:command")
	want := map[string][]search.Count{
		"who":      {{"alice", 2}, {"triage-bot", 2}},
		"target":   {{"billing", 2}, {"orders", 2}},
		"kind":     {{"COPY", 1}, {"DELETE", 1}, {"DROP", 1}, {"SELECT", 1}},
		"verdict":  {{"allow", 2}, {"deny", 2}, {"hold", 1}},
		"protocol": {{"postgres", 4}},
		"field":    {{"command", 4}, {"error", 2}, {"parameter", 1}},
	}
	if d := cmp.Diff(want, r.Facets); d != "" {
		t.Error(d)
	}
	if sum(r.Histogram) != 4 {
		t.Errorf("histogram of 4 commands: %+v", r.Histogram)
	}
	if r := counted(t, s, "nothinglikeit"); r.Histogram != nil || len(r.Facets["who"]) != 0 {
		t.Errorf("of nothing: %+v", r)
	}
	if r, err := s.Search(context.Background(), search.Query{}); err != nil || r.Facets != nil || r.Histogram != nil {
		t.Errorf("counts that nobody asked for: %+v, %v", r, err)
	}
}

// TestCountsTellNothing holds that facets, histogram and suggestions are of what the reader may see.
func TestCountsTellNothing(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, t.TempDir(), only{"orders"})
	run(t, s)
	caughtUp(t, s)
	r := counted(t, s, "")
	if d := cmp.Diff([]search.Count{{"orders", r.Total}}, r.Facets["target"]); d != "" || r.Total == 0 || sum(r.Histogram) != r.Total {
		t.Errorf("%s in %+v", d, r)
	}
	for _, c := range []struct {
		field, prefix string
		want          []string
	}{
		{"who", "", []string{"alice"}},
		{"who", "AL", []string{"alice"}},
		{"who", "bo", nil},
		{"target", "b", nil},
		{"kind", "d", []string{"DROP"}},
		{"table", "cust", []string{"customers"}},
	} {
		found, err := s.Suggest(context.Background(), c.field, c.prefix, 10)
		var got []string
		for _, f := range found {
			got = append(got, f.Value)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s:%s: %q, %v; want %q", c.field, c.prefix, got, err, c.want)
		}
	}
	for _, field := range []string{"", "after", "nosuch", "reader"} {
		if _, err := s.Suggest(context.Background(), field, "", 10); schemas.Shown(err).Code != schemas.CodeInvalid {
			t.Errorf("values of %q: %v", field, err)
		}
	}
}

// TestMany goes through more documents than are sorted or counted one by one, and holds that every
// one is found once, in order, in pages and in bars, whichever way they are counted.
func TestMany(t *testing.T) {
	const sessions, each = 12, 500
	l := openLog(t, t.TempDir())
	lease := leaseOf(t, l)
	for i := range sessions {
		o := alice()
		o.Principal.Name = fmt.Sprintf("user%02d", i)
		w := begin(t, l, lease, o)
		for j := range each {
			n, err := w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Command{Command: &schemas.Command{
				Text: fmt.Sprintf("SELECT many FROM t%d WHERE a = 'b c'", j), Sql: &schemas.SqlFacts{Kinds: []string{"SELECT"}},
			}}})
			w.check(err)
			_, err = w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: n, Outcome: schemas.Outcome_OUTCOME_ALLOW}}})
			w.check(err)
		}
		w.end()
	}
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	r := counted(t, s, "many kind:SELECT")
	if r.Total != sessions*each || sum(r.Histogram) != r.Total {
		t.Errorf("%d hits, histogram %+v", r.Total, r.Histogram)
	}
	who := r.Facets["who"]
	if len(who) != 10 || slices.ContainsFunc(who, func(c search.Count) bool { return c.Count != each }) {
		t.Errorf("who: %+v", who)
	}
	if d := cmp.Diff([]search.Count{{"allow", r.Total}}, r.Facets["verdict"]); d != "" {
		t.Error(d)
	}
	if r := counted(t, s, `"from t17 where a" "b c"`); r.Total != sessions {
		t.Errorf("a phrase: %d hits", r.Total)
	}
	var times []time.Time
	for _, oldest := range []bool{false, true} {
		times = pages(t, s, oldest, sessions*each)
	}
	// Every instant is a bound that divides what there is.
	for i := 0; i < len(times); i += 617 {
		at := times[i].Format(time.RFC3339Nano)
		before, after := counted(t, s, "many before:"+at).Total, counted(t, s, "many after:"+at).Total
		first := uint64(slices.IndexFunc(times, func(u time.Time) bool { return !u.Before(times[i]) }))
		if before != first || before+after != sessions*each {
			t.Errorf("%s: %d before, %d from then on; want %d before", at, before, after, first)
		}
	}
}

// pages reads every page and returns the times of the hits.
func pages(t *testing.T, s *search.Service, oldest bool, want int) (times []time.Time) {
	t.Helper()
	seen := map[string]bool{}
	q := search.Query{Text: "many", Limit: 200, Oldest: oldest}
	for more := true; more; more = q.Cursor != "" {
		r, err := s.Search(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range r.Hits {
			seen[h.Link] = true
			times = append(times, h.Time)
		}
		q.Cursor = r.Next
	}
	sorted := slices.IsSortedFunc(times, func(a, b time.Time) int {
		if oldest {
			return a.Compare(b)
		}
		return b.Compare(a)
	})
	if len(times) != want || len(seen) != want || !sorted {
		t.Errorf("oldest first %v: %d hits, %d different, sorted %v", oldest, len(times), len(seen), sorted)
	}
	return times
}
