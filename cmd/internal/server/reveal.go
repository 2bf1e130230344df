package server

import (
	"context"
	"fmt"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/credential"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// revealer opens what recordings conceal, for people whom the masks of now except.
type revealer struct {
	m       *Main
	conceal *credential.Concealer
}

func (m *Main) revealer() (*revealer, error) {
	k := new(keys)
	if err := m.maskKeys(k); err != nil {
		return nil, err
	}
	return &revealer{m: m, conceal: k.conceal}, nil
}

func (r *revealer) Excepted(ctx context.Context, masks []string) bool {
	id := api.Who(ctx)
	if id == nil || len(masks) == 0 {
		return false
	}
	snapshot := r.m.registry.Snapshot()
	for _, name := range masks {
		mask, ok := snapshot.Resource(resources.KindMask, name)
		if !ok || mask.Mask.Except == nil || !mask.Mask.Except.Match(id.Principal) {
			return false
		}
	}
	return true
}

func (r *revealer) Open(session schemas.SessionID, key string, data []byte) ([]byte, error) {
	if key != r.conceal.KeyID() {
		return nil, fmt.Errorf("it was concealed with the key %s, and this service has %s", key, r.conceal.KeyID())
	}
	opened, err := r.conceal.Session(string(session))
	if err != nil {
		return nil, err
	}
	return opened.Open(data)
}
