package server

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/ingress/ssh"
	"sallyport/ingress/ssh/authority"
)

// ssh returns what serves SSH clients until its context is done.
func (m *Main) ssh(gateway *session.Gateway, keys *keys) (func(context.Context) error, error) {
	l, ok := m.listeners["ssh"]
	if !ok {
		return off, nil
	}
	a, err := m.sshAuthority()
	if err != nil {
		return nil, err
	}
	limits, own := m.config.Limits, m.config.SSH
	server, err := ssh.New(ssh.Config{
		Gateway: gateway, Authority: a, Authenticator: m.login.For(ssh.Protocol), SignIns: api.SignIns{Log: m.log},
		Credentials: credential.New(credential.Config{Sealer: keys.seal}), Hosts: m.config.SSHHosts(), Logger: m.logger,
		Limits: ssh.Limits{
			Authentication: own.Authentication, Dial: limits.Dial, Unauthenticated: limits.Unauthenticated, PerAddress: limits.PerAddress,
			Sessions: limits.Sessions, Channels: own.Channels, Listeners: own.Listeners, HeldInput: own.HeldInput,
			KeepAlive: own.KeepAlive, KeepAliveMissed: own.KeepAliveMissed, FinalNotice: own.FinalNotice, FirstChannel: own.FirstChannel,
		},
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return named("ssh", server.Serve(ctx, l)) }, nil
}

func (m *Main) sshAuthority() (*authority.Authority, error) {
	return authority.Load(filepath.Dir(m.config.KeyFile("ssh")), time.Now)
}

// mountSSH adds the administration of keys, and certificates.
func (m *Main) mountSSH(mux *http.ServeMux) {
	a, err := m.sshAuthority()
	if err != nil {
		m.logger.Error("read SSH keys", "error", err)
		return
	}
	api.SSH{Log: m.log, Registry: m.registry, Access: m.access, Authority: a, MaxTTL: m.config.Limits.TokenTTL, Logger: m.logger, Now: time.Now}.Mount(mux)
}
