package notify

// ParseInteraction is for fuzzing.
func ParseInteraction(body []byte) { _, _ = parseInteraction(body) }

// Sign is the signature of a webhook.
func (w *Webhook) Sign(id, at string, body []byte) []byte { return w.sign(id, at, body) }
