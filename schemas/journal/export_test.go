package journal

import (
	"context"
	"reflect"
	"time"

	"sallyport/schemas"
)

// KeptBlocks is how long the newest block of FRAMES stays in the embedded server's memory after its last use.
func (l *Log) KeptBlocks() (time.Duration, error) {
	store, err := storeOf(l.server.server, schemas.Frames)
	if err != nil {
		return 0, err
	}
	unlock, err := locked(store)
	if err != nil {
		return 0, err
	}
	defer unlock()
	block, err := hidden(store, "lmb", reflect.Pointer)
	if err != nil {
		return 0, err
	}
	kept, err := hidden(block, "cexp", reflect.Int64)
	if err != nil {
		return 0, err
	}
	return time.Duration(kept.Int()), nil
}

// Direct reports whether appends go to the embedded server's streams directly.
func (l *Log) Direct() bool {
	_, ok := l.appender.(*direct)
	return ok
}

// AppendSubject appends to a stream on the condition that the subject's last sequence is last.
func (l *Log) AppendSubject(ctx context.Context, s schemas.Stream, subject schemas.Subject, data []byte, last uint64) (uint64, error) {
	return l.append(ctx, &addition{stream: s, subject: subject, data: data, last: last})
}

// DataAt is what a stream holds at a sequence.
func (l *Log) DataAt(ctx context.Context, s schemas.Stream, sequence uint64) (string, error) {
	m, err := l.read.get(ctx, s, getRequest{Sequence: sequence})
	return string(m.Data), err
}

// Stall has the embedded server take nothing for a stream, as a disk does that hangs, until it is released.
func (l *Log) Stall(s schemas.Stream) (release func(), err error) {
	stream, err := streamOf(l.server.server, s)
	if err != nil {
		return nil, err
	}
	return locked(stream)
}

// ParseAck reads a publish acknowledgement.
func ParseAck(data []byte) (uint64, error) { return parseAck(data) }

// LoadOf is what readers of a stream give way to, as writers were busy so far.
func (l *Log) LoadOf(s schemas.Stream) uint64 { return l.loadOf(s).Load() }

// Rests is how many of the looks at the number of appends, each a glance after the one before and the first at the
// beginning, a reader rests for that has worked for a time; all of them when it is not over then.
func Rests(worked time.Duration, appends ...uint64) int {
	r := newRest(worked, 0, appends[0])
	for i, n := range appends[1:] {
		if r.over(time.Duration(i+1)*glance, n) {
			return i + 1
		}
	}
	return len(appends)
}
