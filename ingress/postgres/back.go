package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// back is the target's half: it matches answers with what was forwarded, records them, and passes
// them on. What it holds belongs to its goroutine.
type back struct {
	out  *buffer
	from int    // start of what was handled and not passed on
	sent []byte // what goes before it: replaced messages and what came before them
	want int    // size of the message that is not whole yet

	cur  item // the head of the queue, once looked at
	have bool

	res      result
	cells    []byte // of rows not handed to the recorder yet
	rows     uint32
	width    int
	data     []byte // COPY data not handed to the recorder yet
	fatal    bool   // the target has said why it ends
	failed   bool   // an error was reported in this unit
	lastT    []byte // the last RowDescription
	lastCols []*schemas.Column
	last     uint64 // number of the last command that was answered
}

// result is what is known of how the current command ends.
type result struct {
	rows, bytes uint64
	tags        []byte
	failure     *schemas.Failure
	refused     bool
	suspended   bool
	described   bool   // its columns are recorded
	format      string // of COPY data
}

// readTarget handles messages until the target closes the connection or something breaks.
func (r *relay) readTarget(ctx context.Context) error {
	b := &r.back
	for {
		if err := b.out.fill(b.want); err != nil {
			if r.s.Err() != nil {
				return r.s.Err()
			}
			if errors.Is(err, io.EOF) || gone(err) {
				return errTarget
			}
			return err
		}
		if err := r.walk(ctx); err != nil {
			return err
		}
	}
}

// walk handles the whole messages in the buffer where they are, and passes them on in one write.
func (r *relay) walk(ctx context.Context) error {
	b := &r.back
	b.from, b.want = b.out.start, 0
	for {
		typ, size, ok, err := b.out.head()
		if err != nil {
			return errOutOfStep
		}
		if !ok {
			break
		}
		if b.out.end-b.out.start < size {
			if done, err := r.partial(ctx, typ, size); err != nil {
				return err
			} else if done {
				continue
			}
			break
		}
		raw := b.out.b[b.out.start : b.out.start+size]
		if err := r.targetMessage(ctx, raw); err != nil {
			return err
		}
		b.out.start += size
	}
	return r.deliver(ctx)
}

// partial deals with a message that is not whole: one that carries data and is large is passed
// through in pieces (done), any other is waited for.
func (r *relay) partial(ctx context.Context, typ byte, size int) (done bool, err error) {
	b := &r.back
	payload := typ == backRow || typ == copyData
	if limit := min(maxAnswer, r.limits.TargetMessage); !payload && size > limit || size > r.limits.TargetMessage {
		return false, errTooLarge
	}
	if !payload || size <= largeBuf {
		b.want = size
		return false, nil
	}
	if err := r.deliver(ctx); err != nil {
		return false, err
	}
	err = r.stream(ctx, typ, size)
	b.from = b.out.start
	return true, err
}

// deliver hands rows and data to the recorder, and then passes on what was handled.
func (r *relay) deliver(ctx context.Context) error {
	b := &r.back
	if err := r.flushRows(ctx); err != nil {
		return err
	}
	if err := r.flushData(ctx); err != nil {
		return err
	}
	if r.s.Strict && (len(b.sent) > 0 || b.out.start > b.from) {
		if err := r.s.Flush(ctx); err != nil {
			return err
		}
	}
	raw := b.out.b[b.from:b.out.start]
	b.from = b.out.start
	if len(b.sent) > 0 {
		raw = append(b.sent, raw...)
		b.sent = nil
	}
	if len(raw) == 0 {
		return nil
	}
	return r.toClient(raw)
}

func (r *relay) toClient(raw []byte) error {
	if err := r.client.write(raw); err != nil {
		if r.s.Err() != nil {
			return r.s.Err()
		}
		return errGoodbye
	}
	return nil
}

// replace passes other bytes on instead of the message that is being handled, raw.
func (b *back) replace(raw, other []byte) {
	b.sent = append(append(b.sent, b.out.b[b.from:b.out.start]...), other...)
	b.from = b.out.start + len(raw)
}

