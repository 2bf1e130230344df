package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport/ingress/mask"
	"sallyport/schemas/values"
)

// OIDs of types whose masked values have a form of their own (pg_type.dat).
const (
	typeBool        = 16
	typeChar        = 18
	typeName        = 19
	typeInt2        = 21
	typeText        = 25
	typeXID         = 28
	typeCID         = 29
	typeJSON        = 114
	typeXML         = 142
	typeCIDR        = 650
	typeFloat4      = 700
	typeFloat8      = 701
	typeUnknown     = 705
	typeMacaddr8    = 774
	typeMoney       = 790
	typeMacaddr     = 829
	typeInet        = 869
	typeBpchar      = 1042
	typeVarchar     = 1043
	typeDate        = 1082
	typeTime        = 1083
	typeTimestamp   = 1114
	typeTimestamptz = 1184
	typeInterval    = 1186
	typeTimetz      = 1266
	typeBit         = 1560
	typeVarbit      = 1562
	typeNumeric     = 1700
	typeRefcursor   = 1790
	typeRecord      = 2249
	typeCstring     = 2275
	typeUUID        = 2950
	typeJSONB       = 3802
	typeXID8        = 5069
)

// masker masks values of PostgreSQL's types, so that what a type's client gets is a value of the type.
type masker struct {
	t *mask.Transform
}

// value appends the masked form of a value in the given format. null says that there is none, and nothing
// was appended: with null, and for what has no form that could stand for it.
func (m masker) value(dst []byte, oid uint32, isBinary bool, v []byte) (out []byte, null bool) {
	if m.t.Method() == mask.Null {
		return dst, true
	}
	if e, ok := values.Element(oid); ok {
		return m.array(dst, e, isBinary, v)
	}
	if values.Range(oid) {
		if isBinary {
			return append(dst, 1), false // RANGE_EMPTY
		}
		return append(dst, "empty"...), false
	}
	if isBinary {
		return m.binary(dst, oid, v)
	}
	return m.text(dst, oid, v)
}

// text is value in the text format.
func (m masker) text(dst []byte, oid uint32, v []byte) (out []byte, null bool) {
	switch oid {
	case typeInt2, typeInt4, typeInt8, typeOID, typeXID, typeCID, typeXID8:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			n = 0
		}
		n, null = m.t.Int(n, bitsOf(oid))
		return strconv.AppendInt(dst, n, 10), null
	case typeFloat4, typeFloat8:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			f = 0
		}
		f, null = m.t.Float(f, bitsOf(oid))
		return append(dst, values.Text(oid, true, appendFloat(nil, f, oid))...), null
	case typeNumeric:
		return m.t.Numeric(dst, v)
	case typeMoney:
		n, null := m.t.Int(cents(v), 64)
		return appendMoney(dst, n), null
	case typeBool:
		return append(dst, 'f'), false
	case typeChar:
		return append(dst, '*'), false
	case typeUUID:
		return m.uuidText(dst, v)
	case typeDate, typeTimestamp, typeTimestamptz:
		return m.timeText(dst, oid, v)
	case typeJSON, typeJSONB:
		return m.t.JSON(dst, v)
	case typeBytea:
		return m.byteaText(dst, v)
	}
	if fixed, ok := fixedText(oid, v); ok {
		return append(dst, fixed...), false
	}
	if oid == typeXML && m.t.Method() == mask.Partial { // a part of a document is none
		return append(dst, mask.Redacted...), false
	}
	return m.t.Text(dst, v)
}

// fixedText is what stands for types of which nothing is left, whatever the rule.
func fixedText(oid uint32, v []byte) (string, bool) {
	switch oid {
	case typeTime, typeInterval:
		return "00:00:00", true
	case typeTimetz:
		return "00:00:00+00", true
	case typeInet:
		return "0.0.0.0", true
	case typeCIDR:
		return "0.0.0.0/32", true
	case typeMacaddr:
		return "00:00:00:00:00:00", true
	case typeMacaddr8:
		return "00:00:00:00:00:00:00:00", true
	case typeBit, typeVarbit:
		return string(bytes.Repeat([]byte{'0'}, max(1, len(v)))), true
	case typeRecord:
		return "(" + mask.Redacted + ")", true
	}
	return "", false
}

