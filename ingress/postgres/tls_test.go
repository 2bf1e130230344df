package postgres_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgproto3/v2"
	"github.com/jackc/pgx/v5"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/postgres/postgrestest"
	"sallyport/schemas/resources"
)

func TestClientTLS(t *testing.T) {
	g := start(t, options{tls: true})
	for _, extra := range []string{
		"sslmode=disable", "sslmode=prefer", "sslmode=require", "sslmode=verify-full sslrootcert=" + g.ca,
		"sslmode=require channel_binding=require", "sslmode=require channel_binding=disable",
	} {
		out, errs, err := program(t, g.dsn(extra), strings.NewReader("select 'ok';"), "psql", "-XqAt")
		if err != nil || out != "ok\n" {
			t.Errorf("psql %s: %v %s", extra, err, errs)
		}
	}
	for _, extra := range []string{"sslmode=verify-full sslrootcert=" + g.ca, "sslmode=require channel_binding=require",
		"sslmode=require sslnegotiation=direct"} {
		c, err := pgx.Connect(t.Context(), g.dsn(extra))
		if err != nil {
			t.Errorf("pgx %s: %v", extra, err)
			continue
		}
		if _, err := c.Exec(t.Context(), "select 1"); err != nil {
			t.Errorf("pgx %s: %v", extra, err)
		}
		_ = c.Close(t.Context())
	}
	tlsSessions := 0
	for _, id := range g.Sessions(t) {
		if g.Closed(t, id)[0].GetOpened().Tls {
			tlsSessions++
		}
	}
	if tlsSessions != 8 {
		t.Errorf("%d sessions with TLS, want 8", tlsSessions)
	}
}

// Somebody in the middle, with a certificate of their own, is noticed by the binding.
func TestChannelBindingOfAnotherCertificate(t *testing.T) {
	g := start(t, options{tls: true})
	c := dialRaw(t, g.addr)
	_, _ = c.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47})
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	secure := &raw{Conn: tls.Client(c, &tls.Config{InsecureSkipVerify: true}), t: t}
	secure.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": user, "database": "orders"}})
	if _, body := secure.message(); !bytes.Contains(body, []byte("SCRAM-SHA-256-PLUS")) {
		t.Fatalf("binding is not on offer: %q", body)
	}
	s := scram.NewClient(token, []byte("another certificate"), true)
	secure.send(&pgproto3.SASLInitialResponse{AuthMechanism: s.Mechanism(), Data: s.First()})
	_, body := secure.message()
	final, err := s.Final(body[4:])
	if err != nil {
		t.Fatal(err)
	}
	secure.send(&pgproto3.SASLResponse{Data: final})
	if typ, body := secure.message(); typ != 'E' || !bytes.Contains(body, []byte("channel binding")) {
		t.Errorf("got %c %q", typ, body)
	}
}