// expected is the item that the target answers now; nil when none is.
func (r *relay) expected() *item {
	b := &r.back
	if !b.have {
		r.mu.Lock()
		if !r.queue.empty() {
			b.cur, b.have = *r.queue.head(), true
		}
		r.mu.Unlock()
		if !b.have {
			return nil
		}
	}
	return &b.cur
}

// answered takes the head off.
func (r *relay) answered() {
	r.mu.Lock()
	r.queue.pop()
	r.back.have = false
	r.notifyLocked()
	r.mu.Unlock()
}

// notifyLocked wakes the front if it waits. mu is held.
func (r *relay) notifyLocked() {
	if r.waiting {
		r.waiting = false
		r.signal()
	}
}

func (r *relay) targetMessage(ctx context.Context, raw []byte) error {
	body := raw[header:]
	switch raw[0] {
	case backRow:
		return r.row(ctx, body)
	case copyData:
		return r.copyOut(ctx, body)
	case backParameter, backNotice, backNotification:
		return r.aside(raw[0], body)
	case backError:
		return r.failure(ctx, raw)
	case backReady:
		return r.ready(ctx, body)
	}
	i := r.expected()
	if i == nil {
		return errOutOfStep
	}
	switch raw[0] {
	case backColumns, backNoData, backParameterTypes:
		return r.description(ctx, i, raw)
	case backComplete, backEmpty, backSuspended:
		return r.complete(ctx, i, raw)
	case backParsed, backBound, backClosed:
		return r.acknowledged(i, raw[0])
	case backCopyIn, backCopyOut:
		return r.copyBegins(i, raw)
	case copyDone:
		return nil
	}
	return errOutOfStep
}

// aside handles what may come at any time.
func (r *relay) aside(typ byte, body []byte) error {
	switch typ {
	case backParameter:
		name, value, ok := decodePair(body)
		if !ok {
			return errOutOfStep
		}
		return r.s.Reported(name, value)
	case backNotification:
		channel, payload, ok := decodeNotification(body)
		if !ok {
			return errOutOfStep
		}
		return r.s.Notification(channel, payload)
	}
	f, ok := decodeFailure(body)
	if !ok {
		return errOutOfStep
	}
	var command uint64
	if i := r.expected(); i != nil {
		command = i.command
	}
	return r.s.Notice(command, "notice", f)
}

// acknowledged handles ParseComplete, BindComplete and CloseComplete.
func (r *relay) acknowledged(i *item, typ byte) error {
	if want := map[byte]itemKind{backParsed: itemParse, backBound: itemBind, backClosed: itemClose}[typ]; i.kind != want {
		return errOutOfStep
	}
	if i.stmt != nil {
		i.stmt.state.Store(confirmed)
	}
	if i.command != 0 {
		if err := r.s.Result(&schemas.Result{Command: i.command, Tag: "PREPARE", Duration: r.s.Elapsed(i.started)}); err != nil {
			return err
		}
		r.back.last = i.command
	}
	r.answered()
	return nil
}

// description handles RowDescription, ParameterDescription and NoData.
func (r *relay) description(ctx context.Context, i *item, raw []byte) error {
	body := raw[header:]
	switch {
	case raw[0] == backParameterTypes && i.kind == itemDescribeStatement:
		if i.stmt != nil {
			i.stmt.described.Store(&description{types: decodeTypes(body)})
		}
		return nil
	case raw[0] == backNoData && (i.kind == itemDescribeStatement || i.kind == itemDescribePortal):
		r.answered()
		return nil
	case raw[0] != backColumns:
		return errOutOfStep
	}
	columns, ok := r.columns(body)
	if !ok {
		return errOutOfStep
	}
	switch i.kind {
	case itemQuery:
		if err := r.flushRows(ctx); err != nil {
			return err
		}
		r.back.res.described = true
		return r.s.Columns(ctx, &schemas.Columns{Command: i.command, Columns: columns})
	case itemDescribePortal:
		if i.portal != nil {
			i.portal.columns = columns
		}
	case itemDescribeStatement:
		if i.stmt != nil {
			d := &description{columns: columns}
			if old := i.stmt.described.Load(); old != nil {
				d.types = old.types
			}
			i.stmt.described.Store(d)
		}
	default:
		return errOutOfStep
	}
	r.answered()
	return nil
}

