// Package sshtest starts a real OpenSSH server for tests, on a free port of the loopback, with keys
// that are thrown away. It lets in the user that runs the tests, with a key, or with a certificate
// of an authority that the test names.
package sshtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sallyport/schemas/freeport"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says how the server differs from an ordinary one.
type Config struct {
	Lines   []string // more lines of sshd_config, before all others: the first of a kind counts
	UserCAs []string // authorities of users that it trusts, as public keys
	Dir     string   // for its files; empty: a temporary one, removed by Stop
}

// Server is a running sshd.
type Server struct {
	Address   string   // host:port
	User      string   // who may log in
	Key       string   // file of the private key that lets User in
	HostKeys  []string // public keys: type and base64
	HostCA    string   // authority that has certified the first of them for 127.0.0.1
	dir       string
	temporary bool
	command   *exec.Cmd
	done      chan struct{}
	log       *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// Log is what the server has said.
func (s *Server) Log() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.b.String()
}

// Path is a path in the server's directory.
func (s *Server) Path(name string) string { return filepath.Join(s.dir, name) }

// ErrNotInstalled is returned where there is no sshd.
var ErrNotInstalled = errors.New("sshd is not installed: deploy/dependencies.sh test installs it")

// binary finds sshd, which is seldom on the PATH of users. It must be started by its full path.
func binary() (string, error) {
	if p, err := exec.LookPath("sshd"); err == nil {
		return filepath.Abs(p)
	}
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		return "", ErrNotInstalled
	}
	return "/usr/sbin/sshd", nil
}

// Start starts a server and returns once it answers.
func Start(ctx context.Context, c Config) (*Server, error) {
	sshd, err := binary()
	if err != nil {
		return nil, err
	}
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	s := &Server{User: who.Username, dir: c.Dir, done: make(chan struct{}), log: &lockedBuffer{}}
	if s.dir == "" {
		s.temporary = true
		if s.dir, err = os.MkdirTemp("", "sallyport-sshd-"); err != nil {
			return nil, err
		}
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	if err := s.keys(c); err != nil {
		return nil, err
	}
	var last error
	for range 5 { // somebody else may take the port
		if last = s.start(ctx, sshd, c); last == nil {
			return s, nil
		}
	}
	_ = s.Stop()
	return nil, last
}

func (s *Server) keys(c Config) error {
	for _, k := range []struct{ name, kind string }{{"host_ed25519", "ed25519"}, {"host_ecdsa", "ecdsa"}, {"host_rsa", "rsa"}, {"host_ca", "ed25519"}, {"id", "ed25519"}} {
		if _, err := os.Stat(s.Path(k.name)); err == nil {
			continue
		}
		if err := run("ssh-keygen", "-q", "-t", k.kind, "-N", "", "-C", k.name, "-f", s.Path(k.name)); err != nil {
			return err
		}
	}
	if err := run("ssh-keygen", "-q", "-s", s.Path("host_ca"), "-I", "test", "-h", "-n", "127.0.0.1", "-V", "-1d:+1d", s.Path("host_ed25519.pub")); err != nil {
		return err
	}
	s.Key = s.Path("id")
	for _, name := range []string{"host_ed25519", "host_ecdsa", "host_rsa", "host_ca"} {
		public, err := os.ReadFile(s.Path(name + ".pub"))
		if err != nil {
			return err
		}
		fields := strings.Fields(string(public))
		if key := fields[0] + " " + fields[1]; name == "host_ca" {
			s.HostCA = key
		} else {
			s.HostKeys = append(s.HostKeys, key)
		}
	}
	public, err := os.ReadFile(s.Path("id.pub"))
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(s.Path("authorized_keys"), public, 0o600),
		os.WriteFile(s.Path("user_cas"), []byte(strings.Join(c.UserCAs, "\n")+"\n"), 0o600))
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (s *Server) start(ctx context.Context, sshd string, c Config) error {
	free, err := freeport.Find()
	if err != nil {
		return err
	}
	port := strconv.Itoa(free)
	s.Address = net.JoinHostPort("127.0.0.1", port)
	lines := append(append([]string{}, c.Lines...),
		"Port "+port, "ListenAddress 127.0.0.1", "HostKey "+s.Path("host_ed25519"), "HostKey "+s.Path("host_ecdsa"), "HostKey "+s.Path("host_rsa"),
		"HostCertificate "+s.Path("host_ed25519-cert.pub"), "PidFile none", "AuthorizedKeysFile "+s.Path("authorized_keys"),
		"TrustedUserCAKeys "+s.Path("user_cas"), "StrictModes no", "PermitRootLogin yes", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "UsePAM no", "AllowTcpForwarding yes", "GatewayPorts no", "AcceptEnv LANG LC_* GW_*",
		"SetEnv HOME="+s.dir, "MaxSessions 200", "MaxStartups 500", "PrintMotd no", "PrintLastLog no", "LogLevel VERBOSE")
	if !slices.ContainsFunc(c.Lines, func(l string) bool { return strings.HasPrefix(l, "Subsystem ") }) {
		lines = append(lines, "Subsystem sftp internal-sftp")
	}
	if err := os.WriteFile(s.Path("sshd_config"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	s.command = exec.Command(sshd, "-D", "-e", "-f", s.Path("sshd_config"))
	s.command.Stderr = s.log
	if err := s.command.Start(); err != nil {
		return err
	}
	s.watch()
	return s.await(ctx)
}

// watch notes when the process that was started ends.
func (s *Server) watch() {
	command, done := s.command, make(chan struct{})
	s.done = done
	go func() {
		_ = command.Wait()
		close(done)
	}()
}

// await returns once the server says its version.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if c, err := net.DialTimeout("tcp", s.Address, time.Second); err == nil {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			b := make([]byte, 4)
			n, _ := c.Read(b)
			_ = c.Close()
			if string(b[:n]) == "SSH-" {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("sshd has ended: %s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("sshd does not answer: %s", s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server and the sessions on it, and removes its files.
func (s *Server) Stop() error {
	if s.command != nil && s.command.Process != nil {
		_ = s.command.Process.Kill()
		<-s.done
	}
	if s.temporary {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// Dial connects to the server itself, past any gateway.
func (s *Server) Dial() (*ssh.Client, error) {
	pem, err := os.ReadFile(s.Key)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.HostKeys[0]))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", s.Address, &ssh.ClientConfig{User: s.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(host), HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}, Timeout: 30 * time.Second})
}