// binary is value in the binary format.
func (m masker) binary(dst []byte, oid uint32, v []byte) (out []byte, null bool) {
	switch oid {
	case typeInt2, typeInt4, typeInt8, typeOID, typeXID, typeCID, typeXID8, typeMoney:
		n, null := m.t.Int(integer(v), bitsOf(oid))
		return appendInteger(dst, n, bitsOf(oid)/8), null
	case typeFloat4:
		f, null := m.t.Float(float64(math.Float32frombits(uint32(integer(v)))), 32)
		return appendFloat(dst, f, oid), null
	case typeFloat8:
		f, null := m.t.Float(math.Float64frombits(uint64(integer(v))), 64)
		return appendFloat(dst, f, oid), null
	case typeNumeric:
		text, null := m.t.Numeric(nil, []byte(values.Text(typeNumeric, true, v)))
		return appendNumeric(dst, text), null
	case typeBool:
		return append(dst, 0), false
	case typeChar:
		return append(dst, '*'), false
	case typeUUID:
		var id [16]byte
		copy(id[:], v)
		id, null = m.t.UUID(id)
		return append(dst, id[:]...), null
	case typeDate, typeTimestamp, typeTimestamptz:
		return m.timeBinary(dst, oid, v)
	case typeJSONB:
		return m.t.JSON(append(dst, 1), bytes.TrimPrefix(v, []byte{1}))
	case typeJSON:
		return m.t.JSON(dst, v)
	case typeBytea:
		return m.t.Bytes(dst, v)
	case typeRecord:
		return m.record(dst, v)
	}
	if fixed, ok := fixedBinary(oid, v); ok {
		return append(dst, fixed...), false
	}
	if oid == typeXML && m.t.Method() == mask.Partial {
		return append(dst, mask.Redacted...), false
	}
	if textual(oid) || oid != 0 && printable(v) {
		return m.t.Text(dst, v)
	}
	return dst, true // of a type that is not known here there is only one value that surely is one
}

func fixedBinary(oid uint32, v []byte) ([]byte, bool) {
	size := map[uint32]int{typeTime: 8, typeInterval: 16, typeTimetz: 12, typeMacaddr: 6, typeMacaddr8: 8}[oid]
	switch {
	case size > 0:
		return make([]byte, size), true
	case oid == typeInet:
		return []byte{2, 32, 0, 4, 0, 0, 0, 0}, true // PGSQL_AF_INET, bits, is_cidr, size
	case oid == typeCIDR:
		return []byte{2, 32, 1, 4, 0, 0, 0, 0}, true
	case (oid == typeBit || oid == typeVarbit) && len(v) >= 4:
		return append(bytes.Clone(v[:4]), make([]byte, len(v)-4)...), true
	case oid == typeBit || oid == typeVarbit:
		return []byte{0, 0, 0, 1, 0}, true // one bit
	}
	return nil, false
}

func textual(oid uint32) bool {
	switch oid {
	case typeText, typeVarchar, typeBpchar, typeName, typeXML, typeUnknown, typeCstring, typeRefcursor:
		return true
	}
	return false
}

// printable reports whether bytes are text: of enums, domains and types such as citext the binary form is.
func printable(v []byte) bool {
	if !utf8.Valid(v) || len(v) == 0 {
		return false
	}
	for _, r := range string(v) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}

func bitsOf(oid uint32) int {
	switch oid {
	case typeInt2:
		return 16
	case typeInt8, typeFloat8, typeMoney, typeXID8:
		return 64
	}
	return 32
}

