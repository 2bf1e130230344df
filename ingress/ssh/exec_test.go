package ssh_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// A session's recording has the command line, what went in and came out, and how it ended.
func TestCommandIsRecorded(t *testing.T) {
	g := start(t, options{})
	got := g.ssh(t, "typed", "gw", "cat; echo err >&2; exit 5")
	if got.status != 5 || got.out != "typed" || got.err != "err\n" {
		t.Fatalf("got %+v", got)
	}
	es := g.closed(t)
	o := es[0].GetOpened()
	if o.GetPrincipal().GetName() != alice || o.Target != "web1" || o.UpstreamUser != g.sshd.User || !o.Tls || !strings.HasPrefix(o.ClientName, "SSH-2.0-OpenSSH") {
		t.Errorf("opened %v", o)
	}
	cs := commands(es)
	if len(cs) != 1 || cs[0].Kind != schemas.CommandKind_COMMAND_KIND_EXEC || cs[0].Text != "cat; echo err >&2; exit 5" || len(cs[0].Digest) != sha256.Size {
		t.Fatalf("commands %v", cs)
	}
	r := results(es)
	if len(r) != 1 || r[0].Tag != "exit 5" || r[0].Error.GetCode() != "5" || r[0].BytesIn != 5 || r[0].Bytes != 9 || r[0].Duration <= 0 {
		t.Errorf("results %v", r)
	}
	for channel, want := range map[schemas.Channel]string{schemas.Channel_CHANNEL_IN: "typed", schemas.Channel_CHANNEL_OUT: "typed", schemas.Channel_CHANNEL_ERR: "err\n"} {
		if got := sent(es, 0, channel, "text"); got != want {
			t.Errorf("channel %v: %q, want %q", channel, got, want)
		}
	}
	if last := es[len(es)-1].GetClosed(); last.Reason != "client" || last.Commands != 1 || last.BytesIn != 5 || last.BytesOut != 9 {
		t.Errorf("closed %v", last)
	}
	in := g.signIns.all()
	if len(in) != 1 || !in[0].Succeeded || in[0].Target != "web1" || in[0].Protocol != "ssh" {
		t.Errorf("sign-ins %v", in)
	}
}

// Only environment variables that the target lists reach it, and they are on the log.
func TestEnvironment(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) { r.SSH.Env = []string{"GW_*"} }})
	got := g.ssh(t, "", "-o", "SetEnv=GW_A=yes LC_B=no", "gw", "echo ${GW_A-unset} ${LC_B-unset}")
	if got.out != "yes unset\n" {
		t.Errorf("got %+v", got)
	}
	var states []string
	for _, e := range g.closed(t) {
		if s := e.GetState(); s != nil {
			states = append(states, s.Name+"="+s.Value)
		}
	}
	if len(states) != 1 || states[0] != "env.GW_A=yes" {
		t.Errorf("states %v", states)
	}
}

// Several channels of one connection run at once: OpenSSH's connection sharing.
func TestControlMaster(t *testing.T) {
	g := start(t, options{})
	socket := "ControlPath=" + g.dir + "/mux"
	master := g.command(t, "ssh", "-M", "-N", "-o", socket, "-o", "ControlPersist=no", "gw")
	master.Stdin = nil
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the master", func() bool { return g.ssh(t, "", "-o", socket, "-O", "check", "gw").status == 0 })
	slow := g.command(t, "ssh", "-o", socket, "gw", "cat")
	in, err := slow.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	slow.Stdout = &out
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got := g.ssh(t, "", "-o", socket, "gw", fmt.Sprintf("echo %d; exit %d", i, i)); got.status != i || got.out != fmt.Sprintf("%d\n", i) {
			t.Errorf("%d: %+v", i, got)
		}
	}
	_, _ = io.WriteString(in, "still there")
	_ = in.Close()
	if err := slow.Wait(); err != nil || out.String() != "still there" {
		t.Errorf("%q, %v", out.String(), err)
	}
	g.ssh(t, "", "-o", socket, "-O", "exit", "gw")
	_ = master.Wait()
	if cs := commands(g.closed(t)); len(cs) != 4 {
		t.Errorf("%d commands in the session, want 4", len(cs))
	}
}
