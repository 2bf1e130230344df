package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// masking is what of the target's half is about masks.
type masking struct {
	result    *resultMask      // of the rows that come; nil: they are shown as they are
	copied    *copyMask        // of the COPY data that comes
	statement int              // how many statements of the command are complete
	again     bool             // this one had a result already
	guard     schemas.Messages // the strictest of the transaction
	tally     session.Tally
	veil      session.Veil
	veiled    veiling
}

// next is called when a statement is complete.
func (m *masking) next() {
	m.settle()
	m.statement++
	m.again = false
}

func (m *masking) settle() {
	if m.result != nil {
		m.result.settle()
	}
	if m.copied != nil {
		m.copied.rows.settle()
	}
	m.result, m.copied = nil, nil
}

// maskResult prepares for the rows that columns describe, and returns the columns as they are recorded.
func (r *relay) maskResult(i *item, columns []*schemas.Column) []*schemas.Column {
	m := &r.back.masking
	if i.masks == nil {
		return columns
	}
	if m.result != nil {
		m.result.settle()
	}
	m.result = newResultMask(i.masks, &m.tally, m.statement, m.again, columns)
	m.again = true
	if m.result == nil {
		return columns
	}
	shown := columns
	for n := range m.result.columns {
		if m.result.columns[n].by.recorded == 0 {
			continue
		}
		if &shown[0] == &columns[0] { // others have these, too
			shown = slices.Clone(columns)
		}
		c := columns[n]
		shown[n] = &schemas.Column{Name: c.Name, Type: c.Type, TypeName: c.TypeName, Binary: c.Binary, Table: c.Table,
			Attribute: c.Attribute, Masked: true, Modifier: c.Modifier}
	}
	return shown
}

// maskedWhole reports whether a large message must be taken whole, because of masks.
func (r *relay) maskedWhole(ctx context.Context, typ byte, size int) (bool, error) {
	b, i := &r.back, r.expected()
	if i == nil || i.masks == nil {
		return false, nil
	}
	if typ == backRow && !b.res.described {
		if b.out.end-b.out.start < header+2 {
			b.want = header + 2
			return true, nil
		}
		if err := r.describeRows(ctx, i, int(binary.BigEndian.Uint16(b.out.b[b.out.start+header:]))); err != nil {
			return false, err
		}
	}
	if typ == backRow && b.masking.result == nil || typ == copyData && b.masking.copied == nil {
		return false, nil
	}
	if size > r.limits.MaskedRow {
		return false, errTooLarge
	}
	b.want = size
	return true, nil
}

// maskedRow takes a DataRow of a result that is masked.
func (r *relay) maskedRow(ctx context.Context, i *item, raw []byte, width int) error {
	b, rm := &r.back, r.back.masking.result
	cells := raw[header+2:]
	client, recorded, ok := rm.rowOf(ctx, cells)
	if !ok {
		return errOutOfStep
	}
	b.res.rows++
	b.res.bytes += uint64(len(client))
	for n := range rm.veiled {
		if err := r.concealCell(ctx, rm.masks, i.command, b.res.rows, &rm.veiled[n]); err != nil {
			return err
		}
	}
	if rm.client.changed {
		b.sent = append(b.sent, b.out.b[b.from:b.out.start]...)
		b.sent = append(b.sent, backRow)
		b.sent = binary.BigEndian.AppendUint32(b.sent, uint32(4+2+len(client)))
		b.sent = append(append(b.sent, raw[header:header+2]...), client...)
		b.from = b.out.start + len(raw)
	}
	return r.recordRow(ctx, i, width, recorded)
}

// maskedCall masks what a function call returns, and returns what is recorded.
func (r *relay) maskedCall(ctx context.Context, i *item, raw []byte) ([]byte, error) {
	b, rm := &r.back, r.back.masking.result
	client, recorded, ok := rm.rowOf(ctx, raw[header:])
	if !ok {
		return nil, errOutOfStep
	}
	for n := range rm.veiled {
		if err := r.concealCell(ctx, rm.masks, i.command, 1, &rm.veiled[n]); err != nil {
			return nil, err
		}
	}
	if rm.client.changed {
		b.replace(raw, message(nil, backFunction, client))
	}
	return recorded, nil
}

