package ssh_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/sessiontest"
	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas/resources"
)

// The suite that every protocol passes. The target tells of each command line before it runs it.
func TestConformance(t *testing.T) {
	o := newObserver(t)
	sshd, err := sshtest.Start(context.Background(), sshtest.Config{Lines: []string{"ForceCommand " + o.script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sshd.Stop() })
	sessiontest.Run(t, "ssh", func(t *testing.T) sessiontest.Protocol { return &conforming{sshd: sshd, observer: o} })
}

// observer hears of what sshd is about to run.
type observer struct {
	script string

	mu sync.Mutex
	f  func([]byte)
}

func newObserver(t *testing.T) *observer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	o := &observer{script: filepath.Join(t.TempDir(), "observed")}
	text := fmt.Sprintf("#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/%s\nprintf '%%s\\n' \"$SSH_ORIGINAL_COMMAND\" >&3\nread -r _ <&3\nexec 3>&-\nexec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\n", port)
	if err := os.WriteFile(o.script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadBytes('\n')
				o.mu.Lock()
				f := o.f
				o.mu.Unlock()
				if f != nil {
					f(line)
				}
				_, _ = c.Write([]byte("\n"))
			}()
		}
	}()
	return o
}

type conforming struct {
	sshd     *sshtest.Server
	observer *observer
	g        *gateway
}

func (p *conforming) Upstream(*testing.T) string { return p.sshd.Address }

// Observe has f told of what reaches the target, which is encrypted on the way.
func (p *conforming) Observe(f func([]byte)) {
	p.observer.mu.Lock()
	defer p.observer.mu.Unlock()
	p.observer.f = f
}

func (p *conforming) Start(t *testing.T, env *sessiontest.Env, address string) {
	p.g = start(t, options{env: env, sshd: p.sshd, target: func(r *resources.Target) {
		r.Address = address
		env.Targets.Put("suite", *r)
	}})
}

// Connect opens a session, and a command on it that waits for what the client is told.
func (p *conforming) Connect(t *testing.T) sessiontest.Client {
	c, err := p.g.dial(t, alice+"+suite")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out := &conformingClient{c: c, over: make(chan struct{})}
	s.Stderr = &out.told
	if _, err := s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start("cat"); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.Wait()
		close(out.over)
	}()
	return out
}

type conformingClient struct {
	c    *xssh.Client
	told bytes.Buffer
	over chan struct{}
}

func (c *conformingClient) Do(text string) (output string, refused bool, err error) {
	s, err := c.c.NewSession()
	if err != nil {
		return "", false, err
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	err = s.Run("echo " + text)
	if e, ok := err.(*xssh.ExitError); ok {
		return out.String() + errs.String(), e.ExitStatus() == 1 && strings.HasPrefix(errs.String(), "sallyport: "), nil
	}
	return out.String(), false, err
}

func (c *conformingClient) Ended() string {
	<-c.over
	return c.told.String()
}

func (c *conformingClient) Close() error { return c.c.Close() }
