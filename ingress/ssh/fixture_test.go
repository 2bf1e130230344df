package ssh_test

import (
	"bytes"
	"cmp"
	"context"
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

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/ingress/ssh"
	"sallyport/ingress/ssh/authority"
	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const (
	alice = "alice@example.com"
	token = "sp_alices-token"
)

// shared is the server of the tests that need no other.
var shared struct {
	once   sync.Once
	server *sshtest.Server
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

func server(t testing.TB) *sshtest.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = sshtest.Start(context.Background(), sshtest.Config{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// people authenticates by tables.
type people struct {
	mu      sync.Mutex
	tokens  map[string]string // secret to user
	keys    map[string]string // key's wire form to user
	revoked context.Context
	revoke  context.CancelFunc
}

func (p *people) identity(user string) *session.Identity {
	return &session.Identity{TokenID: "t-1", Revoked: p.revoked, Principal: &schemas.Principal{
		Name: user, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}, TokenId: "t-1"}}
}

func (p *people) Password(_ context.Context, user, secret string) (*session.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tokens[secret] != user {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "no"}
	}
	return p.identity(user), nil
}

func (p *people) Key(_ context.Context, user string, key []byte) (*session.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys[string(key)] != user {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "no"}
	}
	return p.identity(user), nil
}

func (p *people) Token(_ context.Context, user string, id schemas.TokenID) (*session.Identity, error) {
	if id != "t-1" || user != alice {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "no"}
	}
	return p.identity(user), nil
}

// signIns is the log of sign-ins.
type signIns struct {
	mu   sync.Mutex
	seen []*schemas.SignIn
	fail bool
}

func (s *signIns) SignedIn(_ context.Context, in *schemas.SignIn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return io.ErrShortWrite
	}
	s.seen = append(s.seen, in)
	return nil
}

func (s *signIns) all() []*schemas.SignIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*schemas.SignIn(nil), s.seen...)
}

// gateway is a running SSH gateway in front of a server.
type gateway struct {
	*sessiontest.Env
	sshd      *sshtest.Server
	people    *people
	signIns   *signIns
	authority *authority.Authority
	addr      string
	srv       *ssh.Server
	dir       string // of this test's client: known_hosts, password
	stop      func()
}

type options struct {
	sshd   *sshtest.Server
	env    *sessiontest.Env
	config func(*ssh.Config)
	target func(*resources.Target)
	host   string // on which the gateway listens; 127.0.0.1 by default
}

func start(t testing.TB, o options) *gateway {
	t.Helper()
	if o.sshd == nil {
		o.sshd = server(t)
	}
	g := &gateway{Env: o.env, sshd: o.sshd, signIns: &signIns{}, dir: t.TempDir(), people: &people{
		tokens: map[string]string{token: alice}, keys: map[string]string{}}}
	g.people.revoked, g.people.revoke = context.WithCancel(context.Background())
	if g.Env == nil {
		g.Env = sessiontest.New(t, ssh.Protocol)
	}
	var err error
	if g.authority, err = authority.Load(g.dir, time.Now); err != nil {
		t.Fatal(err)
	}
	target := resources.Target{Protocol: ssh.Protocol, Address: o.sshd.Address,
		Credential: resources.Credential{Username: o.sshd.User, Key: &resources.SecretRef{File: o.sshd.Key}},
		SSH:        &resources.SSH{HostKeys: o.sshd.HostKeys[:1]}}
	if o.target != nil {
		o.target(&target)
	}
	g.Targets.Put("web1", target)
	c := ssh.Config{Gateway: g.Gateway, Authority: g.authority, Authenticator: g.people, SignIns: g.signIns,
		Credentials: credential.New(credential.Config{}), Logger: g.Logger, Hosts: []string{"127.0.0.1", "::1"},
		Limits: ssh.Limits{FinalNotice: 2 * time.Second, Authentication: time.Minute, Dial: time.Minute}}
	if o.config != nil {
		o.config(&c)
	}
	g.serve(t, c, cmp.Or(o.host, "127.0.0.1"))
	g.client(t)
	return g
}

func (g *gateway) serve(t testing.TB, c ssh.Config, host string) {
	t.Helper()
	srv, err := ssh.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
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
		case <-time.After(60 * time.Second):
			t.Error("the gateway does not stop")
		}
	})
	t.Cleanup(g.stop)
}

// client writes what OpenSSH's programs need to sign in as alice.
func (g *gateway) client(t testing.TB) {
	t.Helper()
	host, port, _ := net.SplitHostPort(g.addr)
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("known_hosts", "@cert-authority * "+string(xssh.MarshalAuthorizedKey(g.authority.HostAuthority())), 0o600)
	write("askpass", "#!/bin/sh\necho "+token+"\n", 0o700)
	write("config", strings.Join([]string{"Host gw", "  HostName " + host, "  Port " + port, "  User " + alice + "+web1",
		"Host jump", "  HostName " + host, "  Port " + port, "  User " + alice, "Host web1", "  ProxyJump jump",
		"Host *", "  UserKnownHostsFile " + filepath.Join(g.dir, "known_hosts"), "  StrictHostKeyChecking yes", "  IdentityAgent none",
		"  IdentitiesOnly yes", "  IdentityFile none", "  ConnectTimeout 60", "  LogLevel ERROR", ""}, "\n"), 0o600)
}

// command is a client's program with everything to sign in as alice.
func (g *gateway) command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	switch name {
	case "ssh", "scp", "sftp":
		args = append([]string{"-F", filepath.Join(g.dir, "config")}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+filepath.Join(g.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force", "LC_ALL=C.UTF-8", "SSH_AUTH_SOCK=")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// outcome is what a program printed, and its exit status.
type outcome struct {
	out, err string
	status   int
}

func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exit := err.(*exec.ExitError); err != nil && !exit {
		t.Fatalf("%s: %v: %s", cmd.Path, err, errs.String())
	}
	return outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// ssh runs OpenSSH's client to its end.
func (g *gateway) ssh(t testing.TB, stdin string, args ...string) outcome {
	t.Helper()
	cmd := g.command(t, "ssh", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return finish(t, cmd)
}

// dial connects x/crypto's client.
func (g *gateway) dial(t testing.TB, user string, auth ...xssh.AuthMethod) (*xssh.Client, error) {
	t.Helper()
	if len(auth) == 0 {
		auth = []xssh.AuthMethod{xssh.Password(token)}
	}
	c, err := xssh.Dial("tcp", g.addr, &xssh.ClientConfig{User: user, Auth: auth, Timeout: 30 * time.Second,
		HostKeyCallback: xssh.InsecureIgnoreHostKey()})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// closed waits until the one session there is is closed.
func (g *gateway) closed(t testing.TB) []*schemas.Entry {
	t.Helper()
	return g.Only(t)
}

// sent joins the bytes of a channel of a command on the log; 0: of every command.
func sent(es []*schemas.Entry, command uint64, channel schemas.Channel, formats ...string) string {
	var b strings.Builder
	for _, e := range es {
		f := e.GetBytes()
		if f == nil || f.Channel != channel || command != 0 && f.Command != command {
			continue
		}
		for _, want := range formats {
			if f.Format != want {
				f = nil
				break
			}
		}
		b.Write(f.GetData())
	}
	return b.String()
}

func commands(es []*schemas.Entry) (out []*schemas.Command) {
	for _, e := range es {
		if c := e.GetCommand(); c != nil {
			out = append(out, c)
		}
	}
	return out
}

func results(es []*schemas.Entry) (out []*schemas.Result) {
	for _, e := range es {
		if r := e.GetResult(); r != nil {
			out = append(out, r)
		}
	}
	return out
}
