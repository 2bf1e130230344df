package ssh_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/ingress/ssh"
	"sallyport/ingress/ssh/sshtest"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func newKey(t testing.TB) xssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := xssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func runs(t testing.TB, c *xssh.Client, err error) bool {
	t.Helper()
	if err != nil {
		return false
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Output("echo in")
	return err == nil && string(out) == "in\n"
}

func TestWaysIn(t *testing.T) {
	g := start(t, options{})
	key := newKey(t)
	g.people.keys[string(key.PublicKey().Marshal())] = alice
	issue := func(principal string, token schemas.TokenID, ttl time.Duration, key xssh.Signer) xssh.Signer {
		c, err := g.authority.Issue(key.PublicKey(), principal, token, ttl)
		if err != nil {
			t.Fatal(err)
		}
		s, err := xssh.NewCertSigner(c, key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	foreign := func() xssh.Signer {
		c := &xssh.Certificate{Key: key.PublicKey(), CertType: xssh.UserCert, ValidPrincipals: []string{alice},
			ValidBefore: xssh.CertTimeInfinity, Permissions: xssh.Permissions{Extensions: map[string]string{"token@sallyport": "t-1"}}}
		if err := c.SignCert(rand.Reader, newKey(t)); err != nil {
			t.Fatal(err)
		}
		s, _ := xssh.NewCertSigner(c, key)
		return s
	}
	session1, err := g.authority.SessionKey("s", alice, alice)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(secret string) xssh.AuthMethod {
		return xssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			if len(q) == 0 {
				return nil, nil
			}
			return []string{secret}, nil
		})
	}
	for name, c := range map[string]struct {
		auth xssh.AuthMethod
		user string
		in   bool
	}{
		"token":                       {xssh.Password(token), alice, true},
		"another's token":             {xssh.Password(token), "bob@example.com", false},
		"no token":                    {xssh.Password("sp_guess"), alice, false},
		"empty":                       {xssh.Password(""), alice, false},
		"prompt":                      {answer(token), alice, true},
		"prompt, wrong":               {answer("sp_guess"), alice, false},
		"key":                         {xssh.PublicKeys(key), alice, true},
		"another's key":               {xssh.PublicKeys(key), "bob@example.com", false},
		"unknown key":                 {xssh.PublicKeys(newKey(t)), alice, false},
		"certificate":                 {xssh.PublicKeys(issue(alice, "t-1", time.Hour, newKey(t))), alice, true},
		"certificate of another":      {xssh.PublicKeys(issue("bob@example.com", "t-1", time.Hour, newKey(t))), alice, false},
		"certificate of a dead token": {xssh.PublicKeys(issue(alice, "t-2", time.Hour, newKey(t))), alice, false},
		"expired certificate":         {xssh.PublicKeys(issue(alice, "t-1", -time.Minute, newKey(t))), alice, false},
		"another authority":           {xssh.PublicKeys(foreign()), alice, false},
		"what targets accept":         {xssh.PublicKeys(session1), alice, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := g.dial(t, c.user+"+web1", c.auth)
			if got := runs(t, client, err); got != c.in {
				t.Errorf("let in: %v, want %v (%v)", got, c.in, err)
			}
		})
	}
	failures := 0
	for _, in := range g.signIns.all() {
		if !in.Succeeded {
			failures++
		}
	}
	if failures < 9 {
		t.Errorf("%d failed sign-ins were recorded", failures)
	}
}

// cannotSign offers a key that it does not have.
type cannotSign struct{ key xssh.PublicKey }

func (c cannotSign) PublicKey() xssh.PublicKey { return c.key }
func (c cannotSign) Sign(_ io.Reader, _ []byte) (*xssh.Signature, error) {
	return nil, errors.New("the key is not here")
}

// A key that is offered and not signed with proves nothing, and what one user name was let try does
// not count for another.
func TestOfferedKeyProvesNothing(t *testing.T) {
	g := start(t, options{})
	stolen := newKey(t)
	g.people.keys[string(stolen.PublicKey().Marshal())] = alice
	mallory := newKey(t)
	g.people.keys[string(mallory.PublicKey().Marshal())] = "mallory@example.com"
	_, err := g.dial(t, alice+"+web1", xssh.PublicKeys(cannotSign{stolen.PublicKey()}, mallory))
	if err == nil {
		t.Fatal("mallory was let in as alice")
	}
	for _, in := range g.signIns.all() {
		if in.Succeeded {
			t.Errorf("recorded as signed in: %v", in)
		}
	}
}

// A sign-in that cannot be recorded is refused.
func TestUnrecordedSignIn(t *testing.T) {
	g := start(t, options{})
	g.signIns.fail = true
	if _, err := g.dial(t, alice+"+web1"); err == nil {
		t.Error("let in")
	}
}

