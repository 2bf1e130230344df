package ssh

import (
	"context"
	"strconv"
	"sync"

	"sallyport/ingress/mask"
	"sallyport/schemas"
)

// intake records what is sent to a command, without what its masks detect in it. What is sent on is not changed. As
// with echoes, what cannot be told yet is withheld: that it is sent, and how long it is, is recorded before it is, and
// what it is once its word or line has ended.
type intake struct {
	ch *channel
	c  *command

	mu    sync.Mutex // the pumps of both directions know what was typed
	sniff sniffer
	forms forms // nil: nothing is masked
	seals seals
}

func (ch *channel) intake(c *command) (*intake, error) {
	in := &intake{ch: ch, c: c, sniff: sniffer{terminal: c.Terminal}, seals: seals{command: c.number, part: schemas.PartInput, masks: c.masks}}
	var err error
	switch m := c.masks; {
	case m == nil || m.Recorded() == nil:
	case m.Client() != m.Recorded():
		in.forms, err = m.Twin(mask.TwinConfig{Terminal: c.Terminal, Keys: c.Terminal})
	case c.Terminal:
		var keys *mask.Terminal
		keys, err = m.Recorded().Keys()
		in.forms = single{keys}
	default:
		in.forms, err = newMasker(m.Recorded(), false)
	}
	return in, err
}

// record records a part before it is sent, or, when it was withheld until now, afterwards. What it is, is looked for in
// it where that is not known.
func (in *intake) record(ctx context.Context, p part) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p.format == formatWithheld {
		return in.bytes(ctx, p)
	}
	if in.forms == nil {
		return in.given(ctx, p.data)
	}
	pair := in.forms.Write(p.data)
	if err := in.seals.account(ctx, in.ch.r.s, pair); err != nil {
		return err
	}
	if err := in.given(ctx, pair.Recorded); err != nil {
		return err
	}
	held := min(in.forms.Held(), len(p.data))
	if len(pair.Recorded) == 0 {
		held = len(p.data)
	}
	if held == 0 {
		return nil
	}
	return in.bytes(ctx, part{formatWithheld, strconv.AppendInt(nil, int64(held), 10)})
}

// settle records input whose echo has shown what it is.
func (in *intake) settle(parts []part) error {
	for _, p := range parts {
		if err := in.record(context.Background(), p); err != nil {
			return err
		}
	}
	return nil
}

// end records what is withheld: no more comes.
func (in *intake) end(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.forms == nil {
		return nil
	}
	pair := in.forms.Close()
	if err := in.seals.account(ctx, in.ch.r.s, pair); err != nil {
		return err
	}
	if err := in.given(ctx, pair.Recorded); err != nil {
		return err
	}
	return in.seals.told(in.ch.r.s)
}

func (in *intake) given(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return in.bytes(ctx, part{in.sniff.format(b), b})
}

func (in *intake) bytes(ctx context.Context, p part) error {
	return in.ch.r.s.Bytes(ctx, &schemas.Bytes{Command: in.c.number, Channel: schemas.Channel_CHANNEL_IN, Format: p.format, Data: p.data})
}
