package replay_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/screen"
)

// tame is all that Play may write on somebody's terminal.
var tame = regexp.MustCompile("^(\x1b\\[(\\d+;\\d+H|[\\d;]*m|2J|2K|\\?25[hl]|\\?1049[hl])|\x1b[78]|\n|[^\x00-\x1f\x7f-\u009f])*$")

// spectator is a terminal on which a session is played, and what it showed each time that Play waited.
type spectator struct {
	t     testing.TB
	glass *screen.Screen
	seen  []string
	all   strings.Builder
}

func newSpectator(t testing.TB, columns, rows int) *spectator {
	return &spectator{t: t, glass: screen.New(screen.Config{Columns: columns, Rows: rows})}
}

func (s *spectator) Write(b []byte) (int, error) {
	if !tame.Match(b) {
		s.t.Errorf("it writes %q", b)
	}
	s.all.Write(b)
	_, _ = s.glass.Write([]byte(strings.ReplaceAll(string(b), "\n", "\r\n")))
	s.seen = append(s.seen, strings.Join(s.glass.Text(), "\n"))
	return len(b), nil
}

func (s *spectator) play(entries []replay.Entry, o replay.PlayOptions) {
	s.t.Helper()
	o.Size = func() (int, int) { return s.glass.Columns(), s.glass.Rows() }
	if err := replay.Play(s.t.Context(), s, entriesOf(entries...), o); err != nil {
		s.t.Error(err)
	}
	if s.glass.Alternate() {
		s.t.Error("the terminal is left in the alternate screen")
	}
}

// saw reports whether all of these stood on the terminal at once.
func (s *spectator) saw(texts ...string) bool {
	return slices.ContainsFunc(s.seen, func(seen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(seen, text) })
	})
}

func (w *world) entries(id schemas.SessionID) (all []replay.Entry) {
	w.t.Helper()
	for e, err := range replay.Lines(strings.NewReader(w.exported(id, "ndjson"))) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestPlayDrawsTerminals(t *testing.T) {
	w := newWorld(t)
	serverStory(w.gateway.Open(first, onServer))
	w.settled(first)
	s := newSpectator(t, 90, 20)
	s.play(w.entries(first), replay.PlayOptions{})
	for _, want := range [][]string{
		{"deploy@web1:~$ ls\nMüllöl\ndeploy@web1:~$", "100x30, of which 90x19 fit here"}, {"another$", "80x24, of which 80x19 fit here"},
		{"120x40", "deploy@web1:~$ exit"}, {"-- a shell", "another$", "deploy@orders$ cat f | wc -l\n7\nexit 0"},
	} {
		if !s.saw(want...) {
			t.Errorf("%q was not to be seen together, of\n%s", want, strings.Join(s.seen, "\n=====\n"))
		}
	}
	if strings.Contains(s.all.String(), "[not echoed]") {
		t.Error("input is drawn")
	}
}

// A recording may hold whatever a program, or who attacks, wrote. Nothing of it acts on the terminal of who looks at it.
func TestPlayKeepsRecordingsFromActing(t *testing.T) {
	w := newWorld(t)
	o := w.gateway.Open(first, onServer)
	shell := o.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, schemas.Outcome_OUTCOME_ALLOW)
	o.Fact(terminalSize(shell, "xterm", 80, 24))
	for _, text := range []string{"\x1b]52;c;cm0gLXJm\x07", "\x1b]0;title\x07", "\x1b[c\x1b[6n\x1b[21t", "\x1bP$qm\x1b\\", "\x1b[?1049l\x1b[?1000h", "\x1b[?1049h", "\u009b5i", "\x1bc", "\x05", "seen"} {
		o.Frame(output(shell, schemas.Channel_CHANNEL_OUT, "terminal", text))
	}
	o.Result(&schemas.Result{Command: shell, Tag: "exit 0"})
	run := o.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXEC, Text: "cat \x1b]52;c;cm0gLXJm\x07"}, schemas.Outcome_OUTCOME_ALLOW)
	o.Frame(output(run, schemas.Channel_CHANNEL_OUT, "text", "\x1b]52;c;cm0gLXJm\x07\n"))
	o.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	s := newSpectator(t, 80, 25)
	s.play(w.entries(first), replay.PlayOptions{})
	if !s.saw("seen", "s  80x24") {
		t.Errorf("it shows\n%s", strings.Join(s.seen, "\n=====\n"))
	}
}

// From a moment on, what came before it stands there at once: from the beginning, and from a keyframe.
func TestPlayFromAMoment(t *testing.T) {
	w := newWorld(t)
	o := w.gateway.Open(first, onServer)
	shell := o.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, schemas.Outcome_OUTCOME_ALLOW)
	o.Fact(terminalSize(shell, "xterm", 40, 10))
	for _, text := range []string{"one\r\n", "two\r\n", "three\r\n"} {
		o.Frame(output(shell, schemas.Channel_CHANNEL_OUT, "terminal", text))
	}
	o.Close(&schemas.Closed{Reason: "client"})
	w.settled(first)
	all := w.entries(first)
	began := all[0].At
	for i := range all { // a second apart
		all[i].At = began.Add(time.Duration(i) * time.Second)
	}
	three := slices.IndexFunc(all, func(e replay.Entry) bool { return e.Bytes != nil && string(e.Bytes.Payload.Bytes()) == "three\r\n" })
	from := began.Add(time.Duration(three-1)*time.Second + time.Millisecond)
	s := newSpectator(t, 40, 11)
	s.play(all, replay.PlayOptions{From: from})
	if s.saw("-- a shell") || !s.saw("one\ntwo\nthree", "s  40x10") {
		t.Errorf("it shows\n%s", strings.Join(s.seen, "\n=====\n"))
	}
	s = newSpectator(t, 40, 11)
	s.play(all[three-1:], replay.PlayOptions{Began: began, From: from, Keyframe: &replay.KeyframeAnswer{Number: all[three-2].Number, Current: shell,
		Terminals: []replay.ShotAnswer{{Command: shell, Columns: 40, Rows: 10, Drawing: []byte("one\r\n")}}}})
	if !s.saw("one\ntwo\nthree") {
		t.Errorf("from a keyframe it shows\n%s", strings.Join(s.seen, "\n=====\n"))
	}
	var text strings.Builder
	if err := replay.Play(t.Context(), &text, entriesOf(all...), replay.PlayOptions{From: from}); err != nil || strings.Contains(text.String(), "one") || !strings.Contains(text.String(), "three") {
		t.Errorf("as text: %v, %s", err, text.String())
	}
}
