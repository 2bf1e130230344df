package ssh

import (
	"context"
	"io"
	"sync"
	"time"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// output is where one stream of a command goes: to the log, and then to the client.
type output struct {
	ch      *channel
	c       *command
	channel schemas.Channel
	client  io.Writer
	sniff   sniffer
	watch   *watcher
	gone    bool // what a client that left does not read is recorded all the same

	masks *session.Masks
	forms forms // nil: nothing is masked
	seals seals

	mu    sync.Mutex // of all but the pump's own, while a timer may run
	timer *time.Timer
	err   error
}

// forms masks a stream: for its recording, and for the client.
type forms interface {
	Write(chunk []byte) mask.Pair
	Flush() mask.Pair
	Close() mask.Pair
	Held() int
}

func (ch *channel) output(c *command, client io.Writer, channel schemas.Channel, w *watcher) (*output, error) {
	o := &output{ch: ch, c: c, channel: channel, client: client, sniff: sniffer{terminal: c.Terminal}, watch: w, masks: c.masks,
		seals: seals{command: c.number, part: schemas.PartOf(channel), masks: c.masks}}
	var err error
	switch m := o.masks; {
	case m == nil || m.Recorded() == nil:
	case m.Client() == m.Recorded():
		o.forms, err = newMasker(m.Recorded(), c.Terminal)
	default: // the client is excepted, and shown more than is recorded
		o.forms, err = m.Twin(mask.TwinConfig{Terminal: c.Terminal, Together: ch.r.s.Strict})
	}
	return o, err
}

// newMasker returns what masks a stream of which there is one form.
func newMasker(c *session.Content, terminal bool) (forms, error) {
	if terminal {
		t, err := c.Terminal()
		return single{t}, err
	}
	s, err := c.Stream()
	return single{s}, err
}

// single is one form for both.
type single struct {
	m interface {
		Write(dst, chunk []byte) ([]byte, []mask.Hit)
		Flush(dst []byte) ([]byte, []mask.Hit)
		Close(dst []byte) ([]byte, []mask.Hit)
		Held() int
	}
}

func (s single) Write(chunk []byte) mask.Pair { return pair(s.m.Write(nil, chunk)) }
func (s single) Flush() mask.Pair             { return pair(s.m.Flush(nil)) }
func (s single) Close() mask.Pair             { return pair(s.m.Close(nil)) }
func (s single) Held() int                    { return s.m.Held() }

func pair(out []byte, hits []mask.Hit) mask.Pair {
	return mask.Pair{Recorded: out, Shown: out, Hits: hits}
}

// write takes what the target said.
func (o *output) write(ctx context.Context, b []byte) error {
	if o.forms == nil {
		return o.deliver(ctx, mask.Pair{Recorded: b, Shown: b})
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	o.err = o.deliver(ctx, o.forms.Write(b))
	if o.err == nil && o.forms.Held() > 0 {
		o.later(ctx)
	}
	return o.err
}

// later gives out what is held back, once nothing more comes: somebody waits for the echo of a key, or a program for
// an answer.
func (o *output) later(ctx context.Context) {
	rest := o.ch.r.limits.MaskRest
	if o.timer != nil {
		o.timer.Reset(rest)
		return
	}
	o.timer = time.AfterFunc(rest, func() {
		if err := o.flush(ctx); err != nil {
			o.c.fail(err, o.ch.to)
		}
	})
}

func (o *output) flush(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = o.deliver(ctx, o.forms.Flush())
	}
	return o.err
}

// end gives out the rest, and says what was masked.
func (o *output) end(ctx context.Context) error {
	if o.forms == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
	if o.err == nil {
		o.err = o.deliver(ctx, o.forms.Close())
	}
	if o.err != nil {
		return o.err
	}
	return o.seals.told(o.ch.r.s)
}

// deliver records output, and what of it the recording has in masked form only, and then passes it on.
func (o *output) deliver(ctx context.Context, p mask.Pair) error {
	s := o.ch.r.s
	if len(p.Recorded) > 0 {
		if err := s.Bytes(ctx, &schemas.Bytes{Command: o.c.number, Channel: o.channel, Format: o.sniff.format(p.Recorded), Data: p.Recorded}); err != nil {
			return err
		}
	}
	if err := o.seals.account(ctx, s, p); err != nil {
		return err
	}
	if s.Strict && len(p.Recorded) > 0 {
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	if len(p.Recorded) > 0 {
		o.watch.output(p.Recorded)
	}
	if len(p.Shown) > 0 && !o.gone {
		_, err := o.client.Write(p.Shown)
		o.gone = err != nil
	}
	return nil
}

// seals counts what is masked of a stream of a command, and seals what its recording has in masked form only.
type seals struct {
	command uint64
	part    string // schemas.ConcealedValue
	masks   *session.Masks
	tally   session.Tally
	veil    session.Veil
}

func (m *seals) account(ctx context.Context, s *session.Session, p mask.Pair) error {
	for _, h := range p.Hits {
		rule, detector := m.masks.Recorded().Finder(h)
		m.tally.Add(rule, "", detector, m.masks.Revealed(rule), uint64(h.Count))
	}
	if len(p.Spans) == 0 {
		return nil
	}
	for _, span := range p.Spans {
		value := &schemas.ConcealedValue{Row: span.At, Length: span.Length, Part: m.part, Data: span.Data}
		if err := s.Conceal(ctx, &m.veil, m.masks, m.command, m.masks.Showing(span.Finds), value); err != nil {
			return err
		}
	}
	return s.Unveiled(ctx, &m.veil)
}

// told records the counts.
func (m *seals) told(s *session.Session) error {
	if m.tally.Empty() {
		return nil
	}
	return s.Masked(m.command, m.masks, &m.tally)
}
