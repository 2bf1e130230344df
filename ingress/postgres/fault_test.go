package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sallyport/ingress/postgres"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/journal/journaltest"
	"sallyport/schemas/resources"
)

// code returns the SQLSTATE of a failed connection attempt or command.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func TestConnectErrors(t *testing.T) {
	g := start(t, options{})
	g.Enforcer.SetAccess(func(a *schemas.AccessAsk) *schemas.AccessAnswer {
		return &schemas.AccessAnswer{Allowed: a.Target != "secret"}
	})
	target, _ := g.Targets.Target("orders")
	g.Targets.Put("secret", *target.Target)
	replace := func(old, new string) string { return strings.Replace(g.dsn(), old, new, 1) }
	messages := map[string]string{}
	for name, c := range map[string]struct{ dsn, code string }{
		"wrong token":         {replace(token, "sp_wrong"), "28P01"},
		"unknown user":        {replace(user, "mallory"), "28P01"},
		"no such target":      {replace("dbname=orders", "dbname=nothing"), "3D000"},
		"target out of reach": {replace("dbname=orders", "dbname=secret"), "3D000"},
		"no database":         {replace(" dbname=orders", ""), "3D000"},
		"no such database":    {replace("dbname=orders", "dbname=orders/nothing"), "3D000"},
		"replication":         {g.dsn("replication=database"), "0A000"},
		"role by parameter":   {g.dsn("role=postgres"), "0A000"},
		"role by options":     {g.dsn("options='-c\\ role=postgres'"), "0A000"},
		"other options":       {g.dsn("options=-d5"), "0A000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgx.Connect(t.Context(), c.dsn)
			if code(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
			var pg *pgconn.PgError
			if errors.As(err, &pg) {
				messages[name] = strings.NewReplacer("nothing", "X", "secret", "X").Replace(pg.Message) + pg.Hint
				if strings.Contains(pg.Message+pg.Hint+pg.Detail, g.pg.Password) {
					t.Error("the credential is in the error")
				}
			}
		})
	}
	if messages["no such target"] != messages["target out of reach"] {
		t.Errorf("a target out of reach is told apart: %q, %q", messages["no such target"], messages["target out of reach"])
	}
	if _, err := pgx.Connect(t.Context(), g.dsn("options='-c\\ search_path=pg_catalog'", "application_name=me", "search_path=public")); err != nil {
		t.Errorf("options that are passed on: %v", err)
	}
}

func TestNoEnforcerIsDenial(t *testing.T) {
	g := start(t, options{session: func(c *session.Config) { c.AnswerTimeout = 300 * time.Millisecond }})
	c := g.pgx(t)
	g.Enforcer.Stop()
	_, err := c.Exec(t.Context(), "select 1", pgx.QueryExecModeSimpleProtocol)
	if code(err) != "42501" || !strings.Contains(err.Error(), "no enforcer answered") {
		t.Errorf("got %v", err)
	}
	if _, err := pgx.Connect(t.Context(), g.dsn()); code(err) != "57P03" {
		t.Errorf("a new session: %v", err)
	}
	_ = c.Close(t.Context())
	for _, text := range commands(g.Only(t)) {
		if strings.Contains(text, "select") {
			t.Errorf("text that nobody judged is on the log: %q", text)
		}
	}
}

func TestSecretsBecomeMarkers(t *testing.T) {
	g := start(t, options{})
	const planted = "hunter2-planted"
	g.Enforcer.Set("r2", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		v := sessiontest.Judge(a)
		if i := strings.Index(a.Text, planted); i >= 0 {
			v.Secrets = []*schemas.Span{{Offset: uint64(i), Length: uint64(len(planted)), Marker: "[secret]"}}
		}
		return v
	})
	c := g.pgx(t)
	for range 2 { // asked, and reused
		if _, err := c.Exec(t.Context(), "select '"+planted+"' is null", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close(t.Context())
	for _, e := range g.Only(t) {
		b, err := e.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), planted) {
			t.Errorf("the secret is on the log: %v", e)
		}
	}
}

