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

// idle is how long output rests before what masks hold back of it is given out: somebody waits for the
// echo of a key, or a program for an answer.
const idle = 50 * time.Millisecond

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
	tally session.Tally
	veil  session.Veil

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
	o := &output{ch: ch, c: c, channel: channel, client: client, sniff: sniffer{terminal: c.Terminal}, watch: w, masks: c.masks}
	var err error
	switch m := o.masks; {
	case m == nil || m.Recorded() == nil:
	case m.Client() == m.Recorded():
		o.forms, err = newMasker(m.Recorded(), c.Terminal)
	default: // the client is excepted, and shown more than is recorded
		o.forms, err = m.Twin(c.Terminal, ch.r.s.Strict)
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

// later gives out what is held back, once nothing more comes.
func (o *output) later(ctx context.Context) {
	if o.timer != nil {
		o.timer.Reset(idle)
		return
	}
	o.timer = time.AfterFunc(idle, func() {
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
	if o.err != nil || o.tally.Empty() {
		return o.err
	}
	return o.ch.r.s.Masked(o.c.number, o.masks, &o.tally)
}

// deliver records output, and what of it the recording has in masked form only, and then passes it on.
func (o *output) deliver(ctx context.Context, p mask.Pair) error {
	s := o.ch.r.s
	if len(p.Recorded) > 0 {
		if err := s.Bytes(ctx, &schemas.Bytes{Command: o.c.number, Channel: o.channel, Format: o.sniff.format(p.Recorded), Data: p.Recorded}); err != nil {
			return err
		}
	}
	if err := o.account(ctx, p); err != nil {
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

// account counts what was masked, and seals what was shown all the same.
func (o *output) account(ctx context.Context, p mask.Pair) error {
	for _, h := range p.Hits {
		rule, detector := o.masks.Recorded().Finder(h)
		o.tally.Add(rule, "", detector, o.masks.Revealed(rule), uint64(h.Count))
	}
	if len(p.Spans) == 0 {
		return nil
	}
	s := o.ch.r.s
	for _, span := range p.Spans {
		value := &schemas.ConcealedValue{Row: span.At, Length: span.Length, Part: schemas.PartOf(o.channel), Data: span.Data}
		if err := s.Conceal(ctx, &o.veil, o.masks, o.c.number, o.masks.Showing(span.Finds), value); err != nil {
			return err
		}
	}
	return s.Unveiled(ctx, &o.veil)
}
