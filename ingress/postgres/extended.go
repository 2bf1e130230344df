package postgres

import (
	"bytes"
	"context"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// maxPortals bounds the portals of one transaction.
const maxPortals = 10_000

const kindPrepare = schemas.CommandKind_COMMAND_KIND_PREPARE

// parse handles Parse: the text is judged now, and recorded with the Execute if that follows in
// the same batch.
func (r *relay) parse(ctx context.Context, body []byte) error {
	f := &r.front
	m, ok := decodeParse(body)
	if !ok {
		r.malformed(kindPrepare)
		return r.bound(ctx)
	}
	c := session.Command{Kind: kindPrepare, Text: m.text, Statement: m.name}
	if !f.names.room(len(m.text), r.limits.Statements) {
		bad := failure("53400", "the session holds too much text in prepared statements").hint("deallocate some of them")
		r.refuseExtended(bad, c, refusedBy(bad), insteadOfParse(nil, m.name))
		return r.bound(ctx)
	}
	d, err := r.s.Decide(ctx, kindPrepare, m.text)
	if err != nil {
		return err
	}
	if !d.Allowed() && !d.Held() { // parsing runs nothing: each Execute is held
		r.refuseExtended(denial(d), c, d, insteadOfParse(nil, m.name))
		return r.bound(ctx)
	}
	s := &statement{name: m.name, text: m.text, types: m.types, decision: d, unit: f.unit, asked: f.unit}
	f.names.define(s)
	if m.name != "" {
		r.s.State.Prepared(m.name, m.text)
	}
	s.pending = f.batch.command(c, d)
	f.batch.items = append(f.batch.items, item{kind: itemParse, unit: f.unit, stmt: s, command: uint64(len(f.batch.commands)), masks: d.Masks, text: m.text})
	f.batch.out = message(f.batch.out, frontParse, body)
	return r.bound(ctx)
}

// statement finds what a name means, waiting if that is not settled.
func (r *relay) statement(name string) (*statement, error) {
	f := &r.front
	s, wait := f.names.find(name, f.unit)
	if wait {
		if err := r.settle(); err != nil {
			return nil, err
		}
		s, _ = f.names.find(name, f.unit)
	}
	return s, nil
}

func (r *relay) portal(name string) (*portal, error) {
	f := &r.front
	p := f.names.portals[name]
	if p == nil || p.unit == f.unit {
		return p, nil
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	if p.unit <= r.settled.Load() {
		delete(f.names.portals, name)
		return nil, nil
	}
	return p, nil
}

// refuseName refuses what names nothing that the gateway knows of: whatever it may be for the
// target, it was not judged.
func (r *relay) refuseName(code, what string) {
	bad := failure(code, what)
	r.refuseExtended(bad, session.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXECUTE, Text: "[" + what + "]"}, refusedBy(bad), insteadOfExecute(nil, r.front.nowhere))
}

func (r *relay) bind(ctx context.Context, raw []byte) error {
	if err := r.bound(ctx); err != nil { // before, not after: an Execute that follows records the same values
		return err
	}
	f := &r.front
	m, ok := decodeBind(bytes.Clone(raw[header:])) // its values outlive the buffer
	if !ok {
		r.malformed(schemas.CommandKind_COMMAND_KIND_EXECUTE)
		return nil
	}
	s, err := r.statement(m.statement)
	if err != nil {
		return err
	}
	if s == nil {
		r.refuseName("26000", "prepared statement \""+m.statement+"\" does not exist")
		return nil
	}
	if len(f.names.portals) >= maxPortals || len(raw) > maxKept && f.names.held()+len(raw) > r.limits.ClientMessage {
		r.refuseName("53400", "the session holds too many portals")
		return nil
	}
	for i := range m.parameters {
		m.parameters[i].Type = s.parameterType(i)
	}
	p := &portal{name: m.portal, stmt: s, params: m.parameters, results: m.results, unit: f.unit}
	f.names.portals[m.portal] = p
	if m.portal != "" {
		r.s.State.Portal(m.portal)
	}
	if ok, err := r.judge(ctx, s); !ok || err != nil { // the portal's rows are those of now
		return err
	}
	p.bound = s.decision
	if len(m.parameters) > 0 { // for the case that no Execute follows
		p.pending = f.batch.command(session.Command{Kind: kindPrepare, Text: s.text, Statement: s.name, Portal: p.name, Parameters: p.params}, s.decision)
	}
	f.batch.items = append(f.batch.items, item{kind: itemBind, unit: f.unit, portal: p, masks: p.bound.Masks, text: s.text})
	f.batch.out = append(f.batch.out, raw...)
	return nil
}

// judge sees to it that the statement's decision is the one of now. If it has become a denial,
// the message is refused and ok is false.
func (r *relay) judge(ctx context.Context, s *statement) (ok bool, err error) {
	f := &r.front
	if s.decision == nil || s.asked != f.unit && !r.s.Holds(ctx, s.decision) {
		if s.decision, err = r.s.Decide(ctx, kindPrepare, s.text); err != nil {
			return false, err
		}
	}
	s.asked = f.unit
	if s.decision.Allowed() || s.decision.Held() {
		return true, nil
	}
	c := session.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXECUTE, Text: s.text, Statement: s.name}
	r.refuseExtended(denial(s.decision), c, s.decision, insteadOfExecute(nil, f.nowhere))
	return false, nil
}

