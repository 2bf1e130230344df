package ssh_test

import (
	"io"
	"net"
	"testing"
	"time"
)

// A gateway that shuts down tells who has a session, and waits for nobody else: neither for a client that said nothing
// yet, nor for one that only jumps.
func TestShutdownTellsClients(t *testing.T) {
	g := start(t, options{})
	x := g.shell(t).start()
	jump, err := g.dial(t, alice)
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_ = silent.SetDeadline(time.Now().Add(time.Minute))
	g.stop()
	x.await("the gateway is shutting down")
	_ = jump.Wait() // returns when the connection has ended
	if _, err := io.Copy(io.Discard, silent); err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("the silent client is not cut off")
		}
	}
	es := g.closed(t)
	if r := es[len(es)-1].GetClosed().GetReason(); r != "shutdown" {
		t.Errorf("closed as %q", r)
	}
}
