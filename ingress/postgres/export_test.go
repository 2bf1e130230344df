package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/credential"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// What the decoders' fuzz tests need to see.
var (
	DecodeQuery        = decodeQuery
	DecodeExecute      = decodeExecute
	DecodeNamed        = decodeNamed
	DecodeFailure      = decodeFailure
	DecodeColumns      = decodeColumns
	DecodeTypes        = decodeTypes
	DecodePair         = decodePair
	DecodeNotification = decodeNotification
	DecodeCopy         = decodeCopy
	CheckRow           = checkRow
	WholeCell          = wholeCell
	SplitPath          = splitPath
	SplitOptions       = splitOptions
)

// DecodeStartup returns what a start-up packet says, and the SQLSTATE of its refusal.
func DecodeStartup(code uint32, body []byte) (user, database string, parameters map[string]string, refused string) {
	s, bad := decodeStartup(code, body)
	if bad != nil {
		return "", "", nil, bad.code
	}
	parameters = make(map[string]string)
	for _, p := range s.parameters {
		parameters[p.name] = p.value
	}
	return s.user, s.database, parameters, ""
}

// WalkCells checks the cells of a DataRow in pieces of n bytes.
func WalkCells(body []byte, n int) bool {
	if len(body) < 2 {
		return false
	}
	w := cellWalker{cells: int(body[0])<<8 | int(body[1])}
	for body = body[2:]; len(body) > 0; body = body[min(n, len(body)):] {
		if !w.feed(body[:min(n, len(body))]) {
			return false
		}
	}
	return w.done()
}

// DecodeParseFields takes a Parse apart.
func DecodeParseFields(body []byte) (name, text string, types []uint32, ok bool) {
	m, ok := decodeParse(body)
	return m.name, m.text, m.types, ok
}

// DecodeBindFields takes a Bind apart, all but the formats of its parameters.
func DecodeBindFields(body []byte) (*pgproto3.Bind, bool) {
	m, ok := decodeBind(body)
	out := &pgproto3.Bind{DestinationPortal: m.portal, PreparedStatement: m.statement}
	for _, p := range m.parameters {
		data := p.Data
		if !p.Null && data == nil {
			data = []byte{}
		}
		out.Parameters = append(out.Parameters, data)
	}
	for _, binary := range m.results {
		code := int16(0)
		if binary {
			code = 1
		}
		out.ResultFormatCodes = append(out.ResultFormatCodes, code)
	}
	return out, ok
}

// Callables are the functions that may be called by the fast path: name, types of arguments and
// of the result, by OID.
func Callables() map[uint32]string {
	out := make(map[uint32]string)
	for oid, c := range callables {
		out[oid] = fmt.Sprint(c.name, c.arguments, c.result)
	}
	return out
}

// DecodeFunctionFields takes a FunctionCall apart, all but the formats of its arguments.
func DecodeFunctionFields(body []byte) (*pgproto3.FunctionCall, bool) {
	m, ok := decodeFunction(body)
	out := &pgproto3.FunctionCall{Function: m.function}
	for _, p := range m.arguments {
		data := p.Data
		if !p.Null && data == nil {
			data = []byte{}
		}
		out.Arguments = append(out.Arguments, data)
	}
	if m.binary {
		out.ResultFormatCode = 1
	}
	return out, ok
}

// Frames reads messages from data, which comes in pieces of n bytes, until one of them is bad.
func Frames(data []byte, n, limit int) [][]byte {
	b := newBuffer(&pieces{data: data, n: n})
	defer b.free()
	var out [][]byte
	for {
		_, raw, err := b.next(limit)
		if err != nil {
			return out
		}
		out = append(out, bytes.Clone(raw))
	}
}

// pieces is a connection that brings data bit by bit, and takes all that is written.
type pieces struct {
	net.Conn
	data []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.data)
	p.data = p.data[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) { return len(b), nil }

func (p *pieces) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Begin is the start of a session on a target that says data, and reports whether the gateway
// takes itself to be let in, and whether the target has proven that it knows the password.
func Begin(data []byte, binding string) (ready, proven, asked bool) {
	target := &resources.Target{Credential: resources.Credential{Username: "app"}, Postgres: &resources.Postgres{ChannelBinding: binding}}
	d := &dialer{target: target, password: credential.NewSecret("secret")}
	a := authenticator{d: d, u: &upstream{conn: &pieces{}}}
	r := &pieces{data: data, n: 100}
	for {
		typ, body, err := readMessage(r, maxStartupAnswer)
		if err != nil {
			return false, a.bound, a.scram != nil
		}
		done, err := a.take(typ, body)
		if done || err != nil {
			return done && err == nil, a.bound, a.scram != nil
		}
	}
}

// Cells decodes a row of the catalogue in every way that its cells are read.
func Cells(body []byte) (n int, ok bool) {
	cells, ok := decodeCells(body)
	var err error
	for _, c := range cells {
		_, _, _ = c.is(), c.oid(&err), c.strings(&err)
	}
	_, _, _ = twoCells(body)
	return len(cells), ok
}

// MaskFor makes a plan ready, as a gateway does.
func MaskFor(t testing.TB, p *schemas.MaskPlan) *session.Masks {
	t.Helper()
	m, err := session.ReadyMasks(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// MaskRow masks the cells of a row whose columns are as given. ok is false for a row that is none.
func MaskRow(m *session.Masks, columns []*schemas.Column, cells []byte) (client, recorded []byte, ok bool) {
	rm := newResultMask(m, new(session.Tally), 0, false, columns)
	if rm == nil {
		return cells, cells, true
	}
	return rm.rowOf(context.Background(), cells)
}

// MaskCopy masks COPY data that comes in pieces of n bytes.
func MaskCopy(m *session.Masks, binary bool, width, n int, data []byte) (client, recorded []byte, err error) {
	c := newCopyMask(m, new(session.Tally), 0, binary, width, false, 1<<20)
	if c == nil {
		return data, data, nil
	}
	none := func(copiedVeil) error { return nil }
	for len(data) > 0 {
		k := min(n, len(data))
		_, out, kept, err := c.feed(context.Background(), data[:k], none)
		if err != nil {
			return nil, nil, err
		}
		client, recorded = append(client, out...), append(recorded, kept...)
		data = data[k:]
	}
	_, out, kept, err := c.end(context.Background(), none)
	return append(client, out...), append(recorded, kept...), err
}

// MaskMessage hides what of an ErrorResponse may quote values.
func MaskMessage(m *session.Masks, guard schemas.Messages, command string, raw []byte) (client, recorded []byte, ok bool) {
	mm := messageMask{masks: m, guard: guard, text: command, client: m.MaskPlan.Whole.GetClient() != 0, tally: new(session.Tally)}
	return mm.message(context.Background(), raw)
}

// QuotesNothing is quotesNothing.
var QuotesNothing = quotesNothing

// MaskArray masks each element of an array.
func MaskArray(v []byte, isBinary bool) ([]byte, bool) {
	each := func(dst, _ []byte) ([]byte, bool) { return append(dst, "a b"...), false }
	if isBinary {
		return arrayBinary(nil, v, each)
	}
	return arrayText(nil, v, each)
}

// RowMasker returns what masks one row after another.
func RowMasker(m *session.Masks, columns []*schemas.Column) func(cells []byte) []byte {
	rm := newResultMask(m, new(session.Tally), 0, false, columns)
	return func(cells []byte) []byte {
		client, _, _ := rm.rowOf(context.Background(), cells)
		return client
	}
}
