package postgres

import (
	"context"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// veiledText is a text of a message that the client got and the recording does not hold.
type veiledText struct {
	part string // schemas.ConcealedValue
	data []byte
}

// veiling are the places of messages that had something to conceal.
type veiling struct {
	command uint64 // of the command that is answered
	asides  uint64 // outside of commands
}

// partNames are the fields of a message that may quote values (PostgreSQL, "Error and Notice Message Fields").
// Severity, SQLSTATE, positions and places in the server's source do not.
var partNames = map[byte]string{'M': "message", 'D': "detail", 'H': "hint", 'W': "where", 'q': "internal query",
	's': "schema", 't': "table", 'c': "column", 'd': "data type", 'n': "constraint"}

// veilTexts finds what of the fields that the client gets is not as it is recorded. hid says that the recording
// has less because of columns, and hits are what was found for it.
func (m *messageMask) veilTexts(ctx context.Context, typ byte, shown, recorded []field, hid bool, hits []mask.Hit) {
	kind := map[byte]string{backError: "error ", backNotice: "notice "}[typ]
	kept := make(map[byte]string, len(recorded))
	for _, f := range recorded {
		kept[f.kind] = string(f.value)
	}
	var rules []uint32
	if hid {
		rules = session.Revealing(m.masks.MaskPlan.Whole)
	}
	for _, h := range hits {
		if n, _ := m.masks.Recorded().Finder(h); m.masks.Revealed(n) {
			rules = include(rules, n)
		}
	}
	for _, f := range shown {
		name, ok := partNames[f.kind]
		if text := kept[f.kind]; !ok || text == string(f.value) {
			continue
		}
		rules = covering(ctx, m.masks, rules, f.value)
		m.veiled = append(m.veiled, veiledText{part: kind + name, data: f.value})
	}
	m.rules = rules
}

// include adds n to rules, which are in order and may be others' too.
func include(rules []uint32, n uint32) []uint32 {
	out := make([]uint32, 0, len(rules)+1)
	for i, r := range rules {
		switch {
		case r == n:
			return rules
		case r > n:
			return append(append(append(out, rules[:i]...), n), rules[i:]...)
		}
	}
	return append(append(out, rules...), n)
}

// covering is session.Masks.Covering for a text.
func covering(ctx context.Context, m *session.Masks, rules []uint32, text []byte) []uint32 {
	return m.Covering(rules, func(only *session.Content) bool {
		_, hits, _ := only.Apply(ctx, nil, text)
		return len(hits) > 0
	})
}

// concealCell keeps a cell of a row.
func (r *relay) concealCell(ctx context.Context, m *session.Masks, command, row uint64, v *veiledCell) error {
	return r.s.Conceal(ctx, &r.back.masking.veil, m, command, v.rules, &schemas.ConcealedValue{Row: row, Column: v.column, Data: v.data, Null: v.null})
}

// concealTexts keeps texts of a message about command (0: none).
func (r *relay) concealTexts(ctx context.Context, m *session.Masks, command uint64, rules []uint32, texts ...veiledText) error {
	if len(texts) == 0 || len(rules) == 0 {
		return nil
	}
	b := &r.back.masking
	place := &b.veiled.command
	if command == 0 {
		place = &b.veiled.asides
	}
	*place++
	for _, t := range texts {
		if err := r.s.Conceal(ctx, &b.veil, m, command, rules, &schemas.ConcealedValue{Row: *place, Part: t.part, Data: t.data}); err != nil {
			return err
		}
	}
	if command == 0 { // no result of a command will follow
		return r.s.Unveiled(ctx, &b.veil)
	}
	return nil
}

// concealMessage keeps what of an answer to i, an error or notice that m masked, the recording does not hold.
func (r *relay) concealMessage(ctx context.Context, i *item, typ byte, m *messageMask) error {
	if len(m.veiled) == 0 {
		return nil
	}
	command := r.commandOf(i)
	if typ == backError && (i == nil || i.kind == itemSync) {
		command = r.back.last // at commit
	}
	return r.concealTexts(ctx, m.masks, command, m.rules, m.veiled...)
}

// commandOf is the command that an answer to i is about: that of an Execute behind a Parse or Bind, if i is one.
func (r *relay) commandOf(i *item) uint64 {
	if i == nil || i.command != 0 {
		return i.number()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.queue.rest() {
		next := &r.queue.rest()[n]
		if next.kind == itemSync || next.command != 0 {
			return next.command
		}
	}
	return 0
}

func (i *item) number() uint64 {
	if i == nil {
		return 0
	}
	return i.command
}

// payloadOf masks the payload of a notification: as the client gets it, and as it is recorded.
func (r *relay) payloadOf(ctx context.Context, masks *session.Masks, payload string) (client, recorded string, err error) {
	p := payloadMask{masks: masks}
	by := masks.Notifications
	client, _ = p.form(ctx, by.GetClient(), masks.Client(), payload, false)
	recorded = client
	if by.GetClient() != by.GetRecorded() || masks.Client() != masks.Recorded() {
		var rules []uint32
		if recorded, rules = p.form(ctx, by.GetRecorded(), masks.Recorded(), payload, true); recorded != client {
			if by.GetRecorded() != by.GetClient() {
				rules = session.Revealing(by)
			}
			shown := veiledText{part: "notification payload", data: []byte(client)}
			if err = r.concealTexts(ctx, masks, 0, covering(ctx, masks, rules, shown.data), shown); err != nil {
				return "", "", err
			}
		}
	}
	return client, recorded, r.s.Masked(0, masks, &p.tally)
}

// payloadMask counts what is masked of a payload.
type payloadMask struct {
	masks *session.Masks
	tally session.Tally
}

// form is a payload as a rule, or else what is looked for in it, leaves it. forRecording says that the client
// has another form; rules are then those that the principal is excepted from.
func (p *payloadMask) form(ctx context.Context, rule uint32, c *session.Content, payload string, forRecording bool) (out string, rules []uint32) {
	if t := p.masks.Rule(rule, false); t != nil {
		p.tally.Add(rule, "", "", forRecording, 1)
		text, _ := t.Text(nil, []byte(payload))
		return string(text), nil
	}
	if c == nil {
		return payload, nil
	}
	text, hits, null := c.Apply(ctx, nil, []byte(payload))
	for _, h := range hits {
		n, detector := c.Finder(h)
		revealed := forRecording && p.masks.Revealed(n)
		if revealed {
			rules = include(rules, n)
		}
		if !forRecording || revealed {
			p.tally.Add(n, "", detector, revealed, uint64(h.Count))
		}
	}
	switch {
	case null:
		return mask.Redacted, rules
	case len(hits) > 0:
		return string(text), rules
	}
	return payload, rules
}
