package postgres_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sallyport/ingress/credential"
	"sallyport/ingress/internal/scram"
	"sallyport/ingress/postgres"
	"sallyport/ingress/postgres/postgrestest"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const (
	user  = "alice@example.com"
	token = "sp_alices-token"
)

// shared is the server of the tests that need no other.
var shared struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func server(t testing.TB) *postgrestest.Server {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = postgrestest.Start(context.Background(), postgrestest.Config{Auth: "scram-sha-256"})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// people authenticates by a table of tokens.
type people struct {
	mu     sync.Mutex
	tokens map[string][]person // by user
	clear  bool                // passwords in clear only
}

type person struct {
	secret string
	id     *session.Identity
}

func (p *people) Scram(_ context.Context, user string) session.ScramCredentials {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := session.ScramCredentials{Salt: []byte("salt of " + user), Iterations: 4096, PasswordOnly: p.clear}
	for _, t := range p.tokens[user] {
		k, err := scram.Derive(t.secret, c.Salt, c.Iterations)
		if err != nil {
			panic(err)
		}
		c.Tokens = append(c.Tokens, session.ScramToken{StoredKey: k.StoredKey, ServerKey: k.ServerKey, Identity: t.id})
	}
	return c
}

func (p *people) Certificate(context.Context, string, []*x509.Certificate) (*session.Identity, error) {
	return nil, nil
}

func (p *people) Password(_ context.Context, user, secret string) (*session.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tokens[user] {
		if t.secret == secret {
			return t.id, nil
		}
	}
	return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "no"}
}

func identity() *session.Identity {
	return &session.Identity{TokenID: "t-1", Principal: &schemas.Principal{
		Name: user, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}, TokenId: "t-1"}}
}

// gateway is a running PostgreSQL gateway in front of a server.
type gateway struct {
	*sessiontest.Env
	pg     *postgrestest.Server
	people *people
	addr   string
	ca     string
	srv    *postgres.Server
	stop   func()
}

type options struct {
	pg      *postgrestest.Server
	env     *sessiontest.Env
	config  func(*postgres.Config)
	session func(*session.Config)
	target  func(*resources.Target)
	tls     bool
}

func start(t testing.TB, o options) *gateway {
	t.Helper()
	if o.pg == nil {
		o.pg = server(t)
	}
	g := &gateway{Env: o.env, pg: o.pg, people: &people{tokens: map[string][]person{user: {
		{secret: "sp_another", id: identity()}, {secret: token, id: identity()}}}}}
	if g.Env == nil {
		var change []func(*session.Config)
		if o.session != nil {
			change = append(change, o.session)
		}
		g.Env = sessiontest.New(t, postgres.Protocol, change...)
	}
	t.Setenv("SALLYPORT_TEST_PG", g.pg.Password)
	target := resources.Target{Protocol: postgres.Protocol, Address: g.pg.Address(),
		Credential: resources.Credential{Username: g.pg.User, Password: &resources.SecretRef{Env: "SALLYPORT_TEST_PG"}},
		Postgres:   &resources.Postgres{Database: "postgres", Databases: []string{"*"}}}
	if o.target != nil {
		o.target(&target)
	}
	g.Targets.Put("orders", target)
	c := postgres.Config{Gateway: g.Gateway, Authenticator: g.people, Credentials: credential.New(credential.Config{}), Logger: g.Logger,
		Limits: postgres.Limits{Authentication: time.Minute, Dial: time.Minute, CatalogueWait: time.Minute}}
	if o.tls {
		c.TLS, g.ca = serverTLS(t)
	}
	if o.config != nil {
		o.config(&c)
	}
	g.serve(t, c)
	return g
}

func (g *gateway) serve(t testing.TB, c postgres.Config) {
	t.Helper()
	srv, err := postgres.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	g.addr, g.srv = l.Addr().String(), srv
	g.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the gateway does not stop")
		}
	})
	t.Cleanup(g.stop)
}

func serverTLS(t testing.TB) (*tls.Config, string) {
	t.Helper()
	ca, cert, key, err := postgrestest.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, path
}

// dsn is how clients reach the gateway.
func (g *gateway) dsn(extra ...string) string {
	host, port, _ := net.SplitHostPort(g.addr)
	base := []string{"host=" + host, "port=" + port, "user=" + user, "password=" + token, "dbname=orders"}
	if g.ca == "" {
		base = append(base, "sslmode=disable")
	}
	return strings.Join(append(base, extra...), " ")
}

// pgx connects a pgx client.
func (g *gateway) pgx(t testing.TB, extra ...string) *pgx.Conn {
	t.Helper()
	return connectPgx(t, g.dsn(extra...))
}

func connectPgx(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// direct connects a pgx client to the server itself.
func (g *gateway) direct(t testing.TB) *pgx.Conn {
	t.Helper()
	return connectPgx(t, g.pg.DSN("postgres"))
}

// program runs a client program against a DSN and returns what it prints.
func program(t testing.TB, dsn string, stdin io.Reader, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PGTZ=UTC", "PGCONNECT_TIMEOUT=20")
	for _, kv := range strings.Fields(dsn) {
		k, v, _ := strings.Cut(kv, "=")
		if env := map[string]string{"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
			"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "channel_binding": "PGCHANNELBINDING"}[k]; env != "" {
			cmd.Env = append(cmd.Env, env+"="+v)
		}
	}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func (g *gateway) psql(t testing.TB, script string, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, _ = program(t, g.dsn(), strings.NewReader(script), "psql", append([]string{"-X"}, args...)...)
	return stdout, stderr
}

func (g *gateway) psqlDirect(t testing.TB, script string, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, _ = program(t, g.pg.DSN("postgres"), strings.NewReader(script), "psql", append([]string{"-X"}, args...)...)
	return stdout, stderr
}

// commands are the texts of the commands on the log, in order.
func commands(es []*schemas.Entry) []string {
	var out []string
	for _, e := range es {
		if c := e.GetCommand(); c != nil {
			out = append(out, c.Text)
		}
	}
	return out
}

func results(es []*schemas.Entry) []*schemas.Result {
	var out []*schemas.Result
	for _, e := range es {
		if r := e.GetResult(); r != nil {
			out = append(out, r)
		}
	}
	return out
}
