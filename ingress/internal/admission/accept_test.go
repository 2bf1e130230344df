package admission_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/internal/admission"
)

// listener gives what it has, in turn, and then is closed.
type listener struct {
	net.Listener
	errs []error // nil: a connection
	end  func()
}

func (l *listener) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		l.end()
		return nil, net.ErrClosed
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	if err != nil {
		return nil, err
	}
	return &net.TCPConn{}, nil
}

func TestAcceptGoesOnAfterAnError(t *testing.T) {
	out := errors.New("too many open files")
	accepted := 0
	err := admission.Accept(t.Context(), &listener{errs: []error{nil, out, out, nil}, end: func() {}}, slog.New(slog.DiscardHandler), func(net.Conn) { accepted++ })
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
	if d := cmp.Diff(2, accepted); d != "" {
		t.Error(d)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := errors.New("too many open files")
	l := &listener{errs: []error{out}, end: func() { t.Error("it asked again") }}
	cancel()
	if err := admission.Accept(ctx, l, slog.New(slog.DiscardHandler), func(net.Conn) {}); !errors.Is(err, out) {
		t.Errorf("it ended with %v", err)
	}
}
