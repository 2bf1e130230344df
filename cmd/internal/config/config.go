// Package config is sallyport.yaml: what one process is told when it starts. It is decoded
// strictly: an unknown key is refused with its line and column.
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"sallyport/schemas/journal"
)

// Config is the whole file. Paths are relative to the file's directory.
type Config struct {
	DataDir   string    `yaml:"data_dir" doc:"Where everything is kept: the log, the index, certificates and keys."`
	Listen    *Listen   `yaml:"listen" doc:"Addresses to listen on. A service without an entry is off; without the key, all defaults."`
	PublicURL string    `yaml:"public_url" doc:"Address of the web app in links, when it is not the listener's."`
	NATS      NATS      `yaml:"nats" doc:"The log."`
	Resources []string  `yaml:"resources" doc:"Files (globs) of resources that are applied at start."`
	TLS       TLS       `yaml:"tls" doc:"Certificate for clients. Generated under data_dir when not given."`
	Identity  Identity  `yaml:"identity" doc:"Who people and machines are, and who vouches for them: see signin.md."`
	Approvals Approvals `yaml:"approvals" doc:"Approvals, besides what policies say."`
	SSH       SSH       `yaml:"ssh" doc:"The SSH gateway."`
	Limits    Limits    `yaml:"limits" doc:"Bounds and deadlines."`
	Masks     Masks     `yaml:"masks" doc:"What masks need besides their resources."`
	Player    Player    `yaml:"player" doc:"How recordings are indexed for players to seek in."`
	Logging   Logging   `yaml:"logging" doc:"The gateway's own log, on standard error. Payloads and secrets are never in it."`

	dir string // of the file
}

// Listen is where the process listens; empty: off.
type Listen struct {
	Web      string `yaml:"web" doc:"Browser app and API. Plain HTTP on loopback, TLS elsewhere."`
	Postgres string `yaml:"postgres" doc:"PostgreSQL clients."`
	SSH      string `yaml:"ssh" doc:"SSH clients."`
}

// NATS says which log.
type NATS struct {
	URL          string        `yaml:"url" doc:"Of an external NATS with JetStream. Empty: embedded in this process."`
	Credentials  string        `yaml:"credentials" doc:"NATS credentials file, external only."`
	Sync         string        `yaml:"sync" doc:"interval: a power cut loses at most sync_interval of what was acknowledged. always: it loses nothing, and each write waits for the disk."`
	SyncInterval time.Duration `yaml:"sync_interval" doc:"How often the embedded log is flushed to the disk, for sync: interval."`
	KeepBlocks   time.Duration `yaml:"keep_blocks" doc:"How long the embedded log keeps a block (8 MiB) of what went by in memory after its last use. What is recorded in that time is what bulk takes in memory; a shorter time has blocks read again by what indexes them."`
	Replicas     int           `yaml:"replicas" doc:"Copies of each stream in an external cluster."`
}

// TLS is the certificate shown to clients.
type TLS struct {
	Cert string `yaml:"cert" doc:"File of PEM certificates."`
	Key  string `yaml:"key" doc:"File with the PEM private key."`

	Loopback bool `yaml:"loopback" doc:"The browser app and the API speak TLS on loopback too, as client certificates need it."`
}

