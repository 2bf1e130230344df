package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/login/authority/authoritytest"
)

// TestAuthorities lets people and agents in by certificates that others have issued, at psql and at the API, and not
// when these do not hold, or no longer do.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	corp, mesh := authoritytest.New(t, "corp"), authoritytest.New(t, "mesh")
	issuing := mesh.Below("issuing", nil)
	crl, meshCA := filepath.Join(dir, "corp.crl"), filepath.Join(dir, "mesh.pem")
	later := time.Now().Add(time.Hour)
	authoritytest.Write(t, filepath.Join(dir, "corp.pem"), corp.Cert)
	authoritytest.Write(t, meshCA, mesh.Cert)
	authoritytest.WriteLists(t, crl, corp.Revoke(later))
	g := newGateway(t, newTarget(t), `tls: {loopback: true}
identity:
  certificate_recheck: 200ms
  certificates:
  - name: corp
    ca: `+dir+`/corp.pem
    crl: `+crl+`
    rules:
    - {email: "{who}@example.com", user: "{who}@example.com", groups: [eng]}
  - name: mesh
    ca: `+meshCA+`
    rules:
    - {uri: "spiffe://example.com/ns/{ns}/sa/{sa}", agent: "{ns}/{sa}", groups: [eng]}
`)
	c := &certificates{gateway: g, t: t}
	alice := func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@example.com"} }
	robot := func(c *x509.Certificate) {
		c.URIs = append(c.URIs, authoritytest.URI(t, "spiffe://example.com/ns/prod/sa/deploy"))
	}
	hers, her := corp.Files(alice)
	its, it := issuing.Files(robot)
	for user, files := range map[string][2]string{"alice@example.com": {hers, her}, "prod/deploy": {its, it}} {
		c.in(user, files[0], files[1])
		status, body := c.api(files[0], files[1], http.MethodGet, "/me", "")
		if status != http.StatusOK || !strings.Contains(body, `"`+user+`"`) || !strings.Contains(body, `"eng"`) {
			t.Errorf("the API says of %s: %d %s", user, status, body)
		}
	}
	// One that is another's says nothing; a password is asked for, and one is as good as ever.
	c.out("bob@example.com", hers, her, "no password supplied")
	bob := g.psql("bob@example.com", g.token("bob@example.com"), "-c", "SELECT 'by ' || 'token'")
	bob.Args[2] += " sslmode=require sslcert=" + hers + " sslkey=" + her
	if out, err := bob.CombinedOutput(); err != nil || !strings.Contains(string(out), "by token") {
		t.Errorf("a token beside somebody else's certificate: %v: %s", err, out)
	}
	for what, bad := range map[string]struct {
		by     *authoritytest.CA
		change func(*x509.Certificate)
		want   string
	}{
		"an expired one":        {corp, func(c *x509.Certificate) { alice(c); c.NotAfter = time.Now().Add(-time.Minute) }, "has expired"},
		"a server's":            {corp, func(c *x509.Certificate) { alice(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "clientAuth"},
		"one that no rule":      {corp, func(c *x509.Certificate) { c.EmailAddresses = []string{"alice@elsewhere.example"} }, "no rule says"},
		"one below constraints": {mesh.Below("narrow", func(c *x509.Certificate) { c.PermittedURIDomains = []string{"elsewhere.example"} }), robot, "name constraints"},
	} {
		cert, key := bad.by.Files(bad.change)
		c.out("alice@example.com", cert, key, bad.want)
		if status, body := c.api(cert, key, http.MethodGet, "/me", ""); status != http.StatusUnauthorized || !strings.Contains(body, bad.want) {
			t.Errorf("%s at the API: %d %s", what, status, body)
		}
	}
	g.events("identity.sign_in_failed", "has expired")
	cert, key := authoritytest.New(t, "corp").Files(alice) // an authority of the same name
	c.out("alice@example.com", cert, key, "no password supplied")
	if status, body := c.api(cert, key, http.MethodGet, "/me", ""); status != http.StatusUnauthorized || !strings.Contains(body, "not known here") {
		t.Errorf("a stranger's at the API: %d %s", status, body)
	}

	// An agent opens a run with its certificate. What it gets ends with the certificate's authority.
	status, body := c.api(its, it, http.MethodPost, "/runs", `{"prompt":"deploy it"}`)
	var run api.RunMade
	if err := json.Unmarshal([]byte(body), &run); err != nil || status != http.StatusOK {
		t.Fatalf("open a run: %d %s", status, body)
	}
	byToken := g.shell("prod/deploy", run.Token)
	byToken.run("SELECT 'with ' || 'the run';", "with the run")
	byCert := g.shellOf(g.psql("prod/deploy", "", "-w"), "sslmode=require sslcert="+its+" sslkey="+it)
	byCert.run("SELECT 'with ' || 'the certificate';", "with the certificate")
	c.open("prod/deploy", 2)
	authoritytest.Write(t, meshCA, corp.Cert)
	c.open("prod/deploy", 0)
	for what, s := range map[string]*shell{"by certificate": byCert, "by the token made with it": byToken} {
		if err := s.gone(); err != nil {
			t.Errorf("a session %s, after its authority was removed: %v", what, err)
		}
	}
	c.out("prod/deploy", its, it, "no password supplied")
	authoritytest.Write(t, meshCA, mesh.Cert)
	c.in("prod/deploy", its, it)

	// Revoked by its authority in mid-session; and another here.
	s := g.shellOf(g.psql("alice@example.com", "", "-w"), "sslmode=require sslcert="+hers+" sslkey="+her)
	s.run("SELECT 'still ' || 'here';", "still here")
	c.open("alice@example.com", 1)
	authoritytest.WriteLists(t, crl, corp.Revoke(later, c.leaf(hers, her)))
	c.open("alice@example.com", 0)
	if err := s.gone(); err != nil {
		t.Errorf("after the certificate was revoked: %v", err)
	}
	c.out("alice@example.com", hers, her, "the client certificate was revoked")
	id := ""
	for _, l := range c.listed() {
		if l.Principal == "prod/deploy" && strings.HasPrefix(l.ID, "c-") {
			id = l.ID
		}
	}
	g.sallyport("token", "revoke", id)
	c.out("prod/deploy", its, it, "revoked on this gateway")
	g.stop()
	g.start("up")
	c.out("prod/deploy", its, it, "revoked on this gateway")
	again, key := issuing.Files(robot)
	c.in("prod/deploy", again, key)
}

// certificates are used against a gateway.
type certificates struct {
	*gateway
	t *testing.T
}

func (c *certificates) try(user, cert, key string) (string, error) {
	p := c.psql(user, "", "-w", "-c", "SELECT 'in as ' || 'told'")
	p.Args[2] += " sslmode=require sslcert=" + cert + " sslkey=" + key
	out, err := p.CombinedOutput()
	return string(out), err
}

func (c *certificates) in(user, cert, key string) {
	c.t.Helper()
	if out, err := c.try(user, cert, key); err != nil || !strings.Contains(out, "in as told") {
		c.t.Errorf("psql as %s: %v: %s", user, err, out)
	}
}

func (c *certificates) out(user, cert, key, want string) {
	c.t.Helper()
	if out, err := c.try(user, cert, key); err == nil || !strings.Contains(out, want) {
		c.t.Errorf("psql as %s: %v: %s, want %q", user, err, out, want)
	}
}

// open returns once n sessions of somebody are.
func (c *certificates) open(who string, n int) {
	c.t.Helper()
	c.await(fmt.Sprintf("%d open sessions of %s", n, who), func() bool {
		open := 0
		for _, s := range c.sessions() {
			if s.Principal == who && s.Open {
				open++
			}
		}
		return open == n
	})
}

// api asks with a certificate in place of a bearer.
func (c *certificates) api(cert, key, method, path, body string) (int, string) {
	c.t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.sallyport("ca"))) {
		c.t.Fatal("sallyport ca prints no certificate")
	}
	config := &tls.Config{RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	r, err := http.NewRequest(method, "https://"+c.web+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("X-Sallyport", "1")
	answer, err := client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func (c *certificates) leaf(cert, key string) *x509.Certificate {
	c.t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		c.t.Fatal(err)
	}
	return pair.Leaf
}

// listed are the tokens as an administrator sees them.
func (c *certificates) listed() (all []api.TokenListed) {
	c.t.Helper()
	for line := range strings.Lines(c.sallyport("token", "list", "--json")) {
		var one api.TokenListed
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			c.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	return all
}
