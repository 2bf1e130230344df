package journaltest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between NATS clients and their server and injects faults. It reads the NATS
// protocol, so that it loses whole messages and nothing else.
type Proxy struct {
	t        testing.TB
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	resumed *sync.Cond
	held    bool
	closed  bool
	conns   map[net.Conn]bool
	appends int             // messages to lose
	acks    int             // acknowledgements to lose
	match   string          // a part of the subjects concerned
	replies map[string]bool // reply subjects whose message is to be lost
	lost    int
}

// NewProxy starts a proxy before the server at target. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, target: u.Host, listener: ln, conns: map[net.Conn]bool{}, replies: map[string]bool{}}
	p.resumed = sync.NewCond(&p.mu)
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// URL is where clients connect.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// LoseAppends drops the next n messages published to subjects that contain match.
func (p *Proxy) LoseAppends(match string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.appends = match, n
}

// LoseAcks lets the next n such messages through, and drops the replies to them.
func (p *Proxy) LoseAcks(match string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.acks = match, n
}

// Lost returns how many messages and replies were dropped.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Hold stops everything on its way in both directions until Resume.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = true
}

// Resume lets go what Hold has stopped.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	p.resumed.Broadcast()
}

// Cut closes every connection; clients may connect anew.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed, p.held = true, false
	p.resumed.Broadcast()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		closed := p.closed
		p.mu.Unlock()
		if closed {
			_, _ = client.Close(), server.Close()
			return
		}
		p.running.Go(func() { p.pump(client, server, p.losePublished) })
		p.running.Go(func() { p.pump(server, client, p.loseDelivered) })
	}
}

// pump forwards messages until either side ends.
func (p *Proxy) pump(from, to net.Conn, lose func(fields []string) bool) {
	defer func() {
		_, _ = from.Close(), to.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, from)
	}()
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(line)
		out := []byte(line)
		if n, ok := payload(fields); ok {
			body := make([]byte, n+2)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			out = append(out, body...)
		}
		if p.wait(); lose(fields) {
			continue
		}
		if _, err := to.Write(out); err != nil {
			return
		}
	}
}

// wait returns when nothing is held.
func (p *Proxy) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held {
		p.resumed.Wait()
	}
}

// payload returns the size of the payload that follows a protocol line, if one does.
func payload(fields []string) (int, bool) {
	if len(fields) < 2 {
		return 0, false
	}
	switch strings.ToUpper(fields[0]) {
	case "PUB", "HPUB", "MSG", "HMSG":
		n, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			panic(fmt.Sprintf("no size in %q", fields))
		}
		return n, true
	}
	return 0, false
}

// losePublished decides about what a client sends: [H]PUB subject reply … size.
func (p *Proxy) losePublished(fields []string) bool {
	if len(fields) < 4 || !strings.HasSuffix(strings.ToUpper(fields[0]), "PUB") {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.match == "" || !strings.Contains(fields[1], p.match) {
		return false
	}
	if p.appends > 0 {
		p.appends--
		p.lost++
		return true
	}
	if p.acks > 0 {
		p.acks--
		p.replies[fields[2]] = true
	}
	return false
}

// loseDelivered decides about what the server sends: [H]MSG subject sid … size.
func (p *Proxy) loseDelivered(fields []string) bool {
	if len(fields) < 4 || !strings.HasSuffix(strings.ToUpper(fields[0]), "MSG") {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.replies[fields[1]] {
		return false
	}
	delete(p.replies, fields[1])
	p.lost++
	return true
}
