package admission

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
)

// Bounds of the pause after a connection could not be accepted.
const (
	shortest = 5 * time.Millisecond
	longest  = time.Second
)

// Accept hands the connections of l to handle, which must not wait, until ctx is done (then it may return nil) or l
// is closed (then it returns the error of that). Other errors pass, most likely: the process is out of descriptors. They
// are logged, and it tries again after a pause.
func Accept(ctx context.Context, l net.Listener, log *slog.Logger, handle func(net.Conn)) error {
	pause := shortest
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = shortest
			handle(nc)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		log.Warn("accept", "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longest)
	}
}
