package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"strings"
)

// Approvals is what approvals need besides their policies.
type Approvals struct {
	Notify []Notifier `yaml:"notify" doc:"Where people are told of requests: Slack, Microsoft Teams, e-mail, webhooks. See notifiers.md."`
}

// Notifier is one place where people are told. Exactly one of the kinds is set.
type Notifier struct {
	Name    string   `yaml:"name" doc:"Among all notifiers: of a-z, 0-9 and dashes."`
	Targets []string `yaml:"targets" doc:"Names of targets of whose requests it is told. Empty: all."`
	Slack   *Slack   `yaml:"slack" doc:"A channel of Slack."`
	Teams   *Teams   `yaml:"teams" doc:"A channel of Microsoft Teams."`
	Email   *Email   `yaml:"email" doc:"People with mailboxes."`
	Webhook *Webhook `yaml:"webhook" doc:"Whoever takes Standard Webhooks."`
}

// Slack is a channel of Slack.
type Slack struct {
	Token         Secret            `yaml:"token" doc:"Of the bot."`
	SigningSecret Secret            `yaml:"signing_secret" doc:"Of the app; without it nobody decides in Slack."`
	Channel       string            `yaml:"channel" doc:"Id of the channel."`
	Users         map[string]string `yaml:"users" doc:"Names here, by user id there; others by their e-mail address."`
	API           string            `yaml:"api" doc:"Of the Web API; https://slack.com/api by default."`
	Respond       string            `yaml:"respond" doc:"Prefix of response URLs; https://hooks.slack.com/ by default."`
}

// Teams is a channel of Microsoft Teams.
type Teams struct {
	URL Secret `yaml:"url" doc:"Of the workflow that posts to it."`
}

// Email is people with mailboxes.
type Email struct {
	Server   string   `yaml:"server" doc:"Its host:port."`
	From     string   `yaml:"from" doc:"Address of the sender."`
	To       []string `yaml:"to" doc:"Addresses."`
	Username string   `yaml:"username" doc:"To sign in to the server with; empty: nobody does."`
	Password Secret   `yaml:"password" doc:"Where its password is."`
	Plain    bool     `yaml:"plain" doc:"Lets mail go without TLS to another machine."`
}

// Webhook is whoever takes Standard Webhooks.
type Webhook struct {
	URL    string `yaml:"url" doc:"Of whoever takes them."`
	Secret Secret `yaml:"secret" doc:"Where it is: whsec_ and base64."`
}

// Secret is where a secret is. At most one field is set.
type Secret struct {
	Env  string `yaml:"env" doc:"Environment variable that holds it."`
	File string `yaml:"file" doc:"File that holds it; a newline at its end is not part of it."`
}

// Given reports whether there is one.
func (s Secret) Given() bool { return s.Env != "" || s.File != "" }

// Read returns the secret; a newline at the end of a file is not part of it.
func (s Secret) Read() (string, error) {
	switch {
	case s.Env != "":
		if v := os.Getenv(s.Env); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment variable %s is empty", s.Env)
	case s.File != "":
		data, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		return strings.TrimSuffix(string(data), "\n"), nil
	}
	return "", errors.New("no secret is named")
}

// finish makes paths of secrets whole.
func (a *Approvals) finish(path func(string) string) {
	for i := range a.Notify {
		n := &a.Notify[i]
		var secrets []*Secret
		if n.Slack != nil {
			secrets = append(secrets, &n.Slack.Token, &n.Slack.SigningSecret)
		}
		if n.Teams != nil {
			secrets = append(secrets, &n.Teams.URL)
		}
		if n.Email != nil {
			secrets = append(secrets, &n.Email.Password)
		}
		if n.Webhook != nil {
			secrets = append(secrets, &n.Webhook.Secret)
		}
		for _, s := range secrets {
			s.File = path(s.File)
		}
	}
}

func (a *Approvals) check() []error {
	var errs []error
	seen := map[string]bool{}
	for i, n := range a.Notify {
		at := fmt.Sprintf("approvals.notify[%d]", i)
		if n.Name == "" || seen[n.Name] || strings.Trim(n.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			errs = append(errs, fmt.Errorf("%s.name: %q must be a name of its own, of a-z, 0-9 and dashes", at, n.Name))
		}
		seen[n.Name] = true
		kinds := 0
		for _, is := range []bool{n.Slack != nil, n.Teams != nil, n.Email != nil, n.Webhook != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			errs = append(errs, fmt.Errorf("%s: exactly one of slack, teams, email and webhook must be set", at))
			continue
		}
		if err := n.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errs
}

func (n *Notifier) check() error {
	switch {
	case n.Slack != nil && (n.Slack.Channel == "" || !n.Slack.Token.Given()):
		return errors.New("slack needs a token and a channel")
	case n.Teams != nil && !n.Teams.URL.Given():
		return errors.New("teams needs the url of its workflow, as env or file: whoever knows it can post")
	case n.Webhook != nil:
		if u, err := url.Parse(n.Webhook.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return errors.New("webhook.url is no http or https URL")
		}
		if !n.Webhook.Secret.Given() {
			return errors.New("webhook needs a secret")
		}
	case n.Email != nil:
		for _, a := range append([]string{n.Email.From}, n.Email.To...) {
			if _, err := mail.ParseAddress(a); err != nil {
				return fmt.Errorf("email: %q is no address", a)
			}
		}
		if n.Email.Server == "" || len(n.Email.To) == 0 {
			return errors.New("email needs a server, from and to")
		}
	}
	return nil
}
