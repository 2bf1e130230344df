package values

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

func renderText(r *reader) string { return Clean(r.rest()) }

func renderBytea(r *reader) string { return bytea(r.rest()) }

func renderVoid(r *reader) string { r.rest(); return "" }

func renderBool(r *reader) string {
	switch r.uint8() {
	case 0:
		return "f"
	case 1:
		return "t"
	}
	r.bad = true
	return ""
}

// renderChar is "char", one byte; zero is the empty string.
func renderChar(r *reader) string {
	c := r.uint8()
	switch {
	case c == 0:
		return ""
	case c >= 0x80:
		return fmt.Sprintf(`\%03o`, c)
	}
	return string(rune(c))
}

func renderInt2(r *reader) string { return strconv.Itoa(int(int16(r.uint16()))) }
func renderInt4(r *reader) string { return strconv.Itoa(r.int32()) }
func renderInt8(r *reader) string { return strconv.FormatInt(int64(r.uint64()), 10) }
func renderOID(r *reader) string  { return strconv.FormatUint(uint64(r.uint32()), 10) }
func renderXID8(r *reader) string { return strconv.FormatUint(r.uint64(), 10) }

func renderFloat4(r *reader) string { return float(float64(math.Float32frombits(r.uint32())), 32, 6) }
func renderFloat8(r *reader) string { return float(math.Float64frombits(r.uint64()), 64, 15) }

// float writes the shortest digits that read back the same, in scientific form from 10^limit on
// and below 10^-4, as PostgreSQL does.
func float(f float64, bits, limit int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	exp, err := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if err != nil || exp < -4 || exp >= limit {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// renderMoney has no locale to go by: a plain number in hundredths.
func renderMoney(r *reader) string {
	cents := int64(r.uint64())
	sign, u := "", uint64(cents)
	if cents < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%02d", sign, u/100, u%100)
}

func renderUUID(r *reader) string {
	b := r.take(16)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// renderJSONB is a version byte and the text; jsonpath has the same form.
func renderJSONB(r *reader) string {
	if r.uint8() != 1 {
		r.bad = true
	}
	return renderText(r)
}

func renderLSN(r *reader) string {
	return fmt.Sprintf("%X/%X", r.uint32(), r.uint32())
}

func renderTID(r *reader) string { return fmt.Sprintf("(%d,%d)", r.uint32(), r.uint16()) }

func renderPoint(r *reader) string {
	return "(" + renderFloat8(r) + "," + renderFloat8(r) + ")"
}

func renderBits(r *reader) string {
	n := r.int32()
	b := r.rest()
	if n < 0 || len(b) != (n+7)/8 {
		r.bad = true
		return ""
	}
	s := make([]byte, n)
	for i := range s {
		s[i] = '0' + b[i/8]>>(7-i%8)&1
	}
	return string(s)
}

func renderMAC(r *reader) string  { return colons(r.take(6)) }
func renderMAC8(r *reader) string { return colons(r.take(8)) }

func colons(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") }

func renderInet(r *reader) string { return address(r, false) }
func renderCIDR(r *reader) string { return address(r, true) }

// address shows the prefix length of a network always, and of a host when it is not all of it.
func address(r *reader, network bool) string {
	family, bits, _, n := r.uint8(), int(r.uint8()), r.uint8(), int(r.uint8())
	if family == 2 && n != 4 || family == 3 && n != 16 || family < 2 || family > 3 || bits > 8*n {
		r.bad = true
		return ""
	}
	a, _ := netip.AddrFromSlice(r.take(n))
	s := a.String()
	if a.Is4In6() {
		s = "::ffff:" + a.Unmap().String()
	}
	if network || bits != 8*n {
		s += "/" + strconv.Itoa(bits)
	}
	return s
}
