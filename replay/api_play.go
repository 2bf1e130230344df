package replay

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// Message is what the websocket of play sends.
type Message struct {
	Type    string            `json:"type"` // entries, live, end, error
	Entries []Entry           `json:"entries,omitempty"`
	Problem *problem.Document `json:"problem,omitempty"`
}

// play answers the websocket: history from any number as fast as the viewer reads, then what
// comes. A slow viewer is a slow reader of the log and nothing else: what waits for it is bounded,
// nothing is skipped, and nobody waits for it.
func (s *Service) play(w http.ResponseWriter, r *http.Request) error {
	from, err := number(r, "from", 1, 1<<62)
	if err != nil {
		return err
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if !websocket.IsWebSocketUpgrade(r) {
		return invalid("play is a websocket: the request must ask for one")
	}
	if !s.origin(r) {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "a page from elsewhere may not open this websocket"}
	}
	how := viewReplay
	if one.Open {
		how = viewLive
	}
	if err := s.view(r.Context(), one, how); err != nil {
		return err
	}
	u := websocket.Upgrader{HandshakeTimeout: s.WriteTimeout, CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil // Upgrade has answered
	}
	p := &player{service: s, conn: conn, request: r, session: one, next: from, ready: make(chan journal.Located, 64), tail: make(chan struct{})}
	p.run()
	return nil
}

// origin refuses pages of other sites; clients that are no browser send no Origin.
func (s *Service) origin(r *http.Request) bool {
	o := r.Header.Get("Origin")
	if o == "" || slices.Contains(s.Origins, o) {
		return true
	}
	u, err := url.Parse(o)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// player is one viewer. Three goroutines: one reads the log and blocks when ready is full, one
// reads the socket for pongs and the close, and run writes.
type player struct {
	service *Service
	conn    *websocket.Conn
	request *http.Request
	session Session
	next    uint64               // number wanted next
	ready   chan journal.Located // closed at the end
	tail    chan struct{}        // closed once history is in ready
	err     error                // of reading the log; set before ready is closed
}

func (p *player) run() {
	defer p.conn.Close()
	ctx, cancel := context.WithCancel(p.request.Context())
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { defer close(p.ready); p.err = p.read(ctx) })
	others.Go(func() { defer cancel(); p.listen() })
	err := p.write(ctx)
	if p.farewell(err) {
		p.service.Logger.Error("play ended", "session", p.session.ID, "error", err)
	}
	cancel()
	_ = p.conn.Close()
	for range p.ready { // the reader may be waiting to hand on
	}
	others.Wait()
}

// errGap says that something is not there yet: reading goes on with waiting for it.
var errGap = errors.New("a number is missing")

// read hands on history, says when it reached the tail, and then hands on what comes.
func (p *player) read(ctx context.Context) error {
	over := false
	hand := func(l journal.Located) error {
		select {
		case p.ready <- l:
			p.next, over = l.Entry.GetNumber()+1, l.Entry.GetClosed() != nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	log, id := p.service.Log, p.session.ID
	err := log.ReadSession(ctx, id, journal.ReadOptions{From: p.next}, func(l journal.Located) error {
		if p.session.Open && l.Entry.GetNumber() > p.next {
			return errGap
		}
		return hand(l)
	})
	if err != nil && !errors.Is(err, errGap) {
		return err
	}
	if over || !p.session.Open {
		return nil
	}
	close(p.tail)
	return log.ReadSession(ctx, id, journal.ReadOptions{From: p.next, Follow: true}, hand)
}

// listen takes pongs. A viewer that sends anything else than a close is only heard.
func (p *player) listen() {
	wait := 2*p.service.PingEvery + p.service.WriteTimeout
	p.conn.SetReadLimit(4 << 10)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	p.conn.SetPongHandler(func(string) error { return p.conn.SetReadDeadline(time.Now().Add(wait)) })
	for {
		if _, _, err := p.conn.NextReader(); err != nil {
			return
		}
	}
}

// mostTogether bounds the entries of a message, by their size on the log.
const mostTogether = 256 << 10

func (p *player) write(ctx context.Context) error {
	ping, again := time.NewTicker(p.service.PingEvery), time.NewTicker(p.service.Reauthorize)
	defer ping.Stop()
	defer again.Stop()
	d, tail := p.service.decoder(ctx, p.session.ID), p.tail
	for {
		select {
		case l, more := <-p.ready:
			if !more {
				return p.err
			}
			if err := p.send(Message{Type: "entries", Entries: p.together(d, l)}); err != nil {
				return err
			}
		case <-tail:
			tail = nil
			if err := p.live(d); err != nil {
				return err
			}
		case <-ping.C:
			if err := p.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(p.service.WriteTimeout)); err != nil {
				return err
			}
		case <-again.C:
			if err := p.service.Authorizer.Authorize(ctx, permission(p.session), p.session.Target); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// together takes what is ready, up to a bound.
func (p *player) together(d *Decoder, l journal.Located) []Entry {
	entries, size := []Entry{d.Entry(l)}, l.Entry.SizeVT()
	for size < mostTogether {
		select {
		case l, more := <-p.ready:
			if !more {
				return entries
			}
			entries, size = append(entries, d.Entry(l)), size+l.Entry.SizeVT()
		default:
			return entries
		}
	}
	return entries
}

// live sends the rest of history, which is in ready, before it says that the tail is reached.
func (p *player) live(d *Decoder) error {
	for range len(p.ready) {
		select {
		case l, more := <-p.ready:
			if !more {
				continue
			}
			if err := p.send(Message{Type: "entries", Entries: p.together(d, l)}); err != nil {
				return err
			}
		default:
		}
	}
	return p.send(Message{Type: "live"})
}

func (p *player) send(m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.service.WriteTimeout)); err != nil {
		return err
	}
	return p.conn.WriteMessage(websocket.TextMessage, data)
}

// disconnected tells a viewer that went away from a failure of ours.
func disconnected(err error) bool {
	var closed *websocket.CloseError
	var broken net.Error
	return errors.As(err, &closed) || errors.As(err, &broken) || errors.Is(err, net.ErrClosed) || errors.Is(err, websocket.ErrCloseSent)
}

// farewell tells the viewer how it ended, and reports whether the failure is the server's own.
func (p *player) farewell(err error) (internal bool) {
	code, text := websocket.CloseNormalClosure, ""
	switch {
	case err == nil:
		if p.send(Message{Type: "end"}) != nil {
			return false
		}
	case p.request.Context().Err() != nil || errors.Is(err, context.Canceled):
		code = websocket.CloseGoingAway
	default:
		document := problem.Of(shown(err))
		internal = document.Code == schemas.CodeInternal && !disconnected(err)
		if p.send(Message{Type: "error", Problem: &document}) != nil {
			return internal
		}
		if code = websocket.CloseInternalServerErr; document.Code == schemas.CodeForbidden {
			code = websocket.ClosePolicyViolation
		}
		text = string(document.Code)
	}
	_ = p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(p.service.WriteTimeout))
	return internal
}
