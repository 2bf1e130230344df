package postgres

import (
	"bytes"
	"context"
	"strings"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// complete handles CommandComplete, EmptyQueryResponse and PortalSuspended.
func (r *relay) complete(ctx context.Context, i *item, raw []byte) error {
	b := &r.back
	if err := r.flushRows(ctx); err != nil {
		return err
	}
	if err := r.flushData(ctx); err != nil {
		return err
	}
	if err := r.s.Unveiled(ctx, &b.masking.veil); err != nil { // before other columns are described
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
		b.masking.next()
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
	if err := r.concludeMasks(i); err != nil {
		return err
	}
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
	i := r.expected()
	f, err := r.failureOf(ctx, i, raw)
	if err != nil {
		return err
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
	if r.s.State.CatalogueChanged(tx) {
		r.catalogue.touch()
	}
	if tx == session.TxIdle {
		b.masking.guard = 0
	}
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
