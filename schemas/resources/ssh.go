package resources

import (
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// What becomes of the content of files that SFTP moves.
const (
	FilesKeep   = "keep"
	FilesDigest = "digest"
)

// ModeRestricted is the value of SSH.Mode that gives people a shell of the gateway's own.
const ModeRestricted = "restricted"

// SSH is what only SSH targets have. How the target proves itself must be said: nothing is trusted
// on first use.
type SSH struct {
	HostKeys   []string  `json:"hostKeys,omitempty" doc:"public keys of the target, as ssh-keyscan and authorized_keys write them: type and base64"`
	KnownHosts string    `json:"knownHosts,omitempty" doc:"known_hosts file that has the target's keys, or @cert-authority lines for it"`
	HostCAs    []string  `json:"hostCAs,omitempty" doc:"authorities whose host certificates are accepted, written as public keys"`
	Logins     []string  `json:"logins,omitempty" doc:"accounts that a client may choose besides the credential's; *: any"`
	Env        []string  `json:"env,omitempty" doc:"environment variables that a client may set, * for any characters; LANG and LC_* by default"`
	Forwards   *Forwards `json:"forwards,omitempty" doc:"where connections may be forwarded to without a policy that allows it; nowhere by default"`
	Files      string    `json:"files,omitempty" schema:"enum=keep|digest" doc:"keep (the default): recordings hold what SFTP moves; digest: its SHA-256 and size"`
	Mode       string    `json:"mode,omitempty" schema:"enum=shell|restricted" doc:"what a shell is: shell (the default), the target's own; restricted: one of the gateway's, in which each line is decided before it runs"`
	Legacy     bool      `json:"legacy,omitempty" doc:"also offer the target algorithms that are broken or weak: SHA-1 signatures, key exchanges and MACs, CBC, 3DES, RC4; not what Terrapin needs, which is ChaCha20-Poly1305, and MACs over what CBC encrypted (etm)"`
}

// Forwards are destinations, written host:port. A host is a name in which * stands for any
// characters, an address, or a range (10.0.0.0/8); a port is a number, a range (8000-8099) or *.
type Forwards struct {
	Local  []string `json:"local,omitempty" doc:"hosts that clients may reach through the target (ssh -L, -D, -W)"`
	Remote []string `json:"remote,omitempty" doc:"addresses on the target on which clients may listen (ssh -R)"`
}

// DefaultEnv is what a client may set when Env says nothing.
func DefaultEnv() []string { return []string{"LANG", "LC_*"} }

// AllowsEnv reports whether a client may set the environment variable name.
func (s *SSH) AllowsEnv(name string) bool {
	patterns := DefaultEnv()
	if s != nil && s.Env != nil {
		patterns = s.Env
	}
	for _, p := range patterns {
		if ok, err := path.Match(p, name); err == nil && ok && !strings.Contains(name, "=") {
			return true
		}
	}
	return false
}

// AllowsForward reports whether rules let a connection go to host and port, or, remote, let a
// client listen there.
func (s *SSH) AllowsForward(remote bool, host string, port uint32) bool {
	if s == nil || s.Forwards == nil {
		return false
	}
	rules := s.Forwards.Local
	if remote {
		rules = s.Forwards.Remote
	}
	for _, r := range rules {
		if h, p, err := net.SplitHostPort(r); err == nil && matchHost(h, host) && matchPort(p, port) {
			return true
		}
	}
	return false
}

func matchHost(pattern, host string) bool {
	if pattern == Any {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if prefix, err := netip.ParsePrefix(pattern); err == nil {
		a, err := netip.ParseAddr(host)
		return err == nil && prefix.Contains(a.Unmap())
	}
	if want, err := netip.ParseAddr(pattern); err == nil {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Unmap() == want.Unmap()
	}
	ok, err := path.Match(strings.ToLower(pattern), host)
	return err == nil && ok
}

func matchPort(pattern string, port uint32) bool {
	low, high, ok := ports(pattern)
	return ok && low <= port && port <= high
}

// ports reads a number, a range, or *.
func ports(pattern string) (low, high uint32, ok bool) {
	if pattern == Any {
		return 0, 65535, true
	}
	from, to, ranged := strings.Cut(pattern, "-")
	if !ranged {
		to = from
	}
	a, errA := strconv.ParseUint(from, 10, 16)
	b, errB := strconv.ParseUint(to, 10, 16)
	return uint32(a), uint32(b), errA == nil && errB == nil && a <= b
}

// ssh checks what only SSH targets have, and that only they have it.
func (c *checker) ssh(t *Target) {
	if t.Protocol != ProtocolSSH {
		if t.SSH != nil {
			c.fail("spec.ssh", "is for ssh targets only")
		}
		if t.Credential.Key != nil || t.Credential.Certificate {
			c.fail("spec.credential", "key and certificate are for ssh targets only")
		}
		return
	}
	if t.TLS != nil {
		c.fail("spec.tls", "is not for ssh targets: the protocol has its own encryption")
	}
	if strings.HasPrefix(t.Address, "/") {
		c.fail("spec.address", "an ssh target has a host and a port")
	}
	set := 0
	for _, given := range []bool{t.Credential.Password != nil, t.Credential.Key != nil, t.Credential.Certificate} {
		if given {
			set++
		}
	}
	if set != 1 {
		c.fail("spec.credential", "exactly one of password, key and certificate must be set")
	}
	s := t.SSH
	if s == nil || len(s.HostKeys) == 0 && s.KnownHosts == "" && len(s.HostCAs) == 0 {
		c.fail("spec.ssh", "hostKeys, knownHosts or hostCAs must say how the target proves itself: nothing is trusted on first use")
		return
	}
	for _, p := range s.Env {
		if _, err := path.Match(p, ""); err != nil || strings.Contains(p, "=") {
			c.fail("spec.ssh.env", "%q is not a pattern of names", p)
		}
	}
	if s.Forwards != nil {
		c.forwards(s.Forwards.Local, "spec.ssh.forwards.local")
		c.forwards(s.Forwards.Remote, "spec.ssh.forwards.remote")
	}
}

func (c *checker) forwards(rules []string, at string) {
	for i, r := range rules {
		h, p, err := net.SplitHostPort(r)
		_, _, ok := ports(p)
		if err == nil && h != "" && ok {
			if _, err = path.Match(h, ""); err == nil {
				continue
			}
		}
		c.fail(at+"["+strconv.Itoa(i)+"]", "%q is not host:port, as in *.internal:5432, 10.0.0.0/8:8000-8099 or [::1]:*", r)
	}
}
