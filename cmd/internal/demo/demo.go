// Package demo shows Sallyport in a minute: a throwaway PostgreSQL with sample customers and, where one is installed, a
// throwaway sshd, everything else in this process, a short story through a real psql and a real ssh, and then what to
// paste.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sallyport/cmd/internal/client"
	"sallyport/cmd/internal/config"
	"sallyport/cmd/internal/server"
	"sallyport/ingress/postgres/postgrestest"
)

// Config is what Run needs.
type Config struct {
	Once    bool // run the story and end
	Out     io.Writer
	Version string
}

// Run runs the demo. With Once it returns nil only if every step of the story was seen; else it
// stays up until ctx is done.
func Run(ctx context.Context, c Config) (err error) {
	dir, err := os.MkdirTemp("", "sallyport-demo-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{c: c, dir: dir}
	d.say("Starting a throwaway PostgreSQL and a throwaway sshd …")
	defer func() { err = errors.Join(err, d.stop()) }()
	machine := make(chan error, 1)
	go func() {
		var err error
		d.machine, err = d.startMachine(ctx)
		machine <- err
	}()
	err = d.startDatabase(ctx)
	if err := errors.Join(err, <-machine); err != nil {
		return err
	}
	if d.machine == nil {
		d.say("No sshd is installed here (Debian's openssh-server): the story is told without SSH.")
	}
	return d.with(ctx, d.story)
}

func (d *demo) startDatabase(ctx context.Context) (err error) {
	if d.target, err = postgrestest.Start(ctx, postgrestest.Config{Auth: "scram-sha-256"}); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return d.fill(ctx)
}

// stop ends the servers that were started.
func (d *demo) stop() error {
	err := d.machine.stop()
	if d.target != nil {
		err = errors.Join(err, d.target.Stop())
	}
	return err
}

type demo struct {
	c       Config
	dir     string
	target  *postgrestest.Server
	machine *machine // nil: there is no sshd
	config  *config.Config
	server  *server.Main
	client  *client.Client
	bob     *reviewer

	passwords map[string]string // of the built-in provider's users
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.c.Out, format+"\n", args...) }

// with runs what is to be done while the server runs.
func (d *demo) with(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := d.configure(); err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(d.dir, "gateway.log"))
	if err != nil {
		return fmt.Errorf("create log file: %w", err)
	}
	defer logFile.Close()
	d.say("Starting Sallyport …")
	d.server = server.New(server.Config{
		Config: d.config, Services: server.Everything(), Version: d.c.Version,
		Logger: slog.New(slog.NewTextHandler(logFile, nil)),
	})
	ended := make(chan error, 1)
	go func() { ended <- d.server.Run(ctx) }()
	select {
	case err := <-ended:
		return fmt.Errorf("start the gateway: %w", err)
	case <-d.server.Ready():
	}
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	select {
	case err = <-ended:
		cancel()
		return errors.Join(err, <-done)
	case err = <-done:
		cancel()
		return errors.Join(err, <-ended)
	}
}

// configure writes what an operator would: a configuration and a file of resources.
func (d *demo) configure() error {
	resources := filepath.Join(d.dir, "resources.yaml")
	password := filepath.Join(d.dir, "password")
	text := strings.NewReplacer("ADDRESS", d.target.Address(), "USER", d.target.User, "PASSWORD", password).Replace(declared) + d.machine.declare()
	if err := os.WriteFile(resources, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write resources: %w", err)
	}
	if err := os.WriteFile(password, []byte(d.target.Password), 0o600); err != nil {
		return fmt.Errorf("write credential: %w", err)
	}
	listen := fmt.Sprintf("{web: %q, postgres: %q", d.free(7080), d.free(7432))
	if d.machine != nil {
		listen += fmt.Sprintf(", ssh: %q", d.free(7022))
	}
	listen += "}"
	file := filepath.Join(d.dir, "sallyport.yaml")
	settings := "data_dir: ./data\nresources: [./resources.yaml]\nlisten: " + listen + "\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	var err error
	if d.config, err = config.Load(file); err != nil {
		return err
	}
	d.client, err = client.New(client.Config{Socket: d.config.Socket()})
	return err
}

// free is where to listen: on the port of that number, unless somebody does already or nobody will be told, else
// where the system chooses.
func (d *demo) free(port int) string {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if d.c.Once {
		return "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return address
}

// fill makes a database with sample customers.
func (d *demo) fill(ctx context.Context) error {
	for _, one := range []struct{ database, statements string }{
		{"postgres", "CREATE DATABASE orders"},
		{"orders", sample},
	} {
		c := exec.CommandContext(ctx, "psql", "--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", d.target.DSN(one.database), "-c", one.statements)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("fill the sample database: %w: %s", err, out)
		}
	}
	return nil
}

// sample is what the demo's database holds: computing's pioneers, with cards that are test numbers.
const sample = `
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, card text, since date NOT NULL);
INSERT INTO customers VALUES
  (1, 'Ada Lovelace',     'ada@example.com',     '4111 1111 1111 1111', '2024-12-10'),
  (2, 'Grace Hopper',     'grace@example.com',   '5555 5555 5555 4444', '2025-01-01'),
  (3, 'Edsger Dijkstra',  'edsger@example.com',  NULL,                  '2025-05-11'),
  (4, 'Barbara Liskov',   'barbara@example.com', '3782 822463 10005',   '2025-11-07'),
  (5, 'Alan Turing',      'alan@example.com',    '6011 1111 1111 1117', '2026-06-23');
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, item text NOT NULL, cents int NOT NULL);
INSERT INTO orders VALUES (1, 1, 'Difference engine, part 17', 129900), (2, 2, 'Nanosecond of wire', 300), (3, 4, 'Substitute', 4200);
CREATE TABLE orders_2024 AS SELECT * FROM orders;`

// declared is what the demo protects and how.
const declared = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: demo}}
spec:
  protocol: postgres
  address: "ADDRESS"
  credential: {username: "USER", password: {file: PASSWORD}}
  postgres: {database: orders}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec:
  members: {groups: [eng]}
  targets: {labels: {env: demo}}
  can: [connect, replay, watch, kill]
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: agents}
spec:
  members: {agents: [triage]}
  targets: {labels: {env: demo}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: dbas}
spec:
  members: {groups: [dba]}
  targets: {labels: {env: demo}}
  can: [connect, replay, watch, kill, review]
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: hold-destructive-sql}
spec:
  targets: {labels: {env: demo}}
  when: command.sql.kinds.exists(k, k in ["DROP", "TRUNCATE"]) || command.sql.unfiltered_write
  verdict: hold
  approval: {any: [{groups: [dba], count: 1}], expires: 15m}
  message: destructive SQL needs a DBA
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: customers-mail}
spec: {targets: {labels: {env: demo}}, columns: [customers.email]}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: cards}
spec: {targets: {labels: {env: demo}}, detect: [credit-card], with: partial, keep: 4}
`
