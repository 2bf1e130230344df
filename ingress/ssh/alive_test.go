package ssh_test

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/ingress/ssh"
)

// said is what a program has written so far.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A remote forward that waits for an approval holds up the answers to what the client asks after it. The client, which
// gives up after two seconds without any sign of life, stays.
func TestHeldListener(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	d := openDesk(t, g)
	cmd := g.command(t, "ssh", "-N", "-o", "LogLevel=DEBUG1", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2",
		"-o", "ExitOnForwardFailure=yes", "-R", "please:0:"+echoServer(t), "gw")
	errs := new(said)
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	gone := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	a := d.pending()
	waitFor(t, "signs of life", func() bool {
		return gone() || strings.Count(errs.String(), "rtype keepalive@openssh.com want_reply 0") >= 4
	})
	if gone() {
		t.Fatalf("ssh gave up:\n%s", errs)
	}
	d.review(a.ID, "approve")
	waitFor(t, "the forward", func() bool { return gone() || strings.Contains(errs.String(), "Allocated port ") })
	if gone() {
		t.Fatalf("ssh gave up:\n%s", errs)
	}
	_ = cmd.Process.Kill()
	<-ended
	if cs := commands(g.closed(t)); len(cs) != 1 || !strings.HasPrefix(cs[0].Text, "remote please:") {
		t.Errorf("commands %v", cs)
	}
}

// A client and a target that are stopped, so that their connections stay and nothing answers, are noticed.
func TestNoSignOfLife(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]session.Reason{"client": session.ReasonClient, "target": session.ReasonTarget} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, options{config: func(c *ssh.Config) { c.Limits.KeepAlive, c.Limits.KeepAliveMissed = 300*time.Millisecond, 15 }})
			cmd := g.command(t, "ssh", "gw", "echo $PPID; exec sleep 600")
			errs := new(said)
			cmd.Stderr = errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			server, err := strconv.Atoi(strings.TrimSpace(line)) // sshd's process of this connection
			if err != nil {
				t.Fatal(err)
			}
			stopped := server
			if name == "client" {
				stopped = cmd.Process.Pid
			}
			if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = syscall.Kill(stopped, syscall.SIGCONT) // it finds its connection closed, and ends
				_, _ = io.Copy(io.Discard, out)
				_ = cmd.Wait()
			})
			es := g.closed(t)
			c := es[len(es)-1].GetClosed()
			if c.GetReason() != string(want) || !strings.Contains(c.GetMessage(), "the "+name+" gave no sign of life") {
				t.Errorf("closed %v", c)
			}
			if name == "target" {
				err := cmd.Wait()
				if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 255 || !strings.Contains(errs.String(), "sallyport: the target gave no sign of life") {
					t.Errorf("the client ends with %v: %s", err, errs)
				}
			}
		})
	}
}
