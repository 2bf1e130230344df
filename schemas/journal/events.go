package journal

import (
	"context"
	"fmt"

	"sallyport/schemas"
)

// AppendEvent appends to EVENTS on the condition that its last sequence is last; ErrConflict when
// it is another.
func (l *Log) AppendEvent(ctx context.Context, subject schemas.Subject, header map[string]string, data []byte, last uint64) (sequence uint64, err error) {
	sequence, err = l.append(ctx, &addition{
		stream: schemas.Events, subject: subject, header: header, data: data, last: last, whole: true,
	})
	if err != nil {
		return 0, fmt.Errorf("append event: %w", err)
	}
	return sequence, nil
}