func TestVerdictsAreReusedWhileNothingChanges(t *testing.T) {
	g := start(t, options{})
	c := g.pgx(t)
	exec := func(text string) error {
		_, err := c.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	asks := func(texts ...string) int64 {
		before := g.Enforcer.Asks.Load()
		for _, text := range texts {
			if err := exec(text); err != nil {
				t.Fatal(err)
			}
		}
		return g.Enforcer.Asks.Load() - before
	}
	if n := asks("select 1", "select 2", "select 33"); n != 1 {
		t.Errorf("asked %d times for one shape", n)
	}
	if n := asks("select 'a'", "select 'b'", "select 'a'"); n != 2 {
		t.Errorf("asked %d times for two texts", n)
	}
	g.Enforcer.Set("r2", func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY, Reuse: schemas.Reuse_REUSE_SHAPE}
	})
	if err := exec("select 4"); code(err) != "42501" {
		t.Errorf("after a change of policies: %v", err)
	}
}

// A statement that was prepared is judged again when policies change.
func TestPreparedStatementIsJudgedAgain(t *testing.T) {
	g := start(t, options{})
	c := g.pgx(t)
	ctx := t.Context()
	if _, err := c.Prepare(ctx, "a", "select 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	g.Enforcer.Set("r2", func(*schemas.VerdictAsk) *schemas.VerdictAnswer {
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY}
	})
	if _, err := c.Exec(ctx, "a"); code(err) != "42501" {
		t.Errorf("got %v", err)
	}
}

func TestKillPauseMessage(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	id := g.Sessions(t)[0]
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_MESSAGE, By: "bob", Message: "careful"})
	if typ, body := c.message(); typ != 'N' || !strings.Contains(string(body), "bob: careful") {
		t.Errorf("message %c %q", typ, body)
	}
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_WATCHED, By: "carol"}) // the target does not want it told
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_PAUSE, By: "bob", Message: "wait"})
	if typ, body := c.message(); typ != 'N' || !strings.Contains(string(body), "paused by bob; what you send waits: wait") {
		t.Errorf("pause %c %q", typ, body)
	}
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_PAUSE, By: "carol"}) // it is already
	c.send(&query{String: "select 1"})
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if typ, _, err := c.read(); err == nil {
		t.Errorf("a paused session answers: %c", typ)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_RESUME, By: "bob"})
	if typ, body := c.message(); typ != 'N' || !strings.Contains(string(body), "bob resumed it") {
		t.Errorf("resume %c %q", typ, body)
	}
	c.until('Z')
	c.send(&query{String: "select pg_sleep(60)"})
	admin := g.direct(t)
	busy := func() bool {
		var n int
		return admin.QueryRow(t.Context(), "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'").Scan(&n) == nil && n == 1
	}
	waitFor(t, busy)
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_KILL, By: "bob", Message: "enough"})
	typ, body := c.message()
	if e := (pgproto3.ErrorResponse{}); typ != 'E' || e.Decode(body) != nil || e.Severity != "FATAL" || e.Code != "57P01" || !strings.Contains(e.Message, "bob: enough") {
		t.Errorf("got %c %q", typ, body)
	}
	if _, _, err := c.read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the kill: %v", err)
	}
	waitFor(t, func() bool { return !busy() })
	es := g.Closed(t, id)
	if e := es[len(es)-1].GetClosed(); e.Reason != "killed" || e.By != "bob" {
		t.Errorf("closed %v", e)
	}
}

// Who watches is told of in the client's own protocol, and recorded, where the target says so.
func TestWhoWatchesIsTold(t *testing.T) {
	g := start(t, options{target: func(t *resources.Target) { t.NotifyWatched = true }})
	c := g.raw(t)
	id := g.Sessions(t)[0]
	g.Control(t, id, &schemas.SessionAsk{Action: schemas.SessionAsk_ACTION_WATCHED, By: "bob"})
	if typ, body := c.message(); typ != 'N' || !strings.Contains(string(body), "is being watched by bob") {
		t.Errorf("%c %q", typ, body)
	}
	_ = c.Close()
	for _, e := range g.Closed(t, id) {
		if n := e.GetNotice(); n.GetKind() == "gateway" && strings.Contains(n.GetBody().GetMessage(), "watched by bob") {
			return
		}
	}
	t.Error("the notice is not on the log")
}

