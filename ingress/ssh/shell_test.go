package ssh_test

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/schemas"
)

// terminal is a shell on a terminal, as x/crypto's client has it.
type terminal struct {
	t    testing.TB
	s    *xssh.Session
	in   io.WriteCloser
	mu   sync.Mutex
	seen strings.Builder
	from int // up to here await has looked
}

func (x *terminal) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen.Write(b)
}

// shell opens a shell whose prompt is "$ ".
func (g *gateway) shell(t testing.TB) *terminal {
	t.Helper()
	c, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, s: s}
	s.Stdout, s.Stderr = x, x
	if x.in, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm-256color", 24, 80, xssh.TerminalModes{xssh.ECHO: 1}); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *terminal) start() *terminal {
	x.t.Helper()
	if err := x.s.Shell(); err != nil {
		x.t.Fatal(err)
	}
	x.type_("PS1='rea''dy$ '; unset PROMPT_COMMAND\r")
	x.await("ready$ ")
	return x
}

// type_ sends keys.
func (x *terminal) type_(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.in, keys); err != nil {
		x.t.Fatal(err)
	}
}

// await waits until text comes after what was awaited last.
func (x *terminal) await(text string) {
	x.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		x.mu.Lock()
		all := x.seen.String()
		x.mu.Unlock()
		if i := strings.Index(all[x.from:], text); i >= 0 {
			x.from += i + len(text)
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("%q did not come; there is %q", text, all[x.from:])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// keys types one key after the other, each when the one before has been echoed.
func (x *terminal) keys(text string) {
	x.t.Helper()
	for _, k := range text {
		x.type_(string(k))
		x.await(string(k))
	}
}

func TestShellIsRecorded(t *testing.T) {
	g := start(t, options{})
	x := g.shell(t).start()
	x.keys("echo $((6*7))")
	x.type_("\r")
	x.await("42\r\n")
	if err := x.s.WindowChange(50, 132); err != nil {
		t.Fatal(err)
	}
	x.await("ready$ ")
	x.type_("stty size\r")
	x.await("50 132")
	x.type_("read -s -p 'Password: ' p; echo; echo ${#p}\r")
	x.await("Password: ")
	x.await("Password: ")
	x.type_("hunter2-known\r")
	x.await("13\r\n")
	x.type_("read -s -p 'Anything> ' p; echo; echo ${#p}\r")
	x.await("Anything> ")
	x.await("Anything> ")
	for _, k := range "hunter2-typed" { // nothing comes back to wait for
		x.type_(string(k))
	}
	x.type_("\r")
	x.await("13\r\n")
	x.type_("exit 7\r")
	err := x.s.Wait()
	if e, ok := err.(*xssh.ExitError); !ok || e.ExitStatus() != 7 {
		t.Errorf("ended with %v", err)
	}
	_ = x.in.Close()
	es := g.closedAfter(t, x)
	cs := commands(es)
	if len(cs) != 1 || cs[0].Kind != schemas.CommandKind_COMMAND_KIND_SHELL {
		t.Fatalf("commands %v", cs)
	}
	var sizes []string
	for _, e := range es {
		if s := e.GetTerminal(); s != nil {
			sizes = append(sizes, s.Type+" "+string(rune('0'+s.Columns%10))+string(rune('0'+s.Rows%10)))
		}
	}
	if len(sizes) != 2 || sizes[0] != "xterm-256color 04" || sizes[1] != " 20" {
		t.Errorf("sizes %q", sizes)
	}
	if out := sent(es, 0, schemas.Channel_CHANNEL_OUT, "terminal"); out != x.seen.String() {
		t.Error("the recording's output is not what the client got")
	}
	in := sent(es, 0, schemas.Channel_CHANNEL_IN, "terminal")
	for _, want := range []string{"echo $((6*7))\r", "stty size\r", "[not echoed]\r", "exit 7\r"} {
		if !strings.Contains(in, want) {
			t.Errorf("the recording's input lacks %q: %q", want, in)
		}
	}
	for _, e := range es {
		if strings.Contains(e.String(), "hunter2") || strings.Contains(string(e.GetBytes().GetData()), "hunter2") {
			t.Errorf("a password is on the log: %v", e)
		}
	}
	if strings.Contains(in, "hunter") || strings.Contains(in, "unter") {
		t.Errorf("parts of a password are on the log: %q", in)
	}
}

// closedAfter closes the client's connection and waits for the session's end.
func (g *gateway) closedAfter(t testing.TB, x *terminal) []*schemas.Entry {
	t.Helper()
	_ = x.s.Close()
	g.stop()
	return g.closed(t)
}

// A signal is on the log and reaches what runs; so does an end by a signal. (sshd takes signals for
// who is not root.)
func TestSignals(t *testing.T) {
	g := start(t, options{})
	c, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Start("echo ready; read x; kill -TERM $$"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(xssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	err = s.Wait()
	if e, ok := err.(*xssh.ExitError); !ok || e.Signal() != "TERM" {
		t.Errorf("ended with %v", err)
	}
	_ = c.Close()
	es := g.closed(t)
	if r := results(es); len(r) != 1 || r[0].Tag != "signal TERM" {
		t.Errorf("results %v", r)
	}
	noted := false
	for _, e := range es {
		noted = noted || e.GetNotice().GetBody().GetMessage() == "signal TERM"
	}
	if !noted {
		t.Error("the signal is not on the log")
	}
}
