package postgres

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// hiddenText stands for the text of an error or notice that may quote what is masked.
const hiddenText = "the text is hidden, as it may quote masked values"

// messageMask says what of an error or notice may be shown: to the client, and in the recording.
type messageMask struct {
	masks  *session.Masks
	guard  schemas.Messages
	text   string // of the command; empty: not known
	client bool   // the principal is not excepted
	tally  *session.Tally

	veiled []veiledText // what the client got and the recording does not hold,
	rules  []uint32     // and whose masks cover it
}

// field is one of an ErrorResponse or NoticeResponse.
type field struct {
	kind  byte
	value []byte
}

func decodeFields(body []byte) ([]field, bool) {
	r := reader{b: body}
	var fields []field
	for {
		k := r.byte()
		if k == 0 {
			return fields, r.ok()
		}
		fields = append(fields, field{k, r.text()})
	}
}

func encodeFields(dst []byte, typ byte, fields []field) []byte {
	var body []byte
	for _, f := range fields {
		body = append(append(append(body, f.kind), f.value...), 0)
	}
	return message(dst, typ, append(body, 0))
}

// message returns what of an ErrorResponse or NoticeResponse goes to the client, and what is recorded.
// Either is raw itself where nothing is hidden.
func (m *messageMask) message(ctx context.Context, raw []byte) (client, recorded []byte, ok bool) {
	fields, ok := decodeFields(raw[header:])
	if !ok {
		return nil, nil, false
	}
	guarded, hid := m.guarded(fields)
	found, hits := m.content(ctx, guarded, m.masks.Recorded())
	recorded = raw
	if hid || len(hits) > 0 {
		recorded = encodeFields(nil, raw[0], found)
	}
	if m.client && m.masks.Client() == m.masks.Recorded() {
		m.count(hid, false)
		m.counted(hits, m.masks.Recorded(), false)
		return recorded, recorded, true
	}
	shown := fields
	if m.client {
		shown = guarded
	}
	shown, seen := m.content(ctx, shown, m.masks.Client())
	client = raw
	if m.client && hid || len(seen) > 0 {
		client = encodeFields(nil, raw[0], shown)
	}
	m.count(hid, !m.client)
	m.counted(seen, m.masks.Client(), false)
	m.counted(m.revealed(hits), m.masks.Recorded(), true)
	m.veilTexts(ctx, raw[0], shown, found, hid && !m.client, hits)
	return client, recorded, true
}

func (m *messageMask) count(hid, revealed bool) {
	if !hid {
		return
	}
	rule := m.masks.Whole.GetClient()
	if revealed || rule == 0 {
		rule = m.masks.Whole.GetRecorded()
	}
	if rule != 0 {
		m.tally.Add(rule, "", "", revealed, 1)
	}
}

func (m *messageMask) counted(hits []mask.Hit, c *session.Content, revealed bool) {
	for _, h := range hits {
		rule, detector := c.Finder(h)
		m.tally.Add(rule, "", detector, revealed, uint64(h.Count))
	}
}

// revealed are those of the finds that the principal is excepted from.
func (m *messageMask) revealed(hits []mask.Hit) []mask.Hit {
	return slices.DeleteFunc(slices.Clone(hits), func(h mask.Hit) bool {
		n, _ := m.masks.Recorded().Finder(h)
		return !m.masks.Revealed(n)
	})
}

// guarded returns what of the fields may be shown whatever the values are, and whether that is less.
func (m *messageMask) guarded(fields []field) ([]field, bool) {
	if m.guard == schemas.Messages_MESSAGES_UNSPECIFIED {
		return fields, false
	}
	code, text, kept, positioned := "", "", "", false
	for _, f := range fields {
		switch f.kind {
		case 'C':
			code = string(f.value)
		case 'M':
			text = string(f.value)
		case 'P':
			positioned = true
		}
	}
	if kept = "SVC"; m.guard == schemas.Messages_MESSAGES_GUARDED && quotesNothing(code, text, m.text, positioned) {
		kept = "SVCMPstcdnFLR" // and where: position, names of the catalogue's, the place in the server's source
	}
	out, hid := make([]field, 0, len(fields)+1), false
	for _, f := range fields {
		switch {
		case strings.IndexByte(kept, f.kind) >= 0:
			out = append(out, f)
		case f.kind == 'M':
			hid = true
			out = append(out, field{'M', []byte(hiddenText)})
		case len(f.value) > 0:
			hid = true
		}
	}
	return out, hid
}

// content masks what is found in the texts of a message.
func (m *messageMask) content(ctx context.Context, fields []field, c *session.Content) ([]field, []mask.Hit) {
	if c == nil {
		return fields, nil
	}
	var all []mask.Hit
	out := fields
	for i, f := range fields {
		if strings.IndexByte("MDHWq", f.kind) < 0 || len(f.value) == 0 {
			continue
		}
		text, hits, null := c.Apply(ctx, nil, f.value)
		if len(hits) == 0 {
			continue
		}
		if len(all) == 0 {
			out = append([]field(nil), fields...)
		}
		if null {
			text = []byte(mask.Redacted)
		}
		out[i].value = text
		all = append(all, hits...)
	}
	return out, all
}

// quotesNothing reports whether text is one of PostgreSQL's own for that SQLSTATE that quotes no values.
func quotesNothing(code, text, command string, positioned bool) bool {
	for _, t := range templates()[code] {
		if t.matches(text, command, positioned) {
			return true
		}
	}
	return false
}

// template is a message of PostgreSQL's. In it, %n stands for the name of something in the catalogue, which
// only PostgreSQL itself puts there; %d for a number that is not a value; %t for words that must stand in
// the command, as they may be a value that is taken for a name ('…'::regclass). One that starts with @ must
// point to a position in the command: then it is about the text, and no value was there yet.
type template struct {
	expression *regexp.Regexp
	positioned bool
}

func newTemplate(text string) template {
	t := template{}
	text, t.positioned = strings.CutPrefix(text, "@")
	pattern := regexp.QuoteMeta(text)
	var b strings.Builder
	b.WriteString(`^(?s)`)
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'd':
			b.WriteString(`\d{1,10}`)
		case 'n':
			b.WriteString(`[^\n]{1,200}`)
		case 't':
			b.WriteString(`(.*?)`)
		}
	}
	b.WriteString(`$`)
	t.expression = regexp.MustCompile(b.String())
	return t
}

func (t template) matches(text, command string, positioned bool) bool {
	m := t.expression.FindStringSubmatch(text)
	if m == nil || t.positioned && !positioned {
		return false
	}
	for _, words := range m[1:] {
		if !within(words, command) {
			return false
		}
	}
	return true
}

// within reports whether the client wrote words, whatever their case and quotes, itself.
func within(words, command string) bool {
	if strings.Contains(command, words) {
		return true
	}
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, `"`, "")) }
	return strings.Contains(plain(command), plain(words))
}