// What follows an SSLRequest in the same packet must not be taken for what came through TLS.
func TestNothingIsSmuggledBeforeTLS(t *testing.T) {
	g := start(t, options{tls: true})
	c := dialRaw(t, g.addr)
	_, _ = c.Write(append([]byte{0, 0, 0, 8, 4, 210, 22, 47},
		encode(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": user}})...))
	rest, err := io.ReadAll(c)
	if err != nil && !isReset(err) {
		t.Fatal(err)
	}
	if bytes.Contains(rest, []byte("SCRAM")) {
		t.Errorf("the injected packet was answered: %q", rest)
	}
}

func TestDirectTLSNeedsALPN(t *testing.T) {
	g := start(t, options{tls: true})
	c := &raw{Conn: tls.Client(dialRaw(t, g.addr).Conn, &tls.Config{InsecureSkipVerify: true}), t: t}
	if typ, body := c.message(); typ != 'E' || !bytes.Contains(body, []byte("ALPN")) {
		t.Errorf("got %c %q", typ, body)
	}
}

func TestGSSIsDeclined(t *testing.T) {
	g := start(t, options{})
	c := dialRaw(t, g.addr)
	for _, code := range []byte{48, 47} { // GSS, then SSL, which is not configured
		_, _ = c.Write([]byte{0, 0, 0, 8, 4, 210, 22, code})
		var answer [1]byte
		if _, err := io.ReadFull(c, answer[:]); err != nil || answer[0] != 'N' {
			t.Fatalf("answer %q, %v", answer, err)
		}
	}
	c.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": user, "database": "orders"}})
	c.scram(token)
	c.until('Z')
}

func TestProtocolVersions(t *testing.T) {
	g := start(t, options{})
	for name, c := range map[string]struct {
		version  uint32
		option   string
		want     uint32 // told to the client; 0: nothing to tell
		keyBytes int
	}{
		"3.0":              {3 << 16, "", 0, 4},
		"3.0 and a option": {3 << 16, "_pq_.x", 3 << 16, 4},
		"3.2":              {3<<16 | 2, "", 0, 32},
		"3.9999":           {3<<16 | 9999, "_pq_.grease", 3<<16 | 2, 32},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialRaw(t, g.addr)
			p := map[string]string{"user": user, "database": "orders"}
			if c.option != "" {
				p[c.option] = "1"
			}
			conn.send(&pgproto3.StartupMessage{ProtocolVersion: c.version, Parameters: p})
			if c.want != 0 {
				typ, body := conn.message()
				if typ != 'v' || binary.BigEndian.Uint32(body) != c.want || c.option != "" && !bytes.Contains(body, []byte(c.option)) {
					t.Fatalf("got %c %q", typ, body)
				}
			}
			conn.scram(token)
			for {
				typ, body := conn.message()
				if typ == 'K' {
					if len(body) != 4+c.keyBytes {
						t.Errorf("a key of %d bytes", len(body)-4)
					}
				}
				if typ == 'Z' {
					break
				}
			}
		})
	}
}

func TestCleartextOnlyWhereItIsSafe(t *testing.T) {
	g := start(t, options{tls: true})
	g.people.mu.Lock()
	g.people.clear = true
	g.people.mu.Unlock()
	for _, extra := range []string{"sslmode=disable", "sslmode=require"} { // loopback, TLS
		c, err := pgx.Connect(t.Context(), g.dsn(extra))
		if err != nil {
			t.Errorf("%s: %v", extra, err)
			continue
		}
		_ = c.Close(t.Context())
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(g.dsn("sslmode=disable"), token, "sp_wrong", 1)); code(err) != "28P01" {
		t.Errorf("wrong password: %v", err)
	}
}

// The gateway reaches targets with every way of authentication and every mode of TLS as libpq has them.
func TestUpstream(t *testing.T) {
	if testing.Short() {
		t.Skip("starts several servers")
	}
	type target = resources.Target
	for name, c := range map[string]struct {
		server postgrestest.Config
		modes  map[string]bool // does it connect?
		change func(*target)
	}{
		"trust":     {server: postgrestest.Config{}, modes: map[string]bool{"disable": true, "": true, "require": false}},
		"md5":       {server: postgrestest.Config{Auth: "md5"}, modes: map[string]bool{"disable": true}},
		"cleartext": {server: postgrestest.Config{Auth: "password"}, modes: map[string]bool{"disable": true}},
		"TLS": {server: postgrestest.Config{Auth: "scram-sha-256", TLS: true}, modes: map[string]bool{
			"disable": true, "allow": true, "prefer": true, "require": true, "verify-ca": true, "verify-full": true}},
		"TLS only": {server: postgrestest.Config{TLS: true, HBA: []string{"hostssl all all 127.0.0.1/32 scram-sha-256"}},
			modes: map[string]bool{"disable": false, "allow": true, "prefer": true}},
		"no TLS only": {server: postgrestest.Config{TLS: true, HBA: []string{"hostnossl all all 127.0.0.1/32 scram-sha-256"}},
			modes: map[string]bool{"prefer": true, "require": false}},
	} {
		t.Run(name, func(t *testing.T) {
			pg := postgrestest.Run(t, c.server)
			g := start(t, options{pg: pg})
			for mode, connects := range c.modes {
				r, _ := g.Targets.Target("orders")
				change := *r.Target
				change.TLS = &resources.TLS{Mode: mode}
				if strings.HasPrefix(mode, "verify") {
					change.TLS.CA = pg.CA
				}
				g.Targets.Put("orders", change)
				conn, err := pgx.Connect(t.Context(), g.dsn())
				if (err == nil) != connects {
					t.Errorf("mode %q: %v", mode, err)
				}
				if err == nil {
					_ = conn.Close(t.Context())
				} else if strings.Contains(err.Error(), pg.Password) {
					t.Errorf("the credential is in the error: %v", err)
				}
			}
		})
	}
}

func TestUpstreamIsVerified(t *testing.T) {
	pg := postgrestest.Run(t, postgrestest.Config{Auth: "scram-sha-256", TLS: true})
	other := start(t, options{tls: true}) // whose CA is not the server's
	g := start(t, options{pg: pg})
	r, _ := g.Targets.Target("orders")
	for name, c := range map[string]struct {
		tls      resources.TLS
		binding  string
		password string
		code     string
	}{
		"another CA":                      {tls: resources.TLS{Mode: "verify-ca", CA: other.ca}, code: "57P03"},
		"another name":                    {tls: resources.TLS{Mode: "verify-full", CA: pg.CA, ServerName: "db.example.com"}, code: "57P03"},
		"another name, verify-ca":         {tls: resources.TLS{Mode: "verify-ca", CA: pg.CA, ServerName: "db.example.com"}},
		"binding":                         {tls: resources.TLS{Mode: "require"}, binding: "require"},
		"no binding":                      {tls: resources.TLS{Mode: "require"}, binding: "disable"},
		"binding without TLS":             {tls: resources.TLS{Mode: "disable"}, binding: "require", code: "57P03"},
		"wrong password":                  {tls: resources.TLS{Mode: "require"}, password: "planted-wrong", code: "28P01"},
		"require with a CA checks chains": {tls: resources.TLS{Mode: "require", CA: other.ca}, code: "57P03"},
	} {
		t.Run(name, func(t *testing.T) {
			change := *r.Target
			change.TLS = &c.tls
			change.Postgres = &resources.Postgres{Database: "postgres", ChannelBinding: c.binding}
			if c.password != "" {
				t.Setenv("SALLYPORT_TEST_WRONG", c.password)
				change.Credential.Password = &resources.SecretRef{Env: "SALLYPORT_TEST_WRONG"}
			}
			g.Targets.Put("orders", change)
			conn, err := pgx.Connect(t.Context(), g.dsn())
			if code(err) != c.code || (err == nil) != (c.code == "") {
				t.Fatalf("got %v, want %q", err, c.code)
			}
			if err == nil {
				_ = conn.Close(t.Context())
				return
			}
			for _, secret := range []string{"planted", "\"postgres\"", pg.Password} {
				if strings.Contains(err.Error(), "FATAL") && strings.Contains(err.Error()[strings.Index(err.Error(), "FATAL"):], secret) {
					t.Errorf("%s is in the error: %v", secret, err)
				}
			}
		})
	}
}

func TestUnixSocketAndUnreachable(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) {
		pg := server(t)
		_, port, _ := strings.Cut(pg.Address(), ":")
		r.Address = pg.Dir + ":" + port
	}})
	if _, err := g.pgx(t).Exec(t.Context(), "select 1"); err != nil {
		t.Error(err)
	}
	r, _ := g.Targets.Target("orders")
	change := *r.Target
	change.Address = "127.0.0.1:1"
	g.Targets.Put("orders", change)
	if _, err := pgx.Connect(t.Context(), g.dsn()); code(err) != "57P03" {
		t.Errorf("got %v", err)
	}
}

// A cancel request goes to the target in the way that the session did.
func TestCancelOverUpstreamTLS(t *testing.T) {
	pg := postgrestest.Run(t, postgrestest.Config{TLS: true, HBA: []string{"hostssl all all 127.0.0.1/32 scram-sha-256"}})
	g := start(t, options{pg: pg, target: func(r *resources.Target) { r.TLS = &resources.TLS{Mode: "verify-full", CA: pg.CA} }})
	c, admin := g.pgx(t), g.direct(t)
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), "select pg_sleep(40)")
		done <- err
	}()
	waitFor(t, func() bool {
		var n int
		return admin.QueryRow(t.Context(), "select count(*) from pg_stat_activity where query = 'select pg_sleep(40)' and state = 'active'").Scan(&n) == nil && n == 1
	})
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; code(err) != "57014" {
		t.Errorf("got %v", err)
	}
}
