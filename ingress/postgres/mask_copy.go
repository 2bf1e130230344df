package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas"
)

// copyMask masks the data of COPY, which may come in pieces that end anywhere. It gives out whole rows. It
// belongs to one goroutine.
//
// Reference: PostgreSQL, "COPY", File Formats; src/backend/commands/copyto.c.
type copyMask struct {
	rows   resultMask
	format *schemas.CopyFormat
	how    copyHow
	null   []byte
	delim  byte
	quote  byte
	escape byte

	pending []byte // of a row that is not whole
	scan    int    // how much of it was looked at,
	quoted  bool   // and whether that ended within quotes,
	escaped bool   // or after a backslash
	begun   bool   // the header line, or the binary header, has gone by
	over    bool   // the end marker has
	row     uint64 // rows that have gone by
	limit   int    // bytes of one row
	lenient bool   // what is not as the format says is hidden whole, and no error: the target will say so

	client, recorded []byte // what one call gives
	fields           []copyField
	cells            []byte
}

type copyHow uint8

const (
	copyText copyHow = iota
	copyCSV
	copyBinary
	copyOther // nothing is known of the form: it is not shown at all
)

// copyField is one field of a row in text or csv.
type copyField struct {
	start, end int // in the row, with quotes
	value      []byte
	null       bool
}

// copiedVeil is a value that the client got and the recording does not hold.
type copiedVeil struct {
	veiledCell
	row uint64
}

var (
	errCopyData = errors.New("the data of COPY is not as its format says")
	errCopyRow  = errors.New("a row of COPY is larger than what can be masked")
)

// newCopyMask returns what masks COPY's data of the statement of that place, nil when nothing does. isBinary
// and width are what CopyOutResponse, or CopyInResponse, says. embedded says that the client's encoding has
// ASCII bytes within characters: then fields cannot be told.
func newCopyMask(m *session.Masks, tally *session.Tally, statement int, isBinary bool, width int, embedded bool, limit int) *copyMask {
	c := &copyMask{limit: limit, how: copyOther}
	c.rows.masks, c.rows.tally, c.rows.split = m, tally, m.Client() != m.Recorded()
	var announced []*schemas.ColumnMask
	whole := statement >= len(m.Results)
	if !whole {
		r := m.Results[statement]
		c.format, announced = r.Copy, r.Columns
		whole = !r.Clear && len(announced) != width || embedded && !r.Clear
	}
	active := m.Recorded() != nil
	for i := range width {
		column := &schemas.Column{Binary: isBinary}
		by, plain := m.Whole, false
		switch {
		case !whole && announced == nil:
			by = nil
		case !whole:
			a := announced[i]
			by, plain = a.By, a.Plain
			column.Name, column.Type = a.Name, a.Type
		}
		cm := newColumnMask(m, by, plain, column)
		if column.Type == 0 && !isBinary {
			cm.scan = scanText
		}
		active = active || cm.by.recorded != 0
		c.rows.split = c.rows.split || cm.by.recorded != cm.by.client
		c.rows.columns = append(c.rows.columns, cm)
	}
	if !active {
		return nil
	}
	c.form(isBinary)
	return c
}

// form finds how rows are written.
func (c *copyMask) form(isBinary bool) {
	f := c.format
	one := func(s string, d byte) byte {
		if len(s) == 1 {
			return s[0]
		}
		return d
	}
	switch {
	case isBinary:
		c.how = copyBinary
	case f == nil: // nothing is known
	case f.Format == "text":
		c.how, c.delim, c.null, c.begun = copyText, one(f.Delimiter, '\t'), []byte(f.Null), !f.Header
	case f.Format == "csv":
		c.how, c.delim, c.null, c.begun = copyCSV, one(f.Delimiter, ','), []byte(f.Null), !f.Header
		c.quote = one(f.Quote, '"')
		c.escape = one(f.Escape, c.quote)
	}
}

// feed takes the next piece of data. What it gives is valid until the next call, and data itself when
// nothing changed. raw are the rows of both as they were.
func (c *copyMask) feed(ctx context.Context, data []byte, veil func(copiedVeil) error) (raw, client, recorded []byte, err error) {
	c.client, c.recorded = c.client[:0], c.recorded[:0]
	held := len(c.pending)
	all := data
	if held > 0 {
		c.pending = append(c.pending, data...)
		all = c.pending
	}
	end, changed := 0, false
	for {
		size, err := c.next(all[end:])
		if err != nil && c.lenient {
			c.how, c.begun, err = copyOther, false, nil
			size = len(all) - end
		}
		if err != nil {
			return nil, nil, nil, err
		}
		if size == 0 {
			break
		}
		done, err := c.take(ctx, all[end:end+size], veil)
		if err != nil {
			return nil, nil, nil, err
		}
		changed = changed || done
		end += size
	}
	raw = all[:end]
	if rest := all[end:]; len(rest) > c.limit {
		return nil, nil, nil, errCopyRow
	} else {
		raw = c.keep(raw, rest, held)
	}
	if !changed {
		return raw, raw, raw, nil
	}
	if !c.rows.split {
		return raw, c.client, c.client, nil
	}
	return raw, c.client, c.recorded, nil
}

