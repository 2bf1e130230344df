package authority

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"
)

// FuzzRule holds that a word stands for one part of a name, and that nothing panics.
func FuzzRule(f *testing.F) {
	f.Add("spiffe://a/{x}/*", "spiffe://a/b/c")
	f.Add("{x}.build.example.org", "a.build.example.org")
	f.Add("a{x}b{y}*", "a/b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		u, err := url.Parse(name)
		if err != nil {
			return
		}
		leaf := &x509.Certificate{URIs: []*url.URL{u}, DNSNames: []string{name}}
		for apart, r := range map[string]Rule{"/": {URI: pattern, User: "{x}"}, ".": {DNS: pattern, User: "{x}"}} {
			m, err := compile(r)
			if err != nil {
				continue
			}
			p, err := m.principal(leaf)
			if err == nil && p != nil && (strings.Contains(p.Name, apart) || !strings.Contains(strings.ToLower(u.String()+name), strings.ToLower(p.Name))) {
				t.Errorf("%q of %q is %q", pattern, name, p.Name)
			}
		}
	})
}

// FuzzFiles reads whatever stands in the files of an authority.
func FuzzFiles(f *testing.F) {
	f.Add([]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if lists, err := readLists(data); err == nil && len(lists) == 0 {
			t.Error("no list, and no error")
		}
		if certs, err := readCertificates(data); err == nil && len(certs) == 0 {
			t.Error("no certificate, and no error")
		}
	})
}
