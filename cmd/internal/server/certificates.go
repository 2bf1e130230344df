package server

import (
	"crypto/x509"
	"fmt"
	"time"

	"sallyport/ingress/login"
	"sallyport/ingress/login/authority"
)

// openLogin makes what recognises tokens and certificates.
func (m *Main) openLogin() error {
	c := m.config.Identity
	var err error
	if m.authorities, err = m.certificateAuthorities(); err != nil {
		return fmt.Errorf("identity.certificates: %w", err)
	}
	l := login.Config{Registry: m.registry, Append: m.registry.Append, Recheck: c.Recheck, Now: time.Now}
	if m.authorities != nil {
		l.Authorities = m.authorities
	}
	m.login = login.New(l)
	return nil
}

// certificateAuthorities are those whose client certificates count; nil: none.
func (m *Main) certificateAuthorities() (*authority.Authorities, error) {
	var all []authority.Authority
	for _, c := range m.config.Identity.Certificates {
		one := authority.Authority{Name: c.Name, CA: c.CA, CRL: c.CRL}
		for _, r := range c.Rules {
			one.Rules = append(one.Rules, authority.Rule{
				URI: r.URI, DNS: r.DNS, Email: r.Email, CommonName: r.CN, User: r.User, Agent: r.Agent,
				Groups: r.Groups, Targets: r.Targets, Protocols: r.Protocols,
			})
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return authority.New(authority.Config{Authorities: all, Now: time.Now})
}

// welcome adds the authorities to those that clients are told of when they choose a certificate. It is no more than
// a hint.
func (m *Main) welcome(pool *x509.CertPool) *x509.CertPool {
	if m.authorities != nil {
		for _, c := range m.authorities.Trusted() {
			pool.AddCert(c)
		}
	}
	return pool
}
