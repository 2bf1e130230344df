package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// The NATS client protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol), as
// far as a pipe speaks it:
//
//	pipe                                                    server
//	  | <------------------------------------------ INFO {…} |
//	  | CONNECT {…}, SUB _INBOX.x.* 1, PING ---------------> |
//	  | <---------------------------------------------- PONG |
//	  | HPUB subject _INBOX.x.7 <header> <all> … ----------> |
//	  | <--------- MSG _INBOX.x.7 1 <size> {"stream":…,"seq":…}
const hello = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1,"lang":"go","name":"sallyport-append"}` + "\r\n"

// maxPayload is what the server takes: maxMessage, and headers.
const (
	maxPayload = 1 << 20
	maxHeaders = 64 << 10
)

// inlet is what is read from one connection.
type inlet struct {
	*bufio.Reader
	conn net.Conn
}

// connect makes a connection, and takes it into use.
func (p *pipe) connect() (*inlet, error) {
	conn, err := p.dial()
	if err != nil {
		return nil, err
	}
	in := &inlet{bufio.NewReaderSize(conn, 32<<10), conn}
	_ = conn.SetDeadline(time.Now().Add(p.patience))
	if err := in.greet(p.inbox); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done: // close has not seen this connection
		return nil, errors.Join(ErrClosed, conn.Close())
	default:
	}
	p.conn = conn
	return in, nil
}

func (in *inlet) greet(inbox string) error {
	if _, err := in.ReadSlice('\n'); err != nil { // INFO
		return fmt.Errorf("read the server's greeting: %w", err)
	}
	if _, err := in.conn.Write([]byte(hello + "SUB " + inbox + "* 1\r\nPING\r\n")); err != nil {
		return fmt.Errorf("greet the server: %w", err)
	}
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return fmt.Errorf("greet the server: %w", err)
		case bytes.HasPrefix(line, []byte("PONG")):
			return nil
		case bytes.HasPrefix(line, []byte("-ERR")):
			return refused(line)
		}
	}
}

func refused(line []byte) error {
	return fmt.Errorf("the server says: %s", bytes.TrimSpace(line))
}

// read hands acknowledgements to p until the connection breaks.
func (in *inlet) read(p *pipe) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case bytes.HasPrefix(line, []byte("MSG ")), bytes.HasPrefix(line, []byte("HMSG ")):
			if err := in.message(p, line); err != nil {
				return err
			}
		case bytes.HasPrefix(line, []byte("PING")):
			go p.pong() // not from here: who reads must not wait for who is read from
		case bytes.HasPrefix(line, []byte("-ERR")):
			return refused(line)
		} // INFO, PONG and +OK say nothing that matters here
	}
}

func (p *pipe) pong() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = append(p.out, "PONG\r\n"...)
	if !p.writing {
		p.since = time.Since(p.start)
		p.write()
	}
}

var errProtocol = errors.New("the server's message makes no sense")

// message reads the rest of a message and hands on what it acknowledges.
func (in *inlet) message(p *pipe, line []byte) error {
	d, ok := parseDelivery(line, p.inbox)
	if !ok || d.size > in.Size()-2 {
		return errProtocol
	}
	body, err := in.Peek(d.size + 2)
	if err != nil {
		return err
	}
	p.answer(d.number, d.outcome(body[:d.size]))
	_, err = in.Discard(d.size + 2)
	return err
}

// delivery is the first line of a message: MSG subject sid [reply] size, or HMSG subject sid [reply]
// header size.
type delivery struct {
	number       uint64 // of the receipt that the subject names
	header, size int
}

func parseDelivery(line []byte, inbox string) (d delivery, ok bool) {
	kind, line, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
	subject, rest, _ := bytes.Cut(line, []byte(" "))
	suffix, ok := bytes.CutPrefix(subject, []byte(inbox))
	if !ok {
		return d, false
	}
	if d.number, ok = parseNumber(suffix); !ok {
		return d, false
	}
	at := bytes.LastIndexByte(rest, ' ')
	if at < 0 {
		return d, false
	}
	size, ok := parseNumber(rest[at+1:])
	if !ok {
		return d, false
	}
	d.size = int(size)
	if kind[0] == 'H' {
		header, ok := parseNumber(rest[bytes.LastIndexByte(rest[:at], ' ')+1 : at])
		if !ok || header > size {
			return d, false
		}
		d.header = int(header)
	}
	return d, true
}

// parseNumber reads a decimal number of a size that fits an int everywhere.
func parseNumber(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// outcome is what a message says. One with a header and nothing else is a status.
func (d delivery) outcome(body []byte) outcome {
	if d.header == 0 || d.header < len(body) {
		sequence, err := parseAck(body[d.header:])
		return outcome{sequence: sequence, err: err}
	}
	if bytes.HasPrefix(body, []byte("NATS/1.0 503")) {
		return outcome{err: errNoResponders}
	}
	line, _, _ := bytes.Cut(body, []byte("\r\n"))
	return outcome{err: refused(line)}
}

// appendPublish adds the publishing of a, with its condition, to b.
func appendPublish(b []byte, a *addition, reply []byte) []byte {
	var space [256]byte
	h := append(space[:0], "NATS/1.0\r\n"...)
	for k, v := range a.header {
		h = append(append(append(append(h, k...), ": "...), v...), "\r\n"...)
	}
	name := headerLastOfSubject
	if a.whole {
		name = headerLastOfStream
	}
	h = append(append(h, name...), ": "...)
	h = append(strconv.AppendUint(h, a.last, 10), "\r\n\r\n"...)
	b = append(append(b, "HPUB "...), a.subject...)
	b = append(append(append(b, ' '), reply...), ' ')
	b = append(strconv.AppendInt(b, int64(len(h)), 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(h)+len(a.data)), 10), "\r\n"...)
	return append(append(append(b, h...), a.data...), "\r\n"...)
}
