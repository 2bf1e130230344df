package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sallyport/ingress/postgres/postgrestest"
	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas/freeport"
)

// path is one way to a server.
type path struct {
	name     string
	port     string
	user     string
	password string
	database string // of PostgreSQL
}

// bench holds what runs while it measures.
type bench struct {
	config
	dir     string
	suites  []*suite
	server  *postgrestest.Server
	sshd    *sshtest.Server
	relay   net.Listener
	started []*exec.Cmd   // the last is Sallyport
	settled time.Duration // spent waiting for Sallyport to catch up with itself
}

const (
	direct    = "direct"
	pgbouncer = "pgbouncer"
	sallyport = "sallyport"
	bulkRows  = 100_000
	patience  = 30 * time.Second
)

// start starts the servers that are needed, and Sallyport in front of them.
func (b *bench) start(ctx context.Context) error {
	for _, s := range []*suite{
		{title: "PostgreSQL", other: pgbouncer, workloads: b.queries(), start: b.startPostgres},
		{title: "SSH", other: twice, workloads: b.shells(), start: b.startSSH},
	} {
		if len(s.workloads) == 0 {
			continue
		}
		b.suites = append(b.suites, s)
		if err := s.start(ctx, s); err != nil {
			return err
		}
	}
	return b.startSallyport(ctx)
}

func (b *bench) startPostgres(ctx context.Context, s *suite) error {
	var err error
	if b.server, err = postgrestest.Start(ctx, postgrestest.Config{Auth: "scram-sha-256", Settings: []string{"max_connections = 1200"}}); err != nil {
		return err
	}
	p := path{name: direct, port: strconv.Itoa(b.server.Port), user: b.server.User, password: b.server.Password, database: "postgres"}
	if err := b.fill(ctx, p); err != nil {
		return err
	}
	bouncer, err := b.startBouncer(ctx, p)
	if err != nil {
		return err
	}
	copying, err := b.startRelay(p)
	s.paths = []path{p, bouncer, copying}
	return err
}

// fill makes pgbench's tables and the table that is read in bulk.
func (b *bench) fill(ctx context.Context, p path) error {
	if out, err := b.client(ctx, p, filepath.Join(b.server.Bin, "pgbench"), "-i", "-q", "-s", "1").CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w: %s", err, out)
	}
	statement := fmt.Sprintf(`CREATE TABLE bulk AS SELECT i AS id, 'Customer number ' || i AS name, 'customer' || i || '@example.com' AS email,
		lpad((i %% 1000)::text, 3, '0') || '-' || lpad((i %% 100)::text, 2, '0') || '-' || lpad((i %% 10000)::text, 4, '0') AS ssn, now() AS created
		FROM generate_series(1, %d) i; VACUUM ANALYZE bulk`, bulkRows)
	for _, s := range strings.Split(statement, "; ") {
		if out, err := b.client(ctx, p, "psql", "-qc", s).CombinedOutput(); err != nil {
			return fmt.Errorf("fill: %w: %s", err, out)
		}
	}
	return nil
}

// client is a libpq program on a path.
func (b *bench) client(ctx context.Context, p path, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+p.port, "PGUSER="+p.user, "PGPASSWORD="+p.password,
		"PGDATABASE="+p.database, "PGSSLMODE=disable", "PGAPPNAME=bench")
	return c
}

func (b *bench) startBouncer(ctx context.Context, p path) (path, error) {
	port, err := freeport.Find()
	if err != nil {
		return path{}, err
	}
	ini := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%s\nauth_type=scram-sha-256\n"+
		"auth_file=%s/users\npool_mode=session\nmax_client_conn=200\ndefault_pool_size=100\nunix_socket_dir=\nignore_startup_parameters=extra_float_digits\n",
		p.port, strconv.Itoa(port), b.dir)
	users := fmt.Sprintf("%q %q\n", p.user, p.password)
	if err := errors.Join(os.WriteFile(filepath.Join(b.dir, "bouncer.ini"), []byte(ini), 0o644),
		os.WriteFile(filepath.Join(b.dir, "users"), []byte(users), 0o644), os.Chmod(b.dir, 0o755)); err != nil {
		return path{}, fmt.Errorf("configure pgbouncer: %w", err)
	}
	args := []string{"-q", filepath.Join(b.dir, "bouncer.ini")}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...) // it refuses to be root
	}
	out := path{name: pgbouncer, port: strconv.Itoa(port), user: p.user, password: p.password, database: p.database}
	return out, b.launch(ctx, "/usr/sbin/pgbouncer", args, out.port)
}

