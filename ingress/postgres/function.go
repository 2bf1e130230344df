package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// callable is a function that may be called by the fast path.
type callable struct {
	name      string
	arguments []uint32 // OIDs of their types
	result    uint32   // OID of its type
}

const (
	typeBytea = 17
	typeInt8  = 20
	typeInt4  = 23
	typeOID   = 26
)

// callables are the functions of large objects: what libpq, and so pg_dump, calls in this way, and
// what JDBC does. From pg_proc.dat; these numbers never change. Others would be judged by a number
// that means something else on each server.
var callables = map[uint32]callable{
	952:  {"lo_open", []uint32{typeOID, typeInt4}, typeInt4},
	953:  {"lo_close", []uint32{typeInt4}, typeInt4},
	954:  {"loread", []uint32{typeInt4, typeInt4}, typeBytea},
	955:  {"lowrite", []uint32{typeInt4, typeBytea}, typeInt4},
	956:  {"lo_lseek", []uint32{typeInt4, typeInt4, typeInt4}, typeInt4},
	957:  {"lo_creat", []uint32{typeInt4}, typeOID},
	958:  {"lo_tell", []uint32{typeInt4}, typeInt4},
	964:  {"lo_unlink", []uint32{typeOID}, typeInt4},
	715:  {"lo_create", []uint32{typeOID}, typeOID},
	1004: {"lo_truncate", []uint32{typeInt4, typeInt4}, typeInt4},
	3170: {"lo_lseek64", []uint32{typeInt4, typeInt8, typeInt4}, typeInt8},
	3171: {"lo_tell64", []uint32{typeInt4}, typeInt8},
	3172: {"lo_truncate64", []uint32{typeInt4, typeInt8}, typeInt4},
}

// text is the statement that a call with n arguments stands for.
func (c callable) text(n int) string {
	marks := make([]string, n)
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return "SELECT pg_catalog." + c.name + "(" + strings.Join(marks, ", ") + ")"
}

type functionMessage struct {
	function  uint32
	arguments []session.Parameter // data aliases the body
	binary    bool                // the result
}

func decodeFunction(body []byte) (functionMessage, bool) {
	r := reader{b: body}
	m := functionMessage{function: uint32(r.int32())}
	var ok bool
	if m.arguments, ok = decodeParameters(&r); !ok {
		return m, false
	}
	format := r.int16()
	m.binary = format == 1
	return m, r.ok() && format <= 1
}

// call handles FunctionCall, which behaves like a simple query.
func (r *relay) call(ctx context.Context, raw []byte) error {
	const kind = schemas.CommandKind_COMMAND_KIND_EXECUTE
	m, ok := decodeFunction(bytes.Clone(raw[header:])) // its values outlive the buffer
	if !ok {
		return r.refuseSimple(ctx, failure("08P01", "invalid message format"), kind)
	}
	function, known := callables[m.function]
	if !known {
		return r.refuseSimple(ctx, failure("0A000", "the gateway passes on only function calls that are of large objects").
			hint("call the function with SELECT"), kind)
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	for i := range m.arguments {
		if i < len(function.arguments) {
			m.arguments[i].Type = function.arguments[i]
		}
	}
	c := session.Command{Kind: kind, Text: function.text(len(m.arguments)), Parameters: m.arguments}
	d, err := r.s.Decide(ctx, kindPrepare, c.Text)
	if err != nil {
		return err
	}
	f := &r.front
	i := item{kind: itemQuery, unit: f.unit, result: &schemas.Column{Name: function.name, Type: function.result,
		TypeName: typeNames[function.result], Modifier: -1, Binary: m.binary}, masks: d.Masks, text: c.Text}
	if !d.Allowed() {
		i.refused = denial(d)
		f.batch.out = insteadOfQuery(f.batch.out)
	} else {
		f.batch.raw = raw
	}
	f.batch.command(c, d)
	i.command = uint64(len(f.batch.commands))
	f.batch.items = append(f.batch.items, i)
	f.unit++
	return r.flush(ctx)
}

// called handles FunctionCallResponse: it is recorded as the only row of the SELECT.
func (r *relay) called(ctx context.Context, i *item, raw []byte) error {
	b, body := &r.back, raw[header:]
	if i.kind != itemQuery || i.result == nil || !wholeCell(body) {
		return errOutOfStep
	}
	columns := r.maskResult(i, []*schemas.Column{i.result})
	if err := r.s.Columns(ctx, &schemas.Columns{Command: i.command, Columns: columns}); err != nil {
		return err
	}
	if b.masking.result != nil {
		var err error
		if body, err = r.maskedCall(ctx, i, raw); err != nil {
			return err
		}
	}
	b.res.rows, b.res.bytes = 1, uint64(len(body))
	b.res.tags = append(b.res.tags[:0], "SELECT 1"...) // a target says none
	for {
		n := min(len(body), session.MaxPayload)
		rows := &schemas.Rows{Command: i.command, Columns: 1, Cells: body[:n], More: n < len(body)}
		if !rows.More {
			rows.Count = 1
		}
		if err := r.s.Rows(ctx, rows); err != nil || !rows.More {
			return err
		}
		body = body[n:]
	}
}

// wholeCell reports whether body is a length and as many bytes, or the length of a null.
func wholeCell(body []byte) bool {
	w := cellWalker{cells: 1}
	return w.feed(body) && w.done()
}
