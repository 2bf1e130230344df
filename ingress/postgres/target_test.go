package postgres_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sallyport/ingress/sessiontest"

	"sallyport/schemas/resources"
)

const ready = "Z\x00\x00\x00\x05I"

// fakeTarget lets everybody in, answers the gateway's own query with nothing, and the client's
// first with answer.
func fakeTarget(t *testing.T, greeting, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveFake(c, greeting, answer)
		}
	}()
	return l.Addr().String()
}

func serveFake(c net.Conn, greeting, answer string) {
	defer c.Close()
	b := make([]byte, 4096)
	for _, reply := range []string{greeting, ready, answer} {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := io.WriteString(c, reply); err != nil {
			return
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = io.Copy(io.Discard, c)
}

// A target that garbles what it says ends the session that it garbles, and says nothing more.
func TestHostileTarget(t *testing.T) {
	const in = "R\x00\x00\x00\x08\x00\x00\x00\x00" + ready
	row := "T\x00\x00\x00\x1b\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"
	for name, c := range map[string]struct{ greeting, answer string }{
		"greets with garbage":        {"HTTP/1.1 400 Bad Request\r\n\r\n", ""},
		"asks for GSS":               {"R\x00\x00\x00\x08\x00\x00\x00\x07", ""},
		"ends SCRAM at once":         {"R\x00\x00\x00\x08\x00\x00\x00\x0c", ""},
		"ready, but nobody is in":    {ready, ""},
		"key of no length":           {"R\x00\x00\x00\x08\x00\x00\x00\x00K\x00\x00\x00\x04" + ready, ""},
		"greeting of 4 GB":           {"R\xff\xff\xff\xff", ""},
		"length of 0":                {in, "D\x00\x00\x00\x00"},
		"length of 4 GB":             {in, "D\xff\xff\xff\xff"},
		"row, short":                 {in, row + "D\x00\x00\x00\x06\x00\x01"},
		"row, cell beyond":           {in, row + "D\x00\x00\x00\x0a\x00\x01\x00\x00\x00\x09"},
		"row, negative":              {in, row + "D\x00\x00\x00\x0a\x00\x01\xff\xff\xff\xfe"},
		"row, bytes left":            {in, row + "D\x00\x00\x00\x07\x00\x00x"},
		"large row of nothing":       {in, row + "D\x00\x10\x00\x00\x00\x01" + strings.Repeat("\xff", 1<<20-6)},
		"columns, absurd count":      {in, "T\x00\x00\x00\x06\xff\xff"},
		"error of 1 GB":              {in, "E\x3f\xff\xff\xff"},
		"error without end":          {in, "E\x00\x00\x00\x08Sabc"},
		"an answer to nothing":       {in, "1\x00\x00\x00\x04"},
		"ready twice":                {in, "C\x00\x00\x00\x0dSELECT 0\x00" + ready + ready},
		"ready in an unknown state":  {in, "Z\x00\x00\x00\x05Q"},
		"a type that does not exist": {in, "~\x00\x00\x00\x04"},
		"both ways of COPY":          {in, "W\x00\x00\x00\x07\x00\x00\x00"},
		"COPY data without COPY":     {in, "Z\x00\x00\x00\x05Id\x00\x00\x00\x05x"},
		"closes":                     {in, ""},
	} {
		t.Run(name, func(t *testing.T) {
			addr := fakeTarget(t, c.greeting, c.answer)
			e := sessiontest.New(t, "postgres")
			g := start(t, options{env: e, target: func(r *resources.Target) {
				r.Address, r.TLS = addr, &resources.TLS{Mode: "disable"}
			}})
			conn := connectAs(t, g, "orders", false)
			if conn.told == "" {
				_, _ = conn.Write(encode(&query{String: "select 1"}))
				if c.answer == "" {
					g.stop() // it only waits: the gateway is what ends
				}
			}
			if told := conn.Ended(); !strings.Contains(told, "FATAL") {
				t.Errorf("the client was told %q", told)
			}
			es := e.Only(t)
			if r := es[len(es)-1].GetClosed().GetReason(); r == "client" {
				t.Errorf("closed by %q", r)
			}
		})
	}
}
