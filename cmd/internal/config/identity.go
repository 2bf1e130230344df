package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"sallyport/schemas/resources"
)

// Identity says who people and machines are, and who vouches for them.
type Identity struct {
	Session   time.Duration `yaml:"session" doc:"How long a browser session lasts at most."`
	Refresh   time.Duration `yaml:"refresh" doc:"How often an OpenID provider is asked again whether somebody is still there and in which groups, where it gives refresh tokens."`
	Relogin   time.Duration `yaml:"relogin" doc:"How long a browser session lasts at most when its provider cannot be asked again (SAML, OpenID without refresh tokens)."`
	Token     time.Duration `yaml:"token" doc:"Time to live of the token that sallyport login gets; the browser session's end does not end it."`
	Skew      time.Duration `yaml:"clock_skew" doc:"By how much a provider's clock may differ from this one's."`
	Timeout   time.Duration `yaml:"timeout" doc:"Time that a provider has to answer."`
	PerSource int           `yaml:"sign_ins_per_address" doc:"Sign-ins that one address (of IPv6: one /64) may try a minute."`
	PerUser   int           `yaml:"passwords_per_user" doc:"Passwords that may be tried a minute for one user, from anywhere."`
	Passkeys  Passkeys      `yaml:"passkeys" doc:"How people prove that it is them, to approve what asks for it or to sign in."`
	Local     Local         `yaml:"local" doc:"The built-in provider: users made with sallyport user add."`
	Providers []Provider    `yaml:"providers" doc:"Identity providers, in the order of the sign-in page."`
	Workloads []Workload    `yaml:"workloads" doc:"Which tokens of others are whose: CI jobs, service accounts, client credentials."`

	Certificates []Certificates `yaml:"certificates" doc:"Authorities whose client certificates are taken in place of tokens: see signin.md."`
	Recheck      time.Duration  `yaml:"certificate_recheck" doc:"How often it is looked whether the client certificates of open sessions still hold."`
}

// Local is the built-in provider.
type Local struct {
	Passwords bool `yaml:"passwords" doc:"Users may sign in with passwords."`
}

// Provider is one identity provider: OIDC or SAML.
type Provider struct {
	Name  string `yaml:"name" doc:"In addresses, facts and events; of lower-case letters, digits and hyphens."`
	Title string `yaml:"title" doc:"What the sign-in page calls it; the name by default."`
	OIDC  *OIDC  `yaml:"oidc" doc:"It speaks OpenID Connect. Its redirect address is PUBLIC_URL/api/v1/identity/oidc/NAME/callback."`
	SAML  *SAML  `yaml:"saml" doc:"It speaks SAML 2.0. This side's metadata are at PUBLIC_URL/api/v1/identity/saml/NAME/metadata."`
	Map   Map    `yaml:"map" doc:"How what it says becomes a user and groups."`
}

// OIDC is an OpenID provider.
type OIDC struct {
	Issuer       string               `yaml:"issuer" doc:"Its issuer; https."`
	ClientID     string               `yaml:"client_id" doc:"Of this gateway at the provider."`
	ClientSecret *resources.SecretRef `yaml:"client_secret" doc:"Where its secret is, as for targets: {env: NAME}, {file: PATH} or {sealed: TEXT}. Without: a public client."`
	Scopes       []string             `yaml:"scopes" doc:"What is asked for; openid, email, profile by default. Add groups and offline_access where the provider wants them."`
	Prompt       []string             `yaml:"prompt" doc:"What it is to ask the person whenever they sign in, whatever it knows: login, consent, select_account. Many give refresh tokens only with consent."`
	CA           string               `yaml:"ca" doc:"File of PEM certificates to trust for it, besides the system's."`
}

// SAML is a SAML identity provider.
type SAML struct {
	MetadataURL  string `yaml:"metadata_url" doc:"Where its metadata are; https. This or metadata_file."`
	MetadataFile string `yaml:"metadata_file" doc:"File of its metadata."`
	CA           string `yaml:"ca" doc:"File of PEM certificates to trust for metadata_url, besides the system's."`
	Cert         string `yaml:"cert" doc:"File with this side's PEM certificate: the provider encrypts for it. Made under data_dir when not given; several replicas need the same."`
	Key          string `yaml:"key" doc:"File with its PEM private key."`
}

// Map says how claims or attributes become a user and groups.
type Map struct {
	Name            string   `yaml:"name" doc:"Claim or attribute with the user's name; email by default."`
	Groups          string   `yaml:"groups" doc:"Claim or attribute with the groups; groups by default. A path with dots reaches into objects."`
	NamePrefix      string   `yaml:"name_prefix" doc:"Put before the name, so that users of two providers stay apart."`
	GroupPrefix     string   `yaml:"group_prefix" doc:"Put before each group."`
	Domains         []string `yaml:"domains" doc:"Only names that end in @ and one of these."`
	OnlyGroups      []string `yaml:"only_groups" doc:"Patterns of the groups that are taken over; all by default."`
	UnverifiedEmail bool     `yaml:"unverified_email" doc:"OIDC: take the claim email though email_verified is not true. Only where users cannot choose their address."`
}