// columns decodes a RowDescription; the same one again costs a comparison.
func (r *relay) columns(body []byte) ([]*schemas.Column, bool) {
	b := &r.back
	if b.lastCols != nil && bytes.Equal(body, b.lastT) {
		return b.lastCols, true
	}
	columns, ok := decodeColumns(body)
	if ok {
		b.lastT, b.lastCols = append(b.lastT[:0], body...), columns
	}
	return columns, ok
}

func decodeTypes(body []byte) []uint32 {
	r := reader{b: body}
	var types []uint32
	for range r.count(4) {
		types = append(types, uint32(r.int32()))
	}
	return types
}

// describeRows records the columns of an Execute before its first row.
func (r *relay) describeRows(ctx context.Context, i *item, width int) error {
	b := &r.back
	b.res.described = true
	if i.portal == nil {
		return nil
	}
	columns := i.portal.columns
	if d := i.portal.stmt.described.Load(); columns == nil && d != nil {
		columns = d.formatted(i.portal.results)
	}
	if len(columns) == 0 {
		for n := range width {
			columns = append(columns, &schemas.Column{Binary: formatOf(i.portal.results, n), Modifier: -1})
		}
	}
	return r.s.Columns(ctx, &schemas.Columns{Command: i.command, Columns: columns})
}

// formatted applies the formats that a Bind asked for: a statement's description does not know them.
func (d *description) formatted(results []bool) []*schemas.Column {
	out := make([]*schemas.Column, len(d.columns))
	for n, c := range d.columns {
		out[n] = &schemas.Column{Name: c.Name, Type: c.Type, TypeName: c.TypeName, Table: c.Table,
			Attribute: c.Attribute, Modifier: c.Modifier, Binary: formatOf(results, n)}
	}
	return out
}

// row takes a DataRow.
func (r *relay) row(ctx context.Context, body []byte) error {
	b := &r.back
	i := r.expected()
	cells, ok := checkRow(body)
	if !ok || i == nil || i.kind != itemQuery && i.kind != itemExecute {
		return errOutOfStep
	}
	if !b.res.described {
		if err := r.describeRows(ctx, i, cells); err != nil {
			return err
		}
	}
	if b.rows > 0 && (cells != b.width || len(b.cells)+len(body) > session.MaxPayload) {
		if err := r.flushRows(ctx); err != nil {
			return err
		}
	}
	b.width = cells
	b.rows++
	b.cells = append(b.cells, body[2:]...)
	b.res.rows++
	b.res.bytes += uint64(len(body) - 2)
	return nil
}

func (r *relay) flushRows(ctx context.Context) error {
	b := &r.back
	if b.rows == 0 {
		return nil
	}
	err := r.s.Rows(ctx, &schemas.Rows{Command: b.cur.command, Columns: uint32(b.width), Count: b.rows, Cells: b.cells})
	b.rows, b.cells = 0, b.cells[:0]
	if cap(b.cells) > 4<<10 && b.out.end-b.out.start == 0 && !b.out.full {
		b.cells = nil // little is coming: an idle session holds little
	}
	return err
}

// complete handles CommandComplete, EmptyQueryResponse and PortalSuspended.
func (r *relay) complete(ctx context.Context, i *item, raw []byte) error {
	b := &r.back
	if err := r.flushRows(ctx); err != nil {
		return err
	}
	if err := r.flushData(ctx); err != nil {
		return err
	}
	if raw[0] == backComplete {
		tag := bytes.TrimRight(raw[header:], "\x00")
		if len(b.res.tags) > 0 {
			b.res.tags = append(b.res.tags, "; "...)
		}
		b.res.tags = append(b.res.tags, tag...)
	}
	r.copyEnds()
	switch i.kind {
	case itemQuery:
		b.res.described = false // another statement of the same text may follow
		return nil
	case itemExecute:
		b.res.suspended = raw[0] == backSuspended
		if !b.res.described && i.portal != nil && strings.HasPrefix(string(b.res.tags), "SELECT") {
			if err := r.describeRows(ctx, i, 0); err != nil {
				return err
			}
		}
		if err := r.conclude(i); err != nil {
			return err
		}
		r.answered()
		return nil
	}
	return errOutOfStep
}

