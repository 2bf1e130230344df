package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/cmd/internal/config"
)

func TestNotifiersAreChecked(t *testing.T) {
	for one, want := range map[string]string{
		`{name: "A b", webhook: {url: "https://x.example", secret: {env: X}}}`: "must be a name of its own",
		`{name: a}`: "exactly one of slack, teams, email and webhook",
		`{name: a, teams: {url: {env: X}}, webhook: {url: "https://x.example"}}`:               "exactly one of",
		`{name: a, slack: {channel: C1}}`:                                                      "slack needs a token and a channel",
		`{name: a, teams: {}}`:                                                                 "teams needs the url",
		`{name: a, webhook: {url: "ftp://x", secret: {env: X}}}`:                               "no http or https URL",
		`{name: a, webhook: {url: "https://x.example"}}`:                                       "webhook needs a secret",
		`{name: a, email: {server: "x:25", from: nobody, to: [a@b.example]}}`:                  "is no address",
		`{name: a, email: {server: "x:25", from: a@b.example}}`:                                "needs a server, from and to",
		`{name: a, webhook: {url: "https://x.example", secret: {value: plain}}}`:               "value",
		`{name: a, teams: {url: {env: X}}}` + "\n    - " + `{name: a, teams: {url: {env: X}}}`: "must be a name of its own",
	} {
		_, err := load(t, "approvals:\n  notify:\n    - "+one)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want it to name %q", one, err, want)
		}
	}
}

// Files of secrets are relative to the configuration's.
func TestSecretsAreFound(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"sallyport.yaml": "approvals: {notify: [{name: a, teams: {url: {file: secrets/url}}}]}", "secrets/url": "https://x.example\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(filepath.Join(dir, "sallyport.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if url, err := c.Approvals.Notify[0].Teams.URL.Read(); err != nil || url != "https://x.example" {
		t.Errorf("%q, %v", url, err)
	}
	t.Setenv("SALLYPORT_TEST_EMPTY", "")
	if _, err := (config.Secret{Env: "SALLYPORT_TEST_EMPTY"}).Read(); err == nil {
		t.Error("an empty variable is a secret")
	}
}
