package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"sallyport/schemas"
)

// An ask is one message and one reply when both fit a piece. Otherwise:
//
//	asker                                  answerer
//	  | size=N ------------ subject ---------> |  opens a private inbox
//	  | <---------------------- inbox, more -- |
//	  | piece ---------------- inbox --------> |  and so on, until N bytes are there
//	  | <------------------------------ more - |
//	  | last piece ----------- inbox --------> |  handles
//	  | <---- the answer, or size=M, inbox --- |
//	  | offset ---------------- inbox -------> |
//	  | <-------------------- piece of answer  |
const (
	headerSize   = "Sallyport-Size"   // bytes of the whole request or answer
	headerInbox  = "Sallyport-Inbox"  // where the next piece goes, or is fetched
	headerOffset = "Sallyport-Offset" // of a piece
	headerError  = "Sallyport-Error"  // instead of an answer

	pieceSize   = 256 << 10
	pieceExpiry = 30 * time.Second // an exchange in pieces ends when it rests for this long
	maxAsk      = 1 << 30
)

// Ask sends a request and returns the answer; ErrNoAnswer when nobody answers before ctx is done
// or nobody listens. Requests of any size are carried (in pieces, unseen).
func (l *Log) Ask(ctx context.Context, subject schemas.Subject, request []byte) ([]byte, error) {
	m := &nats.Msg{Subject: string(subject), Data: request}
	if len(request) > pieceSize {
		m.Data, m.Header = nil, nats.Header{headerSize: {strconv.Itoa(len(request))}}
	}
	r, err := l.exchange(ctx, m)
	for offset := 0; err == nil && len(request) > pieceSize && offset < len(request); offset += pieceSize {
		inbox := r.Header.Get(headerInbox)
		if inbox == "" {
			return nil, fmt.Errorf("ask %s: the answerer takes no pieces: %w", subject, ErrNoAnswer)
		}
		r, err = l.exchange(ctx, &nats.Msg{
			Subject: inbox, Data: request[offset:min(offset+pieceSize, len(request))],
			Header: nats.Header{headerOffset: {strconv.Itoa(offset)}},
		})
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", subject, err)
	}
	answer, err := l.fetch(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", subject, err)
	}
	return answer, nil
}

// fetch returns the answer that r is or announces.
func (l *Log) fetch(ctx context.Context, r *nats.Msg) ([]byte, error) {
	if r.Header.Get(headerSize) == "" {
		return r.Data, nil
	}
	size, err := strconv.Atoi(r.Header.Get(headerSize))
	if err != nil || size < 0 || size > maxAsk {
		return nil, fmt.Errorf("the answer's size makes no sense: %w", ErrNoAnswer)
	}
	inbox := r.Header.Get(headerInbox)
	var answer []byte
	for len(answer) < size {
		r, err := l.exchange(ctx, &nats.Msg{Subject: inbox, Header: nats.Header{headerOffset: {strconv.Itoa(len(answer))}}})
		if err != nil {
			return nil, err
		}
		if len(r.Data) == 0 || len(answer)+len(r.Data) > size {
			return nil, fmt.Errorf("the answer's pieces do not fit: %w", ErrNoAnswer)
		}
		answer = append(answer, r.Data...)
	}
	return answer, nil
}

// exchange sends one message and returns its reply.
func (l *Log) exchange(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	r, err := l.ask.request(ctx, m, askTimeout)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if text := r.Header.Get(headerError); text != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoAnswer, text)
	}
	return r, nil
}

// askTimeout bounds an ask whose context has no end.
const askTimeout = 10 * time.Minute

// Answer answers requests on subject until stop is called. Members of the same non-empty queue
// share the requests. handle runs concurrently; its error reaches the asker as ErrNoAnswer. The
// context that handle gets ends with ctx, with stop, and with the log; stop waits for the handlers.
func (l *Log) Answer(ctx context.Context, subject schemas.Subject, queue string, handle func(ctx context.Context, request []byte) ([]byte, error)) (stop func(), err error) {
	if l.closed() {
		return nil, fmt.Errorf("answer %s: %w", subject, ErrClosed)
	}
	ctx, cancel := l.ctxOf(ctx)
	a := &answerer{ctx: ctx, log: l, handle: handle}
	sub, err := l.desk.subscribe(l.ask.nc, subject, queue, a)
	if err == nil { // listening when Answer returns, also for askers on other connections
		err = l.ask.nc.FlushTimeout(apiTimeout)
	}
	if err != nil {
		if sub != nil {
			l.desk.unsubscribe(sub)
		}
		cancel()
		return nil, fmt.Errorf("answer %s: %w", subject, err)
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			l.desk.unsubscribe(sub)
			cancel()
			a.stop()
		})
	}, nil
}

