package session

import "sallyport/ingress/mask"

// Stream is c over bytes that come in pieces. Content with an external detector, which needs whole
// values, is refused.
func (c *Content) Stream() (*mask.Stream, error) {
	return mask.NewStream(mask.StreamConfig{Set: c.set})
}

// Terminal is c over what goes to a terminal, as Stream.
func (c *Content) Terminal() (*mask.Terminal, error) {
	return mask.NewTerminal(mask.StreamConfig{Set: c.set})
}