// launch starts a server and waits until it accepts.
func (b *bench) launch(ctx context.Context, name string, args []string, port string) error {
	c := exec.Command(name, args...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(name), err)
	}
	b.started = append(b.started, c)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not accept: %w\n%s", filepath.Base(name), err, said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// target is the server under a name, and the role that lets the client in.
func target(name string) string {
	return strings.ReplaceAll(`---
apiVersion: sallyport/v1
kind: Target
metadata: {name: NAME}
spec:
  protocol: postgres
  address: 127.0.0.1:PORT
  credential: {username: USER, password: {env: BENCH_PASSWORD}}
  tls: {mode: disable}
  postgres: {database: postgres}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: everybody-NAME}
spec: {members: {users: [bench]}, targets: {names: [NAME]}}
`, "NAME", name)
}

const policy = `---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-destructive-sql}
spec:
  targets: {names: [bench]}
  when: command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write
  verdict: deny
`

// startSallyport starts the binary as an operator would, with everything on.
func (b *bench) startSallyport(ctx context.Context) error {
	listen, text := `web: "127.0.0.1:0"`, ""
	for _, s := range b.suites {
		port, err := freeport.Find()
		if err != nil {
			return err
		}
		p := path{name: sallyport, port: strconv.Itoa(port), user: "bench", database: "bench"}
		declared := b.shellTarget()
		protocol := "ssh"
		if s.other == pgbouncer {
			protocol = "postgres"
			declared = strings.NewReplacer("PORT", s.paths[0].port, "USER", s.paths[0].user).Replace(target("bench") + policy + maskedTargets())
			if err := os.Setenv("BENCH_PASSWORD", s.paths[0].password); err != nil {
				return err
			}
		}
		listen += fmt.Sprintf(", %s: \"127.0.0.1:%s\"", protocol, p.port)
		text += declared
		s.paths = append(s.paths, p)
	}
	settings := fmt.Sprintf("data_dir: %s/data\nlisten: {%s}\nresources: [%s/resources.yaml]\n", b.dir, listen, b.dir)
	file := filepath.Join(b.dir, "sallyport.yaml")
	if err := errors.Join(os.WriteFile(filepath.Join(b.dir, "resources.yaml"), []byte(text), 0o600), os.WriteFile(file, []byte(settings), 0o600)); err != nil {
		return fmt.Errorf("configure sallyport: %w", err)
	}
	first := b.suites[0].paths
	if err := b.launch(ctx, b.binary, []string{"up", "--config", file}, first[len(first)-1].port); err != nil {
		return err
	}
	token, err := b.token(ctx, file)
	if err != nil {
		return err
	}
	for _, s := range b.suites {
		s.paths[len(s.paths)-1].password = token
	}
	return b.configureClients()
}

// gateway is Sallyport's process.
func (b *bench) gateway() int { return b.started[len(b.started)-1].Process.Pid }

func (b *bench) token(ctx context.Context, file string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, b.binary, "token", "create", "--config", file, "--user", "bench", "--ttl", "24h", "--json").Output()
		if err == nil {
			return decodeToken(out)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("make a token: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settle waits until Sallyport has caught up with itself (its index, its events), so that what it
// does afterwards does not fall on the next path's turn. Its own processor time tells.
func (b *bench) settle(ctx context.Context, p path) error {
	if p.name != sallyport {
		return nil
	}
	begin := time.Now()
	for quiet := 0; quiet < 3; {
		before, err := processorTime(b.gateway())
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(glance):
		}
		after, err := processorTime(b.gateway())
		if err != nil {
			return err
		}
		if quiet++; after-before > glance/20 {
			quiet = 0
		}
	}
	b.settled += time.Since(begin)
	return nil
}

const glance = 200 * time.Millisecond

// processorTime returns what a process has used: proc(5), fields 14 and 15 of stat, in ticks of 10 ms.
func processorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

func (b *bench) stop() error {
	for _, c := range b.started {
		_ = c.Process.Signal(syscall.SIGTERM)
	}
	for _, c := range b.started {
		_ = c.Wait() // ended by the signal
	}
	var err error
	if b.relay != nil {
		err = b.relay.Close()
	}
	if b.server != nil {
		err = errors.Join(err, b.server.Stop())
	}
	if b.sshd != nil {
		err = errors.Join(err, b.sshd.Stop())
	}
	return err
}

func decodeToken(out []byte) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return made.Token, nil
}
