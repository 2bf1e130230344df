// Package authority holds the keys with which the gateway proves itself and others over SSH. There
// are three authorities, and none can stand in for another:
//
//   - of hosts: signs the gateway's host key, for whatever names clients know the gateway and the
//     targets behind it by. Clients trust it with an @cert-authority line, so that nobody has to
//     trust a key on first use.
//   - of clients: signs the short-lived certificates with which people sign in at the gateway.
//   - of users: signs a new key for each session, with which the gateway signs in at targets that
//     trust it (TrustedUserCAKeys). It is not the clients' authority: whoever holds a certificate of
//     that one could else go to targets past the gateway.
//
// Certificates are OpenSSH's (PROTOCOL.certkeys), keys Ed25519. The keys' files are seeds of 32
// bytes in the data directory, mode 0600.
package authority

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport/ingress/credential"
	"sallyport/schemas"
)

// Lives of certificates. Clocks may differ by skew.
const (
	hostLife = 24 * time.Hour
	userLife = 5 * time.Minute // to sign in at the target; the session may last longer
	skew     = 5 * time.Minute
)

// tokenExtension names the token that a client's certificate ends with.
const tokenExtension = "token@sallyport"

// Authority holds the keys. It is safe for concurrent use.
type Authority struct {
	host                     ssh.Signer
	hostCA, clientCA, userCA ssh.Signer
	now                      func() time.Time
}

// Load reads the keys in dir, and makes those that are missing.
func Load(dir string, now func() time.Time) (*Authority, error) {
	a := &Authority{now: now}
	for name, signer := range map[string]*ssh.Signer{"ssh_host": &a.host, "ssh_host_ca": &a.hostCA, "ssh_client_ca": &a.clientCA, "ssh_user_ca": &a.userCA} {
		seed, err := credential.LoadKey(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if *signer, err = ssh.NewSignerFromSigner(ed25519.NewKeyFromSeed(seed)); err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
	}
	return a, nil
}

// HostAuthority is whom clients trust to certify host keys.
func (a *Authority) HostAuthority() ssh.PublicKey { return a.hostCA.PublicKey() }

// UserAuthority is whom targets trust to certify the gateway's keys.
func (a *Authority) UserAuthority() ssh.PublicKey { return a.userCA.PublicKey() }

// HostKeys returns the gateway's host key, with a certificate for names and without. Clients take it for
// these names only: OpenSSH (9.2) and x/crypto compare names with the certificate's, letter by letter, so that the
// wildcard at the end of them serves only a client that takes it for one. Who is trusted for which name is for the
// client's @cert-authority line to say.
func (a *Authority) HostKeys(names []string) ([]ssh.Signer, error) {
	c := a.certificate(a.host.PublicKey(), ssh.HostCert, "sallyport", append(slices.Clone(names), "*"), hostLife)
	certified, err := sign(c, a.hostCA, a.host)
	if err != nil {
		return nil, err
	}
	return []ssh.Signer{certified, a.host}, nil
}

// SessionKey returns a new key with which one session signs in at its target as login.
func (a *Authority) SessionKey(session schemas.SessionID, principal, login string) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make session key: %w", err)
	}
	key, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, fmt.Errorf("make session key: %w", err)
	}
	c := a.certificate(key.PublicKey(), ssh.UserCert, "sallyport session "+string(session)+" of "+principal, []string{login}, userLife)
	return sign(c, a.userCA, key)
}

// Issue signs a client's key, for as long as ttl. The certificate proves principal as long as the
// token is live.
func (a *Authority) Issue(key ssh.PublicKey, principal string, token schemas.TokenID, ttl time.Duration) (*ssh.Certificate, error) {
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, errors.New("a certificate cannot be certified: give the key itself")
	}
	c := a.certificate(key, ssh.UserCert, principal, []string{principal}, ttl)
	c.Extensions[tokenExtension] = string(token)
	if err := c.SignCert(rand.Reader, a.clientCA); err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return c, nil
}

// Check returns the token that a client's certificate ends with, if the certificate is one of ours
// and holds for principal now. Whether the client has the key is for the caller to see.
func (a *Authority) Check(c *ssh.Certificate, principal string) (schemas.TokenID, error) {
	checker := ssh.CertChecker{
		IsUserAuthority: func(k ssh.PublicKey) bool { return slices.Equal(k.Marshal(), a.clientCA.PublicKey().Marshal()) },
		Clock:           a.now,
	}
	if c.CertType != ssh.UserCert || len(c.ValidPrincipals) == 0 {
		return "", errors.New("not a certificate of a user")
	}
	if !checker.IsUserAuthority(c.SignatureKey) {
		return "", errors.New("signed by another authority")
	}
	if err := checker.CheckCert(principal, c); err != nil {
		return "", err
	}
	return schemas.TokenID(c.Extensions[tokenExtension]), nil
}

func (a *Authority) certificate(key ssh.PublicKey, kind uint32, id string, principals []string, life time.Duration) *ssh.Certificate {
	var serial [8]byte
	_, _ = rand.Read(serial[:]) // never fails: see crypto/rand
	now := a.now()
	c := &ssh.Certificate{
		Key: key, CertType: kind, KeyId: id, ValidPrincipals: principals, Serial: binary.BigEndian.Uint64(serial[:]),
		ValidAfter: uint64(now.Add(-skew).Unix()), ValidBefore: uint64(now.Add(life).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{}},
	}
	if kind == ssh.UserCert {
		c.Extensions["permit-pty"], c.Extensions["permit-port-forwarding"] = "", ""
	}
	return c
}

func sign(c *ssh.Certificate, authority, key ssh.Signer) (ssh.Signer, error) {
	if err := c.SignCert(rand.Reader, authority); err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	signer, err := ssh.NewCertSigner(c, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return signer, nil
}

// KnownHosts is a line of known_hosts by which clients trust an authority of hosts for a gateway that is known as hosts and
// listens on port, and for patterns, behind jumps.
func KnownHosts(authority ssh.PublicKey, hosts []string, port string, patterns []string) string {
	all := slices.Clone(patterns)
	for _, h := range hosts {
		if port != "22" {
			h = "[" + h + "]:" + port
		}
		all = append(all, h)
	}
	return "@cert-authority " + strings.Join(all, ",") + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(authority))) + " sallyport\n"
}