func TestUserNames(t *testing.T) {
	g := start(t, options{target: func(r *resources.Target) { r.SSH.Logins = nil }})
	g.people.tokens["sp_plus"] = "a+b@example.com"
	for user, want := range map[string]string{
		"a%2Bb@example.com+web1":                "",
		"a%2bb@example.com+web1+" + g.sshd.User: "",
		"a%2Bb@example.com+web1+nobody-else":    "there is no login nobody-else on web1",
		"a%2Bb@example.com+web2":                "there is no target web2",
		"a%2Bb@example.com":                     "no target was named",
	} {
		c, err := g.dial(t, user, xssh.Password("sp_plus"))
		if err != nil {
			t.Errorf("%s: %v", user, err)
			continue
		}
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.CombinedOutput("echo in")
		if want == "" && (err != nil || string(out) != "in\n") || want != "" && (err == nil || !strings.Contains(string(out), want)) {
			t.Errorf("%s: %q, %v; want %q", user, out, err, want)
		}
	}
	for _, user := range []string{"a+b@example.com+web1", "", "+web1", "a%2Bb@example.com+", "a%2Bb@example.com+web1+", "a\x00+web1"} {
		if _, err := g.dial(t, user, xssh.Password("sp_plus")); err == nil {
			t.Errorf("%q was let in", user)
		}
	}
}

