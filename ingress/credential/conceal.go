package credential

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

const concealing = "sallyport/conceal/v1"

var errConcealed = errors.New("it was not concealed under this key for this session, or was altered")

// Concealer seals what a session's client saw of masked values (AES-256-GCM), under a key for each
// session, made of one key of the gateway (HMAC-SHA256): so that random nonces do not meet.
type Concealer struct {
	key []byte
	id  string
}

// NewConcealer returns the concealer of a 32-byte key.
func NewConcealer(key []byte) (*Concealer, error) {
	if len(key) != sha256.Size {
		return nil, fmt.Errorf("a key that conceals has %d bytes, not %d", sha256.Size, len(key))
	}
	c := &Concealer{key: append([]byte(nil), key...)}
	c.id = hex.EncodeToString(c.derive("id")[:8])
	return c, nil
}

// KeyID names the key without telling anything of it.
func (c *Concealer) KeyID() string { return c.id }

func (c *Concealer) derive(what string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(concealing + "\x00" + what))
	return mac.Sum(nil)
}

// Session returns what seals and opens the values of one session. It is safe for concurrent use.
func (c *Concealer) Session(session string) (*Concealed, error) {
	block, err := aes.NewCipher(c.derive("session\x00" + session))
	if err != nil {
		return nil, fmt.Errorf("session's key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("session's key: %w", err)
	}
	return &Concealed{aead: aead, session: []byte(session)}, nil
}

// Concealed seals and opens the values of one session.
type Concealed struct {
	aead    cipher.AEAD
	session []byte
}

// Seal returns a nonce and plain sealed, as schemas.Concealed.data has them.
func (c *Concealed) Seal(plain []byte) []byte {
	nonce := make([]byte, c.aead.NonceSize(), c.aead.NonceSize()+len(plain)+c.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: see crypto/rand
	return c.aead.Seal(nonce, nonce, plain, c.session)
}

// Open is the inverse of Seal.
func (c *Concealed) Open(data []byte) ([]byte, error) {
	n := c.aead.NonceSize()
	if len(data) < n {
		return nil, errConcealed
	}
	plain, err := c.aead.Open(nil, data[:n], data[n:], c.session)
	if err != nil {
		return nil, errConcealed
	}
	return plain, nil
}
