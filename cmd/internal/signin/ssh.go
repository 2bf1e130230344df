package signin

import (
	"crypto"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/ssh/authority"
)

// SSHFiles is what stays of a sign-in for ssh.
type SSHFiles struct {
	Config string // file for ssh's Include, or -F
	User   string // principal, as the beginning of a user name
	Host   string // name of the gateway
	Port   string
}

// SaveSSH keeps a certified key, the line by which the gateway is known, and a piece of configuration for OpenSSH
// (ssh_config(5)) with the names of the targets, beside the token. What a former sign-in left is replaced.
func SaveSSH(gateway string, key crypto.PrivateKey, c *api.Certificate) (*SSHFiles, error) {
	u, err := url.Parse(gateway)
	if err != nil {
		return nil, err
	}
	d, err := dir(gateway)
	if err != nil {
		return nil, err
	}
	d = filepath.Join(d, "ssh")
	if err := os.MkdirAll(d, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for the certificate: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "sallyport "+c.Principal)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	user := strings.ReplaceAll(strings.ReplaceAll(c.Principal, "%", "%25"), "+", "%2B")
	f := &SSHFiles{Config: filepath.Join(d, "config"), User: user, Host: u.Hostname(), Port: strconv.Itoa(c.Gateway.Port)}
	trusted, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.Gateway.Authority))
	if err != nil {
		return nil, fmt.Errorf("read the authority of hosts: %w", err)
	}
	config, err := f.text(d, c)
	if err != nil {
		return nil, err
	}
	known := authority.KnownHosts(trusted, append([]string{f.Host}, c.Gateway.Hosts...), f.Port, c.Gateway.Targets)
	for _, file := range []struct{ name, text string }{
		{"id_ed25519-cert.pub", c.Certificate}, {"id_ed25519", string(pem.EncodeToMemory(block))}, {"known_hosts", known}, {"config", config},
	} {
		if err := replace(filepath.Join(d, file.name), file.text); err != nil {
			return nil, fmt.Errorf("keep the certificate: %w", err)
		}
	}
	return f, nil
}

// text is the configuration. The names in it come from the server, so one that could mean more than a name is refused.
func (f *SSHFiles) text(dir string, c *api.Certificate) (string, error) {
	for _, name := range append([]string{c.Principal, f.Host}, c.Gateway.Targets...) {
		if name == "" || strings.HasPrefix(name, "-") || strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`"'\#*?!,`, r)
		}) {
			return "", fmt.Errorf("%q cannot be written into a configuration of ssh: use sallyport ssh certificate", name)
		}
	}
	in := func(name string) string { return `"` + strings.ReplaceAll(filepath.Join(dir, name), "%", "%%") + `"` }
	names := append([]string{"sallyport", f.Host}, c.Gateway.Targets...)
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by sallyport login; each replaces it.\nHost sallyport\n  HostName %s\n  Port %s\n  User %s\n", f.Host, f.Port, f.User)
	if len(c.Gateway.Targets) > 0 {
		fmt.Fprintf(&b, "Host %s\n  ProxyJump sallyport\n", strings.Join(c.Gateway.Targets, " "))
	}
	fmt.Fprintf(&b, "Host %s\n  IdentityFile %s\n  CertificateFile %s\n  UserKnownHostsFile ~/.ssh/known_hosts %s\nHost *\n",
		strings.Join(names, " "), in("id_ed25519"), in("id_ed25519-cert.pub"), in("known_hosts"))
	return b.String(), nil
}
