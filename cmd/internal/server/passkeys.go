package server

import (
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/credential"
	"sallyport/ingress/login/passkey"
)

// newGuard makes what asks people for a passkey where the configuration wants it.
func (m *Main) newGuard() *api.Guard {
	g := &api.Guard{Required: map[string]bool{}, Life: m.config.Limits.StepUp, Registry: m.registry, PublicURL: m.publicURL, Now: time.Now}
	for _, what := range m.config.Identity.Passkeys.RequiredFor {
		g.Required[what] = true
	}
	return g
}

// addPasskeys makes what judges passkeys, where this address can have any.
func (m *Main) addPasskeys(e *api.Entrances) error {
	c := m.config.Identity.Passkeys
	e.Passkeys = api.Passkeys{SignIn: c.SignIn, Fresh: c.Fresh, Link: c.Link}
	domain, origin, off := c.Site(m.publicURL())
	if off != "" {
		e.Passkeys.Off = off
		return nil
	}
	key, err := credential.LoadKey(m.config.KeyFile("passkey"))
	if err != nil {
		return err
	}
	e.Passkeys.Keys, err = passkey.New(passkey.Config{
		RelyingParty: domain, Title: "Sallyport", Origins: []string{origin}, Life: c.Answer, Most: c.Most, Key: key,
		Directory: func() passkey.Directory { return m.registry.Snapshot() }, Spent: e.Once, Now: time.Now,
	})
	return err
}
