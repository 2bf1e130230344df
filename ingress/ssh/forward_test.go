package ssh_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"sallyport/schemas"
)

// echoServer answers each connection with what it says, in capitals.
func echoServer(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, _ := io.ReadAll(c)
				_, _ = io.WriteString(c, strings.ToUpper(string(b)))
			}()
		}
	}()
	return l.Addr().String()
}

func converse(t testing.TB, c net.Conn, err error) (string, error) {
	t.Helper()
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "through"); err != nil {
		return "", err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestLocalForward(t *testing.T) {
	g := start(t, options{})
	at := echoServer(t)
	c, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	through, err := c.Dial("tcp", at)
	if got, err := converse(t, through, err); got != "THROUGH" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Dial("tcp", "forbidden.example:80"); err == nil || !strings.Contains(err.Error(), "that is forbidden") {
		t.Errorf("a forward that is denied: %v", err)
	}
	if _, err := c.Dial("tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "connect failed") && !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens there: %v", err)
	}
	if _, err := c.Dial("unix", "/run/x"); err == nil {
		t.Error("a unix socket was reached")
	}
	_ = c.Close()
	es := g.closed(t)
	cs := commands(es)
	if len(cs) != 3 || cs[0].Text != "local "+at || cs[0].Forward.GetDirection() != "local" || cs[0].Forward.GetOrigin() == "" {
		t.Fatalf("commands %v", cs)
	}
	if in, out := sent(es, 0, schemas.Channel_CHANNEL_IN), sent(es, 0, schemas.Channel_CHANNEL_OUT); in != "through" || out != "THROUGH" {
		t.Errorf("on the log: %q, %q", in, out)
	}
}

func TestRemoteForward(t *testing.T) {
	g := start(t, options{})
	c, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer a.Close()
				b, _ := io.ReadAll(a)
				_, _ = fmt.Fprintf(a, "%s back", b)
			}()
		}
	}()
	through, err := net.Dial("tcp", l.Addr().String())
	if got, err := converse(t, through, err); got != "through back" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Listen("tcp", "forbidden:0"); err == nil {
		t.Error("a listener that is denied")
	}
	_ = c.Close()
	cs := commands(g.closed(t))
	if len(cs) != 3 || cs[0].Forward.GetDirection() != "remote" || cs[1].Parent == 0 || cs[1].Forward.GetOrigin() == "" {
		t.Errorf("commands %v", cs)
	}
}
