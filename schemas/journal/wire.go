package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sallyport/schemas"
)

// wire is one connection to NATS, and the reply slots of its requests.
type wire struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	done <-chan struct{} // closed with the log

	patience time.Duration // how long calls of JetStream's interface are tried

	epoch atomic.Pointer[chan struct{}] // closed, and replaced, when the connection was made anew

	messages messagePool

	mu   sync.Mutex
	free []*slot
}

// slot is an inbox of its own with room for a reply. A request holds one from start to end, so
// that its reply wakes the waiting goroutine without a detour through a dispatcher, and without
// anything to allocate. A slot whose request was abandoned is thrown away: its late reply
// must not be taken for the next one's.
type slot struct {
	inbox string
	sub   *nats.Subscription
	reply chan *nats.Msg
	timer *time.Timer
	epoch <-chan struct{} // of the connection when the request was sent
}

// connect opens a connection. Nothing is buffered while it is down: appends are sent again by
// who knows whether they were stored.
func (l *Log) connect(name string) (*wire, error) {
	opts := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 100*time.Millisecond),
		// A peer that has gone silent is noticed before sessions run out of time.
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(l.config.AckTimeout),
		nats.NoCallbacksAfterClientClose(), nats.SkipSubjectValidation(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.logger.Warn("nats connection", "connection", name, "error", err)
		}),
	}
	if l.server != nil {
		opts = append(opts, nats.InProcessServer(l.server.server))
	} else if l.config.Credentials != "" {
		opts = append(opts, nats.UserCredentials(l.config.Credentials))
	}
	w := &wire{done: l.done, patience: l.config.AckTimeout}
	w.epoch.Store(new(make(chan struct{})))
	opts = append(opts, nats.ReconnectHandler(func(*nats.Conn) { w.reconnect() }))
	nc, err := nats.Connect(l.config.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(l.config.AckTimeout))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("use jetstream: %w", err)
	}
	w.nc, w.js = nc, js
	return w, nil
}

// reconnect is called by one goroutine of the connection's.
func (w *wire) reconnect() { close(*w.epoch.Swap(new(make(chan struct{})))) }

// reconnected is closed when the connection was lost and made anew after this call. Who waits for
// a reply then need not wait longer: it was most likely lost.
func (w *wire) reconnected() <-chan struct{} { return *w.epoch.Load() }

func (w *wire) close() {
	w.nc.Close()
	w.mu.Lock()
	w.free = nil
	w.mu.Unlock()
}

// take returns a slot for one request.
func (w *wire) take() (*slot, error) {
	w.mu.Lock()
	if n := len(w.free); n > 0 {
		s := w.free[n-1]
		w.free = w.free[:n-1]
		w.mu.Unlock()
		return s, nil
	}
	w.mu.Unlock()
	s := &slot{inbox: nats.NewInbox(), reply: make(chan *nats.Msg, 2), timer: time.NewTimer(time.Hour)}
	s.timer.Stop()
	sub, err := w.nc.ChanSubscribe(s.inbox, s.reply)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s.sub = sub
	return s, nil
}

// maxFree bounds the slots kept for later.
const maxFree = 256

// give returns a slot; used says that its request got its one reply, or was never sent.
func (w *wire) give(s *slot, used bool) {
	w.mu.Lock()
	keep := used && len(w.free) < maxFree
	if keep {
		w.free = append(w.free, s)
	}
	w.mu.Unlock()
	if !keep {
		_ = s.sub.Unsubscribe() // fails only when the connection is closed, and the slot with it
	}
}

var errNoResponders = errors.New("nobody listens")

// request sends m and returns its reply. It changes m.Reply.
func (w *wire) request(ctx context.Context, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	s, err := w.send(m)
	if err != nil {
		return nil, err
	}
	return w.await(ctx, s, timeout)
}

// send sends m, and returns the slot that its reply comes to. It changes m.Reply.
func (w *wire) send(m *nats.Msg) (*slot, error) {
	s, err := w.take()
	if err != nil {
		return nil, w.because(err)
	}
	m.Reply = s.inbox
	s.epoch = w.reconnected()
	if err := w.nc.PublishMsg(m); err != nil {
		w.give(s, true)
		return nil, w.because(fmt.Errorf("send: %w", err))
	}
	return s, nil
}

// await returns the reply that comes to s, and gives s back.
func (w *wire) await(ctx context.Context, s *slot, timeout time.Duration) (*nats.Msg, error) {
	s.timer.Reset(timeout)
	select {
	case r := <-s.reply:
		s.timer.Stop()
		w.give(s, true)
		if len(r.Data) == 0 && r.Header.Get("Status") == "503" {
			return nil, errNoResponders
		}
		return r, nil
	case <-s.timer.C:
		w.give(s, false)
		return nil, errTimeout
	case <-s.epoch:
		s.timer.Stop()
		w.give(s, false)
		return nil, errReconnected
	case <-ctx.Done():
		s.timer.Stop()
		w.give(s, false)
		return nil, context.Cause(ctx)
	case <-w.done:
		s.timer.Stop()
		w.give(s, false)
		return nil, ErrClosed
	}
}

