package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// TestMain also is the gateway that the crash tests start, when this variable names its directory.
const childDir = "JOURNAL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Println("failed", child(dir))
		os.Exit(3)
	}
	goleak.VerifyTestMain(m)
}

// child writes a session until it is killed or fails, and says what was acknowledged.
func child(dir string) error {
	if limit, _ := strconv.ParseUint(os.Getenv("JOURNAL_TEST_FILE_LIMIT"), 10, 64); limit > 0 {
		// No file may grow beyond limit: what a full disk does, to this process alone.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	ctx := context.Background()
	sync := journal.Sync(os.Getenv("JOURNAL_TEST_SYNC"))
	l, err := journal.Open(ctx, journal.Config{Dir: dir, Sync: sync, AckTimeout: 2 * time.Second})
	if err != nil {
		return err
	}
	lease, err := l.Lease(ctx, "child")
	if err != nil {
		return err
	}
	id := schemas.NewSessionID()
	w := l.NewWriter(lease, id)
	if err := w.Commit(ctx, journaltest.Opened("orders", lease)); err != nil {
		return err
	}
	fmt.Println("session", id)
	for {
		for range 5 {
			if _, err := w.Frame(ctx, journaltest.Bytes(make([]byte, 3000))); err != nil {
				return err
			}
		}
		c := journaltest.Command("SELECT 1")
		if err := w.Commit(ctx, c); err != nil {
			return err
		}
		fmt.Println("acknowledged", c.Number)
	}
}

// gateway is a child process.
type gateway struct {
	*exec.Cmd
	out     *bufio.Scanner
	session schemas.SessionID
}

func startGateway(t *testing.T, dir string, env ...string) *gateway {
	t.Helper()
	g := &gateway{Cmd: exec.Command(os.Args[0])}
	g.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	g.Stderr = os.Stderr
	out, err := g.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.out = bufio.NewScanner(out)
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.Process.Kill()
		_ = g.Wait()
	})
	_, session := g.line(t, "session")
	g.session = schemas.SessionID(session)
	return g
}

// line reads the next line; want is what its first word must be, unless empty.
func (g *gateway) line(t *testing.T, want string) (word, rest string) {
	t.Helper()
	if !g.out.Scan() {
		return "", ""
	}
	word, rest, _ = strings.Cut(g.out.Text(), " ")
	if want != "" && word != want {
		t.Fatalf("the child says %q, want %s", g.out.Text(), want)
	}
	return word, rest
}

// TestKilled kills a gateway in mid-session, and opens its log again.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, sync := range []journal.Sync{journal.SyncInterval, journal.SyncAlways} {
		t.Run(string(sync), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			g := startGateway(t, dir, "JOURNAL_TEST_SYNC="+string(sync))
			var acknowledged uint64
			for range 50 {
				_, number := g.line(t, "acknowledged")
				acknowledged = parse(t, number)
			}
			if err := g.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for { // what it could still say
				word, number := g.line(t, "")
				if word == "" {
					break
				}
				if word == "acknowledged" && number != "" {
					acknowledged = parse(t, number)
				}
			}
			reopened(t, dir, g.session, acknowledged)
		})
	}
}

func parse(t *testing.T, number string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reopened checks a log whose gateway is gone: what was acknowledged is there, and the session is
// closed at once, though the lease has not run out.
func reopened(t *testing.T, dir string, id schemas.SessionID, acknowledged uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context30(t))
	l := journaltest.OpenConfig(t, journal.Config{Dir: dir})
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- l.Reap(ctx) }()
	commands, closed := uint64(0), ""
	err := l.ReadSession(ctx, id, journal.ReadOptions{Follow: true}, func(e journal.Located) error {
		if e.Entry.GetCommand() != nil {
			commands = e.Entry.Number
		}
		closed = e.Entry.GetClosed().GetReason()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if commands < acknowledged {
		t.Errorf("the last command is entry %d, but %d was acknowledged", commands, acknowledged)
	}
	if closed != "gateway_lost" {
		t.Errorf("the session was closed as %q", closed)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s to close the session", took)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	journaltest.Check(t, l)
}

// TestDiskFull: the store cannot grow. The writer fails, and what was acknowledged is there.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := startGateway(t, dir, "JOURNAL_TEST_FILE_LIMIT=1000000")
	var acknowledged uint64
	for {
		word, rest := g.line(t, "")
		if word == "failed" {
			t.Log(rest)
			break
		}
		if word == "" {
			t.Fatal("the child ended without a word")
		}
		acknowledged = parse(t, rest)
	}
	_ = g.Process.Kill()
	_ = g.Wait()
	reopened(t, dir, g.session, acknowledged)
}
