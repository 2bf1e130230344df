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
// Each command is a marker, so that players can step from one to the next.
func WriteCast(w io.Writer, entries iter.Seq2[Entry, error]) error {
	c := &cast{w: bufio.NewWriterSize(w, 64<<10)}
	t := newTranscript(&c.screen, castColumns)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if c.last.IsZero() {
			c.header(e)
		}
		if e.Kind == KindCommand {
			c.event(e.At, "m", marker(e.Command.Text))
		}
		t.entry(e)
		if c.screen.Len() > 0 {
			c.event(e.At, "o", strings.ReplaceAll(c.screen.String(), "\n", "\r\n"))
			c.screen.Reset()
		}
		if e.Kind == KindClosed {
			c.event(e.At, "x", "0")
		}
		if c.err != nil {
			return fmt.Errorf("write cast: %w", c.err)
		}
	}
	return c.w.Flush()
}

type cast struct {
	w      *bufio.Writer
	screen bytes.Buffer
	last   time.Time // of the last event, in whole microseconds
	err    error
}

func (c *cast) header(e Entry) {
	title := "a session"
	if e.Opened != nil {
		title = plain(e.Opened.Principal + " on " + e.Opened.Target)
	}
	c.last = e.At.Truncate(time.Microsecond)
	line, err := json.Marshal(castHeader{
		Version: 3, Term: castTerm{Cols: castColumns, Rows: castRows, Type: "xterm-256color"},
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