// OpenSSH takes the certificate of the gateway for the names in it, and for no other.
func TestHostCertificateNames(t *testing.T) {
	g := start(t, options{config: func(c *ssh.Config) { c.Hosts = append(c.Hosts, "gateway.example") }})
	for name, in := range map[string]bool{"gateway.example": true, "other.example": false} {
		got := g.ssh(t, "", "-o", "HostKeyAlias="+name, "gw", "echo in")
		if (got.out == "in\n") != in || in == strings.Contains(got.err, "name is not a listed principal") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// ssh -J with plain host names: the gateway is the server at the other end of the jump.
func TestJump(t *testing.T) {
	g := start(t, options{})
	if got := g.ssh(t, "", "web1", "echo in"); got.out != "in\n" || got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if o := g.closed(t)[0].GetOpened(); o.Target != "web1" || o.GetPrincipal().GetName() != alice || o.UpstreamUser != g.sshd.User {
		t.Errorf("opened %v", o)
	}
	if got := g.ssh(t, "", "-o", "ProxyJump=jump", "web2", "echo in"); got.status == 0 || !strings.Contains(got.err, "there is no target web2") {
		t.Errorf("another target: %+v", got)
	}
}

// The gateway signs in at the target with what the target's declaration says, and nothing is
// trusted that is not declared.
func TestTargetsCredentialAndKey(t *testing.T) {
	dir := t.TempDir()
	other := newKey(t)
	line := func(k xssh.PublicKey) string { return strings.TrimSpace(string(xssh.MarshalAuthorizedKey(k))) }
	// The authority is made before the server, which trusts it.
	g := start(t, options{})
	sshd, err := sshtest.Start(t.Context(), sshtest.Config{UserCAs: []string{line(g.authority.UserAuthority())}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sshd.Stop() })
	known := filepath.Join(dir, "known_hosts")
	host, port, _ := strings.Cut(sshd.Address, ":")
	if err := os.WriteFile(known, []byte("["+host+"]:"+port+" "+sshd.HostKeys[2]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(dir, "known_authorities")
	if err := os.WriteFile(authority, []byte("@cert-authority ["+host+"]:"+port+" "+sshd.HostCA+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	byKey := resources.Credential{Username: sshd.User, Key: &resources.SecretRef{File: sshd.Key}}
	for name, c := range map[string]struct {
		credential resources.Credential
		spec       resources.SSH
		refused    string
	}{
		"certificate":            {resources.Credential{Username: sshd.User, Certificate: true}, resources.SSH{HostKeys: sshd.HostKeys[:1]}, ""},
		"another kind of key":    {byKey, resources.SSH{HostKeys: sshd.HostKeys[1:2]}, ""},
		"rsa":                    {byKey, resources.SSH{HostKeys: sshd.HostKeys[2:]}, ""},
		"host authority":         {byKey, resources.SSH{HostCAs: []string{sshd.HostCA}}, ""},
		"known_hosts":            {byKey, resources.SSH{KnownHosts: known}, ""},
		"authority in file":      {byKey, resources.SSH{KnownHosts: authority}, ""},
		"another host key":       {byKey, resources.SSH{HostKeys: []string{line(other.PublicKey())}}, "a host key that is not the declared one"},
		"another host authority": {byKey, resources.SSH{HostCAs: []string{line(other.PublicKey())}}, "a host key that is not the declared one"},
		"nothing declared":       {byKey, resources.SSH{}, "a host key that is not the declared one"},
		"junk declared":          {byKey, resources.SSH{HostKeys: []string{"junk"}}, "cannot be read"},
		"wrong credential":       {resources.Credential{Username: sshd.User, Password: &resources.SecretRef{File: sshd.Key + ".pub"}}, resources.SSH{HostKeys: sshd.HostKeys[:1]}, "does not accept the gateway's credential"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Targets.Put("other", resources.Target{Protocol: ssh.Protocol, Address: sshd.Address, Credential: c.credential, SSH: &c.spec})
			client, err := g.dial(t, alice+"+other")
			if err != nil {
				t.Fatal(err)
			}
			s, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.CombinedOutput("echo in")
			if c.refused == "" && (err != nil || string(out) != "in\n") || c.refused != "" && (err == nil || !strings.Contains(string(out), c.refused)) {
				t.Errorf("%q, %v; want %q", out, err, c.refused)
			}
		})
	}
}

// Neither leg speaks what is known to be weak. ChaCha20-Poly1305 is refused because a client without
// strict key exchange could be made to lose messages (Terrapin).
func TestWeakNegotiations(t *testing.T) {
	g := start(t, options{})
	for _, weak := range []xssh.Config{
		{Ciphers: []string{xssh.CipherChaCha20Poly1305}}, {Ciphers: []string{xssh.InsecureCipherAES128CBC}},
		{KeyExchanges: []string{xssh.InsecureKeyExchangeDH14SHA1}}, {KeyExchanges: []string{xssh.InsecureKeyExchangeDH1SHA1}},
		{Ciphers: []string{xssh.CipherAES128CTR}, MACs: []string{xssh.HMACSHA1}},
		{Ciphers: []string{xssh.CipherAES128CTR}, MACs: []string{xssh.InsecureHMACSHA196}},
	} {
		_, err := xssh.Dial("tcp", g.addr, &xssh.ClientConfig{Config: weak, User: alice + "+web1", Auth: []xssh.AuthMethod{xssh.Password(token)},
			HostKeyCallback: xssh.InsecureIgnoreHostKey(), Timeout: 30 * time.Second})
		if _, ok := errors.AsType[*xssh.AlgorithmNegotiationError](err); !ok {
			t.Errorf("%v: %v", weak, err)
		}
	}
	if got := g.ssh(t, "", "-c", "chacha20-poly1305@openssh.com", "gw", "echo in"); got.status != 255 || got.out != "" {
		t.Errorf("OpenSSH with ChaCha20: %+v", got)
	}
	for _, c := range []struct {
		lines []string
		in    bool // with legacy
	}{
		{[]string{"Ciphers aes128-cbc", "MACs hmac-sha1"}, true},
		{[]string{"Ciphers chacha20-poly1305@openssh.com"}, false},
		{[]string{"Ciphers aes128-cbc", "MACs hmac-sha2-256-etm@openssh.com"}, false},
	} {
		weak, err := sshtest.Start(t.Context(), sshtest.Config{Lines: c.lines})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = weak.Stop() })
		for _, legacy := range []bool{false, true} {
			g.Targets.Put("weak", resources.Target{Protocol: ssh.Protocol, Address: weak.Address,
				Credential: resources.Credential{Username: weak.User, Key: &resources.SecretRef{File: weak.Key}},
				SSH:        &resources.SSH{HostKeys: weak.HostKeys[:1], Legacy: legacy}})
			got := g.ssh(t, "", "-o", "User="+alice+"+weak", "gw", "echo in")
			if in := legacy && c.in; (got.out == "in\n") != in || strings.Contains(got.err, "no algorithm that the gateway accepts") == in {
				t.Errorf("%v, legacy %v: %+v", c.lines, legacy, got)
			}
		}
	}
}

// A token that is revoked ends its sessions, and their clients are told why, whatever they do.
func TestRevocation(t *testing.T) {
	for name, args := range map[string][]string{
		"waiting":     {"gw", "echo ready; cat"},
		"output":      {"gw", "echo ready; yes"},
		"errors":      {"gw", "echo ready; while echo busy >&2; do :; done"},
		"terminal":    {"-tt", "gw", "stty -opost; echo ready; cat"},
		"file server": {"-s", "gw", "sftp"},
		"jump":        {"web1", "echo ready; cat"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{})
			cmd := g.command(t, "ssh", args...)
			in, _ := cmd.StdinPipe()
			defer in.Close()
			var errs strings.Builder
			cmd.Stderr = &errs
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if name == "file server" { // greet it, so that it answers
				_, _ = in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3})
			}
			if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			g.people.revoke()
			_, _ = io.Copy(io.Discard, out)
			_ = cmd.Wait()
			if strings.Count(errs.String(), "sallyport: the token was revoked") != 1 || cmd.ProcessState.ExitCode() != 255 {
				told := errs.String()
				t.Errorf("%v: the client was told %q", cmd.ProcessState, told[max(0, len(told)-200):])
			}
			es := g.closed(t)
			if c := es[len(es)-1].GetClosed(); c.Reason != string(session.ReasonExpired) {
				t.Errorf("closed %v", c)
			}
		})
	}
}

func fingerprint(k xssh.PublicKey) string { return xssh.FingerprintSHA256(k) }
