package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport/ingress/ssh/sshtest"
)

// twice is the path on which OpenSSH does what a gateway must: it ends a client's connection, and opens
// another one to the target, so that everything is encrypted twice. It records nothing.
const twice = "OpenSSH twice"

// shells are what is measured of SSH, in the order of a round. Memory comes first, before what is moved in bulk
// has grown buffers.
func (b *bench) shells() []workload {
	return b.chosen([]workload{
		b.idleShells(fmt.Sprintf("ssh, memory with %d idle sessions", b.sessions)),
		b.echo("ssh, echo of a key, p50", 0.50),
		b.echo("ssh, echo of a key, p99", 0.99),
		b.copied("ssh, scp, to the server", "-s", true),
		b.copied("ssh, scp, from the server", "-s", false),
		b.copied("ssh, scp -O, to the server", "-O", true),
		b.copied("ssh, scp -O, from the server", "-O", false),
		b.flat("ssh, memory, scp to the server", true),
		b.flat("ssh, memory, scp from the server", false),
	})
}

// startSSH starts sshd, and makes the file that is moved.
func (b *bench) startSSH(ctx context.Context, s *suite) error {
	var err error
	if b.sshd, err = sshtest.Start(ctx, sshtest.Config{Lines: []string{"LogLevel ERROR", "MaxStartups 2000"}}); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(b.sshd.Address)
	if err != nil {
		return err
	}
	s.paths = []path{{name: direct, port: port, user: b.sshd.User}, {name: twice, port: port, user: b.sshd.User}}
	f, err := os.Create(b.file())
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, int64(b.size)<<20)
	return errors.Join(err, f.Close())
}

// file is what is moved. It stays in the page cache, and goes to /dev/null: disks are not measured.
func (b *bench) file() string { return filepath.Join(b.dir, "file") }

// shellTarget declares the server. One policy is evaluated for each operation on files.
func (b *bench) shellTarget() string {
	if b.sshd == nil {
		return ""
	}
	return fmt.Sprintf(`---
apiVersion: sallyport/v1
kind: Target
metadata: {name: shell}
spec:
  protocol: ssh
  address: %s
  credential: {username: %s, key: {file: %s}}
  ssh: {hostKeys: [%q]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: everybody-shell}
spec: {members: {users: [bench]}, targets: {names: [shell]}}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: no-writing-in-etc}
spec:
  targets: {names: [shell]}
  when: command.file.writes && command.file.path.startsWith("/etc/")
  verdict: deny
`, b.sshd.Address, b.sshd.User, b.sshd.Key, b.sshd.HostKeys[0])
}

// configureClients writes what OpenSSH's programs need for each path: a host in ssh_config of the path's name.
// Both legs have the same cipher.
func (b *bench) configureClients() error {
	for _, s := range b.suites {
		if s.other != twice {
			continue
		}
		config := filepath.Join(b.dir, "ssh_config")
		target, gateway := s.paths[0], s.paths[len(s.paths)-1]
		hosts := fmt.Sprintf("Host %s\n  Port %s\n  User %s\n  IdentityFile %s\nHost %s\n  Port %s\n  User %s+shell\n  IdentityFile none\n",
			direct, target.port, target.user, b.sshd.Key, sallyport, gateway.port, gateway.user)
		all := "Host *\n  HostName 127.0.0.1\n  Ciphers aes128-gcm@openssh.com\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n" +
			"  GlobalKnownHostsFile /dev/null\n  IdentitiesOnly yes\n  IdentityAgent none\n  LogLevel ERROR\n"
		// scp's last argument is the command, or the subsystem after -s.
		hop := fmt.Sprintf("#!/bin/sh\nflag=\nfor a; do [ \"$a\" != -s ] || flag=-s; last=$a; done\nexec ssh -F %[1]s %[2]s \"exec ssh -F %[1]s $flag %[2]s '$last'\"\n", config, direct)
		return errors.Join(os.WriteFile(config, []byte(hosts+all), 0o600), os.WriteFile(b.hop(), []byte(hop), 0o700),
			os.WriteFile(filepath.Join(b.dir, "askpass"), []byte("#!/bin/sh\necho "+gateway.password+"\n"), 0o700))
	}
	return nil
}

// hop is the program that scp starts instead of ssh, to reach the server through another.
func (b *bench) hop() string { return filepath.Join(b.dir, "hop") }

// dial connects Go's client.
func (b *bench) dial(p path) (*ssh.Client, error) {
	c := &ssh.ClientConfig{User: p.user, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: patience, //nolint:gosec // it was just started here
		Config: ssh.Config{Ciphers: []string{ssh.CipherAES128GCM}}}
	if p.name == sallyport {
		c.User += "+shell"
		c.Auth = []ssh.AuthMethod{ssh.Password(p.password)}
	} else {
		pem, err := os.ReadFile(b.sshd.Key)
		if err != nil {
			return nil, err
		}
		key, err := ssh.ParsePrivateKey(pem)
		if err != nil {
			return nil, err
		}
		c.Auth = []ssh.AuthMethod{ssh.PublicKeys(key)}
	}
	return ssh.Dial("tcp", net.JoinHostPort("127.0.0.1", p.port), c)
}

// note adds what the table has no place for.
func (b *bench) note(format string, args ...any) {
	for _, s := range b.suites {
		if s.other == twice {
			s.notes = append(s.notes, fmt.Sprintf(format, args...))
		}
	}
}

// resident returns the resident memory of a process in bytes: proc(5), VmRSS.
func resident(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	return kib * 1024, nil
}

const mib = 1 << 20

// look is how often memory is looked at.
const look = 50 * time.Millisecond
