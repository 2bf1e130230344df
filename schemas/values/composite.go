package values

import (
	"fmt"
	"slices"
	"strings"
)

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// element takes one length and that many bytes; null is reported by the second result.
func (r *reader) element() ([]byte, bool) {
	n := r.int32()
	if n == -1 {
		return nil, true
	}
	if n < 0 {
		r.bad = true
		return nil, false
	}
	return r.take(n), false
}

// array is the header of a binary array.
type array struct {
	element uint32
	dims    []int
	lower   []int
}

func (r *reader) array() (array, error) {
	n, _, a := r.int32(), r.uint32(), array{}
	a.element = r.uint32()
	if r.bad || n < 0 || n > 6 {
		return a, malformed("array header")
	}
	total := 1
	for range n {
		size, lower := r.int32(), r.int32()
		if total *= size; r.bad || size < 0 || size == 0 && n > 1 || total > len(r.b)/4 {
			return a, malformed("array dimensions")
		}
		a.dims, a.lower = append(a.dims, size), append(a.lower, lower)
	}
	return a, nil
}

func renderArray(b []byte, depth int) (string, error) {
	r := &reader{b: b}
	a, err := r.array()
	if err != nil {
		return "", err
	}
	if len(a.dims) == 0 {
		return "{}", r.done("array")
	}
	var s strings.Builder
	if slices.ContainsFunc(a.lower, func(l int) bool { return l != 1 }) {
		for i, l := range a.lower {
			fmt.Fprintf(&s, "[%d:%d]", l, l+a.dims[i]-1)
		}
		s.WriteByte('=')
	}
	if err := r.nested(&s, a, a.dims, depth); err != nil {
		return "", err
	}
	return s.String(), r.done("array")
}

func (r *reader) done(what string) error {
	if r.bad || len(r.b) > 0 {
		return malformed(what)
	}
	return nil
}

func (r *reader) nested(s *strings.Builder, a array, dims []int, depth int) error {
	s.WriteByte('{')
	for i := range dims[0] {
		if i > 0 {
			s.WriteByte(',')
		}
		if len(dims) > 1 {
			if err := r.nested(s, a, dims[1:], depth); err != nil {
				return err
			}
			continue
		}
		data, isNull := r.element()
		if r.bad {
			return malformed("array element")
		}
		if isNull {
			s.WriteString("NULL")
			continue
		}
		text, err := render(a.element, data, depth+1)
		if err != nil {
			return err
		}
		s.WriteString(quoteElement(text))
	}
	s.WriteByte('}')
	return nil
}

func quoteElement(s string) string {
	if s != "" && !strings.EqualFold(s, "null") && !strings.ContainsAny(s, "\"\\{}, \t\n\r\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}

// renderVector is int2vector and oidvector: an array shown as numbers with spaces between.
func renderVector(b []byte, depth int) (string, error) {
	s, err := renderArray(b, depth)
	if i := strings.IndexByte(s, '='); i >= 0 {
		s = s[i+1:]
	}
	return strings.ReplaceAll(strings.Trim(s, "{}"), ",", " "), err
}

func renderRecord(b []byte, depth int) (string, error) {
	r := &reader{b: b}
	n := r.int32()
	if r.bad || n < 0 || n > len(r.b)/8 {
		return "", malformed("record header")
	}
	fields := make([]string, n)
	for i := range fields {
		oid := r.uint32()
		data, isNull := r.element()
		if r.bad {
			return "", malformed("record field")
		}
		if isNull {
			continue
		}
		text, err := render(oid, data, depth+1)
		if err != nil {
			return "", err
		}
		fields[i] = quoteField(text)
	}
	return "(" + strings.Join(fields, ",") + ")", r.done("record")
}

// quoteField quotes as record_out and range_out do, which double what they escape.
func quoteField(s string) string {
	if s != "" && !strings.ContainsAny(s, "\"\\()[], \t\n\r\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `""`, `\`, `\\`).Replace(s) + `"`
}

// Flags of a binary range.
const (
	rangeEmpty         = 0x01
	rangeLowInclusive  = 0x02
	rangeHighInclusive = 0x04
	rangeLowInfinite   = 0x08
	rangeHighInfinite  = 0x10
)

func renderRange(elem uint32, b []byte, depth int) (string, error) {
	r := &reader{b: b}
	flags := r.uint8()
	if flags&rangeEmpty != 0 {
		return "empty", r.done("range")
	}
	open, closing := "(", ")"
	if flags&rangeLowInclusive != 0 {
		open = "["
	}
	if flags&rangeHighInclusive != 0 {
		closing = "]"
	}
	low, err := r.bound(elem, flags&rangeLowInfinite != 0, depth)
	if err != nil {
		return "", err
	}
	high, err := r.bound(elem, flags&rangeHighInfinite != 0, depth)
	if err != nil {
		return "", err
	}
	return open + low + "," + high + closing, r.done("range")
}

func (r *reader) bound(elem uint32, infinite bool, depth int) (string, error) {
	if infinite {
		return "", nil
	}
	data, isNull := r.element()
	if r.bad || isNull {
		return "", malformed("range bound")
	}
	s, err := render(elem, data, depth+1)
	return quoteField(s), err
}
