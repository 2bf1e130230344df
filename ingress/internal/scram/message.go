package scram

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// Mechanisms.
const (
	SHA256     = "SCRAM-SHA-256"
	SHA256Plus = "SCRAM-SHA-256-PLUS"
)

const (
	binding    = "tls-server-end-point"
	maxMessage = 16 << 10
)

// Errors. A caller shows its own words to the peer.
var (
	ErrMalformed = errors.New("malformed SCRAM message")
	ErrBinding   = errors.New("SCRAM channel binding does not match")
	ErrProof     = errors.New("SCRAM proof does not match")
	ErrServer    = errors.New("the server does not know the password") // it failed to prove it
)

// attribute takes "k=value" off the front of a comma-separated message.
func attribute(m []byte, key byte) (value, rest []byte, err error) {
	if len(m) < 2 || m[0] != key || m[1] != '=' {
		return nil, nil, ErrMalformed
	}
	value, rest, _ = bytes.Cut(m[2:], []byte{','})
	return value, rest, nil
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x21 || c > 0x7e || c == ',' {
			return false
		}
	}
	return len(b) > 0
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

func encode(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }

func decode(b []byte) ([]byte, error) {
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, b)
	if err != nil {
		return nil, ErrMalformed
	}
	return out, nil
}

func nonce() []byte {
	var b [18]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return encode(b[:])
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
