package search_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search"
)

// numbers returns the entries that a query finds, newest first.
func numbers(t testing.TB, s *search.Service, text string) []uint64 {
	t.Helper()
	r, err := s.Search(context.Background(), search.Query{Text: text, Limit: 100})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out := make([]uint64, len(r.Hits))
	for i, h := range r.Hits {
		out[i] = h.Number
	}
	return out
}

func textFrames(w *scribe, parameter uint32, text string) (first uint64) {
	for at := 0; at < len(text); {
		piece := text[at:min(len(text), at+100_000)]
		f := &schemas.Text{First: first, Offset: uint64(at), Data: []byte(piece), Parameter: parameter}
		n := w.frame(&schemas.Entry{Kind: &schemas.Entry_Text{Text: f}})
		if first == 0 {
			first = n
		}
		at += len(piece)
	}
	return first
}

// TestLongEntries holds that nothing is too long to be found, wherever it is cut.
func TestLongEntries(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), alice())
	var long strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&long, "word%d\n", i)
	}
	text, parameter := "SELECT "+long.String(), strings.Repeat("filler ", 20_000)+"parameterend"
	tf := textFrames(w, 0, text)
	pf := textFrames(w, 1, parameter)
	w.flush()
	c := w.command(&schemas.Command{
		Text: text[:1000], TextSize: uint64(len(text)), TextFirst: tf, ParametersFirst: pf,
		Parameters: []*schemas.Value{{Data: []byte("filler"), Size: uint64(len(parameter))}, {Data: []byte("short one")}},
	}, verdict(schemas.Outcome_OUTCOME_HOLD, "p"))
	w.columns(c, &schemas.Column{Type: 25}, &schemas.Column{Type: 23, Binary: true})
	row := packCells([][]byte{[]byte("cell " + strings.Repeat("x ", 50_000) + "cellend"), {0, 0, 1, 0}})
	before := packCells([][]byte{[]byte("before"), {0, 0, 0, 7}})
	one := w.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: c, Columns: 2, Count: 1, More: true, Cells: append(before, row[:40_000]...)}}})
	w.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: c, Columns: 2, More: true, Cells: row[40_000:80_000]}}})
	three := w.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: c, Columns: 2, Count: 2, Cells: append(row[80_000:], before...)}}})
	w.flush()
	w.end()
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	for q, want := range map[string][]uint64{
		"word19999":                    {c},
		`"word9999 word10000"`:         {c},
		`"short one"`:                  {c},
		"parameterend field:parameter": {c},
		"parameterend verdict:held":    {c},
		"word19999 verdict:held":       {c},
		"before 7":                     {three, one},
		"cellend":                      {three},
		"256":                          {three},
	} {
		if d := cmp.Diff(want, numbers(t, s, q)); d != "" {
			t.Errorf("%s: %s", q, d)
		}
	}
	for i := 0; i < 20_000; i += 37 { // across every cut
		q := fmt.Sprintf(`"word%d word%d"`, i, i+1)
		if i+1 < 20_000 && len(numbers(t, s, q)) == 0 {
			t.Fatalf("%s was not found", q)
		}
	}
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("%+v", r)
	}
}

// TestGoesOnWhereItStopped stops indexing between the frames of a command, and between a command
// and its result: what is needed of the past is read from the index and the log.
func TestGoesOnWhereItStopped(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), alice())
	dir := t.TempDir()
	pause := func() {
		w.flush()
		s := openSearch(t, l, dir, everybody{})
		stop := run(t, s)
		caughtUp(t, s)
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c := w.command(&schemas.Command{Text: "SELECT stopped"}, verdict(schemas.Outcome_OUTCOME_HOLD, "p"))
	pause()
	w.commit(&schemas.Entry{Kind: &schemas.Entry_Decided{Decided: &schemas.Decided{Command: c, Decision: "approved"}}})
	w.columns(c, &schemas.Column{Type: 23, Binary: true})
	pause()
	cells := packCells([][]byte{{0, 0, 2, 1}})
	w.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: c, Columns: 1, More: true, Cells: cells[:6]}}})
	pause()
	row := w.frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: &schemas.Rows{Command: c, Columns: 1, Count: 1, Cells: cells[6:]}}})
	pause()
	w.bytes(c, "text", "half of a wo")
	pause()
	half := w.bytes(c, "text", "rd\n")
	pause()
	failed := w.result(&schemas.Result{Command: c, Error: &schemas.Failure{Code: "22012", Message: "division by zero"}})
	pause()
	s := openSearch(t, l, dir, everybody{})
	run(t, s)
	for q, want := range map[string][]uint64{
		"513":                            {row},
		"word":                           {half},
		"verdict:allow verdict:hold 513": {row},
		"stopped error:22012":            {failed},
		"division":                       {failed},
	} {
		got := numbers(t, s, q)
		if q == "stopped error:22012" { // both texts match one word each; the command comes first
			want = []uint64{c}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", q, d)
		}
	}
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("%+v", r)
	}
}

