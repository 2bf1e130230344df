package screen

import "slices"

// Bounds of a screen. Larger sizes are taken as these.
const (
	MaxColumns = 1000
	MaxRows    = 500
)

// Config says what screen to make.
type Config struct {
	Columns, Rows int // 80 by 24 by default
	// History is how many lines that scrolled off the top are kept for Snapshot and Lines; 0: none.
	History int
	// OnLine, if set, is called with each line of the main screen as it leaves it for good: when it
	// scrolls off the top. Cells must not be kept.
	OnLine func(Line)
}

// Screen is a terminal's screen. New makes one.
type Screen struct {
	c             Config
	columns, rows int

	main, alt page // alt has no history, and no lines until a program has it
	p         *page
	history   []Line // a ring once it is full
	oldest    int
	title     string

	pen      Style
	charsets [4]byte // of G0 to G3: 'B' or '0'
	shift    int     // which of them is in use
	wrap     bool    // DECAWM
	insert   bool    // IRM
	newline  bool    // LNM
	origin   bool    // DECOM
	hidden   bool    // cursor
	reverse  bool    // DECSCNM
	tabs     []bool
	last     rune // last one that was drawn, for REP
	parser   parser
	moved    uint64 // counts what changed the screen
}

// page is the main screen or the alternate one.
type page struct {
	lines       []Line
	x, y        int
	pending     bool // the last column was drawn: the next character wraps
	top, bottom int  // scrolling region, inclusive
	saved       *cursor
}

// cursor is what DECSC saves.
type cursor struct {
	x, y     int
	pending  bool
	pen      Style
	charsets [4]byte
	shift    int
	origin   bool
}

// New returns an empty screen.
func New(c Config) *Screen {
	s := &Screen{c: c}
	s.columns, s.rows = size(c.Columns, MaxColumns, 80), size(c.Rows, MaxRows, 24)
	s.reset()
	return s
}

func size(n, most, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return min(n, most)
}

// reset is RIS, except that history stays.
func (s *Screen) reset() {
	s.main, s.alt = s.blank(), page{bottom: s.rows - 1}
	s.p = &s.main
	s.pen, s.charsets, s.shift = Style{}, [4]byte{'B', 'B', 'B', 'B'}, 0
	s.wrap, s.insert, s.newline, s.origin, s.hidden, s.reverse = true, false, false, false, false, false
	s.tabs = stops(s.columns)
	s.last = 0
	s.title = ""
}

func (s *Screen) blank() page { return page{bottom: s.rows - 1, lines: make([]Line, s.rows)} }

func stops(columns int) []bool {
	t := make([]bool, columns)
	for i := 8; i < columns; i += 8 {
		t[i] = true
	}
	return t
}

// Columns and Rows are the size.
func (s *Screen) Columns() int { return s.columns }

// Rows is how many lines there are.
func (s *Screen) Rows() int { return s.rows }

// Cursor returns where the cursor is, from 0.
func (s *Screen) Cursor() (column, row int) { return s.p.x, s.p.y }

// Alternate reports whether a program has the alternate screen: an editor, a pager.
func (s *Screen) Alternate() bool { return s.p == &s.alt }

// Title is what the program calls the window.
func (s *Screen) Title() string { return s.title }

// Moved counts what was drawn: equal values mean that nothing on the screen changed.
func (s *Screen) Moved() uint64 { return s.moved }

// Resize changes the size as xterm does: lines are cut or get blanks at the right. When there are fewer rows, lines
// above the cursor go off the top; when there are more, blank ones come at the bottom.
func (s *Screen) Resize(columns, rows int) {
	columns, rows = size(columns, MaxColumns, s.columns), size(rows, MaxRows, s.rows)
	if columns == s.columns && rows == s.rows {
		return
	}
	s.moved++
	for _, p := range []*page{&s.main, &s.alt} {
		s.resize(p, columns, rows)
	}
	old := len(s.tabs)
	tabs := stops(columns)
	copy(tabs, s.tabs[:min(old, columns)])
	s.tabs = tabs
	s.columns, s.rows = columns, rows
}

func (s *Screen) resize(p *page, columns, rows int) {
	if p.lines != nil {
		s.resizeLines(p, columns, rows)
	}
	p.top, p.bottom = 0, rows-1
	p.x, p.y, p.pending = min(p.x, columns-1), min(max(p.y, 0), rows-1), false
	if p.saved != nil {
		p.saved.x, p.saved.y, p.saved.pending = min(p.saved.x, columns-1), min(p.saved.y, rows-1), false
	}
}

func (s *Screen) resizeLines(p *page, columns, rows int) {
	if over := len(p.lines) - rows; over > 0 {
		// Blank lines below the cursor go first.
		for over > 0 && len(p.lines)-1 > p.y {
			p.lines = p.lines[:len(p.lines)-1]
			over--
		}
		for ; over > 0; over-- {
			_ = s.retire(p, p.lines[0])
			p.lines = p.lines[1:]
			p.y--
		}
		p.lines = slices.Clone(p.lines)
	}
	for len(p.lines) < rows {
		p.lines = append(p.lines, Line{})
	}
	for i := range p.lines {
		l := &p.lines[i]
		if len(l.Cells) > columns {
			l.Cells = l.Cells[:columns]
			if c := &l.Cells[columns-1]; c.wide() {
				*c = Cell{Style: c.Style.background()}
			}
		}
		if columns > s.columns {
			l.Wrapped = false
		}
		if n := columns - len(l.Cells); n > 0 && l.Cells != nil {
			l.Cells = append(l.Cells, make([]Cell, n)...)
		}
	}
}

// retire takes a line that left the main screen at the top, and returns cells for the one that
// takes its place, to be cleared, or none: the line's own, unless history keeps those.
func (s *Screen) retire(p *page, l Line) []Cell {
	if p != &s.main {
		return l.Cells
	}
	if s.c.OnLine != nil {
		s.c.OnLine(l)
	}
	if s.c.History <= 0 {
		return l.Cells
	}
	if len(s.history) < s.c.History {
		s.history = append(s.history, l)
		return nil
	}
	old := s.history[s.oldest].Cells
	s.history[s.oldest] = l
	s.oldest = (s.oldest + 1) % len(s.history)
	if cap(old) < s.columns {
		return nil
	}
	return old[:s.columns]
}

// kept is the history, oldest first.
func (s *Screen) kept() []Line {
	return slices.Concat(s.history[s.oldest:], s.history[:s.oldest])
}

// Text returns the lines of the screen without their trailing blanks.
func (s *Screen) Text() []string {
	out := make([]string, len(s.p.lines))
	for i, l := range s.p.lines {
		out[i] = l.String()
	}
	return out
}

// Lines returns what is on the screen, top to bottom; one in which nothing was drawn has no cells. It must
// not be changed or kept.
func (s *Screen) Lines() []Line { return s.p.lines }
