package local

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Bounds of passwords, in bytes after normalisation.
const (
	MinPassword = 12
	maxPassword = 1024
)

// Parameters of new hashes: memory in KiB.
const (
	memory   = 19 << 10
	passes   = 2
	lanes    = 1
	saltSize = 16
	hashSize = 32
)

// Bounds of parameters that are read from a kept hash.
const (
	mostMemory = 1 << 20
	mostPasses = 16
	mostLanes  = 16
)

var encoding = base64.RawStdEncoding

// Hash returns what is kept of a password, in PHC form.
func (u *Users) Hash(password string) (string, error) {
	plain, err := prepare(password)
	if err != nil {
		return "", err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: see crypto/rand
	sum := argon2.IDKey(u.keyed(plain), salt, passes, memory, lanes, hashSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes,
		encoding.EncodeToString(salt), encoding.EncodeToString(sum)), nil
}

// prepare normalises a password, so that it does not depend on the keyboard, and checks its length.
func prepare(password string) ([]byte, error) {
	plain := norm.NFC.Bytes([]byte(password))
	switch {
	case len(plain) < MinPassword:
		return nil, fmt.Errorf("a password has at least %d bytes", MinPassword)
	case len(plain) > maxPassword:
		return nil, fmt.Errorf("a password has at most %d bytes", maxPassword)
	}
	return plain, nil
}

func (u *Users) keyed(password []byte) []byte {
	m := hmac.New(sha256.New, u.c.Key)
	m.Write(password)
	return m.Sum(nil)
}

// kept is a parsed PHC string.
type kept struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func parse(phc string) (k kept, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return k, errors.New("not an argon2id hash")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &k.memory, &k.passes, &k.lanes); err != nil {
		return k, fmt.Errorf("parameters of the hash: %w", err)
	}
	if k.memory < 8 || k.memory > mostMemory || k.passes < 1 || k.passes > mostPasses || k.lanes < 1 || k.lanes > mostLanes {
		return k, errors.New("parameters of the hash are out of bounds")
	}
	if k.salt, err = encoding.DecodeString(parts[4]); err != nil {
		return k, fmt.Errorf("salt of the hash: %w", err)
	}
	if k.sum, err = encoding.DecodeString(parts[5]); err != nil {
		return k, fmt.Errorf("hash: %w", err)
	}
	if len(k.sum) != hashSize || len(k.salt) < 8 {
		return k, errors.New("the hash has another size")
	}
	return k, nil
}

// matches reports whether k is of password. It takes as long for any.
func (u *Users) matches(k kept, password string) bool {
	sum := argon2.IDKey(u.keyed(norm.NFC.Bytes([]byte(password))), k.salt, k.passes, k.memory, k.lanes, hashSize)
	return subtle.ConstantTimeCompare(sum, k.sum) == 1
}
