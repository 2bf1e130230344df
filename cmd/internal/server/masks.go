package server

import (
	"sallyport/ingress/credential"
	"sallyport/ingress/mask"
)

// maskKeys adds the keys of masks: what hashes are made with, and what conceals the values that excepted
// people saw.
func (m *Main) maskKeys(k *keys) (err error) {
	if k.mask, err = credential.LoadKey(m.config.KeyFile("mask")); err != nil {
		return err
	}
	key, err := credential.LoadKey(m.config.KeyFile("conceal"))
	if err != nil {
		return err
	}
	k.conceal, err = credential.NewConcealer(key)
	return err
}

// external returns the external detector, nil when none is configured.
func (m *Main) external() (*mask.External, error) {
	c := m.config.Masks.External
	if c.URL == "" {
		return nil, nil
	}
	return mask.NewExternal(mask.Config{URL: c.URL, Deadline: c.Deadline, Language: c.Language, Entities: c.Entities, MinScore: c.MinScore, MaxInFlight: c.MaxInFlight})
}
