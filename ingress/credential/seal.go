package credential

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	version = "v1."
	purpose = "sallyport/secret/v1"
)

var errSealed = errors.New("the text was not sealed with this key, or was altered")

// Sealer seals secrets under one key.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the sealer of a 32-byte key.
func NewSealer(key []byte) (*Sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &Sealer{aead: aead}, nil
}

// Seal returns text that only the holder of the key can open.
func (s *Sealer) Seal(secret Secret) string {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret.value)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: see crypto/rand
	box := s.aead.Seal(nonce, nonce, []byte(secret.value), []byte(purpose))
	return version + base64.RawURLEncoding.EncodeToString(box)
}

// Open is the inverse of Seal.
func (s *Sealer) Open(text string) (Secret, error) {
	body, ok := strings.CutPrefix(text, version)
	if !ok {
		return Secret{}, fmt.Errorf("sealed text does not start with %q", version)
	}
	box, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(box) < s.aead.NonceSize() {
		return Secret{}, errSealed
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, box[:n], box[n:], []byte(purpose))
	if err != nil {
		return Secret{}, errSealed
	}
	return Secret{value: string(plain)}, nil
}

// LoadKey reads the 32-byte key in path, and makes it (mode 0600) when there is none. A key that
// others may read is refused.
func LoadKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key %s is open to others (mode %v): chmod 600 it", path, info.Mode().Perm())
	}
	if len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("key %s is %d bytes long, not %d", path, len(key), chacha20poly1305.KeySize)
	}
	return key, nil
}

// createKey writes beside and links into place, so that of two processes one wins and neither
// ever sees half a key.
func createKey(path string) ([]byte, error) {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key)
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return LoadKey(path)
	} else if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return key, nil
}
