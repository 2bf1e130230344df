package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
	"sallyport/replay"
)

const agents = `apiVersion: sallyport/v1
kind: Role
metadata: {name: agents}
spec:
  members: {agents: [triage]}
  targets: {names: [orders]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: callers}
spec:
  members: {users: [carol]}
  targets: {names: [orders]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: second-readers}
spec:
  members: {groups: [second]}
  targets: {names: [second]}
  can: [connect, replay, watch]
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: cards}
spec:
  targets: {names: [elsewhere]}
  detect: [credit-card]
  with: partial
`

const (
	plantedCard = "4111 1111 1111 1111"
	promptOf    = "Find the order of the customer\nwho paid with " + plantedCard + ", and tell support."
	traceOf     = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	statement   = "SELECT name FROM customers WHERE id = 2 /*route='%2Forders%2F%3Aid',traceparent='00-11112222333344445555666677778888-b7ad6b7169203331-01'*/"
)

// post sends JSON as whoever a token proves, and decodes what comes back.
func (g *gateway) post(token, path string, in, out any) (int, string) {
	g.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+g.web+"/api/v1"+path, bytes.NewReader(data))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil {
		g.t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK && out != nil {
		if err := json.Unmarshal(body.Bytes(), out); err != nil {
			g.t.Fatalf("%s: %v: %s", path, err, body.String())
		}
	}
	return answer.StatusCode, body.String()
}

// chain asks for a run until it is as wanted.
func (g *gateway) chain(run string, as func(*replay.RunChain) bool) (c replay.RunChain) {
	g.t.Helper()
	g.await("the run's chain", func() bool {
		c = replay.RunChain{}
		if err := g.client.Do(context.Background(), "GET", "/runs/"+run, nil, nil, &c); err != nil {
			g.t.Fatal(err)
		}
		return as(&c)
	})
	return c
}

