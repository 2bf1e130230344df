package values

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text renders a value for people; it never fails. What cannot be decoded is shown as bytes.
func Text(oid uint32, isBinary bool, data []byte) string {
	s, err := Render(oid, isBinary, data)
	if err != nil {
		return bytea(data)
	}
	return s
}

// Render renders a value as psql would. The error, for a binary value that is not of its type,
// wraps ErrMalformed.
func Render(oid uint32, isBinary bool, data []byte) (string, error) {
	if !isBinary {
		return Clean(data), nil
	}
	return render(oid, data, 0)
}

// Clean returns b as a string; bytes that are not UTF-8 become \xNN.
func Clean(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&s, `\x%02X`, b[0])
		} else {
			s.Write(b[:n])
		}
		b = b[n:]
	}
	return s.String()
}

func bytea(b []byte) string { return `\x` + hex.EncodeToString(b) }

// mostNested bounds arrays of records of arrays …, which only a forger sends.
const mostNested = 16

func render(oid uint32, b []byte, depth int) (string, error) {
	if depth > mostNested {
		return "", fmt.Errorf("%w: nested more than %d times", ErrMalformed, mostNested)
	}
	if elem, ok := rangeOf[oid]; ok {
		return renderRange(elem, b, depth)
	}
	t := types[oid]
	if t.element != 0 {
		return renderArray(b, depth)
	}
	f := t.render
	switch {
	case oid == OIDRecord:
		return renderRecord(b, depth)
	case oid == OIDInt2Vector || oid == OIDOIDVector:
		return renderVector(b, depth)
	case f == nil:
		return bytea(b), nil
	}
	r := reader{b: b}
	s := f(&r)
	if r.bad || len(r.b) > 0 {
		return "", fmt.Errorf("%w: %s of %d bytes", ErrMalformed, TypeName(oid), len(b))
	}
	return s, nil
}

// reader takes fixed-size fields off b. After taking more than there is, bad is set and zeros
// are returned.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, max(0, min(n, 16)))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) rest() []byte { return r.take(len(r.b)) }

func (r *reader) uint8() uint8 { return r.take(1)[0] }

func (r *reader) uint16() uint16 {
	p := r.take(2)
	return uint16(p[0])<<8 | uint16(p[1])
}

func (r *reader) uint32() uint32 { return uint32(r.uint16())<<16 | uint32(r.uint16()) }

func (r *reader) uint64() uint64 { return uint64(r.uint32())<<32 | uint64(r.uint32()) }

func (r *reader) int32() int { return int(int32(r.uint32())) }
