package server

import "sallyport/schemas"

// grants is the access for a time that a principal of that name was given.
func (m *Main) grants(principal string) []*schemas.GrantMade {
	return m.registry.Snapshot().Grants(principal)
}