func TestExpiryAndRevocationEndTheSession(t *testing.T) {
	g := start(t, options{})
	revoked, revoke := context.WithCancel(t.Context())
	defer revoke()
	g.people.mu.Lock()
	g.people.tokens["revoked"] = []person{{token, &session.Identity{Principal: &schemas.Principal{Name: "revoked"}, Revoked: revoked}}}
	g.people.tokens["brief"] = []person{{token, &session.Identity{Principal: &schemas.Principal{Name: "brief"}, Expires: time.Now().Add(3 * time.Second)}}}
	g.people.tokens["late"] = []person{{token, &session.Identity{Principal: &schemas.Principal{Name: "late"}, Expires: time.Now().Add(-time.Second)}}}
	g.people.mu.Unlock()
	a, b := login(t, g.addr, "revoked", token, "orders"), login(t, g.addr, "brief", token, "orders")
	revoke()
	for _, c := range []*raw{a, b} {
		if typ, body := c.message(); typ != 'E' || !strings.Contains(string(body), "28P01") {
			t.Errorf("got %c %q", typ, body)
		}
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(g.dsn(), user, "late", 1)); code(err) != "28P01" {
		t.Errorf("an expired token: %v", err)
	}
}

// When the log fails, nothing further reaches the target, and the client is told.
func TestLogFailure(t *testing.T) {
	l := journaltest.Open(t)
	g := start(t, options{env: sessiontest.NewOn(t, l, postgres.Protocol)})
	admin := g.direct(t)
	for _, sql := range []string{"drop table if exists unrecorded", "create table unrecorded (a int)"} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	c := g.raw(t)
	c.send(&query{String: "insert into unrecorded values (1)"})
	c.until('Z')
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(encode(&query{String: "insert into unrecorded values (2)"}))
	typ, body := c.message()
	if e := (pgproto3.ErrorResponse{}); typ != 'E' || e.Decode(body) != nil || e.Severity != "FATAL" || !strings.Contains(e.Message, "cannot be recorded") {
		t.Errorf("got %c %q", typ, body)
	}
	if _, _, err := c.read(); err == nil {
		t.Error("the session goes on")
	}
	var n int
	if err := admin.QueryRow(t.Context(), "select count(*) from unrecorded").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows at the target, %v", n, err)
	}
}

func TestShutdownTellsClients(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	silent := dialRaw(t, g.addr)
	g.stop()
	if typ, body := c.message(); typ != 'E' || !strings.Contains(string(body), "57P01") {
		t.Errorf("got %c %q", typ, body)
	}
	if _, err := io.ReadAll(silent); err != nil && !isReset(err) {
		t.Errorf("the silent client: %v", err)
	}
	es := g.Only(t)
	if r := es[len(es)-1].GetClosed().GetReason(); r != "shutdown" {
		t.Errorf("closed %q", r)
	}
}

func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

// Clients that are silent, slow, oversized or malformed cost nobody else anything.
func TestHostileClients(t *testing.T) {
	g := start(t, options{config: func(c *postgres.Config) {
		c.Limits = postgres.Limits{Authentication: 1500 * time.Millisecond, PerAddress: 20}
	}})
	packet := func(n uint32, body string) []byte { return append(binary.BigEndian.AppendUint32(nil, n), body...) }
	for name, b := range map[string][]byte{
		"silent":                nil,
		"one byte":              {0},
		"tiny length":           packet(3, "xxxx"),
		"huge length":           packet(1<<31, "\x00\x03\x00\x00"),
		"above 10,000":          packet(10_001, "\x00\x03\x00\x00"),
		"body never comes":      packet(9_000, "\x00\x03\x00\x00user\x00"),
		"version 2":             packet(8, "\x00\x02\x00\x00"),
		"no terminator":         packet(17, "\x00\x03\x00\x00user\x00abcd"),
		"no user":               packet(9, "\x00\x03\x00\x00\x00"),
		"GET / HTTP/1.1":        []byte("GET / HTTP/1.1\r\n\r\n"),
		"TLS without offer":     []byte("\x16\x03\x01\x00\x05hello"),
		"SSL twice and more":    []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x2f"),
		"SSL with a body":       []byte("\x00\x00\x00\x0c\x04\xd2\x16\x2fabcd"),
		"cancel, wrong key":     []byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x01"),
		"cancel, short":         []byte("\x00\x00\x00\x0a\x04\xd2\x16\x2e\x00\x00"),
		"control in user":       packet(21, "\x00\x03\x00\x00user\x00a\nb\x00\x00\x00\x00\x00"),
		"password of 4 GB":      append(packet(18, "\x00\x03\x00\x00user\x00bob\x00\x00"), "p\xff\xff\xff\xff"...),
		"password of 1 MB":      append(packet(18, "\x00\x03\x00\x00user\x00bob\x00\x00"), "p\x00\x10\x00\x00"...),
		"query unauthenticated": append(packet(18, "\x00\x03\x00\x00user\x00bob\x00\x00"), "Q\x00\x00\x00\x0dselect 1\x00"...),
		"bad SASL":              append(packet(18, "\x00\x03\x00\x00user\x00bob\x00\x00"), "p\x00\x00\x00\x13SCRAM-X\x00\xff\xff\xff\xff\x00\x00\x00"...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialRaw(t, g.addr)
			_, _ = c.Write(b)
			if _, err := io.ReadAll(c); err != nil && !isReset(err) {
				t.Errorf("the connection is not ended: %v", err)
			}
		})
	}
	t.Run("others meanwhile", func(t *testing.T) {
		t.Parallel()
		var n int
		if err := g.pgx(t).QueryRow(t.Context(), "select 1").Scan(&n); err != nil {
			t.Error(err)
		}
	})
}

