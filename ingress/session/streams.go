package session

import (
	"slices"

	"sallyport/ingress/mask"
)

// Stream is c over bytes that come in pieces. Content with an external detector, which needs whole
// values, is refused.
func (c *Content) Stream() (*mask.Stream, error) {
	return mask.NewStream(mask.StreamConfig{Set: c.set})
}

// Terminal is c over what goes to a terminal, as Stream.
func (c *Content) Terminal() (*mask.Terminal, error) {
	return mask.NewTerminal(mask.StreamConfig{Set: c.set})
}

// Keys is c over what somebody types on a terminal, as Stream.
func (c *Content) Keys() (*mask.Terminal, error) {
	return mask.NewTerminal(mask.StreamConfig{Set: c.set, Keys: true})
}

// Twin is the content of m over a stream whose recording has less than what the client is shown, or sent.
func (m *Masks) Twin(c mask.TwinConfig) (*mask.Twin, error) {
	c.Recorded = m.set.recorded.set
	if m.set.client != nil {
		c.Shown = m.set.client.set
	}
	return mask.NewTwin(c)
}

// Showing returns, of the rules that the principal is excepted from, those that detect what was found: whoever is to
// see it later must be excepted from all of them.
func (m *Masks) Showing(finds []mask.Detector) []uint32 {
	var all, some []uint32
	for i, r := range m.Rules {
		if !r.Revealed || len(r.Detect) == 0 {
			continue
		}
		all = append(all, uint32(i+1))
		if slices.ContainsFunc(finds, func(d mask.Detector) bool { return slices.Contains(r.Detect, string(d)) }) {
			some = append(some, uint32(i+1))
		}
	}
	if len(some) == 0 { // both forms differ for another reason, as where too much was held back
		return all
	}
	return some
}