// TestRun follows a prompt to what came of it: an agent opens a run with its own token, and what it does is found from
// the run, by those who may.
func TestRun(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	g := newGateway(t, target, "")
	g.holding()
	file := filepath.Join(g.dir, "agents.yaml")
	second := strings.NewReplacer("name: orders", "name: second", "{env: test}", "{env: second}", "ADDRESS", target.Address()).Replace(strings.Split(declared, "---")[0])
	write(t, file, agents+"---\n"+second)
	g.sallyport("apply", "-f", file)
	alice := g.token("alice")
	root := g.sallyport("token", "create", "--agent", "triage", "--ttl", "2h")

	var made api.RunMade
	if status, body := g.post(root, "/runs", map[string]any{
		"_meta": map[string]any{"sallyport/prompt": promptOf, "sallyport/attribute.ticket": "T-17", "traceparent": traceOf, "other/key": 1},
		"model": "model-1",
	}, &made); status != http.StatusOK {
		t.Fatalf("open a run: %d %s", status, body)
	}
	c := g.psql("triage", made.Token, "-c", statement, "-c", "DELETE FROM customers", "-c", "SELECT 'goes' || ' on'")
	c.Env = append(c.Env, "PGOPTIONS=-c sallyport.traceparent="+traceOf+" -c sallyport.hold=fail")
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "Grace") || !strings.Contains(string(out), "it needs approval") {
		t.Fatalf("psql of the run: %v: %s", err, out)
	}
	chain := g.chain(made.Run, func(c *replay.RunChain) bool {
		return len(c.Sessions) == 1 && !c.Sessions[0].Open && len(c.Sessions[0].Steps) == 3
	})
	if chain.Prompt == nil || strings.Contains(*chain.Prompt, "4111 1111") || !strings.Contains(*chain.Prompt, "1111, and tell support") {
		t.Errorf("the prompt is %v, want the number masked and the rest as it was", chain.Prompt)
	}
	if len(chain.Masked) != 1 || chain.Masked[0].Mask != "cards" || chain.Masked[0].Count != 1 {
		t.Errorf("what was masked is %+v", chain.Masked)
	}
	if chain.Agent != "triage" || chain.Model != "model-1" || chain.Attributes["ticket"] != "T-17" || chain.Traceparent != traceOf || chain.PromptDigest == "" {
		t.Errorf("the run says of itself %+v", chain.Run)
	}
	steps := chain.Sessions[0].Steps
	if steps[0].Verdict.Outcome != "allow" || steps[0].Result.Rows != 1 || steps[0].Attributes["route"] != "/orders/:id" {
		t.Errorf("its first step is %+v", steps[0])
	}
	if steps[1].Verdict.Outcome != "hold" || steps[1].Approval == nil || !steps[1].Result.Refused {
		t.Errorf("its second step is %+v", steps[1])
	}

	// Everything carries the run.
	for _, query := range []string{"run:" + made.Run + " Grace", "attribute:route=/orders/:id run:" + made.Run, "trace:0af7651916cd43dd8448eb211c80319c", "trace:11112222333344445555666677778888", "agent:triage verdict:held"} {
		g.search(query, 1)
	}
	g.await("the events", func() bool {
		out := g.sallyport("events")
		return strings.Contains(out, "sallyport.session.closed.v1") && strings.Contains(out, "sallyport.run.opened.v1") && strings.Contains(out, "sallyport.approval.requested.v1")
	})
	for line := range strings.Lines(g.sallyport("events")) {
		about := strings.Contains(line, `"type":"sallyport.command.`) || strings.Contains(line, `"type":"sallyport.approval.`) || strings.Contains(line, `"type":"sallyport.session.opened`)
		if about && !strings.Contains(line, made.Run) {
			t.Errorf("an event does not name the run: %s", line)
		}
		if strings.Contains(line, "sallyport.session.opened") && !strings.Contains(line, traceOf) {
			t.Errorf("the session's event has no trace: %s", line)
		}
	}
	if out := g.sallyport("runs", "show", made.Run); !strings.Contains(out, "> Find the order") || !strings.Contains(out, "DELETE FROM customers") || !strings.Contains(out, "hold · no-destructive-sql") {
		t.Errorf("runs show says:\n%s", out)
	}
	if out := g.sallyport("runs", "list", "--agent", "triage"); !strings.Contains(out, made.Run) || !strings.Contains(out, "Find the order of the customer who") {
		t.Errorf("runs list says:\n%s", out)
	}

	// It is found by its prompt, however that is spaced and written, and not by what masks took out of it.
	for text, found := range map[string]bool{"THE CUSTOMER who paid": true, "tell  support": true, "tell nobody": false, plantedCard: false} {
		if out := g.sallyport("runs", "list", "--prompt", text, "--json"); strings.Contains(out, made.Run) != found {
			t.Errorf("looking for %q in prompts finds %s", text, out)
		}
	}

	// So is what came of it, with the prompt, for those who may read it.
	g.search(`prompt:"who paid" kind:DELETE`, 1)
	searched := func(token, query string) string {
		out, err := g.over(token, "search", query)
		if err != nil {
			t.Fatalf("search %s: %v: %s", query, err, out)
		}
		return out
	}
	const led = `prompt:"the customer who paid" kind:DELETE field:command`
	if out := searched(alice, led); !strings.Contains(out, "DELETE FROM customers") || !strings.Contains(out, "prompt of "+made.Run+": Find the order") || !strings.Contains(out, "1 of 1") {
		t.Errorf("what the prompt led to is:\n%s", out)
	}
	for _, query := range []string{`prompt:"` + plantedCard + `"`, "prompt:nobody", led + " -prompt:support"} {
		if out := searched(alice, query); !strings.Contains(out, "0 of 0") {
			t.Errorf("%s finds:\n%s", query, out)
		}
	}

	// What a run's token opens is below it.
	below, err := g.over(made.Token, "runs", "open", file, "--json")
	var child api.RunMade
	if err != nil || json.Unmarshal([]byte(below), &child) != nil {
		t.Fatalf("open a run below: %v: %s", err, below)
	}
	if c := g.chain(made.Run, func(c *replay.RunChain) bool { return len(c.Children) == 1 }); string(c.Children[0].ID) != child.Run {
		t.Errorf("below is %+v", c.Children)
	}
	for what, in := range map[string]map[string]any{
		"another parent": {"prompt": "x", "parent": "r-other"}, "another agent": {"prompt": "x", "agent": "other"},
		"groups": {"prompt": "x", "groups": []string{"dba"}}, "no prompt": {}, "a wrong trace": {"prompt": "x", "traceparent": "00-1"},
		"a key that is none": {"prompt": "x", "_meta": map[string]any{"sallyport/nonsense": "x"}},
	} {
		if status, body := g.post(child.Token, "/runs", in, nil); status == http.StatusOK {
			t.Errorf("a run was opened with %s: %s", what, body)
		}
	}

	// Who may see it: all of its targets for the prompt, one of them for the run.
	carol := g.sallyport("token", "create", "--user", "carol")
	reader := g.sallyport("token", "create", "--user", "dora", "--group", "second")
	agent := g.sallyport("token", "create", "--agent", "triage")
	see := func(token string) (int, replay.RunChain) {
		status, body := g.get(token, "/runs/"+made.Run)
		var c replay.RunChain
		if status == http.StatusOK {
			if err := json.Unmarshal([]byte(body), &c); err != nil {
				t.Fatal(err)
			}
		}
		return status, c
	}
	for who, token := range map[string]string{"who connects alone": carol, "who replays another target": reader} {
		if status, c := see(token); status != http.StatusNotFound {
			t.Errorf("%s sees %d %+v", who, status, c)
		}
		if _, body := g.get(token, "/runs"); strings.Contains(body, made.Run) {
			t.Errorf("%s is told of the run: %s", who, body)
		}
	}
	if status, c := see(alice); status != http.StatusOK || c.Prompt == nil || len(c.Sessions) != 1 {
		t.Errorf("who replays its one target sees %d %+v", status, c)
	}
	if status, c := see(agent); status != http.StatusOK || c.Prompt == nil || len(c.Sessions) != 0 {
		t.Errorf("its agent, who replays nothing, sees %d %+v, want the prompt alone", status, c)
	}
	// A session on another target closes the prompt to those who may see one of the two.
	more := g.psql("triage", made.Token, "-c", "SELECT 1")
	more.Args[2] = strings.Replace(more.Args[2], "dbname=orders", "dbname=second", 1)
	if out, err := more.CombinedOutput(); err == nil {
		t.Fatalf("the agent reached a target that no role gives it: %s", out)
	}
	write(t, file, strings.Replace(agents, "targets: {names: [orders]}", "targets: {names: [orders, second]}", 1))
	g.sallyport("apply", "-f", file)
	more = g.psql("triage", made.Token, "-c", "SELECT 1")
	more.Args[2] = strings.Replace(more.Args[2], "dbname=orders", "dbname=second", 1)
	if out, err := more.CombinedOutput(); err != nil {
		t.Fatalf("psql on the second target: %v: %s", err, out)
	}
	g.chain(made.Run, func(c *replay.RunChain) bool { return len(c.Sessions) == 2 && c.Tally.Open == 0 })
	g.search("run:"+made.Run+" target:second field:command", 1)
	for who, token := range map[string]string{"who replays the first target": alice, "who replays the second": reader} {
		if status, c := see(token); status != http.StatusOK || c.Prompt != nil || c.Title != "" || len(c.Sessions) != 1 {
			t.Errorf("%s sees %d %+v, want one session and no prompt", who, status, c)
		}
		if _, body := g.get(token, "/runs?prompt=support"); strings.Contains(body, made.Run) {
			t.Errorf("%s finds a run by a prompt that is withheld: %s", who, body)
		}
		if out := searched(token, "prompt:support"); !strings.Contains(out, "0 of 0") {
			t.Errorf("%s finds what was done by a prompt that is withheld:\n%s", who, out)
		}
		if out := searched(token, "run:"+made.Run); strings.Contains(out, "0 of 0") || strings.Contains(out, "Find the order") {
			t.Errorf("%s is shown a prompt that is withheld:\n%s", who, out)
		}
	}

	// The prompt as it was given is nowhere.
	g.stop()
	err = filepath.WalkDir(filepath.Join(g.dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(plantedCard)) {
			t.Errorf("what was masked in the prompt is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(g.log.String(), plantedCard) || strings.Contains(g.log.String(), made.Token) {
		t.Error("the gateway's own log has a prompt or a token")
	}
}
