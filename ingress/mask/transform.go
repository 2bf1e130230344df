package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
	"unicode/utf8"
)

// Redacted is what stands in the place of a redacted text. It is ASCII, so that it can be written
// in any client's encoding and inside a JSON string.
const Redacted = "[redacted]"

// defaultKeep is how many characters [Partial] leaves when nothing else is said.
const defaultKeep = 4

// Transform is how the values of one rule are masked. It does not change once made, and is safe
// for concurrent use.
type Transform struct {
	method Method
	keep   int
	macs   *sync.Pool // of *keyed
	domain []byte
}

// NewTransform returns a transform. keep is how many of the last characters, digits or bytes
// Partial leaves, 4 when it is zero or less; it never leaves more than half of a value. key is the
// secret of Hash, and domain keeps its uses apart: the same value under two domains has two
// hashes. The key is copied. An empty key makes hashes that anybody can look for: callers refuse it.
func NewTransform(m Method, keep int, key []byte, domain string) *Transform {
	if keep <= 0 {
		keep = defaultKeep
	}
	secret := append([]byte(nil), key...)
	return &Transform{
		method: m, keep: keep, domain: []byte(domain),
		macs: &sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, secret)} }},
	}
}

// Method returns how t masks.
func (t *Transform) Method() Method { return t.method }

// Text appends the masked form of a text to dst. Valid UTF-8 stays valid, and what is not valid
// becomes so. A hash is 32 hexadecimal digits. With null, there is no value and nothing was appended.
func (t *Transform) Text(dst, value []byte) (out []byte, null bool) {
	switch t.method {
	case Null:
		return dst, true
	case Partial:
		return t.partial(dst, value), false
	case Hash:
		sum := t.sum('t', value)
		return hex.AppendEncode(dst, sum[:16]), false
	}
	return append(dst, Redacted...), false
}

// JSON is Text for a value of a JSON type: what is appended is a JSON string. value is the
// document's text, and the hash is that of its bytes.
func (t *Transform) JSON(dst, value []byte) (out []byte, null bool) {
	switch t.method {
	case Null:
		return dst, true
	case Partial: // a part of a document is no document
		return append(dst, `"`+Redacted+`"`...), false
	}
	dst, _ = t.Text(append(dst, '"'), value)
	return append(dst, '"'), false
}

// Bytes is Text for binary values: a hash is 32 bytes, and Partial counts bytes.
func (t *Transform) Bytes(dst, value []byte) (out []byte, null bool) {
	switch t.method {
	case Null:
		return dst, true
	case Partial:
		keep := min(t.keep, len(value)/2)
		for range len(value) - keep {
			dst = append(dst, '*')
		}
		return append(dst, value[len(value)-keep:]...), false
	case Hash:
		sum := t.sum('b', value)
		return append(dst, sum[:]...), false
	}
	return append(dst, Redacted...), false
}

// partial writes an asterisk for each character but the last ones.
func (t *Transform) partial(dst, value []byte) []byte {
	if ascii(value) {
		keep := min(t.keep, len(value)/2)
		for range len(value) - keep {
			dst = append(dst, '*')
		}
		return append(dst, value[len(value)-keep:]...)
	}
	left := utf8.RuneCount(value)
	keep := min(t.keep, left/2)
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		if left > keep {
			dst = append(dst, '*')
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		value, left = value[size:], left-1
	}
	return dst
}

func ascii(value []byte) bool {
	for _, c := range value {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// sum is the keyed hash of a value. kind keeps a number's apart from that of the text with the
// same bytes; the domain's length keeps domain and value apart.
func (t *Transform) sum(kind byte, value []byte) (sum [sha256.Size]byte) {
	mac := t.macs.Get().(*keyed)
	defer t.macs.Put(mac)
	mac.Reset()
	mac.room[0] = kind
	binary.BigEndian.PutUint32(mac.room[1:], uint32(len(t.domain)))
	mac.Write(mac.room[:5])
	mac.Write(t.domain)
	mac.Write(value)
	copy(sum[:], mac.Sum(mac.room[:0]))
	return sum
}

// keyed is a hash with room for what goes in and out, so that neither is allocated for each value.
type keyed struct {
	hash.Hash
	room [sha256.Size]byte
}