// conclude records the result of a command.
func (r *relay) conclude(i *item) error {
	b := &r.back
	res := b.res
	b.res = result{tags: b.res.tags[:0]}
	if i.command == 0 {
		return nil
	}
	b.last = i.command
	return r.s.Result(&schemas.Result{Command: i.command, Tag: valid(res.tags), Rows: res.rows, Bytes: res.bytes,
		Duration: r.s.Elapsed(i.started), Error: res.failure, Refused: res.refused, Suspended: res.suspended})
}

// partialRows is how many rows of i have come so far.
func (b *back) partialRows(i *item) uint64 {
	if b.have && b.cur.command == i.command {
		return b.res.rows
	}
	return 0
}

// failure handles ErrorResponse.
func (r *relay) failure(ctx context.Context, raw []byte) error {
	b := &r.back
	f, ok := decodeFailure(raw[header:])
	if !ok {
		return errOutOfStep
	}
	if err := r.flushRows(ctx); err != nil {
		return err
	}
	if err := r.flushData(ctx); err != nil {
		return err
	}
	r.copyEnds()
	b.failed = true
	b.fatal = f.Severity == "FATAL" || f.Severity == "PANIC"
	i := r.expected()
	if i == nil || i.kind == itemSync {
		return r.s.Notice(b.last, "error", f) // at commit, or unasked
	}
	if i.refused != nil && !b.fatal {
		f = i.refused.failure()
		b.res.refused = true
		b.replace(raw, i.refused.encode(nil))
	}
	b.res.failure = f
	if i.kind == itemQuery {
		if b.fatal { // there will be no ReadyForQuery
			err := r.conclude(i)
			r.answered()
			return err
		}
		return nil
	}
	return r.failExtended(i)
}

// failExtended settles what the target skips after an error: everything up to the Sync, whether
// it is forwarded already or not.
func (r *relay) failExtended(i *item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	failing := *i
	if failing.stmt != nil {
		r.undo(failing.stmt)
	}
	r.queue.pop()
	r.back.have = false
	r.discard = true
	for !r.queue.empty() {
		next := *r.queue.head()
		if next.kind == itemSync {
			r.discard = false
			break
		}
		r.queue.pop()
		if failing.command == 0 && next.command != 0 { // the command that the failing message was for
			failing.command, failing.started = next.command, next.started
			if next.stmt != nil {
				r.undo(next.stmt)
			}
			continue
		}
		r.notRun(&next)
	}
	r.notifyLocked()
	return r.conclude(&failing)
}

// ready handles ReadyForQuery: a unit is over.
func (r *relay) ready(_ context.Context, body []byte) error {
	b := &r.back
	if len(body) != 1 {
		return errOutOfStep
	}
	tx, ok := map[byte]session.Tx{'I': session.TxIdle, 'T': session.TxOpen, 'E': session.TxFailed}[body[0]]
	if !ok {
		return errOutOfStep
	}
	i := r.expected()
	if i == nil || i.kind != itemQuery && i.kind != itemSync {
		return r.strayReady()
	}
	if i.kind == itemQuery {
		if err := r.conclude(i); err != nil {
			return err
		}
	}
	names, all := r.s.State.Settle(b.failed, tx)
	if tx == session.TxIdle || b.failed {
		r.settled.Store(i.unit)
	}
	b.failed = false
	if len(names) > 0 || all {
		r.mu.Lock()
		r.uncertain, r.unsure = append(r.uncertain, names...), r.unsure || all
		r.mu.Unlock()
	}
	r.answered()
	return nil
}

// strayReady accepts the answer to a Sync that was sent while the target read COPY data.
func (r *relay) strayReady() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stray == 0 {
		return errOutOfStep
	}
	r.stray--
	return nil
}
