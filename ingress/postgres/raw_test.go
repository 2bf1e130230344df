package postgres_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/postgres/postgrestest"
)

// raw is a client that sends what it is told and reads messages without any help.
type raw struct {
	net.Conn
	t testing.TB
}

func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &raw{Conn: c, t: t}
}

// login starts a session, in one way for the gateway and the server itself.
func login(t testing.TB, addr, user, secret, database string) *raw {
	t.Helper()
	c := dialRaw(t, addr)
	c.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": user, "database": database}})
	c.scram(secret)
	c.until('Z')
	return c
}

func (c *raw) scram(secret string) {
	c.t.Helper()
	s := scram.NewClient(secret, nil, false)
	for {
		typ, body := c.message()
		if typ != 'R' {
			c.t.Fatalf("message %q in authentication: %q", typ, body)
		}
		switch kind := binary.BigEndian.Uint32(body); kind {
		case 10:
			c.send(&pgproto3.SASLInitialResponse{AuthMechanism: s.Mechanism(), Data: s.First()})
		case 11:
			final, err := s.Final(body[4:])
			if err != nil {
				c.t.Fatal(err)
			}
			c.send(&pgproto3.SASLResponse{Data: final})
		case 12:
			if err := s.Verify(body[4:]); err != nil {
				c.t.Fatal(err)
			}
		case 0:
			return
		default:
			c.t.Fatalf("authentication request %d", kind)
		}
	}
}

func (g *gateway) raw(t testing.TB) *raw { t.Helper(); return login(t, g.addr, user, token, "orders") }

func rawDirect(t testing.TB, pg *postgrestest.Server) *raw {
	t.Helper()
	return login(t, pg.Address(), pg.User, pg.Password, "postgres")
}

func encode(ms ...pgproto3.FrontendMessage) []byte {
	var b []byte
	for _, m := range ms {
		var err error
		if b, err = m.Encode(b); err != nil {
			panic(err)
		}
	}
	return b
}

func (c *raw) send(ms ...pgproto3.FrontendMessage) {
	c.t.Helper()
	if _, err := c.Write(encode(ms...)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *raw) message() (byte, []byte) {
	c.t.Helper()
	typ, body, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return typ, body
}

func (c *raw) read() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err := io.ReadFull(c, body)
	return head[0], body, err
}

// until reads messages up to one of type end and returns them, one a line.
func (c *raw) until(end byte) string {
	c.t.Helper()
	var b strings.Builder
	for {
		typ, body := c.message()
		b.WriteString(line(typ, body) + "\n")
		if typ == end {
			return b.String()
		}
	}
}

// line shows a message in the way that transcripts are compared: errors by severity alone, since
// their text is what differs between a refusal and an error of the target.
func line(typ byte, body []byte) string {
	switch typ {
	case 'E':
		m := pgproto3.ErrorResponse{}
		_ = m.Decode(body)
		return "E " + m.Severity
	case 'K', 'S':
		return string(typ)
	}
	return fmt.Sprintf("%c %q", typ, body)
}

// fields of the first ErrorResponse in what comes up to ReadyForQuery.
func (c *raw) failure() (e pgproto3.ErrorResponse, status byte) {
	c.t.Helper()
	for {
		typ, body := c.message()
		switch typ {
		case 'E':
			if e.Message == "" {
				_ = e.Decode(body)
			}
		case 'Z':
			return e, body[0]
		}
	}
}
