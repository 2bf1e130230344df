package ssh

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// tcpip is what direct-tcpip and forwarded-tcpip say: RFC 4254 section 7.2.
type tcpip struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// address is the payload of tcpip-forward and cancel-tcpip-forward: section 7.1.
type address struct {
	Host string
	Port uint32
}

// listeners are the remote forwards of a session.
type listeners struct {
	mu sync.Mutex
	by map[address]uint64 // the command that asked for each
}

func decodeTCPIP(payload []byte) (*tcpip, error) {
	t := new(tcpip)
	if xssh.Unmarshal(payload, t) != nil || !validHost(t.Host) || t.Port == 0 || t.Port > 65535 || t.OriginPort > 65535 {
		return nil, errPayload
	}
	return t, nil
}

// validHost reports whether a name may be recorded, judged and passed on as it is.
func validHost(h string) bool {
	return h != "" && len(h) <= 255 && printableName(h) && !strings.ContainsAny(h, " \t/@")
}

func (t *tcpip) origin() string {
	return net.JoinHostPort(clean(t.OriginHost), strconv.Itoa(int(t.OriginPort)))
}

// forwardCommand is a forward as it is judged and recorded.
func (r *relay) forwardCommand(direction, host string, port uint32, origin string) session.Command {
	return session.Command{
		Kind: schemas.CommandKind_COMMAND_KIND_FORWARD, Login: r.login,
		Text:    direction + " " + net.JoinHostPort(host, strconv.Itoa(int(port))),
		Forward: &schemas.Forward{Direction: direction, Host: host, Port: port, Origin: origin},
	}
}

// allow decides and records a forward. One that is held waits; nobody can be told of it in the
// client's protocol but by the channels that are open. A refusal has its reason.
func (r *relay) allow(ctx context.Context, c session.Command) (number uint64, refusal *schemas.Error, err error) {
	if err := r.s.Wait(ctx); err != nil {
		return 0, nil, err
	}
	d, err := r.s.Judge(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	if number, err = r.s.Command(ctx, c, d); err != nil {
		return 0, nil, err
	}
	if err := r.s.Commit(ctx); err != nil {
		return 0, nil, err
	}
	if d.Held() {
		d, err = r.s.Hold(ctx, number, c, d, func(h session.Held) {
			r.tell(append([]string{"forward " + c.Text + ":"}, heldLines(h, false)...)...)
		})
		if err != nil {
			return 0, nil, err
		}
	}
	if d.Allowed() {
		return number, nil, nil
	}
	refusal = d.Refusal()
	return number, refusal, r.s.Result(&schemas.Result{Command: number, Refused: true, Error: failure(refusal)})
}

// direct serves a connection of the client through the target: ssh -L, -D and -W.
func (r *relay) direct(ctx context.Context, nc xssh.NewChannel) {
	t, err := decodeTCPIP(nc.ExtraData())
	if err != nil {
		_ = nc.Reject(xssh.ConnectionFailed, voice+"malformed destination")
		return
	}
	ctx, cancel := r.untilGone(ctx)
	defer cancel()
	number, refusal, err := r.allow(ctx, r.forwardCommand("local", t.Host, t.Port, t.origin()))
	if err != nil || refusal != nil {
		r.rejectForward(nc, refusal, err)
		return
	}
	began := r.s.Now()
	to, reqs, err := r.up.OpenChannel("direct-tcpip", nc.ExtraData())
	if err != nil {
		r.notConnected(nc, number, err)
		return
	}
	go xssh.DiscardRequests(reqs)
	from, reqs, err := nc.Accept()
	if err != nil {
		_ = to.Close()
		r.done(r.s.Result(&schemas.Result{Command: number, Error: &schemas.Failure{Severity: "UNKNOWN", Message: "the client left"}}))
		return
	}
	go xssh.DiscardRequests(reqs)
	r.join(ctx, number, from, to, began)
}

// untilGone is ctx that also ends when the client's connection does.
func (r *relay) untilGone(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	go func() {
		select {
		case <-r.client.gone:
			cancel(&schemas.Error{Code: schemas.CodeCanceled, Message: "the client left"})
		case <-stop:
			cancel(nil)
		}
	}()
	return ctx, sync.OnceFunc(func() { close(stop) })
}

func (r *relay) rejectForward(nc xssh.NewChannel, refusal *schemas.Error, err error) {
	r.done(err)
	if refusal == nil {
		refusal = schemas.Shown(err)
	}
	_ = nc.Reject(xssh.Prohibited, voice+strings.Map(visible, strings.Join(said(refusal), " ")))
}

func (r *relay) notConnected(nc xssh.NewChannel, number uint64, err error) {
	reason, message := xssh.ConnectionFailed, "the target cannot connect"
	if e, ok := err.(*xssh.OpenChannelError); ok {
		reason, message = e.Reason, clean(e.Message)
	}
	_ = nc.Reject(reason, message)
	r.done(r.s.Result(&schemas.Result{Command: number, Error: &schemas.Failure{Severity: "ERROR", Code: reason.String(), Message: message}}))
}

// done handles an error of recording outside of a channel that somebody looks at: the session stops
// by itself, or is stopped.
func (r *relay) done(err error) {
	if err == nil || r.s.Err() != nil {
		return
	}
	if e := schemas.Shown(err); e.Code == schemas.CodeInternal {
		r.srv.log.Error("relay", "session", r.s.ID, "err", err)
		r.s.Stop(session.End{Reason: session.ReasonError, Message: e.Message})
	}
}

// join relays a forwarded connection to its end. in is the direction from the client's side.
func (r *relay) join(ctx context.Context, number uint64, client, target xssh.Channel, began time.Time) {
	var in, out uint64
	var wg sync.WaitGroup
	wg.Go(func() { in = r.carry(ctx, number, schemas.Channel_CHANNEL_IN, client, target) })
	wg.Go(func() { out = r.carry(ctx, number, schemas.Channel_CHANNEL_OUT, target, client) })
	wg.Wait()
	_ = client.Close()
	_ = target.Close()
	r.done(r.s.Result(&schemas.Result{Command: number, Tag: "closed", Bytes: out, BytesIn: in, Duration: r.s.Elapsed(began)}))
}

// carry records and passes on one direction, and then its end.
func (r *relay) carry(ctx context.Context, number uint64, channel schemas.Channel, from, to xssh.Channel) (n uint64) {
	c := copier{from: from}
	defer c.free()
	for {
		b, err := c.next()
		if len(b) > 0 {
			n += uint64(len(b))
			if bad := r.record(ctx, number, channel, b); bad != nil {
				r.done(bad)
				_ = from.Close()
				_ = to.Close()
				return n
			}
			if _, werr := to.Write(b); werr != nil {
				_ = from.Close()
				return n
			}
		}
		if err != nil {
			_ = to.CloseWrite()
			return n
		}
	}
}

func (r *relay) record(ctx context.Context, number uint64, channel schemas.Channel, b []byte) error {
	if channel == schemas.Channel_CHANNEL_IN {
		if err := r.s.Wait(ctx); err != nil {
			return err
		}
	}
	err := r.s.Bytes(ctx, &schemas.Bytes{Command: number, Channel: channel, Format: "binary", Data: b})
	if err == nil && channel == schemas.Channel_CHANNEL_OUT && r.s.Strict {
		err = r.s.Flush(ctx)
	}
	return err
}