func TestWaitForSaysWhatItWaitedFor(t *testing.T) {
	l := openLog(t, t.TempDir())
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.WaitFor(ctx, search.Position{Facts: 9}); err == nil || !strings.Contains(err.Error(), "facts 9") {
		t.Errorf("%v", err)
	}
	st, err := s.Status(context.Background())
	if err != nil || st.Lag != 0 || st.Documents != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestLag shows a lag while nothing runs, and none once it has.
func TestLag(t *testing.T) {
	l := openLog(t, t.TempDir())
	s := openSearch(t, l, t.TempDir(), everybody{})
	tale(t, l)
	st, err := s.Status(context.Background())
	if err != nil || st.Lag != st.Head.Facts+st.Head.Frames || st.Lag == 0 {
		t.Errorf("before: %+v, %v", st, err)
	}
	run(t, s)
	caughtUp(t, s)
	if st, err = s.Status(context.Background()); err != nil || st.Lag != 0 || st.Skipped != 0 {
		t.Errorf("after: %+v, %v", st, err)
	}
}

// damaged is a log that hands on one message of FACTS with other bytes.
type damaged struct {
	*journal.Log
	sequence uint64
}

func (l damaged) Consume(ctx context.Context, c journal.ConsumeConfig, handle func([]journal.Message, bool) error) error {
	return l.Log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for i := range ms {
			if ms[i].Stream == schemas.Facts && ms[i].Sequence == l.sequence {
				ms[i].Data = bytes.Repeat([]byte{0xff}, 20)
			}
		}
		return handle(ms, caughtUp)
	})
}

func TestADamagedMessageHidesNothingElse(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, damaged{l, 2}, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	if got := numbers(t, s, "drop"); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	if st, err := s.Status(context.Background()); err != nil || st.Skipped != 1 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestHTTP(t *testing.T) {
	l := openLog(t, t.TempDir())
	tale(t, l)
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	for _, c := range []struct {
		query  url.Values
		status int
		want   string
	}{
		{url.Values{"q": {"drop"}}, 200, `"total":1,"next":""`},
		{url.Values{"q": {"drop"}}, 200, `"field":"command","verdict":"hold","kinds":["DROP"]`},
		{url.Values{"limit": {"1"}}, 200, `"total":10,"next":"`},
		{url.Values{"q": {"nothingofthekind"}}, 200, `"hits":[]`},
		{url.Values{"q": {"a *b"}}, 400, `at character 3: a word cannot begin with *`},
		{url.Values{"q": {"a *b"}}, 400, `"status":400`},
		{url.Values{"limit": {"0"}}, 400, `limit must be`},
		{url.Values{"order": {"best"}}, 400, `order must be`},
		{url.Values{"cursor": {"!"}}, 400, `"code":"invalid"`},
	} {
		res, err := http.Get(srv.URL + "/search?" + c.query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		kind := "application/json"
		if c.status != 200 {
			kind = "application/problem+json"
		}
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(b), c.want) || res.Header.Get("Content-Type") != kind {
			t.Errorf("%v: %d %s %s, %v", c.query, res.StatusCode, res.Header.Get("Content-Type"), b, err)
		}
	}
}

// TestValuesThatWereNotRecorded holds that a value that was not recorded is not made up.
func TestValuesThatWereNotRecorded(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), alice())
	w.command(&schemas.Command{Text: "SELECT 1", Parameters: []*schemas.Value{{Data: []byte("planted"), Marker: "masked"}}}, allow())
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	if got := numbers(t, s, "planted OR masked"); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}
