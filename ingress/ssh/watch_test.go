package ssh_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

func observed(es []*schemas.Entry) (out []*schemas.Observed) {
	for _, e := range es {
		if o := e.GetObserved(); o != nil {
			out = append(out, o)
		}
	}
	return out
}

func texts(os []*schemas.Observed) (out []string) {
	for _, o := range os {
		out = append(out, o.Source+": "+o.Text)
	}
	return out
}

func TestTypedLinesAreObserved(t *testing.T) {
	g := start(t, options{})
	x := g.shell(t).start()
	x.type_("echo observed-$((1+1))\r")
	x.await("observed-2")
	x.await("ready$ ")
	x.type_("exit\r")
	_ = x.s.Wait()
	es := g.closedAfter(t, x)
	got := strings.Join(texts(observed(es)), "\n")
	if !strings.Contains(got, "screen: echo observed-$((1+1))\nscreen: exit") {
		t.Errorf("observed:\n%s", got)
	}
	for _, e := range es {
		if o := e.GetObserved(); o != nil && o.Command != commandsNumber(es, schemas.CommandKind_COMMAND_KIND_SHELL) {
			t.Errorf("of command %d", o.Command)
		}
	}
}

// commandsNumber is the number of the first command of a kind.
func commandsNumber(es []*schemas.Entry, kind schemas.CommandKind) uint64 {
	for _, e := range es {
		if c := e.GetCommand(); c != nil && c.Kind == kind {
			return e.Number
		}
	}
	return 0
}

func TestMarksOfTheShellAreTrusted(t *testing.T) {
	g := start(t, options{})
	x := g.shell(t).start()
	x.type_(`PS0='\e]133;C\a'; PS1='\[\e]133;A\a\]mar''ked$ \[\e]133;B\a\]'` + "\r")
	x.await("marked$ ")
	x.type_("echo one\r")
	x.await("one\r\n")
	x.await("marked$ ")
	x.type_("exit\r")
	_ = x.s.Wait()
	if got := strings.Join(texts(observed(g.closedAfter(t, x))), "\n"); !strings.HasSuffix(got, "marks: echo one\nmarks: exit") {
		t.Errorf("observed:\n%s", got)
	}
}

func TestAnObservationEndsTheSession(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		if !a.Observed || !strings.Contains(a.Text, "danger") {
			return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW}
		}
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY, Reasons: []*schemas.Reason{{Policy: "no-danger", Message: "not here"}},
			Secrets: []*schemas.Span{{Offset: 5, Length: 6, Marker: "‹secret›"}}}
	})
	x := g.shell(t).start()
	x.type_("echo danger\r")
	x.await("not here")
	_ = x.s.Wait()
	es := g.closedAfter(t, x)
	last := es[len(es)-1].GetClosed()
	if last.GetReason() != "killed" || last.GetBy() != "no-danger" {
		t.Errorf("closed: %v", last)
	}
	var seen *schemas.Entry
	for _, e := range es {
		if o := e.GetObserved(); o != nil && strings.HasPrefix(o.Text, "echo") {
			seen = e
		}
		if v := e.GetVerdict(); v != nil && seen != nil && v.Command == seen.Number && (v.Outcome != schemas.Outcome_OUTCOME_DENY || v.Reasons[0].Policy != "no-danger") {
			t.Errorf("verdict: %v", v)
		}
	}
	if seen.GetObserved().GetText() != "echo ‹secret›" {
		t.Errorf("observed: %v", seen)
	}
}

// masking is an enforcer whose verdicts mask e-mail addresses.
func masking(revealed bool) func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
	return func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW, Masks: []string{"pii"},
			Plan: &schemas.MaskPlan{Rules: []*schemas.MaskRule{{Name: "pii", With: "redact", Detect: []string{"email"}, Revealed: revealed}}}}
	}
}

func maskCount(es []*schemas.Entry) (n uint64) {
	for _, e := range es {
		for _, c := range e.GetMasked().GetCounts() {
			if c.Mask == "pii" && c.Detector == "email" {
				n += c.Count
			}
		}
	}
	return n
}

