package postgres

import (
	"bytes"
	"context"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// description handles RowDescription, ParameterDescription and NoData.
func (r *relay) description(ctx context.Context, i *item, raw []byte) error {
	body := raw[header:]
	switch {
	case raw[0] == backParameterTypes && i.kind == itemDescribeStatement:
		if i.stmt != nil {
			i.stmt.described.Store(&description{types: decodeTypes(body)})
		}
		r.swallow(i, raw)
		return nil
	case raw[0] == backNoData && (i.kind == itemDescribeStatement || i.kind == itemDescribePortal):
		r.swallow(i, raw)
		r.answered()
		return nil
	case raw[0] != backColumns:
		return errOutOfStep
	}
	columns, ok := r.columns(body)
	if !ok {
		return errOutOfStep
	}
	switch i.kind {
	case itemQuery:
		if err := r.flushRows(ctx); err != nil {
			return err
		}
		r.back.res.described = true
		return r.s.Columns(ctx, &schemas.Columns{Command: i.command, Columns: r.maskResult(i, columns)})
	case itemDescribePortal:
		if i.portal != nil {
			i.portal.columns = columns
		}
	case itemDescribeStatement:
		if i.stmt != nil {
			d := &description{columns: columns}
			if old := i.stmt.described.Load(); old != nil {
				d.types = old.types
			}
			i.stmt.described.Store(d)
		}
	default:
		return errOutOfStep
	}
	r.swallow(i, raw)
	r.answered()
	return nil
}

// swallow keeps the answer to a Describe that the gateway added from the client.
func (r *relay) swallow(i *item, raw []byte) {
	if i.added {
		r.back.replace(raw, nil)
	}
}

// columns decodes a RowDescription; the same one again costs a comparison.
func (r *relay) columns(body []byte) ([]*schemas.Column, bool) {
	b := &r.back
	if b.lastCols != nil && bytes.Equal(body, b.lastT) {
		return b.lastCols, true
	}
	columns, ok := decodeColumns(body)
	if ok {
		b.lastT, b.lastCols = append(b.lastT[:0], body...), columns
	}
	return columns, ok
}

func decodeTypes(body []byte) []uint32 {
	r := reader{b: body}
	var types []uint32
	for range r.count(4) {
		types = append(types, uint32(r.int32()))
	}
	return types
}

// describeRows records the columns of an Execute before its first row.
func (r *relay) describeRows(ctx context.Context, i *item, width int) error {
	b := &r.back
	b.res.described = true
	if i.portal == nil {
		return nil
	}
	columns := i.portal.columns
	if d := i.portal.stmt.described.Load(); columns == nil && d != nil {
		columns = d.formatted(i.portal.results)
	}
	if len(columns) == 0 {
		for n := range width {
			columns = append(columns, &schemas.Column{Binary: formatOf(i.portal.results, n), Modifier: -1})
		}
	}
	return r.s.Columns(ctx, &schemas.Columns{Command: i.command, Columns: r.maskResult(i, columns)})
}

// formatted applies the formats that a Bind asked for: a statement's description does not know them.
func (d *description) formatted(results []bool) []*schemas.Column {
	out := make([]*schemas.Column, len(d.columns))
	for n, c := range d.columns {
		out[n] = &schemas.Column{Name: c.Name, Type: c.Type, TypeName: c.TypeName, Table: c.Table,
			Attribute: c.Attribute, Modifier: c.Modifier, Binary: formatOf(results, n)}
	}
	return out
}

// row takes a DataRow.
func (r *relay) row(ctx context.Context, raw []byte) error {
	b, body := &r.back, raw[header:]
	i := r.expected()
	cells, ok := checkRow(body)
	if !ok || i == nil || i.kind != itemQuery && i.kind != itemExecute {
		return errOutOfStep
	}
	if !b.res.described {
		if err := r.describeRows(ctx, i, cells); err != nil {
			return err
		}
	}
	if b.masking.result != nil {
		return r.maskedRow(ctx, i, raw, cells)
	}
	b.res.rows++
	b.res.bytes += uint64(len(body) - 2)
	return r.recordRow(ctx, i, cells, body[2:])
}

// recordRow adds a row of so many cells to those that the recorder gets.
func (r *relay) recordRow(ctx context.Context, i *item, width int, cells []byte) error {
	b := &r.back
	if b.rows > 0 && (width != b.width || len(b.cells)+len(cells) > session.MaxPayload) {
		if err := r.flushRows(ctx); err != nil {
			return err
		}
	}
	for len(cells) > session.MaxPayload { // a row of its own, in pieces
		rows := &schemas.Rows{Command: i.command, Columns: uint32(width), Cells: cells[:session.MaxPayload], More: true}
		if err := r.s.Rows(ctx, rows); err != nil {
			return err
		}
		cells = cells[session.MaxPayload:]
	}
	b.width = width
	b.rows++
	b.cells = append(b.cells, cells...)
	return nil
}

func (r *relay) flushRows(ctx context.Context) error {
	b := &r.back
	if b.rows == 0 {
		return nil
	}
	err := r.s.Rows(ctx, &schemas.Rows{Command: b.cur.command, Columns: uint32(b.width), Count: b.rows, Cells: b.cells})
	b.rows, b.cells = 0, b.cells[:0]
	if cap(b.cells) > 4<<10 && b.out.end-b.out.start == 0 && !b.out.full {
		b.cells = nil // little is coming: an idle session holds little
	}
	return err
}
