package ssh_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport/approvals"
	"sallyport/schemas"
)

type everything struct{}

func (everything) Authorize(context.Context, string, string) error { return nil }

// desk is a running approvals service, and bob who reviews. What has "please" in it is held, and so
// is a shell.
type desk struct {
	t   testing.TB
	mux *http.ServeMux
}

func openDesk(t testing.TB, g *gateway) *desk {
	t.Helper()
	g.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := transfers(a)
		if strings.Contains(a.Text, "please") || a.Kind == schemas.CommandKind_COMMAND_KIND_SHELL {
			v.Outcome, v.Reuse = schemas.Outcome_OUTCOME_HOLD, schemas.Reuse_REUSE_EXACT
			v.Reasons = []*schemas.Reason{{Policy: "ask-nicely", Message: "that needs bob"}}
			v.Approval, _ = (&schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "ask-nicely",
				Any: []*schemas.ApprovalReviewers{{Groups: []string{"ops"}, Count: 1}}}}}).MarshalVT()
		}
		return v
	})
	s, err := approvals.New(approvals.Config{Log: g.Log, Authorizer: everything{}, PublicURL: "https://sallyport.example",
		Who: func(context.Context) approvals.Reviewer {
			return approvals.Reviewer{Principal: &schemas.Principal{Name: "bob", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"ops"}}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	running.Go(func() { _ = s.Serve(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	d := &desk{t: t, mux: http.NewServeMux()}
	s.Mount(d.mux)
	<-s.Answering()
	return d
}

func (d *desk) do(method, path, body string, out any) int {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if out != nil && w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			d.t.Errorf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

// pending waits for the one request there is.
func (d *desk) pending() *approvals.Approval {
	d.t.Helper()
	var out approvals.Listed
	waitFor(d.t, "a request", func() bool {
		return d.do("GET", "/api/v1/approvals", "", &out) == http.StatusOK && len(out.Approvals) == 1
	})
	return out.Approvals[0]
}

func (d *desk) review(id, decision string) {
	d.t.Helper()
	if code := d.do("POST", "/api/v1/approvals/"+id+"/reviews", `{"decision":"`+decision+`","reason":"because"}`, nil); code >= 300 {
		d.t.Errorf("review: %d", code)
	}
}

func TestHeldCommands(t *testing.T) {
	for decision, want := range map[string]outcome{"approve": {out: "typed ahead", status: 0}, "deny": {status: 1}} {
		t.Run(decision, func(t *testing.T) {
			g := start(t, options{})
			d := openDesk(t, g)
			done := make(chan outcome, 1)
			go func() { done <- g.ssh(t, "typed ahead", "gw", "cat # please") }()
			a := d.pending()
			d.review(a.ID, decision)
			got := <-done
			if got.out != want.out || got.status != want.status || !strings.Contains(got.err, "held for approval: that needs bob") ||
				!strings.Contains(got.err, a.ID) || strings.Contains(got.err, "denied by bob: because") != (decision == "deny") {
				t.Errorf("got %+v", got)
			}
			if r := results(g.closed(t)); len(r) != 1 || r[0].Refused != (decision == "deny") {
				t.Errorf("results %v", r)
			}
		})
	}
}

// A shell is held as a whole. Ctrl-C withdraws, and what was typed before does not run.
func TestHeldShell(t *testing.T) {
	g := start(t, options{})
	d := openDesk(t, g)
	x := g.shell(t)
	if err := x.s.Shell(); err != nil {
		t.Fatal(err)
	}
	x.await("held for approval: that needs bob")
	d.review(d.pending().ID, "approve")
	x.type_("echo $((6*7)); exit\r")
	x.await("42")
	if err := x.s.Wait(); err != nil {
		t.Error(err)
	}
	x = g.shell(t)
	if err := x.s.Shell(); err != nil {
		t.Fatal(err)
	}
	x.type_("touch " + g.dir + "/ran\r")
	a := d.pending()
	x.type_("\x03")
	x.await("withdrawn by Ctrl-C")
	if err := x.s.Wait(); err == nil {
		t.Error("the shell went on")
	}
	var out approvals.Approval
	waitFor(t, "the request is withdrawn", func() bool {
		return d.do("GET", "/api/v1/approvals/"+a.ID, "", &out) == http.StatusOK && out.Status == "withdrawn"
	})
	if _, err := os.Stat(g.dir + "/ran"); err == nil {
		t.Error("what was typed while the shell was held did run")
	}
}

func TestHeldFileOperation(t *testing.T) {
	g := start(t, options{})
	d := openDesk(t, g)
	dir := t.TempDir()
	local, remote := filepath.Join(dir, "local"), filepath.Join(dir, "please")
	if err := os.WriteFile(local, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan outcome, 1)
	go func() { done <- finish(t, g.command(t, "scp", "-s", local, "gw:"+remote)) }()
	seen := map[string]bool{}
	for len(seen) < 6 { // a stat, the open, …: each is a request of its own
		var out approvals.Listed
		waitFor(t, "a request, or the end", func() bool {
			return len(done) > 0 || d.do("GET", "/api/v1/approvals", "", &out) == http.StatusOK && len(out.Approvals) > 0
		})
		if len(done) > 0 {
			break
		}
		for _, a := range out.Approvals {
			if !seen[a.ID] {
				seen[a.ID] = true
				d.review(a.ID, "approve")
			}
		}
		out = approvals.Listed{}
	}
	if got := <-done; got.status != 0 || !strings.Contains(got.err, "held for approval") {
		t.Errorf("%+v", got)
	}
	if b, err := os.ReadFile(remote); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
}
