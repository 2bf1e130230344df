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
	"strings"
)

// Keeper is the account of Dropbear.
const Keeper = "keeper"

// Dropbear starts a Dropbear server on host (127.0.0.1, ::1). It has an account of its own, Keeper, with a
// password and with the server's Key: nss_wrapper shows it a passwd and a shadow file of its own, in which Keeper is
// another name of who runs the tests. There is no HostCA.
func Dropbear(ctx context.Context, host, password string) (*Server, error) {
	binary, err := exec.LookPath("dropbear")
	if err != nil {
		if binary = "/usr/sbin/dropbear"; !exists(binary) {
			return nil, errors.New("dropbear is not installed: deploy/dependencies.sh test installs it")
		}
	}
	s := &Server{User: Keeper, done: make(chan struct{}), log: &lockedBuffer{}, temporary: true}
	if s.dir, err = os.MkdirTemp("", "sallyport-dropbear-"); err != nil {
		return nil, err
	}
	err = s.account(password)
	if err == nil {
		err = s.dropbearKeys()
	}
	for range 5 { // somebody else may take the port
		if err == nil {
			if err = s.startDropbear(ctx, binary, host); err == nil {
				return s, nil
			}
		}
	}
	return nil, errors.Join(err, s.Stop())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// account writes what nss_wrapper shows, and the home with the key that lets Keeper in.
func (s *Server) account(password string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	crypt := exec.Command("openssl", "passwd", "-6", "-stdin")
	crypt.Stdin = strings.NewReader(password + "\n")
	hash, err := crypt.Output()
	if err != nil {
		return fmt.Errorf("openssl passwd: %w", err)
	}
	if err := os.MkdirAll(s.Path("home/.ssh"), 0o700); err != nil {
		return err
	}
	s.Key = s.Path("id")
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "id", "-f", s.Key); err != nil {
		return err
	}
	public, err := os.ReadFile(s.Key + ".pub")
	return errors.Join(err,
		os.WriteFile(s.Path("home/.ssh/authorized_keys"), public, 0o600),
		os.WriteFile(s.Path("passwd"), fmt.Appendf(nil, "%s:x:%s:%s::%s:/bin/sh\n", Keeper, me.Uid, me.Gid, s.Path("home")), 0o600),
		os.WriteFile(s.Path("group"), fmt.Appendf(nil, "%s:x:%s:\n", Keeper, me.Gid), 0o600),
		os.WriteFile(s.Path("shadow"), fmt.Appendf(nil, "%s:%s:19000::::::\n", Keeper, bytes.TrimSpace(hash)), 0o600))
}

func (s *Server) dropbearKeys() error {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		if err := run("dropbearkey", "-t", kind, "-f", s.Path("host_"+kind)); err != nil {
			return err
		}
		out, err := exec.Command("dropbearkey", "-y", "-f", s.Path("host_"+kind)).Output()
		if err != nil {
			return fmt.Errorf("dropbearkey: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) >= 2 && (strings.HasPrefix(f[0], "ssh-") || strings.HasPrefix(f[0], "ecdsa-")) {
				s.HostKeys = append(s.HostKeys, f[0]+" "+f[1])
			}
		}
	}
	if len(s.HostKeys) != 3 {
		return fmt.Errorf("dropbearkey printed the keys %q", s.HostKeys)
	}
	return nil
}

func (s *Server) startDropbear(ctx context.Context, binary, host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	s.Address = l.Addr().String()
	_ = l.Close()
	s.command = exec.Command(binary, "-F", "-E", "-m", "-r", s.Path("host_ed25519"), "-r", s.Path("host_ecdsa"), "-r", s.Path("host_rsa"),
		"-p", s.Address, "-P", s.Path("pid"))
	s.command.Env = append(os.Environ(), "LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_PASSWD="+s.Path("passwd"),
		"NSS_WRAPPER_GROUP="+s.Path("group"), "NSS_WRAPPER_SHADOW="+s.Path("shadow"))
	s.command.Stderr = s.log
	if err := s.command.Start(); err != nil {
		return err
	}
	s.watch()
	return s.await(ctx)
}
