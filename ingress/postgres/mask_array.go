package postgres

import (
	"bytes"
	"encoding/binary"

	"sallyport/ingress/mask"
)

// element is what becomes of an element of an array.
type element func(dst, v []byte) (out []byte, null bool)

// array masks each element. What is no array as PostgreSQL writes them becomes an empty one.
func (m masker) array(dst []byte, oid uint32, isBinary bool, v []byte) ([]byte, bool) {
	each := func(dst, v []byte) ([]byte, bool) { return m.value(dst, oid, isBinary, v) }
	if isBinary {
		if out, ok := arrayBinary(dst, v, each); ok {
			return out, false
		}
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 0, 0, 0, 0, 0), oid), false
	}
	if out, ok := arrayText(dst, v, each); ok {
		return out, false
	}
	return append(dst, "{}"...), false
}

// single is an array of one element that stands for an array that was computed: how many there were, and
// which were null, is not told.
func (m masker) single(dst []byte, oid uint32, isBinary bool, v []byte) ([]byte, bool) {
	if m.t.Method() == mask.Null {
		return dst, true
	}
	if !isBinary {
		out, null := m.value(nil, oid, false, nil)
		if null {
			return append(dst, "{NULL}"...), false
		}
		return append(appendElement(append(dst, '{'), out), '}'), false
	}
	dst = binary.BigEndian.AppendUint32(dst, 1) // dimensions
	dst = append(dst, 0, 0, 0, 1)               // has nulls, perhaps
	dst = binary.BigEndian.AppendUint32(dst, oid)
	dst = append(dst, 0, 0, 0, 1, 0, 0, 0, 1) // size, lower bound
	return appendCell(dst, func(dst []byte) ([]byte, bool) { return m.value(dst, oid, true, nil) }), false
}

// arrayBinary walks an array as array_send writes it: dimensions, flags, the type of elements, size and lower
// bound of each dimension, elements.
func arrayBinary(dst, v []byte, each element) ([]byte, bool) {
	r := reader{b: v}
	dims := r.int32()
	if dims < 0 || dims > 6 {
		return dst, false
	}
	head := r.bytes(8 + 8*int(dims))
	if r.bad {
		return dst, false
	}
	out := append(binary.BigEndian.AppendUint32(dst, uint32(dims)), head...)
	flags := len(dst) + 4
	for len(r.b) > 0 {
		size := r.int32()
		if size == -1 {
			out = append(out, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		e := r.bytes(int(size))
		if r.bad {
			return dst, false
		}
		at := len(out)
		out = appendCell(out, func(dst []byte) ([]byte, bool) { return each(dst, e) })
		if bytes.Equal(out[at:], []byte{0xff, 0xff, 0xff, 0xff}) {
			out[flags+3] = 1 // it has nulls now
		}
	}
	return out, !r.bad
}

// arrayText walks an array as array_out writes it.
func arrayText(dst, v []byte, each element) ([]byte, bool) {
	out, depth, at := dst, 0, 0
	if len(v) > 0 && v[0] == '[' { // bounds: [2:3]={…}
		at = bytes.IndexByte(v, '=') + 1
		if at == 0 {
			return dst, false
		}
		out = append(out, v[:at]...)
	}
	if at == len(v) || v[at] != '{' {
		return dst, false
	}
	for at < len(v) {
		switch c := v[at]; c {
		case '{':
			depth++
			out = append(out, c)
			at++
		case '}':
			if depth--; depth < 0 {
				return dst, false
			}
			out = append(out, c)
			at++
		case ',':
			out = append(out, c)
			at++
		default:
			e, quoted, n := arrayElement(v[at:])
			if n == 0 || depth == 0 {
				return dst, false
			}
			at += n
			if !quoted && bytes.EqualFold(e, []byte("null")) {
				out = append(out, "NULL"...)
				continue
			}
			masked, null := each(nil, e)
			if null {
				out = append(out, "NULL"...)
				continue
			}
			out = appendElement(out, masked)
		}
	}
	return out, depth == 0
}

// arrayElement reads an element without its quotes, and says how long it was; 0: it does not end.
func arrayElement(v []byte) (e []byte, quoted bool, size int) {
	if v[0] != '"' {
		n := bytes.IndexAny(v, ",}")
		if n < 0 {
			return nil, false, 0
		}
		return unescaped(v[:n]), false, n
	}
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return unescaped(v[1:i]), true, i + 1
		}
	}
	return nil, true, 0
}

func unescaped(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return out
}

// appendElement quotes as array_out does.
func appendElement(dst, e []byte) []byte {
	if len(e) > 0 && !bytes.EqualFold(e, []byte("null")) && !bytes.ContainsAny(e, "\"\\{}, \t\n\r\v\f") {
		return append(dst, e...)
	}
	dst = append(dst, '"')
	for _, c := range e {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
