package server

import (
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/credential"
	"sallyport/ingress/login/passkey"
)

// addPasskeys makes what judges passkeys, where this address can have any.
func (m *Main) addPasskeys(e *api.Entrances) error {
	c := m.config.Identity.Passkeys
	e.Passkeys = api.Passkeys{SignIn: c.SignIn, Life: m.config.Limits.StepUp, Fresh: c.Fresh, Link: c.Link, Required: map[string]bool{}}
	for _, what := range c.RequiredFor {
		e.Passkeys.Required[what] = true
	}
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
