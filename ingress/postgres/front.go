package postgres

import (
	"bytes"
	"context"
	"errors"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// front is the client's half: it decides, records, and forwards. What it holds belongs to its
// goroutine.
type front struct {
	in         *buffer
	names      statements
	batch      batch
	unit       uint64 // rises with each simple query and each Sync
	skip       bool   // something was refused: the target, and so the gateway, skips to the next Sync
	effects    uint64 // the last unit with effects on the state; 0: settled
	copyIn     bool   // a command was sent that may read COPY data: nothing but that may follow until it is known
	copyMasked bool   // of its COPY data the masked form is recorded
	last       uint64 // number of the last command
	rest       int    // bytes that are left of a COPY message
	scratch    []byte
	nowhere    string // name of a portal that does not exist
}

// readClient handles messages until the client leaves.
func (r *relay) readClient(ctx context.Context) error {
	f := &r.front
	for {
		if err := r.step(ctx); err != nil {
			return err
		}
		typ, _, ok, err := f.in.head()
		if err != nil {
			return fatal("08P01", "invalid message length")
		}
		if f.rest > 0 || !ok || typ == copyData {
			continue
		}
		typ, raw, err := f.in.next(r.limits.ClientMessage)
		switch {
		case errors.Is(err, errTooLarge), errors.Is(err, errMessage):
			return fatal("08P01", "invalid message length")
		case err != nil:
			return errGoodbye
		}
		if err := r.clientMessage(ctx, typ, raw); err != nil {
			return err
		}
	}
}

// step takes what there is of COPY data, reading first when there is nothing at all.
func (r *relay) step(ctx context.Context) error {
	f := &r.front
	if f.in.end-f.in.start < header && f.rest == 0 || f.in.end == f.in.start {
		if err := f.in.fill(0); err != nil {
			return errGoodbye
		}
	}
	if f.rest > 0 || f.in.end-f.in.start >= header && f.in.b[f.in.start] == copyData {
		return r.takeCopy(ctx)
	}
	return nil
}

func (r *relay) clientMessage(ctx context.Context, typ byte, raw []byte) error {
	body := raw[header:]
	f := &r.front
	if typ == frontTerminate {
		if err := r.flush(ctx); err != nil {
			return err
		}
		r.note(clientLeft()) // before the target, told of it, closes its side
		if err := r.forward(raw); err != nil {
			return err
		}
		return errGoodbye
	}
	if f.skip && typ != frontSync && typ != frontFlush {
		return nil
	}
	if err := r.enter(typ); err != nil {
		return err
	}
	switch typ {
	case frontQuery:
		return r.query(ctx, raw)
	case frontFunction:
		return r.call(ctx, raw)
	case frontParse:
		return r.parse(ctx, body)
	case frontBind:
		return r.bind(ctx, raw)
	case frontDescribe:
		return r.describe(ctx, raw)
	case frontExecute:
		return r.execute(ctx, raw)
	case frontClose:
		return r.closeName(ctx, raw)
	case frontFlush:
		f.batch.out = append(f.batch.out, raw...)
		return r.flush(ctx)
	case frontSync:
		return r.sync(ctx, raw)
	case copyDone, copyFail:
		return r.endCopy(ctx, typ, raw)
	}
	return fatal("08P01", "invalid frontend message type")
}

// enter waits where what comes depends on answers that are still to come.
func (r *relay) enter(typ byte) error {
	f := &r.front
	if f.copyIn && typ != frontSync && typ != frontFlush && typ != copyDone && typ != copyFail {
		if err := r.copyDecided(); err != nil {
			return err
		}
	}
	if f.effects != 0 && f.effects != f.unit {
		if err := r.settle(); err != nil {
			return err
		}
		f.effects = 0
		r.mu.Lock()
		names, all := r.uncertain, r.unsure
		r.uncertain, r.unsure = nil, false
		r.mu.Unlock()
		if all || len(names) > 0 {
			f.names.forget(names, all)
		}
	}
	return nil
}

// settle waits for the answers to all earlier units.
func (r *relay) settle() error {
	return r.await(func() bool { return r.queue.empty() || r.queue.head().unit >= r.front.unit })
}

// query handles a simple query.
func (r *relay) query(ctx context.Context, raw []byte) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	text, ok := decodeQuery(raw[header:])
	if !ok {
		return r.refuseSimple(ctx, failure("08P01", "invalid message format"), schemas.CommandKind_COMMAND_KIND_QUERY)
	}
	d, err := r.s.Decide(ctx, schemas.CommandKind_COMMAND_KIND_QUERY, text)
	if err != nil {
		return err
	}
	f := &r.front
	c, number := session.Command{Kind: schemas.CommandKind_COMMAND_KIND_QUERY, Text: text}, uint64(0)
	if d.Held() {
		raw = bytes.Clone(raw) // its buffer takes in what comes meanwhile
		if d, number, err = r.hold(ctx, c, d); err != nil {
			return err
		}
	}
	delete(f.names.byName, "") // a simple query drops the unnamed statement and portal
	delete(f.names.portals, "")
	i := item{kind: itemQuery, unit: f.unit, masks: d.Masks, text: text}
	if !d.Allowed() {
		i.refused = denial(d)
		f.batch.out = insteadOfQuery(f.batch.out)
	} else if err := r.affect(d); err != nil {
		return err
	}
	f.batch.recorded(c, d, number)
	i.command = uint64(len(f.batch.commands))
	f.batch.items = append(f.batch.items, i)
	if i.refused == nil {
		f.batch.raw = raw
	}
	f.unit++
	return r.flush(ctx)
}