// maskCopy returns what masks the data of a COPY that begins; nil: nothing does.
func (r *relay) maskCopy(i *item, tally *session.Tally, isBinary bool, width int) *copyMask {
	if i.masks == nil {
		return nil
	}
	return newCopyMask(i.masks, tally, r.back.masking.statement, isBinary, width, r.s.State.EmbedsASCII(), r.limits.MaskedRow)
}

// maskedCopy takes CopyData of a COPY that is masked.
func (r *relay) maskedCopy(ctx context.Context, i *item, raw []byte) error {
	b := &r.back
	_, client, recorded, err := b.masking.copied.feed(ctx, raw[header:], r.veilCopied(ctx, i))
	if err != nil {
		return err
	}
	if len(client) != len(raw)-header || !bytes.Equal(client, raw[header:]) {
		b.replace(raw, copyMessage(client))
	}
	return r.recordCopied(ctx, client, recorded)
}

// recordCopied counts what the client gets, and records what is recorded of it.
func (r *relay) recordCopied(ctx context.Context, client, recorded []byte) error {
	before := r.back.res.bytes
	err := r.recordOut(ctx, recorded)
	r.back.res.bytes = before + uint64(len(client))
	return err
}

func copyMessage(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return message(nil, copyData, data)
}

func (r *relay) veilCopied(ctx context.Context, i *item) func(copiedVeil) error {
	return func(v copiedVeil) error { return r.concealCell(ctx, i.masks, i.command, v.row, &v.veiledCell) }
}

// copyOutEnds handles CopyDone: what was held back goes before it.
func (r *relay) copyOutEnds(ctx context.Context, raw []byte) error {
	b, i := &r.back, r.expected()
	if b.masking.copied == nil || i == nil {
		return nil
	}
	_, client, recorded, err := b.masking.copied.end(ctx, r.veilCopied(ctx, i))
	if err != nil {
		return err
	}
	if len(client) > 0 {
		b.replace(raw, append(copyMessage(client), raw...))
	}
	return r.recordCopied(ctx, client, recorded)
}

// concludeMasks records what masks did to a command's result.
func (r *relay) concludeMasks(i *item) error {
	m := &r.back.masking
	m.settle()
	m.statement, m.again, m.veiled.command = 0, false, 0
	if err := r.s.Unveiled(context.Background(), &m.veil); err != nil {
		return err
	}
	if i.masks == nil {
		return nil
	}
	m.guard = max(m.guard, i.masks.Messages)
	return r.s.Masked(i.command, i.masks, &m.tally)
}

// failureOf returns an error of the target's as it is recorded, and hides from the client what it may not
// see of it. One that the gateway's own replaces is not looked at.
func (r *relay) failureOf(ctx context.Context, i *item, raw []byte) (*schemas.Failure, error) {
	if i == nil || i.refused == nil {
		return r.maskMessage(ctx, i, raw)
	}
	f, ok := decodeFailure(raw[header:])
	if !ok {
		return nil, errOutOfStep
	}
	return f, nil
}

// maskMessage is failureOf for notices and errors.
func (r *relay) maskMessage(ctx context.Context, i *item, raw []byte) (*schemas.Failure, error) {
	m, command := r.messageMask(ctx, i)
	recorded := raw
	if m != nil {
		client, kept, ok := m.message(ctx, raw)
		if !ok {
			return nil, errOutOfStep
		}
		if !bytes.Equal(client, raw) {
			r.back.replace(raw, client)
		}
		recorded = kept
		if err := r.concealMessage(ctx, i, raw[0], m); err != nil {
			return nil, err
		}
		if command == 0 { // no result of a command will tell
			if err := r.s.Masked(0, m.masks, m.tally); err != nil {
				return nil, err
			}
		}
	}
	f, ok := decodeFailure(recorded[header:])
	if !ok {
		return nil, errOutOfStep
	}
	return f, nil
}

