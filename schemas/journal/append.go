package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"sallyport/schemas"
)

// maxMessage bounds a message: headers and data.
const maxMessage = 512 << 10

// Headers that make a publish conditional.
const (
	headerLastOfSubject = "Nats-Expected-Last-Subject-Sequence"
	headerLastOfStream  = "Nats-Expected-Last-Sequence"
)

// addition is one message to append, and the condition: last is the sequence of the message that
// must be the last of the subject, or, for whole, of the stream.
type addition struct {
	stream  schemas.Stream
	subject schemas.Subject
	header  map[string]string
	data    []byte
	last    uint64
	whole   bool

	hash   [sha256.Size]byte // of data, when hashed
	hashed bool
}

// digest returns the SHA-256 of data. The first attempt computes it while the server works.
func (a *addition) digest() [sha256.Size]byte {
	if !a.hashed {
		a.hash, a.hashed = sha256.Sum256(a.data), true
	}
	return a.hash
}

// append stores a, and returns its sequence, as insist does.
func (l *Log) append(ctx context.Context, a *addition) (uint64, error) {
	sequence, err := l.insist(ctx, a)
	if err == nil && a.stream == schemas.Facts {
		l.recent.keep(sequence, a.subject, a.data, l.config.Now)
	}
	return sequence, err
}

// insist stores a, and returns its sequence. It tries for AckTimeout, whatever happens to
// acknowledgements and connections: before it sends again, it looks whether the message that
// follows the expected predecessor is a itself (stored, the acknowledgement was lost), another
// (ErrConflict), or none. When ctx ends, the message may have been stored.
func (l *Log) insist(ctx context.Context, a *addition) (uint64, error) {
	deadline := l.elapsed() + l.config.AckTimeout
	for wait := time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		seq, err := l.try(ctx, a, l.attempt(deadline))
		if err == nil || errors.Is(err, ErrConflict) || final(err) || ctx.Err() != nil {
			return seq, err
		}
		if l.elapsed()+wait > deadline {
			err = unacknowledged(a.stream, l.config.AckTimeout, err)
			l.broke(err)
			return 0, err
		}
		select {
		case <-l.done:
			return 0, fmt.Errorf("append to %s: %w", a.stream, ErrClosed)
		case <-ctx.Done():
			return 0, fmt.Errorf("append to %s: %w", a.stream, context.Cause(ctx))
		case <-time.After(wait):
		}
		if seq, found, err := l.lookup(ctx, a); err == nil && found {
			return seq, nil
		} else if errors.Is(err, ErrConflict) {
			return 0, err
		}
	}
}

func unacknowledged(s schemas.Stream, within time.Duration, err error) error {
	return fmt.Errorf("append to %s: %w: no acknowledgement within %s: %w", s, ErrBroken, within, err)
}

// attempt is how long to wait for one acknowledgement before looking what became of it.
func (l *Log) attempt(deadline time.Duration) time.Duration {
	return max(min(l.config.AckTimeout/4, 2*time.Second, deadline-l.elapsed()), time.Millisecond)
}

// appender sends a once and returns the sequence that it is acknowledged with. An error that is
// not an apiError says nothing of whether a is stored.
type appender interface {
	append(ctx context.Context, a *addition, timeout time.Duration) (sequence uint64, err error)
}

// try sends once. A refused condition is looked into here: it may be the trace of an earlier
// attempt that was stored.
func (l *Log) try(ctx context.Context, a *addition, timeout time.Duration) (uint64, error) {
	seq, err := l.appender.append(ctx, a, timeout)
	if !wrongLast(err) {
		return seq, err
	}
	seq, found, lookErr := l.lookup(ctx, a)
	if lookErr != nil {
		return 0, lookErr
	}
	if !found { // the predecessor itself is not there (yet), as a replica that lags sees it
		return 0, err
	}
	return seq, nil
}

// lookup says whether a is stored; ErrConflict when another message follows a's predecessor.
func (l *Log) lookup(ctx context.Context, a *addition) (seq uint64, found bool, err error) {
	g := getRequest{Sequence: a.last + 1, NextBySubject: string(a.subject)}
	if a.whole {
		g.NextBySubject = ">"
	}
	ctx, cancel := context.WithTimeout(ctx, l.attempt(l.elapsed()+l.config.AckTimeout))
	defer cancel()
	m, err := l.write.get(ctx, a.stream, g)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look for the message: %w", err)
	}
	if m.Subject != a.subject || !bytes.Equal(m.Data, a.data) {
		return 0, false, fmt.Errorf("append to %s: %w", a.stream, ErrConflict)
	}
	return m.Sequence, true, nil
}

// parseAck reads a publish acknowledgement: {"stream":"FACTS","seq":12}.
func parseAck(data []byte) (uint64, error) {
	const key = `,"seq":`
	if i := bytes.Index(data, []byte(key)); i > 0 && bytes.HasPrefix(data, []byte(`{"stream":`)) {
		data := data[i+len(key):]
		if seq, ok := parseNumber(data[:max(bytes.IndexAny(data, ",}"), 0)]); ok && seq > 0 {
			return seq, nil
		}
	}
	var r struct {
		Error    *apiError `json:"error"`
		Sequence uint64    `json:"seq"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return 0, fmt.Errorf("decode acknowledgement: %w", err)
	}
	if r.Error != nil {
		return 0, r.Error
	}
	if r.Sequence == 0 {
		return 0, errors.New("the acknowledgement names no sequence")
	}
	return r.Sequence, nil
}

// parseNumber reads a decimal number of a size that fits an int everywhere.
func parseNumber(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func wrongLast(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && (e.ErrCode == errCodeWrongLast || e.ErrCode == errCodeWrongLastConstant)
}

// final says that sending again cannot help.
func final(err error) bool {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.Code == 400 && !wrongLast(err)
	}
	return errors.Is(err, ErrClosed) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrMaxPayload)
}
