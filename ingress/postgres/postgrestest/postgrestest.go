package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sallyport/schemas/freeport"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Config says what server to start. The zero value is one that trusts everybody on loopback.
type Config struct {
	Auth     string   // of pg_hba.conf: trust (default), scram-sha-256, md5, password
	TLS      bool     // with a new certificate, see Server.CA
	HBA      []string // lines of pg_hba.conf instead of the one for Auth
	Password string   // of the superuser; "postgres-secret" by default
	Settings []string // further lines of postgresql.conf
	Bin      string   // directory of the server programs; found by default
}

// Server is a running server.
type Server struct {
	Host     string
	Port     int
	User     string // superuser
	Password string
	Dir      string // holds the cluster, the unix socket and the log; removed by Stop
	CA       string // file of the certificate authority; empty without TLS
	Bin      string

	cmd  *exec.Cmd
	done chan struct{}
}

// Address is host:port.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// DSN is a libpq connection string for the superuser on a database.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s sslmode=prefer", s.Host, s.Port, s.User, s.Password, database)
}

// Run starts a server for a test, which is skipped where PostgreSQL is not installed.
func Run(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Bin == "" && findBin() == "" {
		t.Skip("PostgreSQL's server programs are not installed")
	}
	s, err := Start(context.Background(), c)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return s
}

// Start starts a server and returns once it takes connections. The caller calls Stop.
func Start(ctx context.Context, c Config) (*Server, error) {
	setDefaults(&c)
	if c.Bin == "" {
		return nil, errors.New("PostgreSQL's server programs are not installed (Debian: apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("", "sallyport-pg-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	s := &Server{Host: "127.0.0.1", User: "postgres", Password: c.Password, Dir: dir, Bin: c.Bin}
	if err := s.start(ctx, c); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

func setDefaults(c *Config) {
	if c.Auth == "" {
		c.Auth = "trust"
	}
	if c.Password == "" {
		c.Password = "postgres-secret"
	}
	if c.Bin == "" {
		c.Bin = findBin()
	}
	if c.HBA == nil {
		c.HBA = []string{"local all all " + c.Auth, "host all all 127.0.0.1/32 " + c.Auth}
	}
}

// findBin returns the directory of the newest server programs, empty when there are none.
func findBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return majorOf(b) - majorOf(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0])
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p)
	}
	return ""
}

func majorOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

func (s *Server) start(ctx context.Context, c Config) error {
	if err := s.init(ctx, c); err != nil {
		return err
	}
	if c.TLS {
		if err := s.certify(); err != nil {
			return err
		}
	}
	for range 3 { // another process may take the port first
		if err := s.configure(c); err != nil {
			return err
		}
		err := s.launch(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if text, _ := os.ReadFile(filepath.Join(s.Dir, "log")); !bytes.Contains(text, []byte("Address already in use")) {
			return err
		}
	}
	return errors.New("no free port")
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// command runs a server program as somebody who may.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Bin, name), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: unprivileged()}
	return cmd
}

// unprivileged is the user postgres when this process is root, else nil.
func unprivileged() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *Server) own(names ...string) error {
	c := unprivileged()
	if c == nil {
		return nil
	}
	for _, n := range names {
		if err := os.Chown(n, int(c.Uid), int(c.Gid)); err != nil {
			return fmt.Errorf("hand over to postgres: %w", err)
		}
	}
	return nil
}

func (s *Server) init(ctx context.Context, c Config) error {
	secret := filepath.Join(s.Dir, "secret")
	if err := os.WriteFile(secret, []byte(c.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if err := s.own(s.Dir, secret); err != nil {
		return err
	}
	method := c.Auth
	if method != "md5" {
		method = "scram-sha-256" // decides how the password is stored
	}
	out, err := s.command(ctx, "initdb", "-D", s.data(), "-U", s.User, "-A", method, "--pwfile", secret,
		"--no-sync", "--encoding=UTF8", "--locale=C.UTF-8").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (s *Server) configure(c Config) error {
	var err error
	if s.Port, err = freeport.Find(); err != nil {
		return err
	}
	lines := append([]string{
		"listen_addresses = '127.0.0.1'", fmt.Sprintf("port = %d", s.Port), "unix_socket_directories = '" + s.Dir + "'",
		"fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 100",
		"shared_buffers = 32MB", "timezone = 'UTC'", "log_timezone = 'UTC'",
		fmt.Sprintf("ssl = %t", c.TLS), fmt.Sprintf("password_encryption = '%s'", map[bool]string{true: "md5", false: "scram-sha-256"}[c.Auth == "md5"]),
	}, c.Settings...)
	if c.TLS {
		lines = append(lines, "ssl_cert_file = '"+filepath.Join(s.Dir, "server.crt")+"'", "ssl_key_file = '"+filepath.Join(s.Dir, "server.key")+"'")
	}
	for name, content := range map[string]string{
		"postgresql.auto.conf": strings.Join(lines, "\n") + "\n",
		"pg_hba.conf":          strings.Join(c.HBA, "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(s.data(), name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	return nil
}

func (s *Server) launch(ctx context.Context) error {
	log, err := os.Create(filepath.Join(s.Dir, "log"))
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer log.Close()
	s.cmd = s.command(context.Background(), "postgres", "-D", s.data())
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr.Setpgid = true // an interrupt of the terminal is for the program that started it
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	return s.ready(ctx)
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := exec.CommandContext(ctx, s.Tool("pg_isready"), "-q", "-h", s.Host, "-p", strconv.Itoa(s.Port)).Run()
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			text, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			return fmt.Errorf("postgres ended: %s", bytes.TrimSpace(text))
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Stop ends the server at once and removes its directory.
func (s *Server) Stop() error {
	if s.done != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // its children too, without a checkpoint
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	}
	return os.RemoveAll(s.Dir)
}

// Tool is the path of one of PostgreSQL's client programs: the server's own, or another version's
// where the server comes without.
func (s *Server) Tool(name string) string {
	path := filepath.Join(s.Bin, name)
	if _, err := os.Stat(path); err != nil {
		return name
	}
	return path
}

// PID is the process id of the server's first process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Psql runs SQL as the superuser, directly, and returns what psql prints (unaligned, tuples only).
func (s *Server) Psql(ctx context.Context, database, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Tool("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1",
		"-h", s.Host, "-p", strconv.Itoa(s.Port), "-U", s.User, "-d", database)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Password)
	cmd.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}