// Workload is one rule.
type Workload struct {
	Name     string            `yaml:"name" doc:"In facts and events."`
	Issuer   string            `yaml:"issuer" doc:"Whose tokens; https."`
	JWKSURL  string            `yaml:"jwks_url" doc:"Where the issuer's keys are, when it has no discovery document."`
	CA       string            `yaml:"ca" doc:"File of PEM certificates to trust for it, besides the system's."`
	Audience string            `yaml:"audience" doc:"That the token must be for."`
	Subject  string            `yaml:"subject" doc:"Pattern of its subject; * stands for any text."`
	Claims   map[string]string `yaml:"claims" doc:"Patterns of further claims; all must match."`
	Agent    string            `yaml:"agent" doc:"Name of the agent; {claim} stands for a claim's value."`
	Groups   []string          `yaml:"groups" doc:"Its groups."`
	TTL      time.Duration     `yaml:"ttl" doc:"Time to live of the token that it gets; 15m by default."`
}

func defaultIdentity() Identity {
	return Identity{
		Session: 12 * time.Hour, Refresh: time.Hour, Relogin: 4 * time.Hour, Token: 8 * time.Hour, Skew: time.Minute,
		Timeout: 10 * time.Second, PerSource: 30, PerUser: 10,
		Passkeys: defaultPasskeys(), Local: Local{Passwords: true}, Recheck: time.Minute,
	}
}

var providerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// finish fills in what depends on others, and checks. path makes a path whole.
func (i *Identity) finish(path func(string) string) []error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"session": i.Session, "refresh": i.Refresh, "relogin": i.Relogin, "token": i.Token,
		"timeout": i.Timeout, "certificate_recheck": i.Recheck,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("identity.%s: must be above zero", name))
		}
	}
	if i.Session > 24*time.Hour {
		errs = append(errs, errors.New("identity.session: must be 24h at most"))
	}
	if i.Skew < 0 || i.Skew > 5*time.Minute {
		errs = append(errs, errors.New("identity.clock_skew: must be between 0s and 5m"))
	}
	if i.PerSource <= 0 || i.PerUser <= 0 {
		errs = append(errs, errors.New("identity: sign_ins_per_address and passwords_per_user must be above zero"))
	}
	errs = append(errs, i.Passkeys.check()...)
	seen := map[string]bool{"local": true}
	for n := range i.Providers {
		p := &i.Providers[n]
		if err := p.finish(path); err != nil {
			errs = append(errs, fmt.Errorf("identity.providers[%d]: %w", n, err))
		}
		if seen[p.Name] {
			errs = append(errs, fmt.Errorf("identity.providers[%d]: the name %s is taken", n, p.Name))
		}
		seen[p.Name] = true
	}
	for n := range i.Certificates {
		c := &i.Certificates[n]
		if err := c.finish(path); err != nil {
			errs = append(errs, fmt.Errorf("identity.certificates[%d]: %w", n, err))
		}
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("identity.certificates[%d]: the name %s is taken", n, c.Name))
		}
		seen[c.Name] = true
	}
	for n := range i.Workloads {
		w := &i.Workloads[n]
		w.CA = path(w.CA)
		if w.TTL == 0 {
			w.TTL = 15 * time.Minute
		}
		if w.Name == "" {
			errs = append(errs, fmt.Errorf("identity.workloads[%d]: name is missing", n))
		}
	}
	return errs
}

func (p *Provider) finish(path func(string) string) error {
	if !providerName.MatchString(p.Name) {
		return fmt.Errorf("name %q must be of lower-case letters, digits and hyphens", p.Name)
	}
	if (p.OIDC == nil) == (p.SAML == nil) {
		return errors.New("exactly one of oidc and saml must be there")
	}
	if p.Title == "" {
		p.Title = p.Name
	}
	if p.Map.Name == "" {
		p.Map.Name = "email"
	}
	if p.Map.Groups == "" {
		p.Map.Groups = "groups"
	}
	if o := p.OIDC; o != nil {
		o.CA = path(o.CA)
		if len(o.Scopes) == 0 {
			o.Scopes = []string{"openid", "email", "profile"}
		}
		if !slices.Contains(o.Scopes, "openid") {
			return errors.New("oidc.scopes: openid must be among them")
		}
		for _, word := range o.Prompt {
			if !slices.Contains([]string{"login", "consent", "select_account"}, word) {
				return fmt.Errorf("oidc.prompt: %q is none of login, consent and select_account", word)
			}
		}
		if o.ClientSecret != nil {
			o.ClientSecret.File = path(o.ClientSecret.File)
		}
	}
	if s := p.SAML; s != nil {
		for _, file := range []*string{&s.MetadataFile, &s.CA, &s.Cert, &s.Key} {
			*file = path(*file)
		}
		if (s.MetadataURL == "") == (s.MetadataFile == "") {
			return errors.New("saml: exactly one of metadata_url and metadata_file must be there")
		}
		if (s.Cert == "") != (s.Key == "") {
			return errors.New("saml: cert and key go together")
		}
	}
	return nil
}
