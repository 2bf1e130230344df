package journal

import (
	"context"
	"errors"
	"fmt"

	"sallyport/schemas"
)

// ReadOptions says which part of a session to read.
type ReadOptions struct {
	From   uint64 // first number wanted
	Follow bool   // go on with what comes, until Closed
	Facts  bool   // facts only
}

// ReadSession hands a session's entries to f in number order, each once. It returns nil after
// Closed, or, without Follow, at the end of what is there; ErrNotFound when there is none. A
// number that is not there yet is waited for, with Follow; without, and when its session was
// closed without it, it is passed over. Sealed, which has no number, is not handed on. With
// From, reading starts at the message that holds it, found by bisection. With Follow, the session
// must have begun.
func (l *Log) ReadSession(ctx context.Context, id schemas.SessionID, o ReadOptions, f func(Located) error) error {
	if err := l.readSession(ctx, id, o, f); err != nil {
		return fmt.Errorf("read session %s: %w", id, err)
	}
	return nil
}

func (l *Log) readSession(ctx context.Context, id schemas.SessionID, o ReadOptions, f func(Located) error) error {
	if !id.Valid() {
		return ErrNotFound
	}
	head, err := l.lastOf(ctx, schemas.Facts, schemas.FactSubject(id))
	if err != nil {
		return err
	}
	if head == 0 {
		return ErrNotFound
	}
	m := &merge{
		log:    l,
		facts:  &source{stream: schemas.Facts, subject: schemas.FactSubject(id)},
		frames: &source{stream: schemas.Frames, subject: schemas.FrameSubject(id), ended: o.Facts},
		next:   max(o.From, 1), follow: o.Follow,
	}
	for _, s := range []*source{m.facts, m.frames} {
		if o.From > 1 && !s.ended {
			if s.from, err = l.locate(ctx, s.stream, s.subject, o.From); err != nil {
				return err
			}
		}
	}
	return m.run(ctx, f)
}

// locate returns the sequence of a message of subject that does not begin behind number, and
// that is the last such one or close before it, by bisection over the stream.
func (l *Log) locate(ctx context.Context, s schemas.Stream, subject schemas.Subject, number uint64) (uint64, error) {
	first, err := l.read.get(ctx, s, getRequest{Sequence: 1, NextBySubject: string(subject)})
	if errors.Is(err, ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	last, err := l.lastOf(ctx, s, subject)
	if err != nil {
		return 0, err
	}
	// low begins at or before number; no message at or above high does.
	low, high := first.Sequence, last+1
	for high-low > 1 {
		mid := low + (high-low)/2
		m, err := l.read.get(ctx, s, getRequest{Sequence: mid, NextBySubject: string(subject)})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		if err != nil || m.Sequence >= high {
			high = mid
			continue
		}
		env := &schemas.Envelope{}
		if err := env.UnmarshalVT(m.Data); err != nil {
			return 0, fmt.Errorf("decode envelope: %w", err)
		}
		if env.Number == 0 || env.Number > number { // 0: Sealed, the end
			high = mid
		} else {
			low = m.Sequence
		}
	}
	return low, nil
}
