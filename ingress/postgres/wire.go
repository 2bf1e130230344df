package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// Message types. Some letters mean one thing from the client (front) and another from the target (back).
const (
	frontQuery     = 'Q'
	frontParse     = 'P'
	frontBind      = 'B'
	frontDescribe  = 'D'
	frontExecute   = 'E'
	frontClose     = 'C'
	frontFlush     = 'H'
	frontSync      = 'S'
	frontTerminate = 'X'
	frontFunction  = 'F'
	frontPassword  = 'p'

	copyData = 'd'
	copyDone = 'c'
	copyFail = 'f'

	backAuth           = 'R'
	backParameter      = 'S'
	backKey            = 'K'
	backReady          = 'Z'
	backError          = 'E'
	backNotice         = 'N'
	backNotification   = 'A'
	backColumns        = 'T'
	backRow            = 'D'
	backComplete       = 'C'
	backEmpty          = 'I'
	backSuspended      = 's'
	backParsed         = '1'
	backBound          = '2'
	backClosed         = '3'
	backNoData         = 'n'
	backParameterTypes = 't'
	backCopyIn         = 'G'
	backCopyOut        = 'H'
	backCopyBoth       = 'W'
	backNegotiate      = 'v'
	backFunction       = 'V'
)

const (
	header    = 5 // type and length
	smallBuf  = 4 << 10
	largeBuf  = 64 << 10
	maxAnswer = 64 << 20 // of a message of the target that is not a row nor COPY data
)

var errMessage = errors.New("malformed message")

var large = sync.Pool{New: func() any { return new([largeBuf]byte) }}

// buffer reads messages of one direction. It holds little while nothing comes, 64 KiB while much
// comes, and as much as one message needs. It belongs to one goroutine.
type buffer struct {
	conn       net.Conn
	b          []byte
	start, end int // what was read and not taken
	pooled     *[largeBuf]byte
	full       bool // the last read filled the buffer
}

func newBuffer(c net.Conn) *buffer { return &buffer{conn: c, b: make([]byte, smallBuf)} }

// head returns the type and whole size of the message at start, once its header is there. A
// length that no message can have is an error.
func (b *buffer) head() (typ byte, size int, ok bool, err error) {
	if b.end-b.start < header {
		return 0, 0, false, nil
	}
	n := binary.BigEndian.Uint32(b.b[b.start+1:])
	if n < 4 || n > 1<<31-2 {
		return 0, 0, false, errMessage
	}
	return b.b[b.start], int(n) + 1, true, nil
}

// fill reads once, making room first: for a message of want bytes, if that is not 0.
func (b *buffer) fill(want int) error {
	b.room(want)
	n, err := b.conn.Read(b.b[b.end:])
	b.end += n
	b.full = b.end == len(b.b)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (b *buffer) room(want int) {
	held := b.end - b.start
	if held == 0 {
		b.start, b.end = 0, 0
	}
	switch size := b.size(want, held); {
	case size != len(b.b):
		b.resize(size)
	case b.start > 0 && (b.end == len(b.b) || want > len(b.b)-b.start):
		copy(b.b, b.b[b.start:b.end])
		b.start, b.end = 0, held
	}
}

// size chooses how large the buffer is to be.
func (b *buffer) size(want, held int) int {
	switch need := max(want, held+1); {
	case need > largeBuf:
		return max(need, len(b.b))
	case need > smallBuf, b.full && len(b.b) <= largeBuf:
		return largeBuf
	case held > 0 && len(b.b) <= largeBuf:
		return len(b.b)
	}
	return smallBuf
}

func (b *buffer) resize(size int) {
	old, pooled := b.b, b.pooled
	b.pooled = nil
	if size == largeBuf {
		b.pooled = large.Get().(*[largeBuf]byte)
		b.b = b.pooled[:]
	} else {
		b.b = make([]byte, size)
	}
	b.end = copy(b.b, old[b.start:b.end])
	b.start = 0
	if pooled != nil {
		large.Put(pooled)
	}
}

// free gives the buffer back. It may not be used again.
func (b *buffer) free() {
	if b.pooled != nil {
		large.Put(b.pooled)
	}
	b.pooled, b.b = nil, nil
}

// next returns the next whole message, reading as much as it takes; it is valid until the next
// call. A message above limit is an error.
func (b *buffer) next(limit int) (typ byte, raw []byte, err error) {
	for {
		typ, size, ok, err := b.head()
		if err != nil {
			return 0, nil, err
		}
		if ok && size-1 > limit {
			return typ, nil, errTooLarge
		}
		if ok && b.end-b.start >= size {
			raw = b.b[b.start : b.start+size]
			b.start += size
			return typ, raw, nil
		}
		if !ok {
			size = 0
		}
		if err := b.fill(size); err != nil {
			return 0, nil, err
		}
	}
}

var errTooLarge = errors.New("message exceeds the limit")

// message appends a message with that body.
func message(dst []byte, typ byte, body ...[]byte) []byte {
	n := 4
	for _, p := range body {
		n += len(p)
	}
	dst = append(dst, typ)
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	for _, p := range body {
		dst = append(dst, p...)
	}
	return dst
}
