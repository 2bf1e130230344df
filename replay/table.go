package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	mostBuffered      = 200       // rows that the widths of a table are taken from; later ones are fitted
	mostBufferedBytes = 256 << 10 // of cells, likewise
	leastColumn       = 8         // a column that has more is not made narrower than this
)

// table writes the rows of one command as psql's aligned format does, without holding more than
// the first of them. When the columns do not fit the terminal the widest are wrapped; when not
// even that helps, rows are written one column a line, as psql's \x auto does.
type table struct {
	w       io.Writer
	width   int // of the terminal
	columns []Column
	pending [][]*string
	bytes   int
	widths  []int // once decided
	records bool  // one column a line
	rows    int
}

func newTable(w io.Writer, width int, columns []Column) *table {
	columns = slices.Clone(columns)
	for i := range columns {
		columns[i].Name = cmp.Or(columns[i].Name, "?column?")
	}
	return &table{w: w, width: width, columns: columns}
}

func (t *table) add(row []*string) {
	t.rows++
	if t.widths != nil {
		t.row(row)
		return
	}
	t.pending = append(t.pending, row)
	for _, c := range row {
		if c != nil {
			t.bytes += len(*c)
		}
	}
	if len(t.pending) >= mostBuffered || t.bytes > mostBufferedBytes {
		t.start()
	}
}

// end writes what is pending; a table without rows still has its header.
func (t *table) end() {
	if t.widths == nil {
		t.start()
	}
}

func (t *table) start() {
	for len(t.columns) < t.cells() { // rows of which nothing was described
		t.columns = append(t.columns, Column{Name: "?column?"})
	}
	t.fit()
	if !t.records {
		t.header()
	}
	first := t.rows - len(t.pending)
	for i, row := range t.pending {
		t.rows = first + i + 1
		t.row(row)
	}
	t.pending = nil
}

func (t *table) cells() (n int) {
	for _, row := range t.pending {
		n = max(n, len(row))
	}
	return n
}

// fit decides the widths: as wide as the content, then the widest narrower until all fit.
func (t *table) fit() {
	t.widths = make([]int, len(t.columns))
	for i, c := range t.columns {
		t.widths[i] = displayWidth(plain(c.Name))
		for _, row := range t.pending {
			if i < len(row) {
				for line := range strings.SplitSeq(text(row[i]), "\n") {
					t.widths[i] = max(t.widths[i], displayWidth(line))
				}
			}
		}
	}
	room := t.width - 3*len(t.widths)
	for sum(t.widths) > room {
		widest := slices.Index(t.widths, slices.Max(t.widths))
		if t.widths[widest] <= leastColumn {
			t.records = true
			return
		}
		others := append(slices.Clone(t.widths[:widest]), t.widths[widest+1:]...)
		next := leastColumn
		if len(others) > 0 {
			next = max(next, slices.Max(others)-1)
		}
		t.widths[widest] = max(min(next, t.widths[widest]-1), t.widths[widest]-(sum(t.widths)-room))
	}
}

func sum(ns []int) (n int) {
	for _, m := range ns {
		n += m
	}
	return n
}

func text(c *string) string {
	if c == nil {
		return ""
	}
	return plain(*c)
}

func (t *table) header() {
	names, rule := make([]*string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i], rule[i] = &c.Name, strings.Repeat("-", t.widths[i]+2)
	}
	t.lines(names, true)
	fmt.Fprintln(t.w, strings.Join(rule, "+"))
}

func (t *table) row(row []*string) {
	if t.records {
		t.record(row)
		return
	}
	t.lines(row, false)
}

// lines writes one row, which is several lines when a cell has several or is wrapped.
func (t *table) lines(row []*string, centre bool) {
	cells, height := make([][]string, len(t.widths)), 1
	for i := range cells {
		if i < len(row) {
			cells[i] = wrap(text(row[i]), t.widths[i])
			height = max(height, len(cells[i]))
		}
	}
	for n := range height {
		var line strings.Builder
		for i, width := range t.widths {
			s, more := "", " "
			if n < len(cells[i]) {
				s = cells[i][n]
			}
			if n+1 < len(cells[i]) {
				more = "+"
			}
			if i > 0 {
				line.WriteByte('|')
			}
			line.WriteByte(' ')
			line.WriteString(t.align(s, i, width, centre))
			line.WriteString(more)
		}
		fmt.Fprintln(t.w, strings.TrimRight(line.String(), " "))
	}
}

func (t *table) align(s string, i, width int, centre bool) string {
	if centre {
		left := max(0, width-displayWidth(s)) / 2
		return pad(strings.Repeat(" ", left)+s, width, false)
	}
	return pad(s, width, numeric(t.columns[i].Type))
}

func numeric(name string) bool {
	switch name {
	case "int2", "int4", "int8", "float4", "float8", "numeric", "oid", "xid", "xid8", "cid", "money":
		return true
	}
	return false
}

func wrap(s string, width int) (lines []string) {
	for line := range strings.SplitSeq(s, "\n") {
		for {
			head, rest := cut(line, max(1, width))
			lines = append(lines, head)
			if line = rest; rest == "" {
				break
			}
		}
	}
	return lines
}

func (t *table) record(row []*string) {
	name := 0
	for _, c := range t.columns {
		name = max(name, displayWidth(plain(c.Name)))
	}
	name = min(name, max(leastColumn, t.width/3))
	title := fmt.Sprintf("-[ RECORD %d ]", t.rows)
	fmt.Fprintln(t.w, title+strings.Repeat("-", max(0, min(t.width, name+40)-len(title))))
	for i, c := range row {
		label := ""
		if i < len(t.columns) {
			label, _ = cut(strings.ReplaceAll(plain(t.columns[i].Name), "\n", " "), name)
		}
		for n, line := range wrap(text(c), t.width-name-3) {
			if n > 0 {
				label = ""
			}
			fmt.Fprintln(t.w, strings.TrimRight(pad(label, name, false)+" | "+line, " "))
		}
	}
}
