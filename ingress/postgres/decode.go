package postgres

import (
	"bytes"
	"encoding/binary"
	"math"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// reader takes fields off a message body. The first violation makes every later field zero; ok
// reports whether there was none and everything was taken. What it returns aliases the body.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) ok() bool { return !r.bad && len(r.b) == 0 }

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.bytes(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) int16() int {
	if v := r.bytes(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) int32() int32 {
	if v := r.bytes(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

// text takes a string that ends with a zero byte.
func (r *reader) text() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.fail()
		return nil
	}
	v := r.b[:i:i]
	r.b = r.b[i+1:]
	return v
}

// count takes a number of things of at least size bytes each, so that nothing is allocated for
// a claim that the body cannot keep.
func (r *reader) count(size int) int {
	n := r.int16()
	if n*size > len(r.b) {
		r.fail()
		return 0
	}
	return n
}

// nameSize is how many bytes of the name of a statement or portal PostgreSQL looks at
// (NAMEDATALEN - 1): names that differ only beyond them are the same name.
const nameSize = 63

// name takes the name of a statement or portal, as the target will understand it.
func (r *reader) name() string {
	n := r.text()
	return string(n[:min(len(n), nameSize)])
}

func decodeQuery(body []byte) (string, bool) {
	r := reader{b: body}
	text := r.text()
	return string(text), r.ok()
}

type parseMessage struct {
	name, text string
	types      []uint32
}

func decodeParse(body []byte) (parseMessage, bool) {
	r := reader{b: body}
	m := parseMessage{name: r.name(), text: string(r.text())}
	for range r.count(4) {
		m.types = append(m.types, uint32(r.int32()))
	}
	return m, r.ok()
}

type bindMessage struct {
	portal, statement string
	parameters        []session.Parameter // data aliases the body
	results           []bool              // binary?
}

func decodeBind(body []byte) (bindMessage, bool) {
	r := reader{b: body}
	m := bindMessage{portal: r.name(), statement: r.name()}
	var ok bool
	if m.parameters, ok = decodeParameters(&r); !ok {
		return m, false
	}
	m.results, ok = decodeFormats(&r)
	return m, ok && r.ok()
}

// decodeParameters reads formats and values, as Bind and FunctionCall have them.
func decodeParameters(r *reader) ([]session.Parameter, bool) {
	formats, ok := decodeFormats(r)
	n := r.count(4)
	if !ok || len(formats) > 1 && len(formats) != n {
		return nil, false
	}
	var parameters []session.Parameter
	if n > 0 {
		parameters = make([]session.Parameter, n)
	}
	for i := range parameters {
		p := &parameters[i]
		p.Binary = formatOf(formats, i)
		switch size := r.int32(); {
		case size == -1:
			p.Null = true
		case size < 0:
			return nil, false
		default:
			p.Data = r.bytes(int(size))
		}
	}
	return parameters, !r.bad
}

func decodeFormats(r *reader) ([]bool, bool) {
	n := r.count(2)
	if n == 0 {
		return nil, !r.bad
	}
	formats := make([]bool, n)
	for i := range formats {
		f := r.int16()
		if f > 1 {
			return nil, false
		}
		formats[i] = f == 1
	}
	return formats, !r.bad
}

// formatOf is PostgreSQL's rule: none means text, one is for all.
func formatOf(formats []bool, i int) bool {
	switch {
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return false
}

func decodeExecute(body []byte) (portal string, rows int32, ok bool) {
	r := reader{b: body}
	portal, rows = r.name(), r.int32()
	return portal, rows, r.ok()
}

// decodeNamed reads Describe and Close: 'S' or 'P' and a name.
func decodeNamed(body []byte) (kind byte, name string, ok bool) {
	r := reader{b: body}
	kind, name = r.byte(), r.name()
	return kind, name, r.ok() && (kind == 'S' || kind == 'P')
}

// decodeFailure reads the fields of ErrorResponse and NoticeResponse.
func decodeFailure(body []byte) (*schemas.Failure, bool) {
	r := reader{b: body}
	f := &schemas.Failure{}
	for {
		k := r.byte()
		if k == 0 {
			return f, r.ok()
		}
		v := valid(r.text())
		switch k {
		case 'S':
			if f.Severity == "" {
				f.Severity = v
			}
		case 'V': // never translated, unlike S
			f.Severity = v
		case 'C':
			f.Code = v
		case 'M':
			f.Message = v
		case 'D':
			f.Detail = v
		case 'H':
			f.Hint = v
		}
	}
}

func decodeColumns(body []byte) ([]*schemas.Column, bool) {
	r := reader{b: body}
	n := r.count(19)
	columns := make([]*schemas.Column, 0, n)
	all := make([]schemas.Column, n)
	for i := range n {
		c := &all[i]
		c.Name = valid(r.text())
		c.Table = uint32(r.int32())
		c.Attribute = uint32(r.int16())
		c.Type = uint32(r.int32())
		_ = r.int16() // size of the type
		c.Modifier = r.int32()
		format := r.int16()
		if format > 1 {
			return nil, false
		}
		c.Binary = format == 1
		c.TypeName = typeNames[c.Type]
		columns = append(columns, c)
	}
	return columns, r.ok()
}

// checkRow reports whether body is a well-formed DataRow, and how many cells it has.
func checkRow(body []byte) (cells int, ok bool) {
	if len(body) < 2 {
		return 0, false
	}
	cells = int(binary.BigEndian.Uint16(body))
	at := 2
	for range cells {
		if len(body)-at < 4 {
			return 0, false
		}
		n := binary.BigEndian.Uint32(body[at:])
		at += 4
		if n == math.MaxUint32 {
			continue
		}
		if uint64(n) > uint64(len(body)-at) {
			return 0, false
		}
		at += int(n)
	}
	return cells, at == len(body)
}

// cellWalker checks the cells of a row that comes in pieces.
type cellWalker struct {
	cells int    // left, the current one not counted
	data  uint32 // left of the current one
	size  uint32 // being read
	have  int    // bytes of size that were read
	bad   bool
}

func (w *cellWalker) feed(b []byte) bool {
	for len(b) > 0 && !w.bad {
		if w.data > 0 {
			n := min(uint64(w.data), uint64(len(b)))
			w.data -= uint32(n)
			b = b[n:]
			continue
		}
		if w.cells == 0 {
			w.bad = true
			break
		}
		w.size = w.size<<8 | uint32(b[0])
		b = b[1:]
		if w.have++; w.have < 4 {
			continue
		}
		w.have, w.cells = 0, w.cells-1
		if w.size != math.MaxUint32 {
			w.data = w.size
		}
		w.size = 0
	}
	return !w.bad
}

func (w *cellWalker) done() bool { return !w.bad && w.cells == 0 && w.data == 0 && w.have == 0 }

// decodePair reads ParameterStatus: a name and a value.
func decodePair(body []byte) (name, value string, ok bool) {
	r := reader{b: body}
	name, value = string(r.text()), string(r.text())
	return name, value, r.ok()
}

func decodeNotification(body []byte) (channel, payload string, ok bool) {
	r := reader{b: body}
	_ = r.int32()
	channel, payload = string(r.text()), string(r.text())
	return channel, payload, r.ok()
}

// decodeCopy reads CopyInResponse and CopyOutResponse.
func decodeCopy(body []byte) (binary bool, columns int, ok bool) {
	r := reader{b: body}
	format := r.byte()
	columns = r.count(2)
	_ = r.bytes(2 * columns)
	return format == 1, columns, r.ok() && format <= 1
}

func valid(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("\uFFFD"))) }
