package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/certs"
	"sallyport/cmd/internal/config"
	"sallyport/ingress/credential"
	"sallyport/ingress/login"
	"sallyport/ingress/login/local"
	"sallyport/ingress/login/oidc"
	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/ingress/login/saml"
	"sallyport/schemas/resources"
)

// entrances makes what people and machines come in by. No provider is connected to: one that is out
// must not keep the process from starting.
func (m *Main) entrances(ctx context.Context) (api.Entrances, error) {
	c := m.config.Identity
	e := api.Entrances{
		Passwords: c.Local.Passwords, PerSource: pace.New(c.PerSource, time.Now), PerUser: pace.New(c.PerUser, time.Now),
		Session: c.Session, Refresh: c.Refresh, Relogin: c.Relogin, Token: c.Token,
	}
	var err error
	if e.Once, err = once.New(ctx, once.Config{Log: m.log, Now: time.Now}); err != nil {
		return e, err
	}
	if err := m.addPasskeys(&e); err != nil {
		return e, err
	}
	key, err := credential.LoadKey(m.config.KeyFile("password"))
	if err != nil {
		return e, err
	}
	e.Local, err = local.New(local.Config{Key: key, Directory: func() local.Directory { return m.registry.Snapshot() }})
	if err != nil {
		return e, err
	}
	resolver, err := m.identitySecrets()
	if err != nil {
		return e, err
	}
	for _, p := range c.Providers {
		if err := m.addProvider(&e, p, resolver); err != nil {
			return e, fmt.Errorf("identity provider %s: %w", p.Name, err)
		}
	}
	if e.Workloads, err = workloads(c); err != nil {
		return e, fmt.Errorf("identity.workloads: %w", err)
	}
	return e, nil
}

func (m *Main) identitySecrets() (*credential.Resolver, error) {
	key, err := credential.LoadKey(m.config.KeyFile("seal"))
	if err != nil {
		return nil, err
	}
	sealer, err := credential.NewSealer(key)
	if err != nil {
		return nil, err
	}
	return credential.New(credential.Config{Sealer: sealer}), nil
}

func (m *Main) addProvider(e *api.Entrances, p config.Provider, secrets *credential.Resolver) error {
	if p.SAML != nil {
		return m.addSAML(e, p)
	}
	client, err := outward(p.OIDC.CA, m.config.Identity.Timeout)
	if err != nil {
		return err
	}
	made, err := oidc.New(oidc.Config{
		Name: p.Name, Title: p.Title, Issuer: p.OIDC.Issuer, ClientID: p.OIDC.ClientID, ClientSecret: reveal(secrets, p.OIDC.ClientSecret),
		Scopes: p.OIDC.Scopes, Prompt: p.OIDC.Prompt, Redirect: m.publicURL() + "/api/v1/identity/oidc/" + p.Name + "/callback",
		Mapping: mapping(p.Map), Skew: m.config.Identity.Skew, Client: client, Now: time.Now,
	})
	if err != nil {
		return err
	}
	e.OIDC = append(e.OIDC, made)
	return nil
}

func (m *Main) addSAML(e *api.Entrances, p config.Provider) error {
	client, err := outward(p.SAML.CA, m.config.Identity.Timeout)
	if err != nil {
		return err
	}
	certFile, keyFile := p.SAML.Cert, p.SAML.Key
	if certFile == "" {
		certFile, keyFile = filepath.Join(m.config.TLSDir(), "saml.crt"), filepath.Join(m.config.TLSDir(), "saml.key")
	}
	cert, err := saml.Certificate(certFile, keyFile, time.Now())
	if err != nil {
		return err
	}
	made, err := saml.New(saml.Config{
		Name: p.Name, Title: p.Title, MetadataURL: p.SAML.MetadataURL, MetadataFile: p.SAML.MetadataFile,
		Base: m.publicURL() + "/api/v1/identity/saml/" + p.Name, Certificate: cert, Mapping: mapping(p.Map), Client: client, Now: time.Now,
	})
	if err != nil {
		return err
	}
	e.SAML = append(e.SAML, made)
	return nil
}

// reveal resolves a secret each time that it is needed, so that one that changes in its file is taken.
func reveal(secrets *credential.Resolver, ref *resources.SecretRef) func(context.Context) (string, error) {
	if ref == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		s, err := secrets.Resolve(ctx, ref)
		return s.Reveal(), err
	}
}

func mapping(m config.Map) login.Mapping {
	return login.Mapping{
		Name: m.Name, Groups: m.Groups, NamePrefix: m.NamePrefix, GroupPrefix: m.GroupPrefix,
		Domains: m.Domains, OnlyGroups: m.OnlyGroups, UnverifiedEmail: m.UnverifiedEmail,
	}
}

func workloads(c config.Identity) (*oidc.Workloads, error) {
	var rules []oidc.Rule
	for _, w := range c.Workloads {
		client, err := outward(w.CA, c.Timeout)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		rules = append(rules, oidc.Rule{
			Name: w.Name, Issuer: w.Issuer, JWKS: w.JWKSURL, Audience: w.Audience, Subject: w.Subject, Claims: w.Claims,
			Agent: w.Agent, Groups: w.Groups, TTL: w.TTL, Client: client,
		})
	}
	return oidc.NewWorkloads(oidc.WorkloadConfig{Rules: rules, Skew: c.Skew, Now: time.Now})
}

// outward is how a provider is talked to: with a deadline, and trusting ca besides the system's
// certificates.
func outward(ca string, timeout time.Duration) (*http.Client, error) {
	var authorities *x509.CertPool
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read ca: %w", err)
		}
		if authorities, err = certs.Trusting(pem); err != nil {
			return nil, fmt.Errorf("read ca %s: %w", ca, err)
		}
	}
	return &http.Client{Transport: certs.Transport(authorities), Timeout: timeout}, nil
}
