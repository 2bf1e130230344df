package authority_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/login"
	"sallyport/ingress/login/authority"
	"sallyport/ingress/login/authority/authoritytest"
	"sallyport/schemas"
)

var rules = []authority.Rule{
	{URI: "spiffe://example.org/ns/{ns}/sa/{sa}", Agent: "{ns}/{sa}", Groups: []string{"ci"}, Targets: []string{"orders"}},
	{DNS: "{host}.build.example.org", Agent: "build-{host}"},
	{Email: "{who}@example.org", User: "{who}", Groups: []string{"eng"}},
	{CommonName: "worker {n}", Agent: "worker-{n}"},
}

func open(t *testing.T, crl bool, roots ...*authoritytest.CA) (a *authority.Authorities, ca, lists string) {
	t.Helper()
	dir := t.TempDir()
	ca, lists = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "crl.pem")
	var certs []*x509.Certificate
	for _, r := range roots {
		certs = append(certs, r.Cert)
	}
	authoritytest.Write(t, ca, certs...)
	one := authority.Authority{Name: "corp", CA: ca, Rules: rules}
	if crl {
		one.CRL = lists
		authoritytest.WriteLists(t, lists, roots[0].Revoke(time.Now().Add(time.Hour)))
	}
	a, err := authority.New(authority.Config{Authorities: []authority.Authority{one}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return a, ca, lists
}

func names(text string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for word := range strings.FieldsSeq(text) {
			kind, name, _ := strings.Cut(word, "=")
			switch kind {
			case "uri":
				u, err := url.Parse(name)
				if err != nil {
					panic(err) // a constant of a test
				}
				c.URIs = append(c.URIs, u)
			case "dns":
				c.DNSNames = append(c.DNSNames, name)
			case "email":
				c.EmailAddresses = append(c.EmailAddresses, name)
			case "cn":
				c.Subject.CommonName = strings.ReplaceAll(name, "_", " ")
			}
		}
	}
}

