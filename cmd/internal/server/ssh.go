package server

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/credential"
	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/ingress/session"
	"sallyport/ingress/ssh"
	"sallyport/ingress/ssh/authority"
)

// ssh returns what serves SSH clients until its context is done.
func (m *Main) ssh(ctx context.Context, gateway *session.Gateway, keys *keys) (func(context.Context) error, error) {
	l, ok := m.listeners["ssh"]
	if !ok {
		return off, nil
	}
	a, err := m.sshAuthority()
	if err != nil {
		return nil, err
	}
	device, err := m.sshDevice(ctx)
	if err != nil {
		return nil, err
	}
	limits, own := m.config.Limits, m.config.SSH
	server, err := ssh.New(ssh.Config{
		Gateway: gateway, Authority: a, Authenticator: m.login.For(ssh.Protocol), Device: device, SignIns: api.SignIns{Log: m.log},
		Credentials: credential.New(credential.Config{Sealer: keys.seal}), Hosts: m.config.SSHHosts(), Logger: m.logger,
		Limits: ssh.Limits{
			Authentication: own.Authentication, Dial: limits.Dial, Unauthenticated: limits.Unauthenticated, PerAddress: limits.PerAddress,
			Sessions: limits.Sessions, Channels: own.Channels, Listeners: own.Listeners, HeldInput: own.HeldInput,
			KeepAlive: own.KeepAlive, KeepAliveMissed: own.KeepAliveMissed, FinalNotice: own.FinalNotice, FirstChannel: own.FirstChannel,
			MaskRest: own.MaskRest,
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
	api.SSH{
		Log: m.log, Registry: m.registry, Access: m.access, Authority: a, MaxTTL: m.config.Limits.TokenTTL, Logger: m.logger, Now: time.Now,
		Port: m.sshPort(), Hosts: m.config.SSHHosts(),
	}.Mount(mux)
}

// sshPort is where SSH clients connect, here or in another process of this configuration; 0: nowhere.
func (m *Main) sshPort() int {
	address := m.config.Listen.SSH
	if l, ok := m.listeners["ssh"]; ok {
		address = l.Addr().String()
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, _ := net.LookupPort("tcp", port) // the configuration was checked
	return n
}

// sshDevice lets SSH clients sign in with a browser, if it is known where browsers find the app.
func (m *Main) sshDevice(ctx context.Context) (ssh.Device, error) {
	if m.publicURL() == "" {
		return nil, nil
	}
	ledger, err := once.New(ctx, once.Config{Log: m.log, Now: time.Now})
	if err != nil {
		return nil, err
	}
	return api.DeviceSignIn{
		Once: ledger, Registry: m.registry, Protocol: ssh.Protocol, Login: m.login.For(ssh.Protocol),
		PerSource: pace.New(m.config.Identity.PerSource, time.Now), PublicURL: m.publicURL(), Now: time.Now,
	}, nil
}
