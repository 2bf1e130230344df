package journal

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"time"

	"sallyport/schemas"
)

// AppendOver makes the log append over a pipe to a server that dial reaches, as an embedded log
// does to its own.
func (l *Log) AppendOver(dial func() (net.Conn, error)) error {
	p, err := openPipe(dial, l.config.AckTimeout, l.logger)
	if err != nil {
		return err
	}
	l.pipe, l.appender = p, p
	return nil
}

// KeptBlocks is how long the newest block of FRAMES stays in the embedded server's memory after its last use.
func (l *Log) KeptBlocks() (time.Duration, error) {
	jetStream, err := hidden(reflect.ValueOf(l.server.server.GlobalAccount()), "js", reflect.Pointer)
	if err != nil {
		return 0, err
	}
	store, err := storeOf(jetStream, schemas.Frames)
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

// AppendOnce sends one message over a new pipe.
func AppendOnce(ctx context.Context, dial func() (net.Conn, error)) (uint64, error) {
	p, err := openPipe(dial, time.Second, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	defer p.close()
	return p.append(ctx, &addition{subject: "x", data: []byte("data")}, 100*time.Millisecond)
}

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