// Limits bound what clients can make the gateway do.
type Limits struct {
	Authentication  time.Duration `yaml:"authentication" doc:"Time a client has from connecting to being authenticated."`
	Unauthenticated int           `yaml:"unauthenticated" doc:"Connections that are not yet authenticated, in total."`
	PerAddress      int           `yaml:"unauthenticated_per_address" doc:"Connections that are not yet authenticated, from one address."`
	Sessions        int           `yaml:"sessions" doc:"Open sessions in one gateway."`
	Message         int           `yaml:"message" doc:"Bytes of one protocol message from a client."`
	Verdict         time.Duration `yaml:"verdict" doc:"Time the enforcer has to answer; after it the command is denied."`
	Dial            time.Duration `yaml:"dial" doc:"Time to connect and authenticate to a target."`
	Acknowledge     time.Duration `yaml:"acknowledge" doc:"Time the log has to acknowledge before a session ends."`
	Unacknowledged  int           `yaml:"unacknowledged" doc:"Bytes of a session's output that may be delivered before the log has acknowledged them."`
	Progress        time.Duration `yaml:"progress" doc:"How long after something went by in an open session the list of sessions says how much did."`
	Lease           time.Duration `yaml:"lease" doc:"A gateway that was not heard of for this long is gone, and its sessions are closed."`
	CataloguePoll   time.Duration `yaml:"catalogue_poll" doc:"Between looks whether others have changed what a target's catalogue holds. What sessions change through the gateway is noticed at once."`
	CatalogueWait   time.Duration `yaml:"catalogue_wait" doc:"Time a command waits for a catalogue that is being read; after it what depends on it is masked or denied."`
	Held            int           `yaml:"held" doc:"Commands that wait for approval at once, in one gateway."`
	HeldPerSession  int           `yaml:"held_per_session" doc:"Of those, in one session."`
	Estimate        time.Duration `yaml:"estimate" doc:"Time a target's planner has to say how many rows a held statement would touch. The hold does not wait for it."`
	Estimates       int           `yaml:"estimates" doc:"Questions to planners at once, in one gateway."`
	HoldNotice      time.Duration `yaml:"hold_notice" doc:"How often a client is told that its command still waits for approval."`
	Approval        time.Duration `yaml:"approval" doc:"Time that a request for approval holds when its policies do not say."`
	MaskedRow       int           `yaml:"masked_row" doc:"Bytes of a row that is masked; a session with a larger one ends. Rows that nothing masks have no limit but the protocol's."`
	StepUp          time.Duration `yaml:"step_up" doc:"How long somebody who proved a passkey may do what asks for that."`
	GrantWarning    time.Duration `yaml:"grant_warning" doc:"How long before access for a time ends the client of an open session is told."`
	Prompt          int           `yaml:"prompt" doc:"Bytes of the prompt that a run begins with, 262144 at most."`
	TokenTTL        time.Duration `yaml:"token_ttl" doc:"Longest time to live of a token."`
	CommandLine     CommandLine   `yaml:"command_line" doc:"What is spent on understanding a command line."`
}

// Logging is the gateway's own log.
type Logging struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// Default returns the configuration without a file.
func Default() *Config {
	return &Config{
		DataDir: "./data", Identity: defaultIdentity(), SSH: defaultSSH(),
		NATS: NATS{Sync: string(journal.SyncInterval), SyncInterval: 200 * time.Millisecond, KeepBlocks: 300 * time.Millisecond, Replicas: 1},
		Limits: Limits{
			Authentication: 15 * time.Second, Unauthenticated: 512, PerAddress: 128, Sessions: 5000, Message: 1 << 30,
			Verdict: 2 * time.Second, Dial: 15 * time.Second, Acknowledge: 10 * time.Second,
			Unacknowledged: 256 << 10, Lease: 10 * time.Second, Progress: 10 * time.Second, TokenTTL: 30 * 24 * time.Hour, Prompt: maxPrompt,
			CataloguePoll: 5 * time.Second, CatalogueWait: 5 * time.Second,
			Held: 2000, HeldPerSession: 16, HoldNotice: 30 * time.Second, Estimate: 3 * time.Second, Estimates: 8, Approval: 15 * time.Minute, MaskedRow: 64 << 20,
			GrantWarning: 5 * time.Minute, StepUp: 15 * time.Minute, CommandLine: defaultCommandLine(),
		},
		Masks:   defaultMasks(),
		Player:  defaultPlayer(),
		Logging: Logging{Level: "info", Format: "text"},
	}
}

