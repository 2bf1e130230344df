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

	masks    *session.Masks
	recorded masker // nil: nothing is masked
	shown    masker // what the client gets; nil: what is recorded
	tally    session.Tally

	mu    sync.Mutex // of all but the pump's own, while a timer may run
	timer *time.Timer
	err   error
}

// masker masks a stream.
type masker interface {
	Write(dst, chunk []byte) ([]byte, []mask.Hit)
	Flush(dst []byte) ([]byte, []mask.Hit)
	Held() int
}

func (ch *channel) output(c *command, client io.Writer, channel schemas.Channel, w *watcher) (*output, error) {
	o := &output{ch: ch, c: c, channel: channel, client: client, sniff: sniffer{terminal: c.Terminal}, watch: w, masks: c.masks}
	if o.masks == nil || o.masks.Recorded() == nil {
		return o, nil
	}
	var err error
	if o.recorded, err = newMasker(o.masks.Recorded(), c.Terminal); err != nil {
		return nil, err
	}
	switch client := o.masks.Client(); client {
	case o.masks.Recorded():
	case nil:
		o.shown = unmasked{}
	default:
		o.shown, err = newMasker(client, c.Terminal)
	}
	return o, err
}

func newMasker(c *session.Content, terminal bool) (masker, error) {
	if terminal {
		return c.Terminal()
	}
	return c.Stream()
}

// unmasked is what somebody sees who is excepted from everything.
type unmasked struct{}

func (unmasked) Write(dst, chunk []byte) ([]byte, []mask.Hit) { return append(dst, chunk...), nil }
func (unmasked) Flush(dst []byte) ([]byte, []mask.Hit)        { return dst, nil }
func (unmasked) Held() int                                    { return 0 }

// write takes what the target said.
func (o *output) write(ctx context.Context, b []byte) error {
	if o.recorded == nil {
		return o.deliver(ctx, b, b)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	recorded, hits := o.recorded.Write(nil, b)
	o.count(hits)
	shown := recorded
	if o.shown != nil {
		shown, _ = o.shown.Write(nil, b)
	}
	o.err = o.deliver(ctx, recorded, shown)
	if o.err == nil && (o.recorded.Held() > 0 || o.shown != nil && o.shown.Held() > 0) {
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
	if o.err != nil {
		return o.err
	}
	recorded, hits := o.recorded.Flush(nil)
	o.count(hits)
	shown := recorded
	if o.shown != nil {
		shown, _ = o.shown.Flush(nil)
	}
	o.err = o.deliver(ctx, recorded, shown)
	return o.err
}

// end gives out the rest, and says what was masked.
func (o *output) end(ctx context.Context) error {
	if o.recorded == nil {
		return nil
	}
	if err := o.flush(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
	if o.tally.Empty() {
		return nil
	}
	return o.ch.r.s.Masked(o.c.number, o.masks, &o.tally)
}

func (o *output) count(hits []mask.Hit) {
	for _, h := range hits {
		rule, detector := o.masks.Recorded().Finder(h)
		o.tally.Add(rule, "", detector, o.masks.Revealed(rule), uint64(h.Count))
	}
}

// deliver records output and then passes it on.
func (o *output) deliver(ctx context.Context, recorded, shown []byte) error {
	s := o.ch.r.s
	if len(recorded) > 0 {
		if err := s.Bytes(ctx, &schemas.Bytes{Command: o.c.number, Channel: o.channel, Format: o.sniff.format(recorded), Data: recorded}); err != nil {
			return err
		}
		if s.Strict {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
		o.watch.output(recorded)
	}
	if len(shown) > 0 && !o.gone {
		_, err := o.client.Write(shown)
		o.gone = err != nil
	}
	return nil
}
