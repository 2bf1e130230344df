package search_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

// tale writes the sessions that testdata/queries.yaml asks about; it returns their names.
func tale(t testing.TB, l *journal.Log) map[schemas.SessionID]string {
	t.Helper()
	lease := leaseOf(t, l)
	a := begin(t, l, lease, alice())   // 1
	sel := a.command(&schemas.Command{ // 2, 3
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: "SELECT customer_id, email FROM public.customers WHERE id = $1",
		Parameters: []*schemas.Value{{Data: []byte("parameter-value-77")}, {Marker: "secret", Data: nil}, {Null: true}},
		Sql:        &schemas.SqlFacts{Kinds: []string{"SELECT"}, Reads: []string{"public.customers"}, Columns: []string{"public.customers.email"}},
	}, allow())
	a.columns(sel, &schemas.Column{Name: "customer_id", Type: 23, Binary: true}, &schemas.Column{Name: "email", Type: 25}) // 4
	a.rows(sel, 2, []byte{0, 0, 0x30, 0x39}, []byte("Bob.Builder@example.com"), nil, []byte("<b>eve</b>"))                 // 5
	a.rows(sel, 2, []byte{0, 0, 0, 1}, []byte("third row"))                                                                // 6
	a.flush()
	a.result(&schemas.Result{Command: sel, Tag: "SELECT 3", Rows: 3}) // 7
	drop := a.command(&schemas.Command{                               // 8, 9
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: `DROP TABLE "customers"`,
		Sql: &schemas.SqlFacts{Kinds: []string{"DROP"}, Writes: []string{"public.customers"}},
	}, verdict(schemas.Outcome_OUTCOME_HOLD, "hold-destructive-sql"))
	a.commit( // 10, 11
		&schemas.Entry{Kind: &schemas.Entry_Held{Held: &schemas.Held{Command: drop, Approval: "ap1"}}},
		&schemas.Entry{Kind: &schemas.Entry_Notice{Notice: &schemas.Notice{Command: drop, Kind: "gateway", Body: &schemas.Failure{Severity: "NOTICE", Message: "waiting for a reviewer"}}}},
	)
	a.commit(&schemas.Entry{Kind: &schemas.Entry_Decided{Decided: &schemas.Decided{Command: drop, Approval: "ap1", Decision: "denied", By: []string{"carol"}}}})      // 12
	a.result(&schemas.Result{Command: drop, Refused: true, Error: &schemas.Failure{Severity: "ERROR", Code: "42501", Message: "denied by carol", Hint: "ask a DBA"}}) // 13
	a.end()

	b := begin(t, l, lease, agent())
	del := b.command(&schemas.Command{ // 2, 3
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: "DELETE FROM invoices",
		Sql: &schemas.SqlFacts{Kinds: []string{"DELETE"}, Writes: []string{"public.invoices"}, UnfilteredWrite: true},
	}, verdict(schemas.Outcome_OUTCOME_DENY, "no-unfiltered-writes"))
	b.result(&schemas.Result{Command: del, Refused: true, Error: &schemas.Failure{Severity: "ERROR", Code: "42501", Message: "not without a condition"}}) // 4
	cp := b.command(&schemas.Command{                                                                                                                     // 5, 6
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: "COPY invoices TO STDOUT",
		Sql: &schemas.SqlFacts{Kinds: []string{"COPY"}, Reads: []string{"public.invoices"}},
	}, allow())
	b.bytes(cp, "text", "1\tpaid\n2\tover")   // 7
	b.bytes(cp, "text", "due\n3\tPIN 4711\n") // 8
	b.bytes(cp, "binary", "binarypayload")    // 9
	b.flush()
	b.result(&schemas.Result{Command: cp, Tag: "COPY 3"})                                                                   // 10
	b.result(&schemas.Result{Error: &schemas.Failure{Severity: "FATAL", Code: "57P01", Message: "terminating connection"}}) // 11
	b.flush()
	return map[schemas.SessionID]string{a.id: "alice", b.id: "bot"}
}

type fixture struct {
	Query string   `yaml:"query"`
	Hits  []string `yaml:"hits"` // session#number field, newest first
	Marks string   `yaml:"marks"`
}

func names(r *search.Results, sessions map[schemas.SessionID]string) []string {
	out := make([]string, len(r.Hits))
	for i, h := range r.Hits {
		out[i] = fmt.Sprintf("%s#%d %s", sessions[h.Session], h.Number, h.Field)
	}
	return out
}

// marks are the highlighted texts of all hits.
func marks(r *search.Results) string {
	var out []string
	for _, h := range r.Hits {
		for _, m := range strings.Split(h.Snippet, "<mark>")[1:] {
			text, _, _ := strings.Cut(m, "</mark>")
			out = append(out, text)
		}
	}
	return strings.Join(out, "|")
}

