package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/cmd/internal/config"
	"sallyport/enforcer"
)

func load(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sallyport.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file)
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"data_dirr: ./data":                        "[1:1]",
		"nats:\n  sync: sometimes":                 "neither always nor interval",
		"nats:\n  keep_blocks: 0s":                 "not above 0",
		"nats:\n  synk: always":                    "[2:3]",
		"listen: {web: here}":                      "not host:port",
		"listen: {rdp: \"127.0.0.1:7389\"}":        "rdp",
		"tls: {cert: a.pem}":                       "cert and key go together",
		"limits: {verdict: 0s}":                    "limits.verdict: must be above zero",
		"limits: {unacknowledged: -1}":             "limits.unacknowledged: must be above zero",
		"limits: {command_line: {depth: 0}}":       "limits.command_line.depth: must be above zero, and 64 at most",
		"limits: {command_line: {size: 99999999}}": "limits.command_line.size: must be above zero, and 16777216 at most",
		"limits: {verdict: soon}":                  "invalid duration",
		"data_dir: \"\"\nlogging: {format: xml}":   "data_dir: must not be empty",
		"logging: {format: xml}":                   "neither text nor json",
		"data_dir: [a, b]":                         "[1:11]",
	} {
		_, err := load(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want it to name %q", text, err, want)
		}
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	c, err := load(t, "resources: [\"./r/*.yaml\"]\ntls: {cert: c.pem, key: /k.pem}\n")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(c.DataDir)
	if c.Resources[0] != filepath.Join(dir, "r/*.yaml") || c.TLS.Cert != filepath.Join(dir, "c.pem") || c.TLS.Key != "/k.pem" {
		t.Errorf("paths are %v, %v and %v in %s", c.Resources, c.TLS.Cert, c.TLS.Key, dir)
	}
	if c.Listen.Web != "127.0.0.1:7080" || c.Listen.Postgres != "127.0.0.1:7432" {
		t.Errorf("without a key, listen is %+v", *c.Listen)
	}
	if c, err = load(t, "listen: {postgres: \":0\"}"); err != nil || c.Listen.Web != "" {
		t.Errorf("a service without an entry must be off: %v %v", c, err)
	}
}

func TestFiles(t *testing.T) {
	c, err := load(t, "resources: [missing.yaml]")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Files(); err == nil {
		t.Error("a file that is named and is not there must be an error")
	}
}

// Limits that the file does not say are what they are without one, also beside some that it does.
func TestLimitsOfCommandLines(t *testing.T) {
	c, err := load(t, "limits: {command_line: {nesting: 7}}")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Limits.CommandLine.Enforcer(), (enforcer.ShellConfig{MaxText: 128 << 10, MaxNesting: 7, MaxCommands: 10_000, MaxDepth: 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
