package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Passkeys is how people prove that it is them. How long a proof holds is limits.step_up.
type Passkeys struct {
	SignIn       bool          `yaml:"sign_in" doc:"Users of this gateway may sign in with passkeys."`
	RelyingParty string        `yaml:"relying_party" doc:"Domain that passkeys are bound to: the host of public_url, or a domain above it. The host by default; when it changes, passkeys must be enrolled anew."`
	Answer       time.Duration `yaml:"answer" doc:"Time to touch an authenticator once asked."`
	Fresh        time.Duration `yaml:"fresh" doc:"How long after signing in a first passkey can be enrolled; further ones need a passkey."`
	Link         time.Duration `yaml:"link" doc:"How long a link of sallyport user add --passkey holds; 24h at most."`
	Most         int           `yaml:"most" doc:"Passkeys of one person."`
	RequiredFor  []string      `yaml:"required_for" doc:"What people who may do it prove a passkey for, within limits.step_up: resources (applying and deleting them), users, tokens (making them for others), reveal (values that masks conceal), kill (ending sessions). Whoever comes through the socket in data_dir is not asked, and tokens of clients are refused."`
}

// guards are what administrators can be made to prove a passkey for.
var guards = []string{"resources", "users", "tokens", "reveal", "kill"}

func defaultPasskeys() Passkeys {
	return Passkeys{SignIn: true, Answer: 5 * time.Minute, Fresh: 15 * time.Minute, Link: 24 * time.Hour, Most: 20}
}

func (p *Passkeys) check() []error {
	var errs []error
	for name, d := range map[string]time.Duration{"answer": p.Answer, "fresh": p.Fresh, "link": p.Link} {
		if d <= 0 || d > 24*time.Hour {
			errs = append(errs, fmt.Errorf("identity.passkeys.%s: must be above zero and 24h at most", name))
		}
	}
	if p.Answer > 12*time.Hour {
		errs = append(errs, errors.New("identity.passkeys.answer: must be 12h at most"))
	}
	if p.Most <= 0 {
		errs = append(errs, errors.New("identity.passkeys.most: must be above zero"))
	}
	for _, what := range p.RequiredFor {
		if !slices.Contains(guards, what) {
			errs = append(errs, fmt.Errorf("identity.passkeys.required_for: %q is none of %s", what, strings.Join(guards, ", ")))
		}
	}
	return errs
}

// Site is where browsers may ask for passkeys, given the address of the web app: the domain that they are bound to, and
// the origin of the page; or why they cannot. Browsers bind passkeys to domains, not to addresses, and ask for
// them over TLS alone, but for localhost: so the app on a loopback address has them under that name.
func (p *Passkeys) Site(public string) (domain, origin, off string) {
	u, err := url.Parse(public)
	if err != nil || u.Hostname() == "" {
		return "", "", "the web app has no address"
	}
	host, port := u.Hostname(), u.Port()
	switch {
	case loopbackHost(host):
		host = "localhost"
	case numeric(host):
		return "", "", "its address is a number, and passkeys are bound to names"
	case u.Scheme != "https":
		return "", "", "its address is not https"
	}
	if port != "" {
		port = ":" + port
	}
	domain = p.RelyingParty
	if domain == "" {
		domain = host
	}
	if host != domain && !strings.HasSuffix(host, "."+domain) {
		return "", "", "identity.passkeys.relying_party is not " + host + " nor a domain above it"
	}
	return domain, u.Scheme + "://" + host + port, ""
}

func numeric(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func loopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
