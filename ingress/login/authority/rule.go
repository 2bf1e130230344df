package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sallyport/ingress/login"
	"sallyport/schemas"
)

// Rule says whose a certificate is. Exactly one of URI, DNS, Email and CommonName is set, and exactly one
// of User and Agent.
type Rule struct {
	// Patterns of a name: {word} stands for one part of it (between slashes in a URI, dots in a DNS name; of an
	// e-mail address what is before or behind the @), * for any text.
	URI, DNS, Email, CommonName string

	User, Agent string // name of the principal; {word} stands for what it stood for in the pattern
	Groups      []string
	Targets     []string // empty: every target that roles allow
	Protocols   []string // empty: all
}

// matcher is a rule that was checked.
type matcher struct {
	Rule
	pattern *regexp.Regexp
	names   func(*x509.Certificate) ([]string, error)
	common  bool // it is about the common name
}

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}|\*`)
	word        = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

func compile(r Rule) (*matcher, error) {
	m, pattern, apart := &matcher{Rule: r}, "", ""
	said := 0
	for _, kind := range []struct {
		pattern, apart string
		names          func(*x509.Certificate) ([]string, error)
	}{
		{r.URI, `/`, uris}, {r.DNS, `.`, domains}, {r.Email, `@`, emails}, {r.CommonName, ``, commonName},
	} {
		if kind.pattern != "" {
			said++
			pattern, apart, m.names = kind.pattern, kind.apart, kind.names
		}
	}
	if said != 1 {
		return nil, errors.New("exactly one of uri, dns, email and cn must be there")
	}
	if (r.User == "") == (r.Agent == "") {
		return nil, errors.New("exactly one of user and agent must be there")
	}
	m.common = r.CommonName != ""
	if r.DNS != "" {
		pattern = strings.ToLower(pattern)
	}
	if strings.Trim(pattern, "*") == "" {
		return nil, fmt.Errorf("the pattern %s takes anybody whom the authority vouches for", pattern)
	}
	text, words, err := translate(pattern, apart)
	if err != nil {
		return nil, err
	}
	if m.pattern, err = regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("pattern %s: %w", pattern, err)
	}
	for _, used := range placeholder.FindAllString(r.User+r.Agent, -1) {
		if used == "*" || !slices.Contains(words, strings.Trim(used, "{}")) {
			return nil, fmt.Errorf("%s stands for nothing in the pattern %s", used, pattern)
		}
	}
	return m, nil
}

// translate makes a regular expression of a pattern, and returns the words that it has.
func translate(pattern, apart string) (text string, words []string, err error) {
	one := `.+`
	if apart != "" {
		one = `[^` + regexp.QuoteMeta(apart) + `]+`
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	at := 0
	for _, found := range placeholder.FindAllStringIndex(pattern, -1) {
		b.WriteString(regexp.QuoteMeta(pattern[at:found[0]]))
		at = found[1]
		if pattern[found[0]:at] == "*" {
			b.WriteString(`.*`)
			continue
		}
		name := pattern[found[0]+1 : at-1]
		if !word.MatchString(name) || slices.Contains(words, name) {
			return "", nil, fmt.Errorf("{%s} must be a word of lower-case letters, digits and underscores, and stand once", name)
		}
		words = append(words, name)
		b.WriteString(`(?P<` + name + `>` + one + `)`)
	}
	b.WriteString(regexp.QuoteMeta(pattern[at:]) + `\z`)
	return b.String(), words, nil
}

// principal returns whom a certificate proves by this rule; nil: it is not about it.
func (m *matcher) principal(leaf *x509.Certificate) (*schemas.Principal, error) {
	names, err := m.names(leaf)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		found := m.pattern.FindStringSubmatch(name)
		if found == nil {
			continue
		}
		expand := func(template string) string {
			return placeholder.ReplaceAllStringFunc(template, func(p string) string {
				return found[m.pattern.SubexpIndex(strings.Trim(p, "{}"))]
			})
		}
		p := &schemas.Principal{Name: expand(m.User + m.Agent), Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: slices.Clone(m.Groups)}
		if m.Agent != "" {
			p.Kind = schemas.PrincipalKind_PRINCIPAL_KIND_AGENT
		}
		if err := login.ValidName(p.Name); err != nil {
			return nil, refuse("the name in the client certificate cannot be used here", err)
		}
		return p, nil
	}
	return nil, nil
}

func domains(c *x509.Certificate) ([]string, error) {
	names := make([]string, len(c.DNSNames))
	for i, n := range c.DNSNames {
		names[i] = strings.ToLower(n)
	}
	return names, nil
}

func emails(c *x509.Certificate) ([]string, error) { return c.EmailAddresses, nil }

func commonName(c *x509.Certificate) ([]string, error) { return []string{c.Subject.CommonName}, nil }

func uris(c *x509.Certificate) ([]string, error) {
	var names []string
	for _, u := range c.URIs {
		if u.Scheme == "spiffe" {
			if len(c.URIs) != 1 { // X509-SVID section 2
				return nil, refuse("a certificate with a SPIFFE ID has no other URI", nil)
			}
			if err := checkSPIFFE(u); err != nil {
				return nil, refuse("the SPIFFE ID in the client certificate is malformed", err)
			}
		}
		names = append(names, u.String())
	}
	return names, nil
}

var (
	trustDomain = regexp.MustCompile(`^[a-z0-9._-]{1,255}$`)
	segment     = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// checkSPIFFE holds an identity to the SPIFFE ID specification, section 2: what is not of its one form could
// be read as somebody else's.
func checkSPIFFE(u *url.URL) error {
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || !trustDomain.MatchString(u.Host) {
		return errors.New("it is more than a trust domain and a path")
	}
	if len(u.String()) > 2048 {
		return errors.New("it is longer than 2048 bytes")
	}
	if u.EscapedPath() == "" {
		return nil
	}
	for _, s := range strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		if !segment.MatchString(s) || s == "." || s == ".." {
			return fmt.Errorf("%q is no segment of a path", s)
		}
	}
	return nil
}
