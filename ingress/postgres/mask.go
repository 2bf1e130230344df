package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/values"
)

// resultMask masks the rows of one result, for the client and for the recording. It belongs to one
// goroutine and does no I/O, but for an external detector.
type resultMask struct {
	masks   *session.Masks
	columns []columnMask
	split   bool // somebody is excepted: the recording may differ from what the client gets
	tally   *session.Tally
	veiled  []veiledCell // of the last row: what the client got and the recording does not hold

	client, recorded row
}

// columnMask is what masks one column.
type columnMask struct {
	name     string
	oid      uint32
	isBinary bool
	plain    bool        // its values are what is stored in a table
	by       ruleNumbers // 0: content alone
	rules    []uint32    // whom the clear form may be shown to, if the recording has another: those excepted from all
	recorded masker
	client   masker
	scan     scanning
	masked   uint64 // values masked by column: for both,
	revealed uint64 // or in the recording only
}

// ruleNumbers are the rules of a value: see schemas.MaskedBy.
type ruleNumbers struct{ recorded, client uint32 }

// veiledCell is a cell of which the recording has the masked form only.
type veiledCell struct {
	column uint32 // from 1
	rules  []uint32
	data   []byte // aliases what was passed on
	null   bool
}

// newResultMask returns what masks the result of the statement of that place in a text; nil: nothing does.
// again says that the statement had a result before.
func newResultMask(m *session.Masks, tally *session.Tally, statement int, again bool, columns []*schemas.Column) *resultMask {
	rm := &resultMask{masks: m, tally: tally, split: m.Client() != m.Recorded()}
	active := m.Recorded() != nil
	announced, whole := announcedFor(m, statement, again, columns)
	for i, c := range columns {
		var by *schemas.MaskedBy
		if announced != nil {
			by = announced[i].By
		}
		if whole {
			by = m.Whole
		}
		by, plain := withOrigin(m, by, c)
		cm := newColumnMask(m, by, plain && !whole, c)
		active = active || cm.by.recorded != 0
		rm.split = rm.split || cm.by.recorded != cm.by.client
		rm.columns = append(rm.columns, cm)
	}
	if !active {
		return nil
	}
	return rm
}

func newColumnMask(m *session.Masks, by *schemas.MaskedBy, plain bool, c *schemas.Column) columnMask {
	cm := columnMask{name: c.Name, oid: c.Type, isBinary: c.Binary, plain: plain, scan: scanningOf(c.Type, c.Binary)}
	if by != nil {
		cm.by, cm.rules = ruleNumbers{by.Recorded, by.Client}, session.Revealing(by)
		cm.recorded, cm.client = masker{m.Rule(by.Recorded, plain)}, masker{m.Rule(by.Client, plain)}
	}
	return cm
}

// announcedFor returns the masks of the columns of a result, nil when it is clear. whole says that the
// result is not as it was announced.
func announcedFor(m *session.Masks, statement int, again bool, columns []*schemas.Column) (announced []*schemas.ColumnMask, whole bool) {
	if again || statement >= len(m.Results) {
		return nil, true
	}
	r := m.Results[statement]
	switch {
	case r.Clear:
		return nil, false
	case len(r.Columns) != len(columns):
		return nil, true
	}
	for i, c := range columns {
		if r.Columns[i].Name != c.Name {
			return nil, true
		}
	}
	return r.Columns, false
}

// withOrigin adds what is masked because of the column of a table that a value comes from. plain says that
// nothing but that masks it, and that the column is a table's own.
func withOrigin(m *session.Masks, by *schemas.MaskedBy, c *schemas.Column) (*schemas.MaskedBy, bool) {
	o := originOf(m, c.Table, c.Attribute)
	switch {
	case o == nil:
		return by, false
	case by == nil:
		return o.By, o.Plain
	case by.Recorded == o.By.GetRecorded() && by.Client == o.By.GetClient() && slices.Equal(by.Revealed, o.By.GetRevealed()):
		return by, o.Plain
	}
	both := &schemas.MaskedBy{
		Recorded: m.Stricter(by.Recorded, o.By.GetRecorded()), Client: m.Stricter(by.Client, o.By.GetClient()),
		Revealed: slices.Concat(by.Revealed, o.By.GetRevealed(), session.Revealing(by), session.Revealing(o.By)),
	}
	slices.Sort(both.Revealed)
	both.Revealed = slices.Compact(both.Revealed)
	return both, false
}

func originOf(m *session.Masks, table, attribute uint32) *schemas.Origin {
	if table == 0 {
		return nil
	}
	i, ok := slices.BinarySearchFunc(m.Origins, attribute, func(o *schemas.Origin, _ uint32) int {
		if o.Table != table {
			return int(int64(o.Table) - int64(table))
		}
		return int(int64(o.Attribute) - int64(attribute))
	})
	if !ok {
		return nil
	}
	return m.Origins[i]
}

// row is one form of a row's cells. Until something in them changes they stay where they were.
type row struct {
	b       []byte // cells up to done, once something changed
	done    int    // bytes of the original that are in b
	at      int    // where the cell that was replaced last is in b
	changed bool
}

func (r *row) begin() { r.b, r.done, r.changed = r.b[:0], 0, false }

