package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/screen"
	"sallyport/search/internal/query"
)

// terminal renders what a command wrote to its terminal, and tells lines of the screen as they become
// final: when the cursor leaves them.
type terminal struct {
	screen *screen.Screen
	told   map[int]string // last line told of each row
	last   time.Time      // of the last output
}

const (
	// settled is how long a line stays as it is before it counts as final with the cursor still in it.
	settled = time.Second
	// typed is the most output that is taken for the echo of somebody's typing.
	typed = 8
)

func newTerminal(columns, rows int) *terminal {
	return &terminal{screen: screen.New(screen.Config{Columns: columns, Rows: rows}), told: map[int]string{}}
}

// write returns the lines that became final.
func (t *terminal) write(data []byte, at time.Time) (lines []string) {
	_, row := t.screen.Cursor()
	tell := func() {
		if line := t.line(row); line != "" && line != t.told[row] {
			t.told[row] = line
			lines = append(lines, line)
		}
	}
	if !t.last.IsZero() && at.Sub(t.last) >= settled {
		tell()
	}
	t.last = at
	for rest := data; len(rest) > 0; {
		// Movement begins with an escape or a control character: up to there the row is the same, unless it wraps.
		n := 1 + bytes.IndexAny(rest[1:], "\x1b\r\n\f\v")
		if n == 0 {
			n = len(rest)
		}
		n = min(n, t.screen.Columns())
		before := t.screen.Moved()
		if rest[0] == '\n' || rest[0] == 0x1b { // what is about to go
			tell()
		}
		_, _ = t.screen.Write(rest[:n])
		rest = rest[n:]
		if _, now := t.screen.Cursor(); now != row {
			if t.screen.Moved() != before {
				tell()
			}
			row = now
		}
	}
	if len(data) > typed {
		tell()
	}
	return lines
}

// line is the line that ends in a row, with the rows above that wrapped into it.
func (t *terminal) line(row int) string {
	rows := t.screen.Lines()
	if row >= len(rows) || rows[row].Wrapped {
		return ""
	}
	first := row
	for first > 0 && rows[first-1].Wrapped {
		first--
	}
	if first == row {
		return strings.TrimSpace(rows[row].String())
	}
	var b strings.Builder
	for _, l := range rows[first : row+1] {
		b.WriteString(l.String())
	}
	return strings.TrimSpace(b.String())
}

// display adds what could be read on the screen of a terminal.
func (b *batch) display(ctx context.Context, id schemas.SessionID, l located, p *schemas.Bytes) error {
	t, err := b.terminal(ctx, id, p.Command, l.Entry.Number)
	if err != nil {
		return err
	}
	lines := t.write(p.Data, time.Unix(0, l.Entry.At))
	for i, text := range pack(lines) {
		if err := b.own(ctx, id, l, &record{Part: query.Screen, Command: p.Command, Chunk: i, Text: text}); err != nil {
			return err
		}
	}
	return nil
}

// displayed reports output of a terminal.
func displayed(p *schemas.Bytes) bool {
	return p.Format == "terminal" && (p.Channel == schemas.Channel_CHANNEL_OUT || p.Channel == schemas.Channel_CHANNEL_ERR)
}

func terminalKey(id schemas.SessionID, command uint64) string {
	return fmt.Sprintf("%s/%d", id, command)
}

// terminal returns the screen of a command before number: one that is not remembered is drawn again
// from the log.
func (b *batch) terminal(ctx context.Context, id schemas.SessionID, command, number uint64) (*terminal, error) {
	key := terminalKey(id, command)
	if t, ok := b.store.terminals.get(key); ok {
		return t, nil
	}
	t := newTerminal(0, 0)
	err := b.log.ReadSession(ctx, id, journal.ReadOptions{From: max(command, 1)}, func(l located) error {
		if l.Entry.Number >= number {
			return errDone
		}
		if s := l.Entry.GetTerminal(); s != nil && s.Command == command && s.Type != "" {
			t = newTerminal(int(s.Columns), int(s.Rows))
		}
		if p := l.Entry.GetBytes(); p != nil && p.Command == command && displayed(p) {
			t.write(p.Data, time.Unix(0, l.Entry.At))
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDone) && !errors.Is(err, journal.ErrNotFound) {
		return nil, err
	}
	b.store.terminals.put(key, t)
	return t, nil
}
