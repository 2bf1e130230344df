package journal

import (
	"encoding/binary"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"sallyport/schemas"
)

// Sizes of messages. An entry is stored whole, so the largest entry bounds the largest message.
const (
	wholeFact  = 64 << 10  // a fact message is not filled beyond this,
	wholeFrame = 128 << 10 // a frame message neither, unless one entry is larger
	ripeFrames = 64 << 10  // frames are published at this size without waiting for FlushEvery
	maxEntry   = maxMessage - 8<<10
)

// chunk is a message in the making: room for the envelope's fields, then its payload (a Batch),
// which grows entry by entry. Chunks and their buffers are pooled; a writer holds none while
// everything is acknowledged.
type chunk struct {
	buf         []byte
	room        int // bytes at the front kept for the envelope
	first, last uint64
	count       uint32
	born        time.Duration // when the first entry came, on the log's clock
	next        *chunk
}

// Pools of small buffers (facts) and of large ones (frames).
type chunkPool struct{ pool sync.Pool }

// keepBuffer is the largest buffer worth keeping: the largest frame, and what is around it.
const keepBuffer = 256<<10 + 16<<10

func (p *chunkPool) get(room int, now time.Duration) *chunk {
	c, _ := p.pool.Get().(*chunk)
	if c == nil {
		c = &chunk{}
	}
	if cap(c.buf) < room {
		c.buf = make([]byte, room, room+2<<10)
	}
	*c = chunk{buf: c.buf[:room], room: room, born: now}
	return c
}

func (p *chunkPool) put(c *chunk) {
	if cap(c.buf) <= keepBuffer {
		c.next = nil
		p.pool.Put(c)
	}
}

// size is what the payload has so far.
func (c *chunk) size() int { return len(c.buf) - c.room }

// add encodes e at the end. size is e.SizeVT().
func (c *chunk) add(e *schemas.Entry, size int) error {
	var head [1 + binary.MaxVarintLen64]byte
	h := protowire.AppendVarint(protowire.AppendTag(head[:0], 1, protowire.BytesType), uint64(size))
	start := len(c.buf)
	c.grow(len(h) + size)
	copy(c.buf[start:], h)
	if _, err := e.MarshalToSizedBufferVT(c.buf[start+len(h):]); err != nil {
		c.buf = c.buf[:start]
		return err
	}
	if c.count == 0 {
		c.first = e.Number
	}
	c.last = e.Number
	c.count++
	return nil
}

// grow lengthens the buffer by n bytes.
func (c *chunk) grow(n int) {
	if need := len(c.buf) + n; need > cap(c.buf) {
		b := make([]byte, len(c.buf), max(need, min(2*cap(c.buf), keepBuffer)))
		copy(b, c.buf)
		c.buf = b
	}
	c.buf = c.buf[:len(c.buf)+n]
}

// envelopeRoom is enough for every field of an envelope but writer, session and payload.
const envelopeRoom = 192

func roomFor(writer, session string) int { return envelopeRoom + len(writer) + len(session) }

// seal writes the envelope in front of the payload and returns the message, which is a part of
// the chunk's buffer. The bytes are those that Envelope.MarshalVT gives.
func (c *chunk) seal(previous []byte, frames *schemas.Head, writer, session string) []byte {
	var space [512]byte
	h := space[:0]
	h = protowire.AppendVarint(protowire.AppendTag(h, 1, protowire.VarintType), formatVersion)
	h = protowire.AppendVarint(protowire.AppendTag(h, 2, protowire.VarintType), uint64(schemas.Codec_CODEC_PLAIN))
	if c.first > 0 {
		h = protowire.AppendVarint(protowire.AppendTag(h, 4, protowire.VarintType), c.first)
	}
	h = protowire.AppendVarint(protowire.AppendTag(h, 5, protowire.VarintType), uint64(c.count))
	if len(previous) > 0 {
		h = protowire.AppendBytes(protowire.AppendTag(h, 6, protowire.BytesType), previous)
	}
	if frames != nil {
		h = appendHead(protowire.AppendTag(h, 7, protowire.BytesType), frames)
	}
	h = protowire.AppendString(protowire.AppendTag(h, 8, protowire.BytesType), writer)
	h = protowire.AppendString(protowire.AppendTag(h, 9, protowire.BytesType), session)
	h = protowire.AppendVarint(protowire.AppendTag(h, 10, protowire.BytesType), uint64(c.size()))
	start := c.room - len(h)
	copy(c.buf[start:], h)
	return c.buf[start:]
}

func appendHead(b []byte, f *schemas.Head) []byte {
	var space [96]byte
	h := space[:0]
	if f.Sequence > 0 {
		h = protowire.AppendVarint(protowire.AppendTag(h, 1, protowire.VarintType), f.Sequence)
	}
	if f.Number > 0 {
		h = protowire.AppendVarint(protowire.AppendTag(h, 2, protowire.VarintType), f.Number)
	}
	if len(f.Hash) > 0 {
		h = protowire.AppendBytes(protowire.AppendTag(h, 3, protowire.BytesType), f.Hash)
	}
	return protowire.AppendBytes(b, h)
}

// formatVersion is Envelope.version.
const formatVersion = 1
