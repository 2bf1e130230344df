package scram

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
)

// maxIterations bounds what a target can make the gateway compute.
const maxIterations = 10_000_000

// Client is the client's side of one exchange.
type Client struct {
	password string
	header   []byte
	endPoint []byte

	first []byte // client-first-message-bare
	nonce []byte
	want  []byte // server's signature
}

// NewClient returns the client of one exchange. With endPoint the channel is bound (the mechanism
// is SHA256Plus); offered says that binding would have been possible on this side, though the
// server did not offer it.
func NewClient(password string, endPoint []byte, offered bool) *Client {
	c := &Client{password: password, endPoint: endPoint, header: []byte("n,,")}
	switch {
	case endPoint != nil:
		c.header = []byte("p=" + binding + ",,")
	case offered:
		c.header = []byte("y,,")
	}
	return c
}

// Mechanism is the one to name to the server.
func (c *Client) Mechanism() string {
	if c.endPoint != nil {
		return SHA256Plus
	}
	return SHA256
}

// First returns the first message.
func (c *Client) First() []byte {
	c.nonce = nonce()
	c.first = join([]byte("n=,r="), c.nonce)
	return join(c.header, c.first)
}

// Final answers the server's first message.
func (c *Client) Final(message []byte) ([]byte, error) {
	combined, salt, iterations, err := parseServerFirst(message)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(combined, c.nonce) || len(combined) == len(c.nonce) {
		return nil, ErrMalformed
	}
	salted, err := saltedPassword(c.password, salt, iterations)
	if err != nil {
		return nil, err
	}
	without := join([]byte("c="), encode(join(c.header, c.endPoint)), []byte(",r="), combined)
	auth := join(c.first, []byte{','}, message, []byte{','}, without)
	key := mac(salted, []byte("Client Key"))
	stored := sha256.Sum256(key)
	c.want = mac(mac(salted, []byte("Server Key")), auth)
	return join(without, []byte(",p="), encode(xor(key, mac(stored[:], auth)))), nil
}

// Verify checks that the server knows the password too.
func (c *Client) Verify(message []byte) error {
	v, _, err := attribute(message, 'v')
	if err != nil {
		return ErrServer
	}
	got, err := decode(v)
	if err != nil || c.want == nil || subtle.ConstantTimeCompare(got, c.want) != 1 {
		return ErrServer
	}
	return nil
}

func parseServerFirst(m []byte) (combined, salt []byte, iterations int, err error) {
	if len(m) > maxMessage {
		return nil, nil, 0, ErrMalformed
	}
	combined, rest, err := attribute(m, 'r')
	if err != nil || !printable(combined) {
		return nil, nil, 0, ErrMalformed
	}
	s, rest, err := attribute(rest, 's')
	if err != nil {
		return nil, nil, 0, err
	}
	if salt, err = decode(s); err != nil || len(salt) == 0 {
		return nil, nil, 0, ErrMalformed
	}
	i, _, err := attribute(rest, 'i')
	if err != nil {
		return nil, nil, 0, err
	}
	iterations, err = strconv.Atoi(string(i))
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, nil, 0, ErrMalformed
	}
	return combined, salt, iterations, nil
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
