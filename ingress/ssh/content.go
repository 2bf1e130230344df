package ssh

import (
	"context"
	"strconv"
	"sync"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// keeping says what a recording has of what is in a file.
type keeping struct {
	content bool           // else digests alone
	masks   *session.Masks // of the verdict on the operation that opened it; nil: none
}

// keeps is what the recording of this session has of a file.
func (r *relay) keeps(masks *session.Masks) keeping {
	return keeping{content: r.target.Target.SSH == nil || r.target.Target.SSH.Files != resources.FilesDigest, masks: masks}
}

// masked reports whether something is looked for in files.
func (k keeping) masked() bool { return k.masks != nil && k.masks.Recorded() != nil }

// content records what is moved of a file, one way. Where masks look for something, the recording has the masked form of
// it, as far as it is moved in order from the beginning (of other pieces nobody can say what they are a part of), and what
// somebody excepted moved is sealed. What is moved is never changed: who must not see what a file holds does not read it.
// As with input (intake.go), what cannot be told yet is announced by its size before it is passed on.
type content struct {
	s       *session.Session
	keep    keeping
	command uint64 // that opened the file
	channel schemas.Channel

	mu    sync.Mutex // both pumps of SFTP may come to a file's end
	forms forms
	seals seals
	next  uint64 // masked: where in the file the next byte in order is,
	at    uint64 // and in what is recorded of it
	torn  bool   // masked: it was not moved in order
	ended bool
	last  uint64 // number of what was recorded last towards the target; 0: nothing
}

// add records a piece, of any size. Towards the target, what recorded has the number of must be acknowledged before the piece
// is forwarded.
func (c *content) add(ctx context.Context, offset uint64, data []byte) (recorded uint64, err error) {
	if !c.keep.content || len(data) == 0 {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keep.masked() {
		err = c.pieces(ctx, data, offset)
		return c.last, err
	}
	if c.torn = c.torn || c.ended || offset != c.next; c.torn {
		return 0, nil
	}
	if err := c.begin(); err != nil {
		return 0, err
	}
	c.next += uint64(len(data))
	err = c.give(ctx, c.forms.Write(data))
	return c.last, err
}

// pieces records bytes that lie at an offset, in parts that fit a frame.
func (c *content) pieces(ctx context.Context, data []byte, offset uint64) error {
	most := session.MaxPayload
	if c.channel == schemas.Channel_CHANNEL_IN {
		most = session.MaxMoved
	}
	return pieces(data, offset, most, func(data []byte, offset uint64) error { return c.record(ctx, "file", offset, data) })
}

// begin makes what masks the file, once something of it is moved.
func (c *content) begin() (err error) {
	if c.forms != nil {
		return nil
	}
	m := c.keep.masks
	c.seals = seals{command: c.command, part: schemas.PartOf(c.channel), masks: m}
	if m.Client() == m.Recorded() {
		c.forms, err = newMasker(m.Recorded(), false)
	} else {
		c.forms, err = m.Twin(mask.TwinConfig{})
	}
	return err
}

// give records what is sealed of a piece, its masked form, and how much is still held back.
func (c *content) give(ctx context.Context, p mask.Pair) error {
	if err := c.seals.account(ctx, c.s, p); err != nil {
		return err
	}
	if err := c.pieces(ctx, p.Recorded, c.at); err != nil {
		return err
	}
	c.at += uint64(len(p.Recorded))
	held := c.forms.Held()
	if held == 0 {
		return nil
	}
	return c.record(ctx, formatWithheld, 0, strconv.AppendInt(nil, int64(held), 10))
}

func (c *content) record(ctx context.Context, format string, offset uint64, data []byte) (err error) {
	b := &schemas.Bytes{Command: c.command, Channel: c.channel, Format: format, Data: data, Offset: offset}
	if c.channel == schemas.Channel_CHANNEL_IN {
		c.last, err = c.s.Moved(b)
		return err
	}
	return c.s.Bytes(ctx, b)
}

// end records the rest, whoever has left meanwhile. It reports whether the recording has all that was moved.
func (c *content) end() (whole bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.forms == nil {
		return !c.torn, nil
	}
	if !c.torn { // else what comes next is not known
		if err := c.give(context.Background(), c.forms.Close()); err != nil {
			return false, err
		}
	}
	return !c.torn, c.seals.told(c.s)
}
