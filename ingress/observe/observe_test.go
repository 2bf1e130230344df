package observe_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/ingress/observe"
)

// step is what goes by: keys, or output.
type step struct{ in, out string }

func watch(columns int, steps ...step) (lines []observe.Line) {
	o := observe.New(columns, 10)
	for _, s := range steps {
		o.Input([]byte(s.in))
		lines = append(lines, o.Output([]byte(s.out))...)
	}
	return lines
}

func typed(text string) (steps []step) {
	for _, key := range strings.Split(text, "") {
		steps = append(steps, step{in: key}, step{out: key})
	}
	return steps
}

func all(parts ...any) (steps []step) {
	for _, p := range parts {
		switch p := p.(type) {
		case step:
			steps = append(steps, p)
		case []step:
			steps = append(steps, p...)
		}
	}
	return steps
}

const (
	prompt = "\x1b]133;A\x07\x1b[1malice@web1\x1b[0m:~$ \x1b]133;B\x07"
	begun  = "\x1b]133;C\x07"
)

func seen(source observe.Source, texts ...string) (lines []observe.Line) {
	for _, t := range texts {
		lines = append(lines, observe.Line{Text: t, Source: source})
	}
	return lines
}

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		columns int
		steps   []step
		want    []observe.Line
	}{
		"screen":                  {80, all(step{out: "alice@web1:~$ "}, typed("ls -l"), step{in: "\r"}, step{out: "\r\nfile\r\nalice@web1:~$ "}, typed("id"), step{in: "\r"}, step{out: "\r\n"}), seen(observe.Screen, "ls -l", "id")},
		"corrected":               {80, all(step{out: "$ "}, typed("lx"), step{in: "\x7f"}, step{out: "\b \b"}, typed("s"), step{in: "\r", out: "\r\n"}), seen(observe.Screen, "ls")},
		"from the history":        {80, all(step{out: "$ "}, step{in: "\x1b[A"}, step{out: "rm -rf /srv"}, step{in: "\r", out: "\r\n"}), seen(observe.Screen, "rm -rf /srv")},
		"completed":               {80, all(step{out: "$ "}, typed("cat /etc/pa"), step{in: "\t"}, step{out: "sswd "}, step{in: "\r", out: "\r\n"}), seen(observe.Screen, "cat /etc/passwd")},
		"echo after enter":        {80, all(step{out: "$ "}, step{in: "ls\r"}, step{out: "ls\r\nfile\r\n"}), seen(observe.Screen, "ls")},
		"wrapped":                 {10, all(step{out: "$ "}, step{in: "echo 0123456789\r"}, step{out: "echo 0123456789\r\n"}), seen(observe.Screen, "echo 0123456789")},
		"nothing":                 {80, all(step{out: "$ "}, step{in: "\r", out: "\r\n$ "}), nil},
		"a password":              {80, all(step{out: "Password: "}, step{in: "s3cr3t\r", out: "\r\n"}), nil},
		"given up":                {80, all(step{out: "$ "}, typed("rm x"), step{in: "\x03"}, step{out: "^C\r\n$ "}, typed("id"), step{in: "\r", out: "\r\n"}), seen(observe.Screen, "id")},
		"an editor":               {80, all(step{out: "\x1b[?1049h\x1b[H~\r\n"}, step{in: "ix\r", out: "x\r\n"}), nil},
		"marks":                   {80, all(step{out: prompt}, typed("ls"), step{in: "\r"}, step{out: "\r\n" + begun + "file\r\n\x1b]133;D;0\x07" + prompt}), []observe.Line{{Text: "ls", Source: observe.Marks, Ended: true}}},
		"marks with a status":     {80, all(step{out: prompt}, typed("false"), step{in: "\r"}, step{out: "\r\n" + begun + "\x1b]133;D;1\x1b\\"}), []observe.Line{{Text: "false", Source: observe.Marks, Ended: true, ExitStatus: 1}}},
		"marks before the break":  {80, all(step{out: prompt}, typed("ls"), step{out: begun + "\r\n"}), seen(observe.Marks, "ls")},
		"marks cut":               {80, all(step{out: prompt[:4]}, step{out: prompt[4:]}, typed("ls"), step{out: "\r\n\x1b]13"}, step{out: "3;C\x1b"}, step{out: "\\out"}), seen(observe.Marks, "ls")},
		"marks over several rows": {10, all(step{out: "\x1b]133;B\x07"}, step{out: "for i in 1 2\r\n> do x\r\n> done\r\n" + begun}), seen(observe.Marks, "for i in 1 2\n> do x\n> done")},
		"marks after scrolling":   {80, all(step{out: strings.Repeat("x\r\n", 30) + prompt}, typed("ls"), step{out: "\r\n" + begun}), seen(observe.Marks, "ls")},
		"stated by the shell":     {80, all(step{out: prompt + "shown\r\n\x1b]633;E;rm -rf /\\x3b id\x07" + begun}), seen(observe.Marks, "rm -rf /; id")},
		"stated as a url":         {80, all(step{out: prompt + "shown\r\n\x1b]133;C;cmdline_url=rm%20x%3B%20id\x07"}), seen(observe.Marks, "rm x; id")},
		"with marks, not twice":   {80, all(step{out: prompt}, typed("ls"), step{in: "\r"}, step{out: "\r\n"}, step{out: begun}), seen(observe.Marks, "ls")},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, watch(c.columns, c.steps...), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzObserver(f *testing.F) {
	f.Add([]byte("ls\r"), []byte(prompt+"ls\r\n"+begun), 3)
	f.Add([]byte("x\r\r"), []byte("x\r\n\x1b]133;"), 1)
	f.Fuzz(func(t *testing.T, in, out []byte, cut int) {
		whole, pieces := observe.New(20, 5), observe.New(20, 5)
		whole.Input(in)
		pieces.Input(in)
		want := whole.Output(out)
		var got []observe.Line
		for n := cut%7 + 8; len(out) > 0; {
			n = min(n, len(out))
			got = append(got, pieces.Output(out[:n])...)
			out = out[n:]
		}
		for i := range got { // how it ended is told where it is in the same output
			if i < len(want) {
				got[i].Ended, got[i].ExitStatus, want[i].Ended, want[i].ExitStatus = false, 0, false, 0
			}
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("in pieces it is otherwise: %s", d)
		}
	})
}
