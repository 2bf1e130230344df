package replay_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/screen"
)

// seekable is a world whose players can seek.
func seekable(t testing.TB) (*world, *replay.Indexes) {
	t.Helper()
	var indexes *replay.Indexes
	w := newWorld(t, func(c *replay.Config) {
		var err error
		indexes, err = replay.NewIndexes(replay.IndexesConfig{Log: c.Log, Sessions: c.Sessions, Dir: t.TempDir(), Every: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c.Indexes = indexes
	})
	return w, indexes
}

func ssh(o *schemas.Opened) { o.Protocol, o.Database = "ssh", "" }

// shows is what a player that begins at a keyframe has on its screen at an entry.
func (w *world) shows(id schemas.SessionID, query string, until uint64) (text []string, after uint64) {
	w.t.Helper()
	status, body := w.get("root", "/sessions/"+string(id)+"/keyframe?"+query)
	if status != 200 {
		w.t.Fatalf("%d %s", status, body)
	}
	k := decode[replay.KeyframeAnswer](w.t, body)
	s := screen.New(screen.Config{})
	for _, one := range k.Terminals {
		if one.Command == k.Current {
			s.Resize(one.Columns, one.Rows)
			_, _ = s.Write(one.Drawing)
		}
	}
	play(w.t, w.log, id, k.Number+1, until, s)
	return s.Text(), k.Number
}

// play writes the output of entries to a screen.
func play(t testing.TB, log *journal.Log, id schemas.SessionID, from, until uint64, s *screen.Screen) {
	t.Helper()
	for e, err := range replay.Entries(t.Context(), log, id, from) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Number > until:
			return
		case e.Terminal != nil:
			s.Resize(int(e.Terminal.Columns), int(e.Terminal.Rows))
		case e.Bytes != nil && e.Bytes.Channel == "out":
			_, _ = s.Write(e.Bytes.Bytes())
		}
	}
}

