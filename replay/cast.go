package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// Size of the terminal that a database session is rendered for.
const (
	castColumns = 120
	castRows    = 36
)

// castIdle is the longest pause that players are asked to keep; the file has the real ones.
const castIdle = 3

// WriteCast writes a session as asciicast v3: https://docs.asciinema.org/manual/asciicast/v3/.
// Each command is a marker, so that players can step from one to the next. Terminals are written as they were,
// with their sizes; what else a session did is written as text, unless a terminal is open.
func WriteCast(w io.Writer, entries iter.Seq2[Entry, error]) error {
	c := &cast{w: bufio.NewWriterSize(w, 64<<10), terminals: newDisplays()}
	c.transcript = newTranscript(&c.screen, castColumns)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if c.waits(e) {
			continue
		}
		c.entry(e)
		if c.err != nil {
			return fmt.Errorf("write cast: %w", c.err)
		}
	}
	c.begin()
	if c.err != nil {
		return fmt.Errorf("write cast: %w", c.err)
	}
	return c.w.Flush()
}

type cast struct {
	w          *bufio.Writer
	screen     bytes.Buffer
	transcript *transcript
	terminals  *displays
	last       time.Time // of the last event, in whole microseconds
	err        error

	size   string // as players have it
	within bool   // a terminal wrote last, and no end of a line
	began  bool
	before []Entry // come before the size is known
}

// mostBefore is how many entries of a session on a server may come before its first terminal or output.
const mostBefore = 1000

// waits keeps what comes before the size of the terminal is known: it stands in the first line.
func (c *cast) waits(e Entry) bool {
	if c.began {
		return false
	}
	c.before = append(c.before, e)
	first := c.before[0]
	if first.Opened != nil && first.Opened.Protocol == "ssh" && len(c.before) < mostBefore && e.Kind != KindTerminal && e.Kind != KindBytes && e.Kind != KindClosed {
		return true
	}
	c.begin()
	return true
}

// begin writes the header and what came before it.
func (c *cast) begin() {
	if c.began || len(c.before) == 0 {
		return
	}
	c.began = true
	columns, rows := castColumns, castRows
	if last := c.before[len(c.before)-1]; last.Kind == KindTerminal {
		columns, rows = max(1, int(last.Terminal.Columns)), max(1, int(last.Terminal.Rows))
	}
	c.header(c.before[0], columns, rows)
	for _, e := range c.before {
		c.entry(e)
	}
	c.before = nil
}

func (c *cast) entry(e Entry) {
	switch {
	case e.Kind == KindCommand:
		c.event(e.At, "m", marker(c.named(e.Command)))
	case e.Kind == KindObserved:
		c.event(e.At, "m", marker(e.Observed.Text))
	case e.Kind == KindTerminal:
		if s, ok := c.terminals.resize(e.Terminal); ok {
			c.step(e.At, s)
		}
		return
	case e.Kind == KindBytes && e.Bytes.Format == "terminal":
		if s, ok := c.terminals.write(e.Bytes); ok {
			c.step(e.At, s)
		} else if text := string(e.Bytes.Payload.Bytes()); text != "" {
			c.event(e.At, "i", strings.ToValidUTF8(text, "\uFFFD"))
		}
		return
	case e.Kind == KindResult:
		c.terminals.end(e.Result.Command)
	}
	c.transcript.entry(e)
	if c.screen.Len() > 0 && !c.terminals.isOpen() {
		text := c.screen.String()
		if c.within {
			text, c.within = "\n"+text, false
		}
		c.event(e.At, "o", strings.ReplaceAll(text, "\n", "\r\n"))
	}
	c.screen.Reset()
	if e.Kind == KindClosed {
		c.event(e.At, "x", "0")
	}
}

// named is what a marker calls a command.
func (c *cast) named(command *Command) string {
	if command.Text == "" {
		return command.Kind
	}
	return command.Text
}

// step writes a change of size, then output.
func (c *cast) step(at time.Time, s step) {
	if size := fmt.Sprintf("%dx%d", s.columns, s.rows); s.columns > 0 && size != c.size {
		c.size = size
		c.event(at, "r", size)
	}
	if s.text != "" {
		c.event(at, "o", s.text)
		c.within = !strings.HasSuffix(s.text, "\n")
	}
}

func (c *cast) header(e Entry, columns, rows int) {
	title := "a session"
	if e.Opened != nil {
		title = plain(e.Opened.Principal + " on " + e.Opened.Target)
	}
	c.last, c.size = e.At.Truncate(time.Microsecond), fmt.Sprintf("%dx%d", columns, rows)
	line, err := json.Marshal(castHeader{
		Version: 3, Term: castTerm{Cols: columns, Rows: rows, Type: "xterm-256color"},
		Timestamp: e.At.Unix(), Idle: castIdle, Title: title,
	})
	c.write(line, err)
}

// castHeader is the first line.
type castHeader struct {
	Version   int      `json:"version"`
	Term      castTerm `json:"term"`
	Timestamp int64    `json:"timestamp"`
	Idle      float64  `json:"idle_time_limit"`
	Title     string   `json:"title"`
}

type castTerm struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type"`
}

// event writes one with the time since the event before it; clocks that went back count as none.
func (c *cast) event(at time.Time, code, data string) {
	at = at.Truncate(time.Microsecond)
	interval := max(0, at.Sub(c.last))
	if at.After(c.last) {
		c.last = at
	}
	text, err := json.Marshal(data)
	c.write(fmt.Appendf(nil, "[%d.%06d, %q, %s]", interval/time.Second, interval%time.Second/time.Microsecond, code, text), err)
}

func (c *cast) write(line []byte, err error) {
	if err == nil && c.err == nil {
		_, err = c.w.Write(append(line, '\n'))
	}
	c.err = cmp.Or(c.err, err)
}

// mostMarker is how much of a command names its marker.
const mostMarker = 60

func marker(text string) string {
	s, rest := cut(strings.Join(strings.Fields(plain(text)), " "), mostMarker)
	if rest != "" {
		s += "…"
	}
	return s
}
