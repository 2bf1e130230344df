package main_test

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sallyport/schemas/journal/journaltest"
)

// TestKilledGateway kills the gateway in mid-session: what was acknowledged is there, the session is
// closed as gateway_lost, and search and replay show it.
func TestKilledGateway(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	s := g.shell("alice", g.token("alice"))
	s.run("SELECT name AS before_the_crash FROM customers WHERE id = 1;", "Ada")
	s.run("DROP TABLE customers;", "destructive SQL needs a DBA")
	g.await("the session to be listed", func() bool { all := g.sessions(); return len(all) == 1 && all[0].Open && all[0].Commands == 2 })
	// What of the output the client has already may go on the log a moment later.
	g.await("the rows to be on the log", func() bool { return strings.Contains(g.entries(g.newest().ID), "Ada") })

	g.signal(syscall.SIGKILL)
	g.start("up")
	g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open })
	one := g.newest()
	if one.Reason != "gateway_lost" {
		t.Errorf("the session was closed as %q, want gateway_lost", one.Reason)
	}
	recorded := g.entries(one.ID)
	for _, want := range []string{"before_the_crash", "Ada", "DROP TABLE customers", "no-destructive-sql", "gateway_lost"} {
		if !strings.Contains(recorded, want) {
			t.Errorf("%q is not in what was recorded:\n%s", want, recorded)
		}
	}
	if hit := g.search("before_the_crash field:command", 1)[0]; hit.Session != one.ID {
		t.Errorf("the search found session %s, want %s", hit.Session, one.ID)
	}
	if out := g.sallyport("verify", one.ID); !strings.Contains(out, "whole") {
		t.Errorf("verify says: %s", out)
	}
	if out := g.sallyport("rebuild"); strings.Contains(out, "DIFFERED") || !regexp.MustCompile(`sessions: (\d+) of \d+ messages read \(100 %\)`).MatchString(out) {
		t.Errorf("rebuild says: %s", out)
	}
	if again := g.psql("alice", g.token("alice"), "-c", "SELECT 1"); again.Run() != nil {
		t.Error("the gateway takes no sessions after the crash")
	}
}

// TestLogGoesAway takes the log away under a running session: the client gets a clear error, and
// what it sent afterwards never reached the target.
func TestLogGoesAway(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	proxy := journaltest.NewProxy(t, journaltest.Server(t))
	g := newGateway(t, target, "nats: {url: \""+proxy.URL()+"\"}\nlimits: {acknowledge: 5s, lease: 5s}\n")
	s, idle := g.shell("alice", g.token("alice")), g.shell("alice", g.token("alice"))
	s.run("INSERT INTO customers VALUES (3, 'Recorded') RETURNING name;", "Recorded")
	idle.run("SELECT 'id'||'le';", "idle")
	proxy.Hold()
	s.run("INSERT INTO customers VALUES (4, 'Unrecorded') RETURNING name;", "cannot be recorded")
	if strings.Contains(strings.ReplaceAll(s.out.String(), "(4, 'Unrecorded')", ""), "Unrecorded\n") {
		t.Errorf("the client got a result that was not recorded:\n%s", s.out)
	}
	<-g.done
	idle.run("INSERT INTO customers VALUES (5, 'Late') RETURNING name;", "cannot be recorded") // told before it asks
	if got := direct(t, target, "orders", "SELECT string_agg(name, ',' ORDER BY id) FROM customers"); got != "Ada,Grace,Recorded" {
		t.Errorf("the target holds %s: something unrecorded reached it", got)
	}
}

// TestFullDisk lets no file grow beyond 4 MiB, which is what a full disk does to one process. The
// session ends with an error, the process ends and says why, and once there is room again what was
// acknowledged is there, whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "limits: {acknowledge: 5s}\n")
	g.signal(syscall.SIGTERM)
	g.wrap = []string{"bash", "-c", `ulimit -f 4096; exec "$@"`, "bash"}
	g.start("up")
	g.wrap = nil
	out, err := g.psql("alice", g.token("alice"), "-c", "SELECT repeat('x', 1000) FROM generate_series(1, 20000)").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot be recorded") {
		t.Errorf("psql was not told why its session ended: %v: %.300s", err, out[max(0, len(out)-300):])
	}
	<-g.done
	if !strings.Contains(g.log.String(), "the log no longer takes writes") {
		t.Errorf("the gateway did not say why it ended:\n%s", g.log)
	}
	g.start("up")
	g.await("the session to be closed", func() bool { all := g.sessions(); return len(all) == 1 && !all[0].Open })
	if out := g.sallyport("verify"); !strings.Contains(out, "whole") {
		t.Errorf("verify says: %s", out)
	}
	if out := g.sallyport("rebuild"); strings.Contains(out, "DIFFERED") {
		t.Errorf("rebuild says: %s", out)
	}
}
