package restricted_test

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/restricted"
	"sallyport/schemas/screen"
)

// here runs texts with this machine's shell, unless they are refused.
type here struct {
	t       *testing.T
	mu      sync.Mutex
	ran     []string
	started chan struct{}
}

func (h *here) Run(ctx context.Context, text string, out io.Writer) (int, error) {
	h.mu.Lock()
	h.ran = append(h.ran, text)
	h.mu.Unlock()
	if strings.Contains(text, "forbidden") {
		_, err := io.WriteString(out, "refused by policy\n")
		return 1, err
	}
	c := exec.CommandContext(ctx, "/bin/sh", "-c", text)
	c.Dir, c.Stdout, c.Stderr, c.WaitDelay = "/usr", out, out, 10*time.Second
	if err := c.Start(); err != nil {
		return 0, err
	}
	select {
	case h.started <- struct{}{}:
	default:
	}
	_ = c.Wait()
	return c.ProcessState.ExitCode(), nil
}

// client is who types, and the screen it looks at.
type client struct {
	t      *testing.T
	keys   *io.PipeWriter
	mu     sync.Mutex
	screen *screen.Screen
	status chan int
}

func (c *client) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.Write(b)
}

func (c *client) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimRight(strings.Join(c.screen.Text(), "\n"), "\n ")
}

func (c *client) types(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.keys, keys); err != nil {
		c.t.Fatal(err)
	}
}

// ends waits for the shell's end.
func (c *client) ends() int {
	c.t.Helper()
	select {
	case s := <-c.status:
		return s
	case <-time.After(time.Minute):
		c.t.Fatalf("the shell does not end:\n%s", c.text())
		return 0
	}
}

func begin(t *testing.T) (*client, *here) {
	r, w := io.Pipe()
	c := &client{t: t, keys: w, screen: screen.New(screen.Config{Columns: 60, Rows: 30}), status: make(chan int, 1)}
	h := &here{t: t, started: make(chan struct{}, 1)}
	s := restricted.New(restricted.Config{Runner: h, Name: "app@web1", Keys: r, Screen: c, Columns: 60, Rows: 30})
	go func() {
		status, err := s.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		c.status <- status
	}()
	t.Cleanup(func() { _ = w.Close() })
	return c, h
}

func TestSession(t *testing.T) {
	c, h := begin(t)
	c.types("pwd\rcd share\rpwd\rcd ./../lib\recho $((1+1)); pwd | cat\rcd /nowhere\rforbidden thing\rprintf x\rfalse\rexit\r")
	if status := c.ends(); status != 1 {
		t.Errorf("status %d, want that of the last line", status)
	}
	want := `app@web1:~$ pwd
/usr
app@web1:~$ cd share
app@web1:/usr/share$ pwd
/usr/share
app@web1:/usr/share$ cd ./../lib
app@web1:/usr/lib$ echo $((1+1)); pwd | cat
2
/usr/lib
app@web1:/usr/lib$ cd /nowhere
`
	got := c.text()
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `refused by policy
app@web1:/usr/lib$ printf x
x
app@web1:/usr/lib$ false
app@web1:/usr/lib$ exit`) || !strings.Contains(got, "nowhere") {
		t.Errorf("the screen:\n%s", got)
	}
	if d := cmp.Diff([]string{
		"pwd", "cd share && pwd", "cd -- '/usr/share' && pwd", "cd -- '/usr/share' && cd ./../lib && pwd",
		"cd -- '/usr/lib' && { echo $((1+1)); pwd | cat\n}", "cd -- '/usr/lib' && cd /nowhere && pwd", "cd -- '/usr/lib' && forbidden thing",
		"cd -- '/usr/lib' && printf x", "cd -- '/usr/lib' && false",
	}, h.ran); d != "" {
		t.Errorf("what ran: %s", d)
	}
}

func TestEditing(t *testing.T) {
	c, h := begin(t)
	c.types("echo aX\x7fb\x1b[D\x1b[D-\r" + "\x1b[A\r" + "gone\x03" + "echo c\r" + "\x04")
	if status := c.ends(); status != 0 {
		t.Errorf("status %d", status)
	}
	if d := cmp.Diff([]string{"echo -ab", "echo -ab", "echo c"}, h.ran); d != "" {
		t.Errorf("what ran: %s\n%s", d, c.text())
	}
}

func TestInterrupt(t *testing.T) {
	c, h := begin(t)
	c.types("exec sleep 1000\r")
	<-h.started
	c.types("\x03")
	c.types("echo after\r\x04")
	c.ends()
	if got := c.text(); !strings.Contains(got, "\nafter\n") {
		t.Errorf("the screen:\n%s", got)
	}
}

// TestClientLeaves holds that what runs ends when the client is gone.
func TestClientLeaves(t *testing.T) {
	c, h := begin(t)
	c.types("exec sleep 1000\r")
	<-h.started
	if err := c.keys.Close(); err != nil {
		t.Fatal(err)
	}
	c.ends()
}

func TestQuoting(t *testing.T) {
	c, h := begin(t)
	dir := t.TempDir() + "/it's; here"
	if err := exec.Command("mkdir", dir).Run(); err != nil {
		t.Fatal(err)
	}
	c.types(fmt.Sprintf("cd %q\rpwd\r\x04", dir)) // not a plain cd: for that line alone
	c.ends()
	if len(h.ran) != 2 || h.ran[1] != "pwd" {
		t.Errorf("%q", h.ran)
	}
}