func TestAPlayerSeesTheSameWhereverItBegins(t *testing.T) {
	w, indexes := seekable(t)
	s := w.gateway.Open(first, ssh)
	shell := s.Terminal(10*time.Hour, 300, 1<<20)
	s.Fact(&schemas.Entry{Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: shell, Columns: 60, Rows: 12}}})
	last := s.Fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: shell, Tag: "exit 0"}}})
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	for _, number := range []uint64{1, 4, 5, 500, 3000, 9000, last - 3, last - 1} {
		whole := screen.New(screen.Config{})
		play(t, w.log, first, 1, number, whole)
		got, after := w.shows(first, fmt.Sprintf("number=%d", number), number)
		if d := cmp.Diff(whole.Text(), got); d != "" {
			t.Errorf("at %d, from the keyframe %d: %s", number, after, d)
		}
		if number > after+1000 || after > number {
			t.Errorf("at %d: the keyframe is at %d", number, after)
		}
	}
	status, body := w.get("root", "/sessions/"+string(first)+"/index")
	x := decode[replay.IndexAnswer](t, body)
	if status != 200 || !x.HasTerminal || x.Keyframes < 8 || x.Number != last+1 || x.Commands != 1 || x.LastMS < 3.5e7 {
		t.Errorf("%d %.600s", status, body)
	}
	var in, out uint64
	for i := range x.Input {
		in, out = in+x.Input[i], out+x.Output[i]
	}
	if in == 0 || out < 1<<20 || len(x.Input) > 1024 || len(x.Risk) != len(x.Input) {
		t.Errorf("%d in, %d out, in %d stretches of %v ms", in, out, len(x.Input), x.BucketMS)
	}
	// Stored, and read back by another that has nothing in memory, and made again from the log.
	again, err := replay.NewIndexes(replay.IndexesConfig{Log: w.log, Sessions: w.sessions, Dir: indexes.Folder(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	report, err := again.Rebuild(t.Context(), untold)
	if err != nil || !report.Equal || report.Entries != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	// With keyframes closer together, what is stored is still right, and is made anew when somebody looks.
	closer, err := replay.NewIndexes(replay.IndexesConfig{Log: w.log, Sessions: w.sessions, Dir: indexes.Folder(), Spacing: replay.Spacing{Bytes: 2 << 10}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if report, err := closer.Rebuild(t.Context(), untold); err != nil || !report.Equal || report.Entries != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	one, err := w.sessions.Get(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	if err := closer.Look(t.Context(), one, func(i *replay.Index) error { frames = len(i.Keyframes.Items); return nil }); err != nil || frames <= x.Keyframes {
		t.Errorf("%d keyframes after %d, %v", frames, x.Keyframes, err)
	}
	if report, err := closer.Rebuild(t.Context(), untold); err != nil || !report.Equal || report.Entries != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnIndexGoesOnWithAnOpenSession(t *testing.T) {
	w, indexes := seekable(t)
	s := w.gateway.Open(first, ssh)
	shell := s.Terminal(time.Minute, 40, 200<<10)
	w.listed(first)
	ask := func() replay.IndexAnswer {
		t.Helper()
		_, body := w.get("root", "/sessions/"+string(first)+"/index")
		return decode[replay.IndexAnswer](t, body)
	}
	before := ask()
	again, err := replay.NewIndexes(replay.IndexesConfig{Log: w.log, Sessions: w.sessions, Dir: indexes.Folder(), Every: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	last := s.Frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: shell, Channel: schemas.Channel_CHANNEL_OUT, Format: "terminal", Data: []byte("\x1b[2J\x1b[Hthe end")}}})
	after := ask()
	if !before.Open || after.Number != last || before.Number >= last {
		t.Errorf("%d, then %d, want %d", before.Number, after.Number, last)
	}
	run(t, "indexes", again.Run)
	s.Fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: shell}}})
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	one, err := w.sessions.Get(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the other has it all", func() bool {
		closed := false
		err := again.Look(t.Context(), one, func(i *replay.Index) error { closed = i.Closed; return nil })
		return err == nil && closed
	})
	if report, err := again.Rebuild(t.Context(), untold); err != nil || !report.Equal || report.Entries != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnIndexThatIsBrokenIsMadeAnew(t *testing.T) {
	w, indexes := seekable(t)
	s := w.gateway.Open(first, ssh)
	s.Terminal(time.Minute, 40, 200<<10)
	s.Close(&schemas.Closed{Reason: "client"})
	one := w.settled(first)
	look := func(x *replay.Indexes) (n uint64) {
		t.Helper()
		if err := x.Look(t.Context(), one, func(i *replay.Index) error { n = i.Number; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := look(indexes)
	if err := os.WriteFile(filepath.Join(indexes.Folder(), string(first)+".index"), []byte("nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := replay.NewIndexes(replay.IndexesConfig{Log: w.log, Sessions: w.sessions, Dir: indexes.Folder(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	report, err := again.Rebuild(context.Background(), untold)
	if err != nil || report.Equal || report.Appended != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if got := look(again); got != want {
		t.Errorf("it ends at %d, want %d", got, want)
	}
}

func TestMomentsTellWhatBecameOfCommands(t *testing.T) {
	w, _ := seekable(t)
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "killed", By: "bob", Message: "enough"})
	w.settled(first)
	type page struct {
		Moments []replay.Moment `json:"moments"`
		Next    uint64          `json:"next"`
	}
	ask := func(query string) page {
		t.Helper()
		status, body := w.get("root", "/sessions/"+string(first)+"/moments?"+query)
		if status != 200 {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		return decode[page](t, body)
	}
	tell := func(p page) (out []string) {
		for _, m := range p.Moments {
			out = append(out, fmt.Sprintf("%d %s %s %s rows=%d refused=%v error=%.20q %v", m.Number, m.Kind, m.Word, m.Outcome, m.Rows, m.Refused, m.Error, m.By))
		}
		return out
	}
	all := ask("")
	want := []string{
		"3 command query allow rows=2 refused=false error=\"\" []",
		"8 command query deny rows=0 refused=true error=\"refused by policy no\" []",
		"11 command execute allow rows=0 refused=false error=\"relation \\\"nowhere\\\" d\" []",
		"14 command query allow rows=2 refused=false error=\"\" []",
		"19 closed killed  rows=0 refused=false error=\"\" [bob]",
	}
	if d := cmp.Diff(want, tell(all)); d != "" {
		t.Error(d)
	}
	for query, c := range map[string]struct {
		want []string
		next uint64
	}{
		"limit=2":           {want[:2], 11},
		"from=11&limit=2":   {want[2:4], 19},
		"from=12":           {want[3:], 0},
		"before=19&limit=2": {want[2:4], 19},
		"before=8":          {want[:1], 8},
		"before=3":          {nil, 3},
		"at=100000000":      {want[3:], 0},
		"at=0":              {want, 0},
	} {
		p := ask(query)
		if d := cmp.Diff(c.want, tell(p)); d != "" || p.Next != c.next {
			t.Errorf("%s: next %d, want %d: %s", query, p.Next, c.next, d)
		}
	}
	for _, query := range []string{"at=x", "at=-1", "before=0", "from=0", "limit=x"} {
		if status, _ := w.get("root", "/sessions/"+string(first)+"/moments?"+query); status != 400 {
			t.Errorf("%s: %d", query, status)
		}
	}
	x := decode[replay.IndexAnswer](t, func() string { _, body := w.get("root", "/sessions/"+string(first)+"/index"); return body }())
	got := ""
	for _, a := range x.Alerts {
		got += fmt.Sprintf("%d %s; ", a.Number, a.What)
	}
	if got != "9 denied; 13 error; 19 killed; " || x.HasTerminal {
		t.Errorf("alerts %s, terminal %v", got, x.HasTerminal)
	}
	for _, path := range []string{"/index", "/keyframe", "/moments"} {
		if status, _ := w.get("nobody", "/sessions/"+string(first)+path); status != 403 {
			t.Errorf("nobody %s: %d", path, status)
		}
	}
}

func TestAnIndexIsBounded(t *testing.T) {
	w, _ := seekable(t)
	s := w.gateway.Open(first)
	for range 9000 {
		s.Pending(&schemas.Command{Text: "SELECT 1"}, &schemas.Result{Tag: "SELECT 1", Rows: 1, Error: &schemas.Failure{Message: "no"}})
	}
	s.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	_, body := w.get("root", "/sessions/"+string(first)+"/index")
	x := decode[replay.IndexAnswer](t, body)
	if x.Commands != 9000 || len(x.Alerts) != 5000 || x.AlertsOut != 4000 || len(x.Activity) > 1024 {
		t.Errorf("%d commands, %d alerts and %d left out, %d stretches", x.Commands, len(x.Alerts), x.AlertsOut, len(x.Activity))
	}
	type page struct {
		Moments []replay.Moment `json:"moments"`
	}
	for _, before := range []uint64{27000, 15000, 302} {
		_, body := w.get("root", fmt.Sprintf("/sessions/%s/moments?before=%d&limit=100", first, before))
		ms := decode[page](t, body).Moments
		if len(ms) != 100 || ms[99].Number >= before || ms[99].Number < before-3 || ms[0].Number != ms[99].Number-297 {
			t.Errorf("before %d: %d moments", before, len(ms))
		}
	}
}

// Of a shell that is open it is known that something is concealed before it is known how much.
func TestMomentsTellWhatIsConcealed(t *testing.T) {
	w, _ := seekable(t)
	s := w.gateway.Open(first, func(o *schemas.Opened) { o.Protocol = "ssh" })
	open := func() uint64 {
		return s.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, schemas.Outcome_OUTCOME_ALLOW)
	}
	plain, shell := open(), open()
	w.listed(first)
	conceals := func() string {
		_, body := w.get("root", "/sessions/"+string(first)+"/moments")
		out := ""
		for _, m := range decode[struct{ Moments []replay.Moment }](t, body).Moments {
			out += fmt.Sprintf("%d:%t ", m.Number, m.Conceals)
		}
		return out
	}
	if got, want := conceals(), fmt.Sprintf("%d:false %d:false ", plain, shell); got != want {
		t.Errorf("at first %s, want %s", got, want)
	}
	for range 2 {
		s.Frame(&schemas.Entry{Kind: &schemas.Entry_Concealed{Concealed: &schemas.Concealed{Command: shell, Masks: []string{"pii"}, Key: "k", Data: []byte("x")}}})
	}
	if got, want := conceals(), fmt.Sprintf("%d:false %d:true ", plain, shell); got != want {
		t.Errorf("then %s, want %s", got, want)
	}
}