// affect takes the effects of a command that will be forwarded.
func (r *relay) affect(d *session.Decision) error {
	f := &r.front
	if len(d.Effects) > 0 {
		if err := r.settle(); err != nil { // so that units with effects settle one by one
			return err
		}
		r.s.State.Apply(d.Effects, d.GetSql().GetStatements() > 1)
		f.effects = f.unit
		r.rename(d)
	}
	f.copyIn = d.CopiesIn || d.GetSql().GetUnparsed()
	f.copyMasked = f.copyIn && d.Masks != nil
	return nil
}

// rename follows what SQL's own PREPARE and DEALLOCATE do to names: they share them with the protocol.
func (r *relay) rename(d *session.Decision) {
	f := &r.front
	for _, e := range d.Effects {
		switch e.Kind {
		case schemas.StateEffect_KIND_PREPARE:
			text := ""
			if len(e.Values) > 0 {
				text = e.Values[0]
			}
			s := &statement{name: e.Name, text: text, unit: f.unit}
			f.names.define(s)
			s.state.Store(confirmed) // or else it is uncertain, and forgotten before anything else is read
		case schemas.StateEffect_KIND_DEALLOCATE:
			f.names.forget([]string{e.Name}, e.Name == "")
		}
	}
}

// refuseSimple makes the target fail where a query, or what behaves like one, stood.
func (r *relay) refuseSimple(ctx context.Context, bad *refusal, kind schemas.CommandKind) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	f := &r.front
	f.batch.command(session.Command{Kind: kind, Text: "[" + bad.message + "]"}, refusedBy(bad))
	f.batch.items = append(f.batch.items, item{kind: itemQuery, unit: f.unit, refused: bad, command: uint64(len(f.batch.commands))})
	f.batch.out = insteadOfQuery(f.batch.out)
	f.unit++
	return r.flush(ctx)
}

func refusedBy(bad *refusal) *session.Decision {
	return &session.Decision{VerdictAnswer: &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_DENY,
		Reasons: []*schemas.Reason{{Policy: "builtin/protocol", Message: bad.message}}}}
}

// refuseExtended makes the target fail where a message of the extended protocol stood, and skips
// to the Sync as the target does.
func (r *relay) refuseExtended(bad *refusal, c session.Command, d *session.Decision, instead []byte) {
	r.refuseRecorded(bad, c, d, 0, instead)
}

// refuseRecorded is refuseExtended of a command that is on the log already under number, unless
// that is 0.
func (r *relay) refuseRecorded(bad *refusal, c session.Command, d *session.Decision, number uint64, instead []byte) {
	f := &r.front
	f.batch.recorded(c, d, number)
	f.batch.items = append(f.batch.items, item{kind: itemExecute, unit: f.unit, refused: bad, command: uint64(len(f.batch.commands))})
	f.batch.out = append(f.batch.out, instead...)
	f.skip = true
}

func (r *relay) malformed(kind schemas.CommandKind) {
	bad := failure("08P01", "invalid message format")
	r.refuseExtended(bad, session.Command{Kind: kind, Text: "[" + bad.message + "]"}, refusedBy(bad), insteadOfExecute(nil, r.front.nowhere))
}

func (r *relay) sync(ctx context.Context, raw []byte) error {
	f := &r.front
	f.skip = false
	f.batch.out = append(f.batch.out, raw...)
	f.batch.items = append(f.batch.items, item{kind: itemSync, unit: f.unit})
	f.unit++
	if err := r.flush(ctx); err != nil {
		return err
	}
	f.names.sweep()
	if len(f.names.portals) > 0 {
		f.names.expire(r.settled.Load())
	}
	return nil
}

func (r *relay) forward(b []byte) error {
	if _, err := r.u.conn.Write(b); err != nil {
		if r.s.Err() != nil {
			return r.s.Err()
		}
		return errTarget
	}
	return nil
}