func (r *relay) execute(ctx context.Context, raw []byte) error {
	f := &r.front
	name, _, ok := decodeExecute(raw[header:])
	if !ok {
		r.malformed(schemas.CommandKind_COMMAND_KIND_EXECUTE)
		return r.bound(ctx)
	}
	p, err := r.portal(name)
	if err != nil {
		return err
	}
	if p == nil {
		r.refuseName("34000", "portal \""+name+"\" does not exist")
		return r.bound(ctx)
	}
	if ok, err := r.judge(ctx, p.stmt); !ok || err != nil {
		return err
	}
	f.batch.supersede(p.pending)
	f.batch.supersede(p.stmt.pending)
	c := session.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXECUTE, Text: p.stmt.text,
		Statement: p.stmt.name, Portal: p.name, Parameters: p.params}
	d, number := p.stmt.decision, uint64(0)
	if d.Held() {
		raw = bytes.Clone(raw) // its buffer takes in what comes meanwhile
		if d, number, err = r.holdPortal(ctx, c, p); err != nil {
			return err
		}
		if !d.Allowed() {
			r.refuseRecorded(denial(d), c, d, number, insteadOfExecute(nil, f.nowhere))
			return r.bound(ctx)
		}
	}
	if err := r.affect(d); err != nil {
		return err
	}
	masks := p.masks(d)
	r.describeFor(masks, p)
	f.batch.recorded(c, d, number)
	f.batch.items = append(f.batch.items, item{kind: itemExecute, unit: f.unit, portal: p, command: uint64(len(f.batch.commands)), masks: masks, text: p.stmt.text})
	f.batch.out = append(f.batch.out, raw...)
	return r.bound(ctx)
}

func (r *relay) describe(ctx context.Context, raw []byte) error {
	f := &r.front
	kind, name, ok := decodeNamed(raw[header:])
	if !ok {
		r.malformed(kindPrepare)
		return r.bound(ctx)
	}
	i := item{kind: itemDescribePortal, unit: f.unit}
	var err error
	if kind == 'S' {
		i.kind = itemDescribeStatement
		i.stmt, err = r.statement(name)
	} else {
		i.portal, err = r.portal(name)
	}
	if err != nil {
		return err
	}
	switch {
	case i.stmt != nil:
		i.stmt.asks, i.text = true, i.stmt.text
		if i.stmt.decision != nil {
			i.masks = i.stmt.decision.Masks
		}
	case i.portal != nil:
		i.portal.asks, i.text = true, i.portal.stmt.text
		i.masks = i.portal.bound.Masks
	}
	f.batch.items = append(f.batch.items, i)
	f.batch.out = append(f.batch.out, raw...)
	return r.bound(ctx)
}

func (r *relay) closeName(ctx context.Context, raw []byte) error {
	f := &r.front
	kind, name, ok := decodeNamed(raw[header:])
	if !ok {
		r.malformed(kindPrepare)
		return r.bound(ctx)
	}
	i := item{kind: itemClose, unit: f.unit}
	if kind == 'S' {
		i.stmt = &statement{name: name, gone: true, unit: f.unit}
		f.names.define(i.stmt)
		r.s.State.Forgotten(name)
	} else {
		delete(f.names.portals, name)
	}
	f.batch.items = append(f.batch.items, i)
	f.batch.out = append(f.batch.out, raw...)
	return r.bound(ctx)
}