func TestUnauthenticatedConnectionsAreCapped(t *testing.T) {
	g := start(t, options{config: func(c *postgres.Config) { c.Limits = postgres.Limits{Authentication: time.Minute, PerAddress: 3} }})
	before := g.pgx(t) // authenticated: counts no more
	var idle []net.Conn
	for range 3 {
		idle = append(idle, dialRaw(t, g.addr))
	}
	waitFor(t, func() bool { return g.srv.Sessions() == 4 })
	if _, err := pgx.Connect(t.Context(), g.dsn()); code(err) != "53300" {
		t.Errorf("got %v", err)
	}
	if _, err := before.Exec(t.Context(), "select 1"); err != nil {
		t.Error(err)
	}
	_ = idle[0].Close()
	waitFor(t, func() bool { return g.srv.Sessions() == 3 })
	if _, err := pgx.Connect(context.Background(), g.dsn()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// What an authenticated client garbles ends its session or fails its command, and no more.
func TestGarbledMessages(t *testing.T) {
	g := start(t, options{})
	tail := encode(&sync_{})
	for name, c := range map[string]struct {
		b     string
		fatal bool
		code  string
	}{
		"query of length 4":       {"Q\x00\x00\x00\x04", false, "08P01"},
		"query without end":       {"Q\x00\x00\x00\x06ab", false, "08P01"},
		"query with a tail":       {"Q\x00\x00\x00\x07a\x00b", false, "08P01"},
		"bind, negative length":   {"B\x00\x00\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe\x00\x00\x00\x00", false, "08P01"},
		"bind, absurd count":      {"B\x00\x00\x00\x0c\x00\x00\x00\x00\xff\xff\x00\x00", false, "08P01"},
		"parse, absurd count":     {"P\x00\x00\x00\x08\x00\x00\xff\xff", false, "08P01"},
		"function call":           {"F\x00\x00\x00\x06\xff\xff", false, "08P01"},
		"execute, short":          {"E\x00\x00\x00\x05\x00", false, "08P01"},
		"describe of nothing":     {"D\x00\x00\x00\x06X\x00", false, "08P01"},
		"length of 0":             {"Q\x00\x00\x00\x00", true, "08P01"},
		"length of 4 GB":          {"Q\xff\xff\xff\xff", true, "08P01"},
		"unknown type":            {"y\x00\x00\x00\x04", true, "08P01"},
		"password after the fact": {"p\x00\x00\x00\x05\x00", true, "08P01"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := g.raw(t)
			_, _ = conn.Write(append([]byte(c.b), tail...))
			typ, body := conn.message()
			e := pgproto3.ErrorResponse{}
			if err := e.Decode(body); typ != 'E' || err != nil || e.Code != c.code || (e.Severity == "FATAL") != c.fatal {
				t.Fatalf("got %c %q", typ, body)
			}
			if !c.fatal {
				conn.until('Z')
				conn.send(&query{String: "select 1"})
				conn.until('C')
			}
		})
	}
}

// A client that reads and writes a byte at a time is served like any other.
func TestOneByteClient(t *testing.T) {
	g := start(t, options{})
	c := g.raw(t)
	var want strings.Builder
	for _, b := range encode(&query{String: "select 'one'"}, &parse{Query: "select $1::text"},
		&bind{Parameters: [][]byte{[]byte("two")}}, &describe{ObjectType: 'P'}, &execute{}, &sync_{}) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	want.WriteString(c.until('Z') + c.until('Z'))
	if !strings.Contains(want.String(), "one") || !strings.Contains(want.String(), "two") {
		t.Errorf("got %s", want.String())
	}
}
