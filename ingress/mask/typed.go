package mask

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// Int masks an integer of 16, 32 or 64 bits; the result is never negative and always in range.
// Redact gives 0, Partial the last digits (at most half of them), Hash a number that equal values share.
// Narrow integers have few hashes: different values collide, and who may choose values can list them.
func (t *Transform) Int(v int64, bits int) (out int64, null bool) {
	switch t.method {
	case Null:
		return 0, true
	case Partial:
		return t.lastDigits(v), false
	case Hash:
		return int64(t.number(uint64(v)) & (1<<(intBits(bits)-1) - 1)), false
	}
	return 0, false
}

func intBits(bits int) int {
	if bits == 16 || bits == 32 {
		return bits
	}
	return 64
}

// number is the hash of a number, which is the same whatever its width.
func (t *Transform) number(v uint64) uint64 {
	sum := t.sum('n', binary.BigEndian.AppendUint64(nil, v))
	return binary.BigEndian.Uint64(sum[:])
}

func (t *Transform) lastDigits(v int64) int64 {
	abs := uint64(v)
	if v < 0 {
		abs = -abs
	}
	digits := len(strconv.FormatUint(abs, 10))
	mod := uint64(1)
	for range min(t.keep, digits/2) {
		mod *= 10
	}
	return int64(abs % mod)
}

// Numeric is Int for a decimal of any size, given and returned as text: "0" for Redact, the last
// digits before the point for Partial, a number of up to 18 digits for Hash. The hash is that of the
// text, so 1.0 and 1.00 have two.
func (t *Transform) Numeric(dst, text []byte) (out []byte, null bool) {
	switch t.method {
	case Null:
		return dst, true
	case Partial:
		return t.numericTail(dst, text), false
	case Hash:
		sum := t.sum('d', text)
		return strconv.AppendUint(dst, binary.BigEndian.Uint64(sum[:])%1e18, 10), false
	}
	return append(dst, '0'), false
}

func (t *Transform) numericTail(dst, text []byte) []byte {
	var whole []byte
	for i, c := range text {
		if c >= '0' && c <= '9' {
			whole = append(whole, c)
		} else if i > 0 || c != '-' && c != '+' {
			break
		}
	}
	tail := whole[len(whole)-min(t.keep, len(whole)/2):]
	for len(tail) > 1 && tail[0] == '0' {
		tail = tail[1:]
	}
	if len(tail) == 0 {
		return append(dst, '0')
	}
	return append(dst, tail...)
}

// Float masks a floating-point number of 32 or 64 bits, as Int does the whole number before its
// point. The result is exact in that width.
func (t *Transform) Float(v float64, bits int) (out float64, null bool) {
	limit := uint64(1) << 53
	if bits == 32 {
		limit = 1 << 24
	}
	switch t.method {
	case Null:
		return 0, true
	case Partial:
		if !(math.Abs(v) < float64(limit)) { // also what is not a number
			return 0, false
		}
		return float64(t.lastDigits(int64(v))), false
	case Hash:
		sum := t.sum('f', binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
		return float64(binary.BigEndian.Uint64(sum[:]) % limit), false
	}
	return 0, false
}

// Bool masks a truth value: false, or no value. A hash of two values would hide nothing.
func (t *Transform) Bool(bool) (out, null bool) { return false, t.method == Null }

// UUID masks a UUID. Redact gives the nil UUID, Partial leaves the last hexadecimal digits, Hash
// gives a UUID of version 8 (RFC 9562).
func (t *Transform) UUID(v [16]byte) (out [16]byte, null bool) {
	switch t.method {
	case Null:
		return out, true
	case Partial:
		for i := range min(t.keep, 16) {
			digit := byte(0x0f)
			if i%2 == 1 {
				digit = 0xf0
			}
			out[15-i/2] |= v[15-i/2] & digit
		}
	case Hash:
		sum := t.sum('u', v[:])
		copy(out[:], sum[:])
		out[6] = out[6]&0x0f | 0x80
		out[8] = out[8]&0x3f | 0x80
	}
	return out, false
}

// Time masks a date or a point in time: Redact gives 1970-01-01, Partial the first moment of its
// year (keep has no meaning here), Hash a midnight between 1970 and 2149. The result is in UTC.
func (t *Transform) Time(v time.Time) (out time.Time, null bool) {
	epoch := time.Unix(0, 0).UTC()
	switch t.method {
	case Null:
		return time.Time{}, true
	case Partial:
		return time.Date(v.UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC), false
	case Hash:
		return epoch.AddDate(0, 0, int(t.number(uint64(v.UnixMicro()))%(1<<16))), false
	}
	return epoch, false
}