// replace has the cell of original from start to end be what f appends.
func (r *row) replace(original []byte, start, end int, f func(dst []byte) []byte) {
	r.b = append(r.b, original[r.done:start]...)
	r.at = len(r.b)
	r.b = f(r.b)
	r.done, r.changed = end, true
}

// last is the value that was replaced last.
func (r *row) last() []byte { return r.b[r.at+4:] }

func (r *row) lastNull() bool { return binary.BigEndian.Uint32(r.b[r.at:]) == math.MaxUint32 }

// finish returns the cells.
func (r *row) finish(original []byte) []byte {
	if !r.changed {
		return original
	}
	r.b = append(r.b, original[r.done:]...)
	r.done = len(original)
	return r.b
}

// rowOf masks a row: cells, each with its length before it. What it returns is valid until the next call,
// and is cells itself where nothing changed. ok is false when it has not as many cells as columns.
func (rm *resultMask) rowOf(ctx context.Context, cells []byte) (client, recorded []byte, ok bool) {
	rm.client.begin()
	rm.recorded.begin()
	rm.veiled = rm.veiled[:0]
	at := 0
	for i := range rm.columns {
		if len(cells)-at < 4 {
			return nil, nil, false
		}
		size, start := binary.BigEndian.Uint32(cells[at:]), at
		at += 4
		var value []byte
		null := size == math.MaxUint32
		if !null {
			if uint64(size) > uint64(len(cells)-at) {
				return nil, nil, false
			}
			value = cells[at : at+int(size)]
			at += int(size)
		}
		rm.cell(ctx, i, cells, start, at, value, null)
	}
	if at != len(cells) {
		return nil, nil, false
	}
	client = rm.client.finish(cells)
	if !rm.split {
		return client, client, true
	}
	return client, rm.recorded.finish(cells), true
}

// cell masks the cell of column i, which is cells[start:end].
func (rm *resultMask) cell(ctx context.Context, i int, cells []byte, start, end int, value []byte, null bool) {
	c := &rm.columns[i]
	clientChanged, _ := rm.form(ctx, &rm.client, c, c.client, rm.masks.Client(), cells, start, end, value, null)
	if !rm.split {
		return
	}
	changed, rules := rm.form(ctx, &rm.recorded, c, c.recorded, rm.masks.Recorded(), cells, start, end, value, null)
	if !changed || len(rules) == 0 {
		return
	}
	v := veiledCell{column: uint32(i + 1), rules: rules, data: value, null: null}
	if clientChanged { // masked too, in another way
		v.data, v.null = slices.Clone(rm.client.last()), rm.client.lastNull()
	}
	if len(v.data) > 0 {
		v.rules = rm.masks.Covering(rules, func(only *session.Content) bool {
			l := look{ctx: ctx, content: only}
			_, _, found := l.value(nil, c.oid, c.isBinary, c.scan, v.data)
			return found
		})
	}
	rm.veiled = append(rm.veiled, v)
}

// form makes one form of a cell. rules are those that the principal is excepted from and that changed it.
func (rm *resultMask) form(ctx context.Context, r *row, c *columnMask, by masker, content *session.Content, cells []byte, start, end int, value []byte, null bool) (changed bool, rules []uint32) {
	forRecording := rm.split && r == &rm.recorded
	if by.t != nil {
		if null && c.plain {
			return false, nil
		}
		r.replace(cells, start, end, func(dst []byte) []byte {
			return appendCell(dst, func(dst []byte) ([]byte, bool) { return c.hide(dst, by, value) })
		})
		switch {
		case !forRecording:
			c.masked++
		case c.by.recorded != c.by.client:
			c.revealed++
			rules = c.rules
		}
		return true, rules
	}
	if content == nil || null || len(value) == 0 || c.scan == scanNone {
		return false, nil
	}
	l := look{ctx: ctx, content: content}
	out, none, found := l.value(nil, c.oid, c.isBinary, c.scan, value)
	if !found {
		return false, nil
	}
	r.replace(cells, start, end, func(dst []byte) []byte {
		return appendCell(dst, func(dst []byte) ([]byte, bool) { return append(dst, out...), none })
	})
	for _, h := range l.hits {
		rule, detector := content.Finder(h)
		revealed := forRecording && rm.masks.Revealed(rule)
		if revealed && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
		if !forRecording || revealed {
			rm.tally.Add(rule, c.name, detector, revealed, uint64(h.Count))
		}
	}
	return true, rules
}

// hide appends the masked form of a column's value. Of what was computed, arrays do not tell their size.
func (c *columnMask) hide(dst []byte, by masker, value []byte) ([]byte, bool) {
	if !c.plain {
		if e, ok := values.Element(c.oid); ok {
			return by.single(dst, e, c.isBinary, value)
		}
	}
	return by.value(dst, c.oid, c.isBinary, value)
}

// settle adds what columns masked to the tally.
func (rm *resultMask) settle() {
	for i := range rm.columns {
		c := &rm.columns[i]
		rm.tally.Add(c.by.client, c.name, "", false, c.masked)
		rm.tally.Add(c.by.recorded, c.name, "", true, c.revealed)
		c.masked, c.revealed = 0, 0
	}
}
