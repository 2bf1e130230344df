package screen

import (
	"fmt"
	"unicode/utf8"
)

// Snapshot returns what, written to a fresh terminal of this size, makes it look and go on like
// this one. The history comes first, so that it can be scrolled back to.
func (s *Screen) Snapshot() []byte {
	d := &drawing{s: s}
	d.b = append(d.b, "\x1b[0m"...)
	d.page(&s.main, s.kept())
	if s.Alternate() {
		d.state(&s.main)
		d.b = append(d.b, "\x1b[?1047h\x1b[r\x1b[H\x1b[0m"+plainSets...)
		d.pen = Style{}
		d.page(&s.alt, nil)
	} else if s.alt.saved != nil {
		d.b = append(d.b, "\x1b[?47h"...)
		d.saved(s.alt.saved)
		d.b = append(d.b, "\x1b[?47l"...)
	}
	d.tabs()
	d.state(s.p)
	d.modes()
	d.unfinished()
	return d.b
}

// plainSets makes every character set what it is at first.
const plainSets = "\x1b(B\x1b)B\x1b*B\x1b+B\x0f"

// drawing is a Snapshot in the making.
type drawing struct {
	s   *Screen
	b   []byte
	pen Style
}

func (d *drawing) add(format string, args ...any) { d.b = fmt.Appendf(d.b, format, args...) }

func (d *drawing) style(s Style) {
	if s != d.pen {
		d.b = s.sgr(d.b)
		d.pen = s
	}
}

// page draws history and lines from the top left corner on.
func (d *drawing) page(p *page, history []Line) {
	n := len(history) + len(p.lines)
	at := func(i int) Line {
		if i < len(history) {
			return history[i]
		}
		return p.lines[i-len(history)]
	}
	for i := range n {
		l := at(i)
		d.cells(l.trimmed())
		if i == n-1 {
			break
		}
		// A line that the next one continues is left at its last column: the terminal wraps by itself.
		if next := at(i + 1).trimmed(); l.Wrapped && len(l.trimmed()) == d.s.columns && len(next) > 0 && !next[0].blank() {
			continue
		}
		d.style(Style{})
		d.b = append(d.b, '\r', '\n')
	}
}

func (c Cell) blank() bool { return c.Rune == 0 && !c.Half }

func (d *drawing) cells(cells []Cell) {
	for _, c := range cells {
		if c.Half {
			continue
		}
		d.style(c.Style)
		if c.Rune == 0 {
			d.b = append(d.b, ' ')
			continue
		}
		d.b = utf8.AppendRune(d.b, c.Rune)
		if c.Mark != 0 {
			d.b = utf8.AppendRune(d.b, c.Mark)
		}
	}
}

func (d *drawing) tabs() {
	custom := false
	for i, t := range stops(d.s.columns) {
		custom = custom || t != d.s.tabs[i]
	}
	if !custom {
		return
	}
	d.add("\x1b[3g")
	for i, t := range d.s.tabs {
		if t {
			d.add("\x1b[%dG\x1bH", i+1)
		}
	}
}

// state leaves cursor, region and pen of a page as they are.
func (d *drawing) state(p *page) {
	s := d.s
	if p.saved != nil {
		d.saved(p.saved)
	}
	if p.top != 0 || p.bottom != s.rows-1 {
		d.add("\x1b[%d;%dr", p.top+1, p.bottom+1)
	}
	y := p.y
	if s.origin && p == s.p {
		d.add("\x1b[?6h")
		y = max(y-p.top, 0)
	}
	d.cursor(p, p.x, y, p.pending)
	d.charsets(s.charsets, s.shift)
	d.pen = s.pen
	d.b = d.pen.sgr(d.b)
}

// cursor places the cursor in row y, as the terminal counts them. After the last column it waits
// there only once something was drawn in it again.
func (d *drawing) cursor(p *page, x, y int, pending bool) {
	if !pending {
		d.add("\x1b[%d;%dH", y+1, x+1)
		return
	}
	cells := p.lines[p.y].Cells
	if cells == nil { // the cursor came from the other page
		cells = make([]Cell, d.s.columns)
	}
	from := len(cells) - 1
	if from > 0 && cells[from].Half {
		from--
	}
	d.add("\x1b[%d;%dH", y+1, from+1)
	d.cells(cells[from:])
}

func (d *drawing) charsets(sets [4]byte, shift int) {
	for i, set := range sets {
		d.add("\x1b%c%c", '('+i, set)
	}
	d.b = append(d.b, [...]string{"\x0f", "\x0e", "\x1bn", "\x1bo"}[shift]...)
}

// saved has the terminal save a cursor as it was saved.
func (d *drawing) saved(c *cursor) {
	d.add("\x1b[%d;%dH", c.y+1, c.x+1)
	d.charsets(c.charsets, c.shift)
	d.pen = c.pen
	d.b = d.pen.sgr(d.b)
	if c.origin {
		d.add("\x1b[?6h\x1b[%d;%dH", c.y+1, c.x+1)
	}
	d.add("\x1b7")
	if c.origin {
		d.add("\x1b[?6l")
	}
	d.b = append(d.b, plainSets...)
}

func (d *drawing) modes() {
	s := d.s
	for _, m := range []struct {
		on bool
		to string
	}{{!s.wrap, "\x1b[?7l"}, {s.insert, "\x1b[4h"}, {s.newline, "\x1b[20h"}, {s.hidden, "\x1b[?25l"}, {s.reverse, "\x1b[?5h"}} {
		if m.on {
			d.b = append(d.b, m.to...)
		}
	}
	if s.title != "" {
		d.add("\x1b]2;%s\x1b\\", s.title)
	}
}

// unfinished repeats the control sequence or character that was begun.
func (d *drawing) unfinished() {
	p := &d.s.parser
	switch p.state {
	case ground:
		d.b = append(d.b, p.rune[:p.pending]...)
	case escape:
		d.b = append(d.b, 0x1B)
	case escapeIntermediate:
		d.b = append(d.b, 0x1B, p.intermediate)
	case control, ignored:
		d.b = append(d.b, 0x1B, '[')
		if p.private != 0 {
			d.b = append(d.b, p.private)
		}
		for i, one := range p.params {
			if i > 0 && one.sub {
				d.b = append(d.b, ':')
			} else if i > 0 {
				d.b = append(d.b, ';')
			}
			if one.given {
				d.add("%d", one.value)
			}
		}
		if p.intermediate != 0 {
			d.b = append(d.b, p.intermediate)
		}
		if p.state == ignored {
			d.b = append(d.b, "?$0"...)
		}
	case system:
		d.b = append(append(d.b, 0x1B, ']'), p.osc...)
	case text:
		d.b = append(d.b, 0x1B, 'P')
	}
	if p.escaped {
		d.b = append(d.b, 0x1B)
	}
}
