package search_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas"
	"sallyport/search"
)

// ssh is a session on a server.
func ssh() *schemas.Opened {
	o := alice()
	o.Target, o.Protocol = "web1", "ssh"
	return o
}

// shell begins a shell with a terminal and returns its number.
func (s *scribe) shell(columns, rows uint32) uint64 {
	s.t.Helper()
	n := s.command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, allow())
	s.commit(&schemas.Entry{Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: n, Type: "xterm-256color", Columns: columns, Rows: rows}}})
	return n
}

// shows adds output of a terminal, at a time in seconds.
func (s *scribe) shows(command uint64, at float64, data string) uint64 {
	s.t.Helper()
	return s.frame(&schemas.Entry{
		At: time.Unix(1_700_000_000, 0).Add(time.Duration(at * float64(time.Second))).UnixNano(),
		Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{
			Command: command, Channel: schemas.Channel_CHANNEL_OUT, Format: "terminal", Data: []byte(data),
		}},
	})
}

func TestScreens(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), ssh())
	c := w.shell(40, 10)
	prompt := w.shows(c, 0, "\x1b[1;32malice@web1\x1b[0m:~$ ")
	for i, key := range strings.Split("cat plans", "") {
		w.shows(c, 2+0.1*float64(i), key)
	}
	enter := w.shows(c, 3.2, "\r\n")
	out := w.shows(c, 3.3, "the launch\x1b[31m code\x1b[0m is kept\r\nin the ca")
	cut := w.shows(c, 3.4, "binet\x1b[")
	clear := w.shows(c, 3.5, "2J\x1b[Hfleeting glimpse\x1b[2J\x1b[Hafterwards\r\n")
	long := w.shows(c, 3.6, strings.Repeat("x", 36)+" overlong wordsplit\r\n")
	editor := w.shows(c, 3.7, "\x1b[?1049h\x1b[1;1HBuffer one\x1b[5;3Htilde line\x1b[10;1H-- INSERT --")
	w.frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: c, Channel: schemas.Channel_CHANNEL_IN, Format: "terminal", Data: []byte("keystroke")}}})
	w.flush()
	w.end()

	dir := t.TempDir()
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	caughtUp(t, s)
	found := func(s *search.Service) {
		t.Helper()
		for q, want := range map[string][]uint64{
			`"alice@web1"`:             {enter, prompt},
			`"cat plans"`:              {enter},
			`"launch code is kept"`:    {out},
			`"in the cabinet"`:         {cut},
			`"fleeting glimpse"`:       {clear},
			`afterwards field:screen`:  {clear},
			"overlong":                 {long},
			"wordsplit":                {long},
			`"tilde line" target:web1`: {editor},
			`insert kind:SHELL`:        {editor},
			"keystroke":                nil,
			`"cat plan" -plans`:        nil,
			`launch field:rows`:        nil,
		} {
			if d := cmp.Diff(want, numbers(t, s, q), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: %s", q, d)
			}
		}
	}
	found(s)
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("a rebuild differs: %+v", r)
	}
	found(s)
	stop()
}

// TestScreensAfterRestart holds that a screen that is not remembered is drawn again.
func TestScreensAfterRestart(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), ssh())
	c := w.shell(80, 24)
	w.shows(c, 0, "half of the")
	w.flush()
	dir := t.TempDir()
	s := openSearch(t, l, dir, everybody{})
	stop := run(t, s)
	caughtUp(t, s)
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n := w.shows(c, 0.1, " line\r\n")
	w.flush()
	w.end()
	s = openSearch(t, l, dir, everybody{})
	run(t, s)
	caughtUp(t, s)
	if got := numbers(t, s, `"half of the line"`); !cmp.Equal(got, []uint64{n}) {
		t.Errorf("found in %v, want %d", got, n)
	}
	r, err := s.Search(context.Background(), search.Query{Text: `"half of the line"`})
	if err != nil || len(r.Hits) != 1 || !strings.Contains(r.Hits[0].Snippet, "half") {
		t.Errorf("%+v %v", r, err)
	}
}

func TestCommandsOverSSH(t *testing.T) {
	l := openLog(t, t.TempDir())
	w := begin(t, l, leaseOf(t, l), ssh())
	run1 := w.command(&schemas.Command{
		Kind: schemas.CommandKind_COMMAND_KIND_EXEC, Text: "sudo /opt/x/curl y > /etc/motd",
		Exec: &schemas.ExecFacts{
			Commands: []*schemas.ExecCommand{{Program: "sudo", Argv: []string{"sudo", "/opt/x/curl", "y"}}, {Program: "curl", Argv: []string{"/opt/x/curl", "y"}}},
			Writes:   []string{"/etc/motd"},
		},
	}, verdict(schemas.Outcome_OUTCOME_DENY, "no-curl"))
	sftp := w.command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SUBSYSTEM, Text: "sftp"}, allow())
	op := w.command(&schemas.Command{
		Kind: schemas.CommandKind_COMMAND_KIND_FILE, Text: "rename /srv/report.csv /srv/old/report.csv", Parent: sftp,
		Operation: &schemas.FileOperation{Operation: "rename", Path: "/srv/report.csv", To: "/srv/old/report.csv"},
	}, allow())
	file, err := w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_File{File: &schemas.File{Command: op, Path: "/srv/upload.bin", BytesIn: 7}}})
	w.check(err)
	forward := w.command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FORWARD, Text: "local db1:5432", Forward: &schemas.Forward{Direction: "local", Host: "db1", Port: 5432}}, allow())
	shell := w.shell(80, 24)
	seen, err := w.w.Fact(&schemas.Entry{Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{
		Command: shell, Text: "wget http://h/", Source: "marks", Exec: &schemas.ExecFacts{Commands: []*schemas.ExecCommand{{Program: "wget", Argv: []string{"wget", "http://h/"}}}},
	}}})
	w.check(err)
	w.commit(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: seen, Outcome: schemas.Outcome_OUTCOME_HOLD, Reasons: []*schemas.Reason{{Policy: "watch-wget"}}}}})
	w.end()
	s := openSearch(t, l, t.TempDir(), everybody{})
	run(t, s)
	caughtUp(t, s)
	for q, want := range map[string][]uint64{
		"program:curl":                   {run1},
		"program:/opt/x/curl":            {run1},
		"program:sudo verdict:denied":    {run1},
		"kind:EXEC":                      {run1},
		"path:/etc/motd":                 {run1},
		"path:motd":                      {run1},
		"path:/srv/*":                    {file, op},
		"path:report.csv kind:rename":    {op},
		"path:old/report.csv":            {op},
		"kind:FILE":                      {op},
		"kind:TRANSFER upload":           {file},
		"kind:FORWARD db1":               {forward},
		"kind:local":                     {forward},
		"program:wget":                   {seen},
		"program:wget field:observed":    {seen},
		"verdict:held policy:watch-wget": {seen},
		"kind:SHELL":                     {shell},
		"program:cur":                    nil,
	} {
		if d := cmp.Diff(want, numbers(t, s, q), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", q, d)
		}
	}
	if r := rebuild(t, s); !r.Equal {
		t.Errorf("a rebuild differs: %+v", r)
	}
}
