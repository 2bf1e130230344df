package journal

import (
	"context"
	"log/slog"
	"net"
	"time"
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

// AppendOnce sends one message over a new pipe.
func AppendOnce(ctx context.Context, dial func() (net.Conn, error)) (uint64, error) {
	p, err := openPipe(dial, time.Second, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	defer p.close()
	return p.append(ctx, &addition{subject: "x", data: []byte("data")}, 100*time.Millisecond)
}
