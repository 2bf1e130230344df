package observe

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"

	"sallyport/schemas/screen"
)

// Source is how a line was seen.
type Source string

// Sources.
const (
	Marks  Source = "marks"
	Screen Source = "screen"
)

// Line is a command line that was typed.
type Line struct {
	Text   string
	Source Source
	// Ended says that the shell told how it ended, in the same output.
	Ended      bool
	ExitStatus int32
}

const (
	maxLine = 16 << 10 // bytes of a line that are told
	maxMark = 32 << 10 // bytes of a mark; a longer one is none
)

// Observer watches one terminal. It is for one goroutine.
type Observer struct {
	screen *screen.Screen
	gone   int // lines that scrolled off the top
	marks  markScanner

	marked bool  // the shell marks its prompts
	input  place // where the line that is typed begins
	stated string
	enters int  // lines that were ended by keys and have not been read
	typing bool // keys came since the last line
}

// place is a place on the screen that stays the same while lines scroll.
type place struct {
	row, column int // row counts those that are gone
	ok          bool
}

// New watches a terminal of that size.
func New(columns, rows int) *Observer {
	o := &Observer{}
	o.screen = screen.New(screen.Config{Columns: columns, Rows: rows, OnLine: func(screen.Line) { o.gone++ }})
	return o
}

// Resize follows the terminal's size.
func (o *Observer) Resize(columns, rows int) { o.screen.Resize(columns, rows) }

// Input takes what somebody types.
func (o *Observer) Input(b []byte) {
	for _, c := range b {
		switch {
		case c == '\r' || c == '\n':
			if !o.typing {
				o.begin()
			}
			o.enters, o.typing = o.enters+1, false
		case c == 0x03 || c == 0x04: // the line is given up
			o.typing, o.enters = false, 0
		case !o.typing && o.enters == 0:
			o.begin()
		}
	}
}

// begin notes where typing begins.
func (o *Observer) begin() {
	o.typing = true
	if !o.marked {
		o.input = o.here()
	}
}

func (o *Observer) here() place {
	column, row := o.screen.Cursor()
	return place{row: o.gone + row, column: column, ok: !o.screen.Alternate()}
}

// Output takes what the terminal is told to show, and returns the lines that were seen to be entered.
func (o *Observer) Output(b []byte) (lines []Line) {
	for len(b) > 0 {
		text, mark, rest := o.marks.next(b)
		lines = append(lines, o.shown(text)...)
		if mark != "" {
			lines = o.mark(mark, lines)
		}
		b = rest
	}
	return lines
}

// shown draws text; without marks, the line break that answers an Enter ends a line.
func (o *Observer) shown(text []byte) (lines []Line) {
	for o.enters > 0 && !o.marked {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		_, _ = o.screen.Write(text[:i])
		if line := o.between(o.input, o.here().row); line != "" {
			lines = append(lines, Line{Text: line, Source: Screen})
		}
		_, _ = o.screen.Write(text[i : i+1])
		text = text[i+1:]
		o.enters--
		o.input = place{} // of what was typed ahead, it is not known where it begins
	}
	_, _ = o.screen.Write(text)
	return lines
}

// between is the text from a place to the end of a row, both among what is on the screen.
func (o *Observer) between(from place, last int) string {
	if !from.ok || o.screen.Alternate() {
		return ""
	}
	rows := o.screen.Lines()
	var b strings.Builder
	for row := max(from.row-o.gone, 0); row <= last-o.gone && row < len(rows); row++ {
		cells := rows[row].Cells
		if row == from.row-o.gone {
			cells = cells[min(from.column, len(cells)):]
		}
		b.WriteString(screen.Line{Cells: cells}.String())
		if !rows[row].Wrapped && row < last-o.gone {
			b.WriteByte('\n')
		}
		if b.Len() > maxLine {
			break
		}
	}
	s := strings.TrimSpace(b.String())
	return strings.ToValidUTF8(s[:min(len(s), maxLine)], "")
}

// mark follows the shell's own marks.
func (o *Observer) mark(mark string, lines []Line) []Line {
	kind, args, _ := strings.Cut(mark, ";")
	switch {
	case strings.HasPrefix(mark, "633;E;"):
		o.stated = unescape(strings.TrimPrefix(mark, "633;E;"))
		if i := strings.LastIndexByte(o.stated, ';'); i >= 0 && i > len(o.stated)-64 && !strings.ContainsAny(o.stated[i:], " '\"") {
			o.stated = o.stated[:i] // a nonce
		}
		return lines
	case kind != "133" && kind != "633":
		return lines
	}
	what, args, _ := strings.Cut(args, ";")
	switch what {
	case "A":
		o.marked = true
	case "B":
		o.marked, o.input = true, o.here()
	case "C":
		o.marked, o.enters, o.typing = true, 0, false
		if line := o.entered(args); line != "" {
			lines = append(lines, Line{Text: line, Source: Marks})
		}
		o.input, o.stated = place{}, ""
	case "D":
		if n, err := strconv.ParseInt(strings.SplitN(args, ";", 2)[0], 10, 32); err == nil && len(lines) > 0 && !lines[len(lines)-1].Ended {
			last := &lines[len(lines)-1]
			last.Ended, last.ExitStatus = true, int32(n)
		}
	}
	return lines
}

// entered is the line that begins to run at a mark C.
func (o *Observer) entered(args string) string {
	for _, a := range strings.Split(args, ";") {
		if v, ok := strings.CutPrefix(a, "cmdline_url="); ok {
			if s, err := url.PathUnescape(v); err == nil {
				o.stated = s
			}
		}
	}
	if o.stated != "" {
		s := strings.TrimSpace(o.stated)
		return strings.ToValidUTF8(s[:min(len(s), maxLine)], "")
	}
	at := o.here()
	last := at.row
	if at.column == 0 && last > o.input.row {
		last-- // the Enter's line break was shown already
	}
	return o.between(o.input, last)
}

// unescape reads VS Code's form: \\ and \xHH.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x':
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
			b.WriteByte(s[i])
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