// keep holds what is not whole back. It returns raw, which may lie where that is held.
func (c *copyMask) keep(raw, rest []byte, held int) []byte {
	if held > 0 {
		if len(raw) == 0 {
			return nil // all of it is in pending already
		}
		c.pending = slices.Clone(rest)
		return raw
	}
	c.pending = append(c.pending[:0], rest...)
	return raw
}

// end gives what is left when the data ends.
func (c *copyMask) end(ctx context.Context, veil func(copiedVeil) error) (raw, client, recorded []byte, err error) {
	c.client, c.recorded = c.client[:0], c.recorded[:0]
	raw = c.pending
	c.pending, c.scan, c.quoted, c.escaped = nil, 0, false, false
	if len(raw) == 0 {
		return nil, nil, nil, nil
	}
	if c.how == copyBinary {
		if !c.lenient {
			return nil, nil, nil, errCopyData
		}
		c.how, c.begun = copyOther, false
	}
	changed, err := c.take(ctx, raw, veil)
	switch {
	case err != nil:
		return nil, nil, nil, err
	case !changed:
		return raw, raw, raw, nil
	case !c.rows.split:
		return raw, c.client, c.client, nil
	}
	return raw, c.client, c.recorded, nil
}

// take appends a row to what is given, masked. It reports whether it changed.
func (c *copyMask) take(ctx context.Context, row []byte, veil func(copiedVeil) error) (changed bool, err error) {
	if c.how == copyOther {
		return c.hideAll(), nil
	}
	if c.plainRow(row) {
		c.give(row, row)
		return false, nil
	}
	c.row++
	if c.how == copyBinary {
		client, recorded, ok := c.rows.rowOf(ctx, row[2:])
		if !ok {
			return false, errCopyData
		}
		changed = c.rows.client.changed || c.rows.recorded.changed && c.rows.split
		c.client = append(append(c.client, row[:2]...), client...)
		if c.rows.split {
			c.recorded = append(append(c.recorded, row[:2]...), recorded...)
		}
		return changed, c.veil(veil)
	}
	return c.line(ctx, row, veil)
}

func (c *copyMask) give(client, recorded []byte) {
	c.client = append(c.client, client...)
	if c.rows.split {
		c.recorded = append(c.recorded, recorded...)
	}
}

// hideAll gives one marker in place of data whose form is not known.
func (c *copyMask) hideAll() (changed bool) {
	if !c.begun {
		c.begun = true
		c.give([]byte(mask.Redacted+"\n"), []byte(mask.Redacted+"\n"))
		for i := range c.rows.columns {
			c.rows.columns[i].masked++
		}
	}
	return true
}

// line masks a row of text or csv, by way of cells as DataRow has them.
func (c *copyMask) line(ctx context.Context, row []byte, veil func(copiedVeil) error) (changed bool, err error) {
	body := bytes.TrimSuffix(row, []byte("\n"))
	body = bytes.TrimSuffix(body, []byte("\r"))
	if !c.split(body) || len(c.fields) != len(c.rows.columns) {
		return c.misshapen(row, body)
	}
	c.cells = c.cells[:0]
	for _, f := range c.fields {
		if f.null {
			c.cells = append(c.cells, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		c.cells = binary.BigEndian.AppendUint32(c.cells, uint32(len(f.value)))
		c.cells = append(c.cells, f.value...)
	}
	client, recorded, ok := c.rows.rowOf(ctx, c.cells)
	if !ok {
		return false, errCopyData
	}
	tail := row[len(body):]
	c.client = c.written(c.client, client, c.rows.client.changed, body, tail)
	if c.rows.split {
		c.recorded = c.written(c.recorded, recorded, c.rows.recorded.changed, body, tail)
	}
	return c.rows.client.changed || c.rows.split && c.rows.recorded.changed, c.veil(veil)
}

// misshapen gives a row that has not the fields that were announced: masked whole, as one field. A table
// without columns has rows without fields.
func (c *copyMask) misshapen(row, body []byte) (changed bool, err error) {
	if len(body) == 0 && len(c.rows.columns) == 0 {
		c.give(row, row)
		return false, nil
	}
	marker := append([]byte(mask.Redacted), row[len(body):]...)
	c.give(marker, marker)
	if len(c.rows.columns) > 0 {
		c.rows.columns[0].masked++
	}
	return true, nil
}

// written appends a row made of cells.
func (c *copyMask) written(dst, cells []byte, changed bool, body, tail []byte) []byte {
	if !changed {
		return append(append(dst, body...), tail...)
	}
	r := reader{b: cells}
	for i := range c.rows.columns {
		if i > 0 {
			dst = append(dst, c.delim)
		}
		size := r.int32()
		if size < 0 {
			dst = append(dst, c.null...)
			continue
		}
		value := r.bytes(int(size))
		if f := c.fields[i]; !f.null && bytes.Equal(value, f.value) { // as it was written
			dst = append(dst, body[f.start:f.end]...)
			continue
		}
		dst = c.writeField(dst, value)
	}
	return append(dst, tail...)
}

func (c *copyMask) veil(f func(copiedVeil) error) error {
	for _, v := range c.rows.veiled {
		if err := f(copiedVeil{veiledCell: v, row: c.row}); err != nil {
			return err
		}
	}
	return nil
}