// TestRecognise is the table of certificates that people could present. want is whom one proves, or part of what its
// holder is told; empty: it is of no authority here.
func TestRecognise(t *testing.T) {
	root, stranger := authoritytest.New(t, "root"), authoritytest.New(t, "root") // of the same name
	below := root.Below("issuing", nil)
	narrow := root.Below("narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains, c.PermittedURIDomains, c.PermittedEmailAddresses = []string{"a.build.example.org"}, []string{"other.example"}, []string{"other.example"}
	})
	stale := root.Below("stale", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	a, _, _ := open(t, false, root)
	but := func(text string, change func(*x509.Certificate)) func(*x509.Certificate) {
		return func(c *x509.Certificate) { names(text)(c); change(c) }
	}
	for _, c := range []struct {
		what   string
		by     *authoritytest.CA
		change func(*x509.Certificate)
		want   string
	}{
		{"a SPIFFE ID", root, names("uri=spiffe://example.org/ns/prod/sa/deploy"), "=prod/deploy"},
		{"one below an issuing authority", below, names("uri=spiffe://example.org/ns/prod/sa/deploy"), "=prod/deploy"},
		{"a DNS name, in capitals", root, names("dns=A.Build.Example.ORG"), "=build-a"},
		{"a DNS name within the constraints", narrow, names("dns=a.build.example.org"), "=build-a"},
		{"an e-mail address", root, names("email=alice@example.org"), "=alice"},
		{"a common name", root, names("cn=worker_7"), "=worker-7"},
		{"the rule's other names", root, names("dns=elsewhere.example.org email=alice@example.org"), "=alice"},

		{"a stranger's", stranger, names("email=alice@example.org"), ""},
		{"expired", root, but("email=alice@example.org", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "has expired"},
		{"not yet valid", root, but("email=alice@example.org", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not valid yet"},
		{"of an issuing authority that expired", stale, names("email=alice@example.org"), "has expired"},
		{"a stranger's that expired", stranger, but("email=alice@example.org", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ""},
		{"a server's", root, but("email=alice@example.org", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "clientAuth"},
		{"one for nothing in particular", root, but("email=alice@example.org", func(c *x509.Certificate) { c.ExtKeyUsage = nil }), "clientAuth"},
		{"an authority's own", root, but("email=alice@example.org", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), "an authority's"},
		{"a DNS name beyond the constraints", narrow, names("dns=b.build.example.org"), "name constraints"},
		{"an e-mail address beyond them", narrow, names("email=alice@example.org"), "name constraints"},
		{"a SPIFFE ID beyond them", narrow, names("uri=spiffe://example.org/ns/prod/sa/deploy"), "name constraints"},
		{"a common name below constraints", narrow, names("cn=worker_7"), "no rule"},
		{"another trust domain", root, names("uri=spiffe://other.example/ns/prod/sa/deploy"), "no rule"},
		{"a longer path", root, names("uri=spiffe://example.org/ns/prod/sa/deploy/x"), "no rule"},
		{"a second URI", root, names("uri=spiffe://example.org/ns/prod/sa/deploy uri=https://example.org/"), "no other URI"},
		{"dots in a path", root, names("uri=spiffe://example.org/ns/../sa/deploy"), "malformed"},
		{"an encoded slash", root, names("uri=spiffe://example.org/ns/a%2Fb/sa/deploy"), "malformed"},
		{"a port", root, names("uri=spiffe://example.org:1/ns/prod/sa/deploy"), "malformed"},
		{"a query", root, names("uri=spiffe://example.org/ns/prod/sa/deploy?x"), "malformed"},
		{"a longer DNS name", root, names("dns=a.b.build.example.org"), "no rule"},
		{"a longer domain of an e-mail address", root, names("email=alice@example.org.evil.example"), "no rule"},
		{"a reserved name", root, names("email=administrator@example.org"), "cannot be used"},
		{"no name", root, nil, "no rule"},
	} {
		chain, _ := c.by.Issue(c.change)
		found, err := a.Recognise(chain)
		wanted, known := strings.CutPrefix(c.want, "=")
		switch {
		case known && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case known && (found.Principal.Name != wanted || found.Authority != "corp"):
			t.Errorf("%s: proves %v", c.what, found)
		case !known && err == nil:
			t.Errorf("%s: proves %v", c.what, found.Principal)
		case c.want == "" && !errors.Is(err, login.ErrUnknownAuthority):
			t.Errorf("%s: %v, want that it is unknown", c.what, err)
		case !known && c.want != "" && (schemas.Shown(err).Code != schemas.CodeUnauthenticated || !strings.Contains(schemas.Shown(err).Message, c.want)):
			t.Errorf("%s: its holder is told %q, want %q", c.what, schemas.Shown(err).Message, c.want)
		}
	}
	chain, _ := root.Issue(names("uri=spiffe://example.org/ns/prod/sa/deploy"))
	found, err := a.Recognise(chain)
	if err != nil {
		t.Fatal(err)
	}
	if p := found.Principal; p.Kind != schemas.PrincipalKind_PRINCIPAL_KIND_AGENT || !slices.Equal(p.Groups, []string{"ci"}) || !slices.Equal(found.Targets, []string{"orders"}) {
		t.Errorf("the rule makes %v", found)
	}
	// Without what lies between, it leads nowhere; with too much, nobody looks.
	chain, _ = below.Issue(names("email=alice@example.org"))
	if _, err := a.Recognise(chain[:1]); !errors.Is(err, login.ErrUnknownAuthority) {
		t.Errorf("half a chain: %v", err)
	}
	if _, err := a.Recognise(slices.Repeat(chain, 5)); !errors.Is(err, login.ErrUnknownAuthority) {
		t.Errorf("a very long chain: %v", err)
	}
}

// TestRevocation goes from list to list.
func TestRevocation(t *testing.T) {
	root, stranger := authoritytest.New(t, "root"), authoritytest.New(t, "root")
	below := root.Below("issuing", nil)
	a, _, file := open(t, true, root)
	later := time.Now().Add(time.Hour)
	direct, _ := root.Issue(names("email=alice@example.org"))
	indirect, _ := below.Issue(names("email=bob@example.org"))
	for _, c := range []struct {
		what  string
		chain []*x509.Certificate
		lists [][]byte
		want  string
	}{
		{"nothing revoked", direct, [][]byte{root.Revoke(later)}, ""},
		{"it is revoked", direct, [][]byte{root.Revoke(later, direct[0])}, "was revoked"},
		{"a newer list counts", direct, [][]byte{root.Revoke(later), root.Revoke(later, direct[0])}, "was revoked"},
		{"no list of the issuing authority", indirect, [][]byte{root.Revoke(later)}, "no list of its issuer"},
		{"both have lists", indirect, [][]byte{root.Revoke(later), below.Revoke(later)}, ""},
		{"the issuing authority is revoked", indirect, [][]byte{root.Revoke(later, below.Cert), below.Revoke(later)}, "was revoked"},
		{"out of date", direct, [][]byte{root.Revoke(time.Now().Add(-time.Minute))}, "out of date"},
		{"a stranger's list", direct, [][]byte{stranger.Revoke(later)}, "no list of its issuer"},
		{"nothing revoked again", direct, [][]byte{root.Revoke(later)}, ""},
	} {
		authoritytest.WriteLists(t, file, c.lists...)
		_, err := a.Recognise(c.chain)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(schemas.Shown(err).Message, c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	authoritytest.WriteLists(t, file) // empty: a file that is being written, or was truncated
	if _, err := a.Recognise(direct); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("without any list: %v", err)
	}
}

// TestReplaced takes an authority away and puts another in its place, under a gateway that runs.
func TestReplaced(t *testing.T) {
	first, second := authoritytest.New(t, "first"), authoritytest.New(t, "second")
	a, ca, _ := open(t, false, first, second)
	chain, _ := first.Issue(names("email=alice@example.org"))
	other, _ := second.Issue(names("email=alice@example.org"))
	if _, err := a.Recognise(chain); err != nil {
		t.Fatal(err)
	}
	authoritytest.Write(t, ca, second.Cert)
	if _, err := a.Recognise(chain); !errors.Is(err, login.ErrUnknownAuthority) {
		t.Errorf("of an authority that was removed: %v", err)
	}
	if _, err := a.Recognise(other); err != nil {
		t.Errorf("of the one that stays: %v", err)
	}
	authoritytest.Write(t, ca)
	if _, err := a.Recognise(other); schemas.Shown(err).Code != schemas.CodeUnavailable {
		t.Errorf("with an empty file: %v", err)
	}
}

func TestRulesAreChecked(t *testing.T) {
	root := authoritytest.New(t, "root")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	authoritytest.Write(t, ca, root.Cert)
	for what, r := range map[string]authority.Rule{
		"nothing":             {},
		"two names":           {URI: "a", DNS: "b", User: "x"},
		"nobody":              {URI: "spiffe://a/b"},
		"two people":          {URI: "spiffe://a/b", User: "x", Agent: "y"},
		"anybody":             {CommonName: "*", User: "x"},
		"a word that is none": {URI: "spiffe://a/{b}", User: "{c}"},
		"a star as a name":    {URI: "spiffe://a/*", User: "*"},
		"a word twice":        {URI: "spiffe://{a}/{a}", User: "{a}"},
		"a strange word":      {URI: "spiffe://{A b}/x", User: "x"},
	} {
		_, err := authority.New(authority.Config{Authorities: []authority.Authority{{Name: "x", CA: ca, Rules: []authority.Rule{r}}}, Now: time.Now})
		if err == nil {
			t.Errorf("%s passes", what)
		}
	}
	for what, one := range map[string]authority.Authority{
		"no rules": {CA: ca}, "no file": {CA: ca + ".none", Rules: rules}, "no list": {CA: ca, CRL: ca + ".none", Rules: rules}, "a list that is none": {CA: ca, CRL: ca, Rules: rules},
	} {
		if _, err := authority.New(authority.Config{Authorities: []authority.Authority{one}, Now: time.Now}); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}