// integer reads a big-endian integer of any width up to 8 bytes, with its sign.
func integer(v []byte) int64 {
	switch len(v) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func appendInteger(dst []byte, n int64, size int) []byte {
	switch size {
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

func appendFloat(dst []byte, f float64, oid uint32) []byte {
	if oid == typeFloat4 {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// cents reads the digits of an amount as the locale writes it.
func cents(v []byte) int64 {
	n := int64(0)
	for _, c := range v {
		if c >= '0' && c <= '9' && n < 1e16 {
			n = 10*n + int64(c-'0')
		}
	}
	return n
}

func appendMoney(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n/100, 10)
	dst = append(dst, '.', byte('0'+n%100/10), byte('0'+n%10))
	return dst
}

// appendNumeric writes a whole number in decimal digits as numeric_send does: digits of base 10000.
func appendNumeric(dst, text []byte) []byte {
	var digits []uint16
	for end := len(text); end > 0; end -= 4 {
		d := uint16(0)
		for _, c := range text[max(0, end-4):end] {
			d = 10*d + uint16(c-'0')
		}
		digits = append(digits, d)
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(max(len(digits)-1, 0))) // weight
	dst = append(dst, 0, 0, 0, 0)                                           // sign, scale
	for i := len(digits) - 1; i >= 0; i-- {
		dst = binary.BigEndian.AppendUint16(dst, digits[i])
	}
	return dst
}

func (m masker) uuidText(dst, v []byte) ([]byte, bool) {
	var id [16]byte
	_, _ = hex.Decode(id[:], bytes.ReplaceAll(v, []byte("-"), nil)[:min(32, len(v)-bytes.Count(v, []byte("-")))]) // what is none is zero
	id, null := m.t.UUID(id)
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{b})
	}
	return dst, null
}

func (m masker) byteaText(dst, v []byte) ([]byte, bool) {
	out, null := m.t.Bytes(nil, unhex(v))
	return hex.AppendEncode(append(dst, `\x`...), out), null
}

// unhex reads bytea_output hex; what is in another form stays.
func unhex(v []byte) []byte {
	if !bytes.HasPrefix(v, []byte(`\x`)) {
		return v
	}
	raw := make([]byte, hex.DecodedLen(len(v)-2))
	n, _ := hex.Decode(raw, v[2:])
	return raw[:n]
}

// pgEpoch is where dates and times of the binary format count from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (m masker) timeBinary(dst []byte, oid uint32, v []byte) ([]byte, bool) {
	at := pgEpoch
	switch n := integer(v); {
	case oid == typeDate:
		at = pgEpoch.AddDate(0, 0, int(n))
	case n > math.MinInt64/2 && n < math.MaxInt64/2:
		at = time.Unix(pgEpoch.Unix()+n/1e6, n%1e6*1000).UTC()
	}
	at, null := m.t.Time(inRange(at))
	if oid == typeDate {
		return binary.BigEndian.AppendUint32(dst, uint32(int32(at.Sub(pgEpoch)/(24*time.Hour)))), null
	}
	return binary.BigEndian.AppendUint64(dst, uint64(at.Unix()-pgEpoch.Unix())*1e6), null
}

// inRange keeps to the years that are written with four digits: infinity and the far past are not told.
func inRange(t time.Time) time.Time {
	if t.Year() < 1 || t.Year() > 9999 {
		return pgEpoch
	}
	return t
}

// timeText reads and writes DateStyle ISO; of other styles nothing is left but an epoch.
func (m masker) timeText(dst []byte, oid uint32, v []byte) ([]byte, bool) {
	read, write := "2006-01-02", "2006-01-02"
	if oid != typeDate {
		read, write = "2006-01-02 15:04:05", "2006-01-02 15:04:05"
	}
	layouts := []string{read}
	if oid == typeTimestamptz {
		layouts, write = []string{read + "-07", read + "-07:00"}, write+"-07"
	}
	at := time.Unix(0, 0).UTC()
	for _, l := range layouts {
		if t, err := time.Parse(l, string(v)); err == nil {
			at = t.UTC()
			break
		}
	}
	at, null := m.t.Time(inRange(at))
	return at.AppendFormat(dst, write), null
}

// record masks each field of a composite value by its type.
func (m masker) record(dst, v []byte) ([]byte, bool) {
	r := reader{b: v}
	n := r.int32()
	if n < 0 || int(n) > len(r.b)/8 {
		return dst, true
	}
	out := binary.BigEndian.AppendUint32(dst, uint32(n))
	for range n {
		oid, size := uint32(r.int32()), r.int32()
		var field []byte
		if size > 0 {
			field = r.bytes(int(size))
		}
		out = binary.BigEndian.AppendUint32(out, oid)
		out = appendCell(out, func(dst []byte) ([]byte, bool) { return m.value(dst, oid, true, field) })
	}
	if !r.ok() {
		return dst, true
	}
	return out, false
}

// appendCell appends a value with its length before it, or the length of a null.
func appendCell(dst []byte, f func(dst []byte) ([]byte, bool)) []byte {
	at := len(dst)
	out, null := f(append(dst, 0, 0, 0, 0))
	if null {
		out = append(out[:at], 0xff, 0xff, 0xff, 0xff)
		return out
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	return out
}
