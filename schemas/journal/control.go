package journal

import (
	"context"
	"errors"
	"fmt"

	"sallyport/schemas"
)

// AppendControl appends to CONTROL; one entity always has the same subject. With expect, it
// fails with ErrConflict unless the subject's last sequence is *expect. Version is set in c, At
// too unless it is already set.
func (l *Log) AppendControl(ctx context.Context, area schemas.Area, entity string, c *schemas.Control, expect *uint64) (sequence uint64, err error) {
	c.Version = formatVersion
	if c.At == 0 {
		c.At = l.config.Now().UnixNano()
	}
	data, err := c.MarshalVT()
	if err != nil {
		return 0, fmt.Errorf("append control: encode: %w", err)
	}
	a := &addition{stream: schemas.Controls, subject: schemas.ControlSubject(area, entity), data: data}
	for {
		if err := context.Cause(ctx); err != nil {
			return 0, fmt.Errorf("append control: %w", err)
		}
		if expect != nil {
			a.last = *expect
		} else if a.last, err = l.lastOf(ctx, a.stream, a.subject); err != nil {
			return 0, fmt.Errorf("append control: %w", err)
		}
		sequence, err = l.append(ctx, a)
		if err == nil {
			return sequence, nil
		}
		if expect != nil || !errors.Is(err, ErrConflict) {
			return 0, fmt.Errorf("append control: %w", err)
		}
	}
}

// lastOf returns the last sequence of a subject, 0 when it has none.
func (l *Log) lastOf(ctx context.Context, s schemas.Stream, subject schemas.Subject) (uint64, error) {
	m, err := l.write.get(ctx, s, getRequest{LastBySubject: string(subject)})
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("last of the subject: %w", err)
	}
	return m.Sequence, nil
}