// Load reads a file; without a path it returns the defaults. Its errors name line and column.
func Load(path string) (*Config, error) {
	if path == "" {
		c := Default()
		return c, c.finish()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c := Default()
	if err := yaml.UnmarshalWithOptions(data, c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	c.dir = filepath.Dir(path)
	if err := c.finish(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// finish fills in defaults that depend on others, makes paths whole, and checks.
func (c *Config) finish() error {
	if c.Listen == nil {
		c.Listen = &Listen{Web: "127.0.0.1:7080", Postgres: "127.0.0.1:7432", SSH: "127.0.0.1:7022"}
	}
	for _, p := range []*string{&c.DataDir, &c.NATS.Credentials, &c.TLS.Cert, &c.TLS.Key} {
		*p = c.path(*p)
	}
	for i := range c.Resources {
		c.Resources[i] = c.path(c.Resources[i])
	}
	c.Approvals.finish(c.path)
	return errors.Join(slices.Concat(c.check(), c.Identity.finish(c.path), c.Approvals.check())...)
}

func (c *Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

func (c *Config) check() []error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("data_dir: must not be empty"))
	}
	for name, a := range map[string]string{"web": c.Listen.Web, "postgres": c.Listen.Postgres, "ssh": c.Listen.SSH} {
		if a == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("listen.%s: %q is not host:port", name, a))
		}
	}
	if c.NATS.Sync != string(journal.SyncAlways) && c.NATS.Sync != string(journal.SyncInterval) {
		errs = append(errs, fmt.Errorf("nats.sync: %q is neither always nor interval", c.NATS.Sync))
	}
	if c.NATS.KeepBlocks <= 0 {
		errs = append(errs, fmt.Errorf("nats.keep_blocks: %s is not above 0", c.NATS.KeepBlocks))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("tls: cert and key go together"))
	}
	if c.Logging.Format != "text" && c.Logging.Format != "json" {
		errs = append(errs, fmt.Errorf("logging.format: %q is neither text nor json", c.Logging.Format))
	}
	errs = slices.Concat(errs, c.Masks.check(), c.SSH.check(), c.Player.check())
	return append(errs, c.checkLimits()...)
}

func (c *Config) checkLimits() []error {
	l := c.Limits
	errs := l.CommandLine.check()
	for name, d := range map[string]time.Duration{
		"authentication": l.Authentication, "verdict": l.Verdict, "dial": l.Dial,
		"acknowledge": l.Acknowledge, "progress": l.Progress, "lease": l.Lease, "token_ttl": l.TokenTTL,
		"catalogue_poll": l.CataloguePoll, "catalogue_wait": l.CatalogueWait,
		"hold_notice": l.HoldNotice, "approval": l.Approval, "estimate": l.Estimate, "grant_warning": l.GrantWarning, "step_up": l.StepUp,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("limits.%s: must be above zero", name))
		}
	}
	for name, n := range map[string]int{
		"unauthenticated": l.Unauthenticated, "unauthenticated_per_address": l.PerAddress,
		"sessions": l.Sessions, "message": l.Message, "unacknowledged": l.Unacknowledged,
		"prompt": l.Prompt, "held": l.Held, "held_per_session": l.HeldPerSession, "estimates": l.Estimates, "masked_row": l.MaskedRow,
	} {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("limits.%s: must be above zero", name))
		}
	}
	if l.Prompt > maxPrompt {
		errs = append(errs, fmt.Errorf("limits.prompt: must be %d at most: a prompt is one message of the log", maxPrompt))
	}
	return errs
}

// maxPrompt leaves room for what stands in the place of what masks take out.
const maxPrompt = 256 << 10

// Files returns the files that Resources names. A pattern that matches nothing is an error, unless
// it has a wildcard.
func (c *Config) Files() ([]string, error) {
	var files []string
	for _, pattern := range c.Resources {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("resources: %q: %w", pattern, err)
		}
		if len(matches) == 0 && !strings.ContainsAny(pattern, "*?[") {
			return nil, fmt.Errorf("resources: %s does not exist", pattern)
		}
		files = append(files, matches...)
	}
	return files, nil
}

// Socket is the path of the administrator's unix socket.
func (c *Config) Socket() string { return filepath.Join(c.DataDir, "sallyport.sock") }

// KeyFile is the path of one of this data directory's keys.
func (c *Config) KeyFile(name string) string { return filepath.Join(c.DataDir, "keys", name) }

// TLSDir is where generated certificates are.
func (c *Config) TLSDir() string { return filepath.Join(c.DataDir, "tls") }