func TestOutputIsMasked(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", masking(false))
	got := g.ssh(t, "", "gw", "printf 'to plan%s@example.com, ok' ted; printf 'and plan%s@example.org' ted >&2; exit 3")
	if got.out != "to [redacted], ok" || got.err != "and [redacted]" || got.status != 3 {
		t.Errorf("%+v", got)
	}
	es := g.closed(t)
	for _, e := range es {
		if b := e.GetBytes(); bytes.Contains(b.GetData(), []byte("planted@")) {
			t.Errorf("recorded: %v", b)
		}
	}
	if n := maskCount(es); n != 2 {
		t.Errorf("%d masked", n)
	}
}

func TestTerminalIsMasked(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", masking(false))
	x := g.shell(t).start()
	x.type_(`printf '\e[31mplan%s\e[0m@example.com|\n' ted` + "\r")
	x.await("|")
	x.await("ready$ ")
	x.type_("exit\r")
	_ = x.s.Wait()
	if all := x.seen.String(); strings.Contains(all, "planted\x1b[0m@") || !strings.Contains(all, "\x1b[31m*******\x1b[0m************|") {
		t.Errorf("the terminal:\n%q", all)
	}
	if log := sent(g.closedAfter(t, x), 0, schemas.Channel_CHANNEL_OUT, "terminal"); strings.Contains(log, "planted\x1b[0m@") {
		t.Errorf("recorded:\n%q", log)
	}
}

func TestWhoIsExceptedSeesWhatIsNotRecorded(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.Set("r", masking(true))
	got := g.ssh(t, "", "gw", "echo plan''ted@example.com")
	if got.out != "planted@example.com\n" {
		t.Errorf("%+v", got)
	}
	if log := sent(g.closed(t), 0, schemas.Channel_CHANNEL_OUT, "text"); log != "[redacted]\n" {
		t.Errorf("recorded: %q", log)
	}
}

func TestRestrictedShell(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) { r.SSH.Mode = resources.ModeRestricted }})
	x := g.shell(t)
	if err := x.s.Shell(); err != nil {
		t.Fatal(err)
	}
	x.await(":~$ ")
	x.type_("cd /usr/share\r")
	x.await(":/usr/share$ ")
	x.type_("pwd; echo err >&2\r")
	x.await("/usr/share\r\n")
	x.await(":/usr/share$ ")
	x.type_("echo " + sessiontest.Forbidden + "\r")
	x.await("sallyport: ")
	x.await(":/usr/share$ ")
	if err := x.s.WindowChange(30, 100); err != nil {
		t.Fatal(err)
	}
	x.type_("exec sleep 1000\r")
	g.running(t, 4)
	x.type_("\x03")
	x.await(":/usr/share$ ")
	x.type_("cat\r") // it has no input
	x.await(":/usr/share$ ")
	x.type_("exit\r")
	_ = x.s.Wait()
	es := g.closedAfter(t, x)
	var lines []string
	shell := commandsNumber(es, schemas.CommandKind_COMMAND_KIND_SHELL)
	for _, c := range commands(es) {
		if c.Kind == schemas.CommandKind_COMMAND_KIND_LINE {
			lines = append(lines, c.Text)
			if c.Parent != shell {
				t.Errorf("%q is of %d, not of the shell %d", c.Text, c.Parent, shell)
			}
		}
	}
	want := []string{"cd /usr/share && pwd", "cd -- '/usr/share' && { pwd; echo err >&2\n}", "cd -- '/usr/share' && echo " + sessiontest.Forbidden,
		"cd -- '/usr/share' && exec sleep 1000", "cd -- '/usr/share' && cat"}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("lines: %q", lines)
	}
	refused := 0
	for _, r := range results(es) {
		if r.Refused {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refused", refused)
	}
	if log := sent(es, shell, schemas.Channel_CHANNEL_OUT, "terminal"); !strings.Contains(log, "err\r\n") || !strings.Contains(log, ":/usr/share$ ") {
		t.Errorf("recorded: %q", log)
	}
}

// running waits until n lines of a restricted shell are on the log.
func (g *gateway) running(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		for _, id := range g.Sessions(t) {
			lines := 0
			for _, c := range commands(g.Entries(t, id)) {
				if c.Kind == schemas.CommandKind_COMMAND_KIND_LINE {
					lines++
				}
			}
			if lines >= n {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are not %d lines", n)
		}
	}
}

func TestRestrictedShellNeedsATerminal(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) { r.SSH.Mode = resources.ModeRestricted }})
	got := g.ssh(t, "id\n", "-T", "gw")
	if got.status != 1 || !strings.Contains(got.err, "needs a terminal") || got.out != "" {
		t.Errorf("%+v", got)
	}
}
