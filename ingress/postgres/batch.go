package postgres

import (
	"context"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// batch collects what a client sends up to a Flush or a Sync, so that the log acknowledges it all
// at once.
type batch struct {
	number   uint64
	out      []byte
	raw      []byte // one large message instead of out: it is not copied
	items    []item
	commands []pending
}

// pending is a command that is not recorded yet.
type pending struct {
	c          session.Command
	d          *session.Decision
	superseded bool   // a later command of the batch says the same and more
	number     uint64 // 0: not recorded yet
}

// recorded adds a command that is on the log already.
func (b *batch) recorded(c session.Command, d *session.Decision, number uint64) {
	b.command(c, d)
	b.commands[len(b.commands)-1].number = number
}

func (b *batch) command(c session.Command, d *session.Decision) place {
	b.commands = append(b.commands, pending{c: c, d: d})
	return place{batch: b.number, index: len(b.commands)}
}

// supersede leaves a command of this batch out.
func (b *batch) supersede(p place) {
	if p.index > 0 && p.batch == b.number {
		b.commands[p.index-1].superseded = true
	}
}

const maxKept = 64 << 10

func (b *batch) reset() {
	b.number++
	if cap(b.out) > maxKept {
		b.out = nil
	}
	b.out, b.raw = b.out[:0], nil
	clear(b.items)
	clear(b.commands)
	b.items, b.commands = b.items[:0], b.commands[:0]
}

// maxCommands bounds a batch by count, as Limits.Batch does by bytes.
const maxCommands = 512

// bound forwards a batch that has grown large, without waiting for its Sync.
func (r *relay) bound(ctx context.Context) error {
	if b := &r.front.batch; len(b.out) > r.limits.Batch || len(b.commands) > maxCommands || len(b.items) > 4*maxCommands {
		return r.flush(ctx)
	}
	return nil
}

// flush records the batch, waits for the acknowledgement, and only then forwards it.
func (r *relay) flush(ctx context.Context) error {
	b := &r.front.batch
	if len(b.out) == 0 && b.raw == nil {
		return nil
	}
	defer b.reset()
	if err := r.s.Wait(ctx); err != nil {
		return err
	}
	if err := r.uncrowd(); err != nil {
		return err
	}
	if err := r.record(ctx); err != nil {
		return err
	}
	r.expect()
	if len(b.out) > 0 {
		if err := r.forward(b.out); err != nil {
			return err
		}
	}
	if b.raw != nil {
		return r.forward(b.raw)
	}
	return nil
}

// maxExpected bounds the messages that are forwarded and not answered: what a client sends
// without reading the answers must not pile up here.
const maxExpected = 16 << 10

func (r *relay) uncrowd() error {
	return r.await(func() bool { return len(r.queue.rest()) < maxExpected })
}

func (r *relay) record(ctx context.Context) error {
	b := &r.front.batch
	some := false
	for i := range b.commands {
		p := &b.commands[i]
		if p.superseded || p.number != 0 {
			continue
		}
		n, err := r.s.Command(ctx, p.c, p.d)
		if err != nil {
			return err
		}
		p.number, some = n, true
		r.front.last = n
	}
	if !some {
		return r.s.Err()
	}
	return r.s.Commit(ctx)
}

// expect tells the back what answers will come.
func (r *relay) expect() {
	b := &r.front.batch
	now := r.c.srv.c.Gateway.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b.items {
		it := &b.items[i]
		if it.command > 0 {
			it.command = b.commands[it.command-1].number
		}
		it.started = now
		r.push(*it)
	}
}

// push adds what is expected, unless the target is skipping it. mu is held.
func (r *relay) push(i item) {
	switch {
	case r.copying && i.kind == itemSync: // ignored by the target, unless the COPY has failed meanwhile
		r.stray++
		return
	case r.discard && i.kind == itemSync:
		r.discard = false
	case r.discard:
		r.notRun(&i)
		return
	}
	r.quiet = false
	r.queue.push(i)
}

// notRun settles an item that the target skips.
func (r *relay) notRun(i *item) {
	if i.stmt != nil {
		r.undo(i.stmt)
	}
	if i.command != 0 {
		_ = r.s.Result(&schemas.Result{Command: i.command, Refused: i.refused != nil,
			Error: &schemas.Failure{Severity: "SKIPPED", Message: "not run: something before it failed"}}) // a failure stops the session by itself
	}
}

// undo takes back a change of a name.
func (r *relay) undo(s *statement) {
	if !s.state.CompareAndSwap(tentative, failed) || s.gone || s.name == "" {
		return
	}
	r.s.State.Forgotten(s.name)
	for p := s.prev; p != nil; p = p.prev {
		if p.state.Load() == confirmed {
			if !p.gone {
				r.s.State.Prepared(p.name, p.text)
			}
			return
		}
	}
}