// answerer runs the handlers of one subscription.
type answerer struct {
	ctx    context.Context // of its handlers
	log    *Log
	handle func(ctx context.Context, request []byte) ([]byte, error)

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

func (a *answerer) stop() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.running.Wait()
}

// take starts the handling of one request.
func (a *answerer) take(m *nats.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	a.running.Go(func() { a.answer(a.ctx, m) })
}

func (a *answerer) answer(ctx context.Context, m *nats.Msg) {
	request, m, err := a.collect(ctx, m)
	if err == nil {
		var answer []byte
		if answer, err = a.handle(ctx, request); err == nil {
			err = a.reply(ctx, m, answer)
		}
	}
	if err != nil {
		// The reply fails when the connection is away; the asker then gets no answer, which is
		// what there is to say.
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{headerError: {oneLine(err)}}})
	}
}

// collect returns the whole request, and the message to reply to.
func (a *answerer) collect(ctx context.Context, m *nats.Msg) ([]byte, *nats.Msg, error) {
	announced := m.Header.Get(headerSize)
	if announced == "" {
		return m.Data, m, nil
	}
	size, err := strconv.Atoi(announced)
	if err != nil || size < 0 || size > maxAsk {
		return nil, m, errors.New("the request's size makes no sense")
	}
	inbox, pieces, err := a.inbox()
	if err != nil {
		return nil, m, err
	}
	defer inbox.Unsubscribe() //nolint:errcheck // fails only when the connection is closed
	var request []byte
	for len(request) < size {
		if err := m.RespondMsg(&nats.Msg{Header: nats.Header{headerInbox: {inbox.Subject}}}); err != nil {
			return nil, m, err
		}
		if m, err = nextPiece(ctx, pieces, m); err != nil {
			return nil, m, err
		}
		if m.Header.Get(headerOffset) != strconv.Itoa(len(request)) || len(m.Data) == 0 || len(request)+len(m.Data) > size {
			return nil, m, errors.New("the request's pieces do not fit")
		}
		request = append(request, m.Data...)
	}
	return request, m, nil
}

// reply answers m, in pieces if need be.
func (a *answerer) reply(ctx context.Context, m *nats.Msg, answer []byte) error {
	if len(answer) <= pieceSize {
		return m.Respond(answer)
	}
	inbox, pieces, err := a.inbox()
	if err != nil {
		return err
	}
	defer inbox.Unsubscribe() //nolint:errcheck // fails only when the connection is closed
	err = m.RespondMsg(&nats.Msg{Header: nats.Header{headerSize: {strconv.Itoa(len(answer))}, headerInbox: {inbox.Subject}}})
	for offset := 0; err == nil && offset < len(answer); offset += pieceSize {
		if m, err = nextPiece(ctx, pieces, m); err != nil {
			return nil // the asker has gone
		}
		if m.Header.Get(headerOffset) != strconv.Itoa(offset) {
			return errors.New("the answer's pieces are asked for out of order")
		}
		err = m.Respond(answer[offset:min(offset+pieceSize, len(answer))])
	}
	return err
}

func (a *answerer) inbox() (*nats.Subscription, <-chan *nats.Msg, error) {
	pieces := make(chan *nats.Msg, 2)
	sub, err := a.log.ask.nc.ChanSubscribe(nats.NewInbox(), pieces)
	if err == nil {
		err = a.log.ask.nc.FlushTimeout(apiTimeout) // the asker may be on another connection
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open an inbox: %w", err)
	}
	return sub, pieces, nil
}

// nextPiece waits for the next message of an exchange; before is the one before.
func nextPiece(ctx context.Context, pieces <-chan *nats.Msg, before *nats.Msg) (*nats.Msg, error) {
	timer := time.NewTimer(pieceExpiry)
	defer timer.Stop()
	select {
	case m := <-pieces:
		return m, nil
	case <-timer.C:
		return before, errTimeout
	case <-ctx.Done():
		return before, context.Cause(ctx)
	}
}

// oneLine makes an error's text fit a header.
func oneLine(err error) string {
	text := []rune(err.Error())
	for i, r := range text {
		if r < ' ' {
			text[i] = ' '
		}
	}
	return "the answerer failed: " + string(text[:min(len(text), 500)])
}
