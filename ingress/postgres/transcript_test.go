package postgres_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/sessiontest"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// step is what a client sends, and the type of each message that it then reads up to. Those are
// written as in the protocol.
type step struct {
	send  []pgproto3.FrontendMessage
	until string
}

func ask(until string, send ...pgproto3.FrontendMessage) step { return step{send, until} }

func q(text string) *pgproto3.Query { return &pgproto3.Query{String: text} }

// conversation is a transcript that is kept. What the server itself says to the same is compared as well,
// where the gateway has no word of its own in it.
type conversation struct {
	refused bool
	steps   []step
}

const refusedText = "select '" + sessiontest.Forbidden + "'"

// conversations begin after the start-up.
var conversations = map[string]conversation{
	"simple": {steps: []step{
		ask("Z", q("select 1 as one, null as nothing, 'ünï ☃' as text, true as yes")), ask("Z", q("select 1; select 'a' where false; begin; commit")),
		ask("Z", q("")), ask("Z", q("select 1/0")), ask("Z", q("select 1; selec")), ask("Z", q("do $$ begin raise notice 'noticed'; end $$")),
		ask("Z", q("set datestyle = 'German'")), ask("Z", q("begin; select 1/0; select 2")), ask("Z", q("select 1")), ask("Z", q("rollback")),
	}},
	"extended": {steps: []step{
		ask("Z", &pgproto3.Parse{Name: "s", Query: "select $1::int + 1 as n, $2 as t"}, &pgproto3.Describe{ObjectType: 'S', Name: "s"},
			&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte("41"), nil}}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{1, 0}, Parameters: [][]byte{{0, 0, 0, 1}, []byte("two")}, ResultFormatCodes: []int16{1}},
			&pgproto3.Execute{Portal: "p"}, &pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{}),
		ask("2", &pgproto3.Parse{Query: "select 1"}, &pgproto3.Bind{}, &pgproto3.Flush{}), ask("Z", &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Parse{}, &pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Parse{Query: "selec"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Parse{Query: "select $1::int"}, &pgproto3.Bind{Parameters: [][]byte{[]byte("x")}}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Sync{}),
	}},
	"pipeline": {steps: []step{
		ask("ZZZ", &pgproto3.Parse{Query: "select 1"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Parse{Query: "select 1/0"}, &pgproto3.Bind{}, &pgproto3.Execute{},
			&pgproto3.Parse{Name: "skipped", Query: "select 2"}, &pgproto3.Bind{PreparedStatement: "skipped"}, &pgproto3.Execute{}, &pgproto3.Sync{},
			&pgproto3.Parse{Query: "select 3"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}, q("select 4")),
	}},
	"refused": {refused: true, steps: []step{
		ask("Z", q("begin")), ask("Z", q(refusedText)), ask("Z", q("select 1")), ask("Z", q("rollback")),
		ask("ZZ", &pgproto3.Parse{Query: "select 1"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Parse{Query: refusedText}, &pgproto3.Bind{}, &pgproto3.Execute{},
			&pgproto3.Parse{Query: "select 2"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}, q("select 3")),
		ask("Z", &pgproto3.Bind{PreparedStatement: "unknown"}, &pgproto3.Execute{}, &pgproto3.Sync{}), ask("Z", &pgproto3.Execute{Portal: "unknown"}, &pgproto3.Sync{}),
	}},
	"copy": {steps: []step{
		ask("Z", q("create temp table c (i int, t text)")), ask("G", q("copy c from stdin")),
		ask("Z", &pgproto3.CopyData{Data: []byte("1\tone\n2")}, &pgproto3.CopyData{Data: []byte("\t\\N\n")}, &pgproto3.CopyDone{}),
		ask("G", q("copy c from stdin")), ask("Z", &pgproto3.CopyData{Data: []byte("x\n")}, &pgproto3.CopyDone{}),
		ask("G", q("copy c from stdin")), ask("Z", &pgproto3.CopyFail{Message: "never mind"}),
		ask("G", &pgproto3.Parse{Query: "copy c from stdin (format csv)"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.CopyData{Data: []byte("3,three\n")}, &pgproto3.CopyDone{}, &pgproto3.Sync{}),
		ask("Z", q("copy c to stdout")), ask("Z", q("copy c (i) to stdout (format binary)")), ask("Z", q("copy nowhere to stdout")),
	}},
	"portions": {steps: []step{
		ask("Z", q("begin")), ask("Z", &pgproto3.Parse{Query: "select generate_series(1, 5) as i"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Sync{}), ask("Z", q("select 'between'")), ask("Z", &pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{}),
		ask("Z", &pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{}), ask("Z", q("commit")),
	}},
	"function": {refused: true, steps: []step{
		ask("Z", q("begin")), ask("Z", &pgproto3.FunctionCall{Function: 715, Arguments: [][]byte{[]byte("880009")}}),
		ask("Z", &pgproto3.FunctionCall{Function: 957, Arguments: [][]byte{[]byte("x")}}), ask("Z", q("rollback")),
		ask("Z", &pgproto3.FunctionCall{Function: 89}), ask("Z", q("select 1")),
	}},
	"notification": {steps: []step{
		ask("Z", q("listen news")), ask("Z", q("notify news, 'ünï'")), ask("Z", q("begin; select pg_notify('news', 'at commit')")), ask("Z", q("commit")),
	}},
}

func TestTranscripts(t *testing.T) {
	g := start(t, options{})
	for name, c := range conversations {
		t.Run(name, func(t *testing.T) {
			got := g.transcript(t).run(c.steps).String()
			if !c.refused {
				if diff := cmp.Diff(directTranscript(t, g).run(c.steps).String(), got); diff != "" {
					t.Errorf("the server says otherwise (-server +gateway):\n%s", diff)
				}
			}
			golden(t, name, got)
		})
	}
}

// golden compares with what is kept.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "transcripts", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-kept +got):\n%s", path, diff)
	}
}

// transcript is a client whose conversation is written down.
type transcript struct {
	t    testing.TB
	conn io.ReadWriter
	c    *pgproto3.Frontend
	out  bytes.Buffer
	key  *pgproto3.BackendKeyData
}

func newTranscript(t testing.TB, addr string) *transcript {
	conn := dialRaw(t, addr)
	s := &transcript{t: t, conn: conn, c: pgproto3.NewFrontend(conn, conn)}
	s.c.Trace(&s.out, pgproto3.TracerOptions{SuppressTimestamps: true, RegressMode: true})
	return s
}

// transcript begins after the start-up.
func (g *gateway) transcript(t testing.TB) *transcript {
	s := newTranscript(t, g.addr)
	s.login(pgproto3.ProtocolVersion30, user, token, "orders")
	s.out.Reset()
	return s
}

func directTranscript(t testing.TB, g *gateway) *transcript {
	s := newTranscript(t, g.pg.Address())
	s.login(pgproto3.ProtocolVersion30, g.pg.User, g.pg.Password, "postgres")
	s.out.Reset()
	return s
}

func (s *transcript) run(steps []step) *transcript {
	s.t.Helper()
	for _, one := range steps {
		s.send(one.send...)
		for _, typ := range one.until {
			s.until(byte(typ))
		}
	}
	return s
}

func (s *transcript) send(ms ...pgproto3.FrontendMessage) {
	s.t.Helper()
	for _, m := range ms {
		s.c.Send(m)
	}
	if err := s.c.Flush(); err != nil {
		s.t.Fatal(err)
	}
}

// until reads up to a message of a type, or to an error that ends the connection.
func (s *transcript) until(typ byte) pgproto3.BackendMessage {
	s.t.Helper()
	for {
		m, err := s.c.Receive()
		if err != nil {
			s.t.Fatalf("%v after:\n%s", err, s)
		}
		s.detail(m)
		b, err := m.Encode(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if e, ok := m.(*pgproto3.ErrorResponse); b[0] == typ || ok && e.Severity == "FATAL" {
			return m
		}
	}
}

// detail completes the line of a message whose content is not traced.
func (s *transcript) detail(m pgproto3.BackendMessage) {
	var what string
	switch m := m.(type) {
	case *pgproto3.ErrorResponse:
		what = fields((*pgproto3.NoticeResponse)(m))
	case *pgproto3.NoticeResponse:
		what = fields(m)
	case *pgproto3.FunctionCallResponse:
		what = fmt.Sprintf("%q", m.Result)
	case *pgproto3.NegotiateProtocolVersion:
		what = fmt.Sprintf("%d %q", m.NewestMinorProtocol, m.UnrecognizedOptions)
	case *pgproto3.BackendKeyData:
		s.key = &pgproto3.BackendKeyData{ProcessID: m.ProcessID, SecretKey: bytes.Clone(m.SecretKey)}
		return
	default:
		return
	}
	s.out.Truncate(s.out.Len() - 1)
	fmt.Fprintf(&s.out, "\t %s\n", what)
}

// fields are what an error says, but for the line of PostgreSQL's source.
func fields(e *pgproto3.NoticeResponse) string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{{"S", e.Severity}, {"C", e.Code}, {"M", e.Message}, {"D", e.Detail}, {"H", e.Hint}, {"W", e.Where}} {
		if f.value != "" {
			fmt.Fprintf(&b, " %s %q", f.name, f.value)
		}
	}
	if e.Position != 0 {
		fmt.Fprintf(&b, " P %d", e.Position)
	}
	return strings.TrimSpace(b.String())
}

// What is another in each run: the length of an error (it holds a line of PostgreSQL's source), the process
// that notifies, and what a server reports of itself.
var (
	errorLength = regexp.MustCompile(`(?m)^(B\t(?:Error|Notice)Response\t)\d+`)
	reported    = regexp.MustCompile(`(?m)(^B\tParameterStatus\t.*\n)+`)
	notifies    = regexp.MustCompile(`(?m)^(B\tNotificationResponse\t\d+\t) \d+`)
)

func (s *transcript) String() string {
	out := errorLength.ReplaceAllString(s.out.String(), "${1}N")
	out = reported.ReplaceAllString(out, "B\tParameterStatus\tN\t …\n")
	return notifies.ReplaceAllString(out, "$1 N")
}

// login starts a session. It returns false if that is refused.
func (s *transcript) login(version uint32, user, secret, database string, more ...string) bool {
	s.t.Helper()
	p := map[string]string{"user": user, "database": database}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	s.send(&pgproto3.StartupMessage{ProtocolVersion: version, Parameters: p})
	if _, refused := s.until('R').(*pgproto3.ErrorResponse); refused {
		return false
	}
	client := scram.NewClient(secret, nil, false)
	s.send(&pgproto3.SASLInitialResponse{AuthMechanism: client.Mechanism(), Data: client.First()})
	answer, ok := s.until('R').(*pgproto3.AuthenticationSASLContinue)
	if !ok {
		return false
	}
	final, err := client.Final(answer.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(&pgproto3.SASLResponse{Data: final})
	_, ready := s.until('Z').(*pgproto3.ReadyForQuery)
	return ready
}

// TestStartupTranscripts keeps how sessions begin.
func TestStartupTranscripts(t *testing.T) {
	g := start(t, options{})
	for name, begin := range map[string]func(*transcript){
		"start": func(s *transcript) { // asks for TLS first, which this gateway does not offer
			for _, m := range []pgproto3.FrontendMessage{&pgproto3.GSSEncRequest{}, &pgproto3.SSLRequest{}} {
				s.send(m)
				var answer [1]byte
				if _, err := io.ReadFull(s.conn, answer[:]); err != nil {
					s.t.Fatal(err)
				}
				fmt.Fprintf(&s.out, "B\t1\t%c\n", answer[0])
			}
			s.login(pgproto3.ProtocolVersion30, user, token, "orders", "application_name", "transcript")
			s.send(&pgproto3.Terminate{})
		},
		"start_3.2":   func(s *transcript) { s.login(pgproto3.ProtocolVersion32, user, token, "orders") },
		"start_3.9":   func(s *transcript) { s.login(3<<16|9, user, token, "orders", "_pq_.unknown", "1") },
		"wrong_token": func(s *transcript) { s.login(pgproto3.ProtocolVersion30, user, "sp_wrong", "orders") },
		"no_target":   func(s *transcript) { s.login(pgproto3.ProtocolVersion30, user, token, "nowhere") },
		"no_database": func(s *transcript) { s.login(pgproto3.ProtocolVersion30, user, token, "orders/nowhere") },
		"replication": func(s *transcript) {
			s.login(pgproto3.ProtocolVersion30, user, token, "orders", "replication", "database")
		},
		"bad_parameter":  func(s *transcript) { s.login(pgproto3.ProtocolVersion30, user, token, "orders", "role", "postgres") },
		"other_protocol": func(s *transcript) { s.login(2<<16, user, token, "orders") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTranscript(t, g.addr)
			begin(s)
			golden(t, name, s.String())
		})
	}
}

// TestCancelTranscript cancels with the key that the gateway gave out.
func TestCancelTranscript(t *testing.T) {
	g := start(t, options{})
	admin := g.direct(t)
	cancelled := func(s *transcript, addr string) string {
		s.send(q("select pg_sleep(60)"))
		waitFor(t, func() bool {
			var n int
			return admin.QueryRow(t.Context(), "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'").Scan(&n) == nil && n == 1
		})
		c := newTranscript(t, addr)
		c.send(&pgproto3.CancelRequest{ProcessID: s.key.ProcessID, SecretKey: s.key.SecretKey})
		if rest, err := io.ReadAll(c.conn); len(rest) > 0 || err != nil && !isReset(err) {
			t.Errorf("a cancel request is answered with %q, %v", rest, err)
		}
		s.until('Z')
		return s.run([]step{ask("Z", q("select 'goes on'"))}).String()
	}
	got := cancelled(g.transcript(t), g.addr)
	if diff := cmp.Diff(cancelled(directTranscript(t, g), g.pg.Address()), got); diff != "" {
		t.Errorf("the server says otherwise (-server +gateway):\n%s", diff)
	}
	golden(t, "cancel", got)
}