// append sends a once, and waits for its acknowledgement.
func (w *wire) append(ctx context.Context, a *addition, timeout time.Duration) (uint64, error) {
	m := w.messages.get(a)
	defer w.messages.put(a, m)
	s, err := w.send(m)
	if err != nil {
		return 0, err
	}
	a.digest()
	r, err := w.await(ctx, s, timeout)
	if err != nil {
		return 0, err
	}
	return parseAck(r.Data)
}

// messagePool keeps the messages of additions without headers of their own.
type messagePool struct{ pool sync.Pool }

func (p *messagePool) get(a *addition) *nats.Msg {
	last := strconv.FormatUint(a.last, 10)
	if len(a.header) == 0 && !a.whole {
		m, _ := p.pool.Get().(*nats.Msg)
		if m == nil {
			m = &nats.Msg{Header: nats.Header{headerLastOfSubject: {""}}}
		}
		m.Subject, m.Data = string(a.subject), a.data
		m.Header[headerLastOfSubject][0] = last
		return m
	}
	h := make(nats.Header, len(a.header)+1)
	for k, v := range a.header {
		h[k] = []string{v}
	}
	if a.whole {
		h[headerLastOfStream] = []string{last}
	} else {
		h[headerLastOfSubject] = []string{last}
	}
	return &nats.Msg{Subject: string(a.subject), Header: h, Data: a.data}
}

func (p *messagePool) put(a *addition, m *nats.Msg) {
	if len(a.header) == 0 && !a.whole {
		m.Data = nil
		p.pool.Put(m)
	}
}

// because returns ErrClosed for what failed since the log is closed.
func (w *wire) because(err error) error {
	select {
	case <-w.done:
		return ErrClosed
	default:
		return err
	}
}

var (
	errTimeout     = errors.New("no reply in time")
	errReconnected = errors.New("the connection was lost")
)

// apiError is how JetStream refuses.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

// apiTimeout is how long JetStream's own interface may take for one answer.
const apiTimeout = 5 * time.Second

// api calls JetStream's own interface; the stream's leader answers. Calls change nothing, or can
// be repeated: it tries again while the server is away.
func (w *wire) api(ctx context.Context, call string, request, response any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	start := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		r, err := w.request(ctx, &nats.Msg{Subject: "$JS.API." + call, Data: body}, min(apiTimeout, w.patience))
		if err == nil {
			if err := json.Unmarshal(r.Data, response); err != nil {
				return fmt.Errorf("decode response: %w", err)
			}
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrClosed) || time.Since(start)+wait > w.patience {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.done:
			return ErrClosed
		case <-time.After(wait):
		}
	}
}

// getRequest names one stored message.
type getRequest struct {
	Sequence      uint64 `json:"seq,omitempty"`
	NextBySubject string `json:"next_by_subj,omitempty"` // the first at or after Sequence
	LastBySubject string `json:"last_by_subj,omitempty"`
}

// get reads a stored message from the stream's leader, so that it sees what was acknowledged.
func (w *wire) get(ctx context.Context, s schemas.Stream, g getRequest) (Message, error) {
	var r struct {
		Error   *apiError `json:"error"`
		Message *struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := w.api(ctx, "STREAM.MSG.GET."+string(s), g, &r); err != nil {
		return Message{}, err
	}
	if r.Error != nil && r.Error.Code == 404 && r.Error.ErrCode == errCodeNoMessage {
		return Message{}, ErrNotFound
	}
	if r.Error != nil {
		return Message{}, r.Error
	}
	if r.Message == nil {
		return Message{}, errors.New("the response holds no message")
	}
	m := Message{Stream: s, Sequence: r.Message.Sequence, Subject: schemas.Subject(r.Message.Subject),
		Time: r.Message.Time, Data: r.Message.Data}
	if len(r.Message.Header) > 0 {
		h, err := nats.DecodeHeadersMsg(r.Message.Header)
		if err != nil {
			return Message{}, fmt.Errorf("decode header: %w", err)
		}
		m.Header = flatHeader(h)
	}
	return m, nil
}

// flatHeader leaves out the conditions that the message was published under.
func flatHeader(h nats.Header) map[string]string {
	var m map[string]string
	for k, v := range h {
		if len(v) == 0 || k == headerLastOfSubject || k == headerLastOfStream {
			continue
		}
		if m == nil {
			m = make(map[string]string, len(h))
		}
		m[k] = v[0]
	}
	return m
}

// Codes of JetStream's errors.
const (
	errCodeNoMessage         = 10037
	errCodeWrongLast         = 10071
	errCodeWrongLastConstant = 10164
	errCodeTooLarge          = 10054
)