func TestQueries(t *testing.T) {
	l := openLog(t, t.TempDir())
	sessions := tale(t, l)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	b, err := os.ReadFile("testdata/queries.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var fs []fixture
	if err := yaml.UnmarshalWithOptions(b, &fs, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if len(fs) < 40 {
		t.Fatalf("only %d fixtures were read", len(fs))
	}
	for _, f := range fs {
		r, err := s.Search(context.Background(), search.Query{Text: f.Query, Limit: 100})
		if err != nil {
			t.Errorf("%s: %v", f.Query, err)
			continue
		}
		if d := cmp.Diff(f.Hits, names(r, sessions)); d != "" {
			t.Errorf("%s: %s", f.Query, d)
		}
		if int(r.Total) != len(f.Hits) {
			t.Errorf("%s: total %d", f.Query, r.Total)
		}
		if f.Marks != "" && marks(r) != f.Marks {
			t.Errorf("%s: marks %q, want %q", f.Query, marks(r), f.Marks)
		}
	}
}

func TestHit(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	r, err := s.Search(context.Background(), search.Query{Text: "eve"})
	if err != nil || len(r.Hits) != 1 {
		t.Fatalf("%v, %v", r, err)
	}
	h := r.Hits[0]
	if want := "12345 | Bob.Builder@example.com\n | &lt;b&gt;<mark>eve</mark>&lt;/b&gt;"; h.Snippet != want {
		t.Errorf("snippet %q", h.Snippet)
	}
	if want := fmt.Sprintf("/sessions/%s?at=5", h.Session); h.Link != want {
		t.Errorf("link %q, want %q", h.Link, want)
	}
	if h.Principal != "alice" || h.Target != "orders" || h.Protocol != "postgres" || h.Command != 2 || h.Verdict != "allow" {
		t.Errorf("hit %+v", h)
	}
	err = l.ReadSession(context.Background(), h.Session, journal.ReadOptions{From: h.Number}, func(at journal.Located) error {
		if at.Sequence != h.Sequence || !at.Time.Equal(h.Time) || at.Entry.GetRows() == nil {
			t.Errorf("entry %d is at %d, %v; the hit says %d, %v", at.Entry.Number, at.Sequence, at.Time, h.Sequence, h.Time)
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
}

var errStop = errors.New("stop")

func TestReadersFindOnlyWhatTheyMayRead(t *testing.T) {
	l := openLog(t, t.TempDir())
	sessions := tale(t, l)
	dir := t.TempDir()
	for _, c := range []struct {
		who   search.Authorizer
		query string
		want  []string
		total uint64
	}{
		{everybody{}, "42501", []string{"bot#4 error", "alice#13 error"}, 2},
		{only{"orders"}, "42501", []string{"alice#13 error"}, 1},
		{only{"billing", "elsewhere"}, "42501", []string{"bot#4 error"}, 1},
		{only{}, "42501", []string{}, 0},
		{only{}, "", []string{}, 0},
		{only{"ORDERS"}, "42501", []string{}, 0},
		{only{"orders"}, "42501 OR target:billing OR -who:alice", []string{"alice#13 error"}, 1},
	} {
		s := openSearch(t, l, dir, c.who)
		stop := run(t, s)
		caughtUp(t, s)
		r, err := s.Search(context.Background(), search.Query{Text: c.query})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, names(r, sessions)); d != "" || r.Total != c.total {
			t.Errorf("%v %s: total %d %s", c.who, c.query, r.Total, d)
		}
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPages(t *testing.T) {
	l := openLog(t, t.TempDir())
	lease := leaseOf(t, l)
	w := begin(t, l, lease, alice())
	for i := range 25 {
		w.command(&schemas.Command{Text: fmt.Sprintf("SELECT page, %d", i)}, allow())
	}
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	for _, oldest := range []bool{false, true} {
		var got, want []uint64
		for i := range uint64(25) {
			want = append(want, 2+2*i)
		}
		if !oldest {
			for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
				want[i], want[j] = want[j], want[i]
			}
		}
		q := search.Query{Text: "page", Limit: 10, Oldest: oldest}
		for pages := 1; ; pages++ {
			r, err := s.Search(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			if r.Total != 25 {
				t.Errorf("total %d on page %d", r.Total, pages)
			}
			for _, h := range r.Hits {
				got = append(got, h.Number)
			}
			if q.Cursor = r.Next; q.Cursor == "" {
				break
			}
			if pages == 1 && !oldest { // what comes later must not move the pages that follow
				w.command(&schemas.Command{Text: "SELECT 'later'"}, allow())
				w.frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Format: "text", Data: []byte("later")}}})
				w.flush()
				caughtUp(t, s)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("oldest first %v: %s", oldest, d)
		}
	}
	_, err := s.Search(context.Background(), search.Query{Cursor: "bm9uc2Vuc2U"})
	if schemas.Shown(err).Code != schemas.CodeInvalid {
		t.Errorf("a wrong cursor: %v", err)
	}
}

// TestShown: whose sessions hits are in is said before they are given, each once, and a failure keeps them back.
func TestShown(t *testing.T) {
	l := openLog(t, t.TempDir())
	names := tale(t, l)
	var told []schemas.SessionID
	var failure error
	s, err := search.Open(t.Context(), search.Config{
		Dir: t.TempDir(), Log: l, Authorizer: everybody{}, Logger: quiet, Now: clock,
		Shown: func(_ context.Context, ids []schemas.SessionID) error { told = append(told, ids...); return failure },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Rebuild(t.Context(), func(string, uint64, uint64) {}); err != nil {
		t.Fatal(err)
	}
	res, err := s.Search(t.Context(), search.Query{Text: "who:alice customers"})
	if err != nil || len(res.Hits) < 2 {
		t.Fatalf("%v, %v", res, err)
	}
	if len(told) != 1 || names[told[0]] != names[res.Hits[0].Session] {
		t.Errorf("told of %v", told)
	}
	if res, err := s.Search(t.Context(), search.Query{Text: "nothingofthissort"}); err != nil || len(res.Hits) > 0 || len(told) != 1 {
		t.Errorf("told of %v by %v: %v", told, res, err)
	}
	failure = errors.New("the log is away")
	if _, err := s.Search(t.Context(), search.Query{Text: "customers"}); !errors.Is(err, failure) {
		t.Errorf("hits are given though nobody can be told: %v", err)
	}
}