// messageMask returns what guards an answer to i, and the command that it is about; nil: nothing does. What comes
// outside of a command may come of any of the transaction's.
func (r *relay) messageMask(ctx context.Context, i *item) (m *messageMask, command uint64) {
	b := &r.back
	if i != nil && i.masks != nil {
		return &messageMask{masks: i.masks, guard: i.masks.Messages, text: i.text, client: i.masks.Whole.GetClient() != 0, tally: &b.masking.tally}, i.command
	}
	if i != nil && i.command != 0 {
		return nil, 0
	}
	masks, _ := r.s.Standing(ctx, nothing)
	if masks == nil {
		return nil, 0
	}
	guard := max(b.masking.guard, masks.Messages)
	if masks.Whole != nil {
		guard = max(guard, schemas.Messages_MESSAGES_GUARDED)
	}
	return &messageMask{masks: masks, guard: guard, client: masks.Whole.GetClient() != 0, tally: new(session.Tally)}, 0
}

// nothing is a command that does nothing: what masks say of it, they say of what comes outside of commands.
var nothing = session.Command{Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: "SELECT"}

// maskNotification returns the payload as it is recorded, and hides from the client what it may not see: all of it
// while nobody tells what that is.
func (r *relay) maskNotification(ctx context.Context, raw []byte, payload string) (recorded string, err error) {
	if payload == "" {
		return "", nil
	}
	masks, ok := r.s.Standing(ctx, nothing)
	client, recorded := hiddenText, hiddenText
	switch {
	case ok && masks == nil:
		return payload, nil
	case ok:
		if client, recorded, err = r.payloadOf(ctx, masks, payload); err != nil {
			return "", err
		}
	}
	if client != payload {
		body := raw[header:]
		end := 4 + bytes.IndexByte(body[4:], 0) + 1
		r.back.replace(raw, message(nil, backNotification, body[:end], []byte(client), []byte{0}))
	}
	return recorded, nil
}

// masks returns what masks the rows of a portal when d is in force. What they were made of was settled when
// it was bound; have the masks changed since, it is not known what they mean for it.
func (p *portal) masks(d *session.Decision) *session.Masks {
	switch {
	case p.bound != nil && p.bound.Revision == d.Revision:
		return p.bound.Masks
	case d.Masks == nil:
		return nil
	}
	return d.Masks.WholeResult()
}

// describeFor adds a Describe to the batch when a portal's columns must be known and the client does not ask.
func (r *relay) describeFor(m *session.Masks, p *portal) {
	if m == nil || p.asks || p.stmt.asks || !m.NeedColumns() {
		return
	}
	p.stmt.asks = true
	f := &r.front
	f.batch.items = append(f.batch.items, item{kind: itemDescribeStatement, unit: f.unit, stmt: p.stmt, added: true, masks: m, text: p.stmt.text})
	f.batch.out = message(f.batch.out, frontDescribe, []byte{'S'}, []byte(p.stmt.name), []byte{0})
}

// takeMasked records the masked form of the COPY data in scratch, and forwards the rows that are whole.
func (r *relay) takeMasked(ctx context.Context) error {
	m, reads, err := r.copyInMask()
	if err != nil {
		return err
	}
	f := &r.front
	switch {
	case !reads: // the target has refused the COPY, and throws the data away
		return r.passIn(ctx, f.scratch, []byte(mask.Redacted))
	case m == nil:
		return r.passIn(ctx, f.scratch, f.scratch)
	}
	raw, _, recorded, err := m.feed(ctx, f.scratch, noVeil)
	if err != nil {
		return fatal("54000", "a row of COPY is too large to be masked in the recording")
	}
	return r.passIn(ctx, raw, recorded)
}

func (r *relay) passIn(ctx context.Context, raw, recorded []byte) error {
	if len(raw) == 0 {
		return nil
	}
	if err := r.recordIn(ctx, recorded); err != nil {
		return err
	}
	return r.forward(copyMessage(raw))
}

// endMasked passes on what is left when the client ends COPY data.
func (r *relay) endMasked(ctx context.Context, typ byte) error {
	m, reads, err := r.copyInMask()
	if m == nil || !reads || err != nil || typ == copyFail {
		return err
	}
	raw, _, recorded, err := m.end(ctx, noVeil)
	if err != nil {
		return err
	}
	return r.passIn(ctx, raw, recorded)
}

func noVeil(copiedVeil) error { return nil }

// copyInMask waits until the target reads COPY data (reads), or has refused to, and returns what masks that.
func (r *relay) copyInMask() (m *copyMask, reads bool, err error) {
	err = r.await(func() bool {
		m, reads = r.copyMask, r.copying
		return reads || !r.pendingCommand()
	})
	return m, reads, err
}
