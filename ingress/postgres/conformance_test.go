package postgres_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/internal/scram"
	"sallyport/ingress/postgres/postgrestest"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas/resources"
)

// The suite that every protocol passes, by the simple and by the extended protocol.
func TestConformance(t *testing.T) {
	for name, extended := range map[string]bool{"simple": false, "extended": true} {
		t.Run(name, func(t *testing.T) {
			sessiontest.Run(t, "postgres", func(t *testing.T) sessiontest.Protocol { return &conforming{extended: extended, pg: server(t)} })
		})
	}
}

type conforming struct {
	extended bool
	pg       *postgrestest.Server
	g        *gateway
}

func (p *conforming) Upstream(*testing.T) string { return p.pg.Address() }

func (p *conforming) Start(t *testing.T, env *sessiontest.Env, address string) {
	p.g = start(t, options{env: env, target: func(r *resources.Target) {
		r.Address = address
		env.Targets.Put("suite", *r)
	}})
}

func (p *conforming) Connect(t *testing.T) sessiontest.Client {
	return connectAs(t, p.g, "suite", p.extended)
}

// connectAs opens a session, or notes what the client was told instead.
func connectAs(t *testing.T, g *gateway, target string, extended bool) *conformingClient {
	c := &conformingClient{raw: dialRaw(t, g.addr), extended: extended}
	c.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": user, "database": target}})
	s := scram.NewClient(token, nil, false)
	for {
		typ, body := c.message()
		switch {
		case typ == 'E':
			c.told = string(body)
			return c
		case typ == 'Z':
			return c
		case typ != 'R':
		case binary.BigEndian.Uint32(body) == 10:
			c.send(&pgproto3.SASLInitialResponse{AuthMechanism: s.Mechanism(), Data: s.First()})
		case binary.BigEndian.Uint32(body) == 11:
			final, err := s.Final(body[4:])
			if err != nil {
				t.Fatal(err)
			}
			c.send(&pgproto3.SASLResponse{Data: final})
		}
	}
}

type conformingClient struct {
	*raw
	extended bool
	told     string
}

func (c *conformingClient) Do(text string) (output string, refused bool, err error) {
	ms := []pgproto3.FrontendMessage{&query{String: "select '" + text + "'"}}
	if c.extended {
		ms = []pgproto3.FrontendMessage{&parse{Query: "select '" + text + "'"}, &bind{}, &execute{}, &sync_{}}
	}
	if _, err := c.Write(encode(ms...)); err != nil {
		return "", false, err
	}
	var b strings.Builder
	for {
		typ, body, err := c.read()
		if err != nil {
			return b.String(), refused, err
		}
		b.Write(body)
		switch typ {
		case 'E':
			e := pgproto3.ErrorResponse{}
			_ = e.Decode(body)
			refused = e.Code == "42501"
			if e.Severity == "FATAL" {
				return b.String(), refused, errors.New(e.Message)
			}
		case 'Z':
			return b.String(), refused, nil
		}
	}
}

func (c *conformingClient) Ended() string {
	var b strings.Builder
	b.WriteString(c.told)
	for {
		_, body, err := c.read()
		if err != nil {
			return b.String()
		}
		b.Write(body)
	}
}
