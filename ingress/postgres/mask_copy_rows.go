package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// next is how long the next row is, 0 when it is not whole.
func (c *copyMask) next(b []byte) (int, error) {
	switch c.how {
	case copyBinary:
		return c.nextBinary(b)
	case copyOther:
		return len(b), nil
	}
	for i := c.scan; i < len(b); i++ {
		ch := b[i]
		switch {
		case c.how == copyText && c.escaped:
			c.escaped = false
		case c.how == copyText && ch == '\\':
			c.escaped = true
		case c.how == copyCSV && c.quoted && c.escaped:
			c.escaped = false
		case c.how == copyCSV && c.quoted && ch == c.escape && c.escape != c.quote:
			c.escaped = true
		case c.how == copyCSV && ch == c.quote:
			c.quoted = !c.quoted
		case ch == '\n' && !c.quoted:
			c.scan, c.escaped = 0, false
			return i + 1, nil
		}
	}
	c.scan = len(b)
	return 0, nil
}

var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

func (c *copyMask) nextBinary(b []byte) (int, error) {
	if !c.begun {
		const head = 11 + 4 + 4
		if len(b) < head {
			return 0, nil
		}
		if !bytes.HasPrefix(b, copySignature) || binary.BigEndian.Uint32(b[11:]) != 0 {
			return 0, errCopyData
		}
		extension := binary.BigEndian.Uint32(b[15:])
		switch {
		case extension > 1<<20:
			return 0, errCopyData
		case len(b) < head+int(extension):
			return 0, nil
		}
		return head + int(extension), nil
	}
	if len(b) < 2 {
		return 0, nil
	}
	n := int16(binary.BigEndian.Uint16(b))
	switch {
	case c.over:
		return 0, errCopyData
	case n == -1:
		return 2, nil
	case int(n) != len(c.rows.columns):
		return 0, errCopyData
	}
	at := 2
	for range n {
		if len(b)-at < 4 {
			return 0, nil
		}
		size := binary.BigEndian.Uint32(b[at:])
		at += 4
		if size == math.MaxUint32 {
			continue
		}
		if size > math.MaxInt32 {
			return 0, errCopyData
		}
		if uint64(len(b)-at) < uint64(size) {
			return 0, nil
		}
		at += int(size)
	}
	return at, nil
}

// plainRow reports whether a row is none: a header, or the end.
func (c *copyMask) plainRow(row []byte) bool {
	switch {
	case c.how == copyBinary && !c.begun:
		c.begun = true
		return true
	case c.how == copyBinary && len(row) == 2:
		c.over = true
		return true
	case c.how != copyBinary && !c.begun:
		c.begun = true
		return c.isHeader(row)
	}
	return string(bytes.TrimRight(row, "\r\n")) == `\.` && c.how != copyBinary
}

// isHeader reports whether a first line holds the names that were announced.
func (c *copyMask) isHeader(row []byte) bool {
	if c.format == nil || len(c.rows.columns) > 0 && c.rows.columns[0].name == "" {
		return c.format != nil && c.format.Header && !c.masksColumns()
	}
	body := bytes.TrimRight(row, "\r\n")
	if !c.split(body) || len(c.fields) != len(c.rows.columns) {
		return false
	}
	for i, f := range c.fields {
		if string(f.value) != c.rows.columns[i].name {
			return false
		}
	}
	return true
}

func (c *copyMask) masksColumns() bool {
	return slices.ContainsFunc(c.rows.columns, func(m columnMask) bool { return m.by.recorded != 0 })
}
