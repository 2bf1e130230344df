package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/gorilla/websocket"

	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// PlayOptions says how Play shows a session.
type PlayOptions struct {
	Speed   float64       // 1 is the original pace, 2 twice as fast; 0: as entries come, for watching
	MaxIdle time.Duration // longest pause, before Speed; 2 s by default
	Width   int           // of the terminal; 100 by default
	// Size tells the size of the terminal that w is, on which the session's terminals are drawn. Nil: w is none, and what
	// stood on them is text.
	Size func() (columns, rows int)
	// Began is when the session did, and From the first moment that is shown. Zero: that of the first entry.
	Began, From time.Time
	Keyframe    *KeyframeAnswer // what terminals showed before the first entry; nil: there were none
}

// Play prints a session as psql would have shown it, and draws its terminals, at its original pace. It returns nil when
// the entries end, ctx's error when ctx is done first, and the first error of the entries or of w.
func Play(ctx context.Context, w io.Writer, entries iter.Seq2[Entry, error], o PlayOptions) (err error) {
	o.MaxIdle, o.Width = cmp.Or(o.MaxIdle, 2*time.Second), cmp.Or(o.Width, 100)
	out := newStage(w, o)
	defer func() {
		out.leave()
		if bad := out.show(); err == nil {
			err = bad
		}
	}()
	t := newTranscript(out, o.Width)
	var last time.Time
	for e, err := range entries {
		if err != nil {
			return err
		}
		if out.reach(e.At) {
			if err := pace(ctx, out, o, &last, e.At); err != nil {
				return err
			}
		}
		if !out.entry(e) {
			t.entry(e)
		}
		if o.Speed == 0 {
			if err := out.show(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// pace waits as long as the session did, and shows what was written before it waits.
func pace(ctx context.Context, out *stage, o PlayOptions, last *time.Time, now time.Time) error {
	if o.Speed > 0 && !last.IsZero() {
		wait := time.Duration(float64(min(now.Sub(*last), o.MaxIdle)) / o.Speed)
		if wait > time.Millisecond {
			if err := out.show(); err != nil {
				return err
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}
	if last.Before(now) {
		*last = now
	}
	return ctx.Err()
}

// Lines reads the entries of an export as NDJSON.
func Lines(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := lines.ReadBytes('\n')
			if len(bytes.TrimSpace(line)) > 0 {
				var e Entry
				if bad := json.Unmarshal(line, &e); bad != nil {
					yield(e, fmt.Errorf("read entry: %w", bad))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("read entries: %w", err))
				return
			}
		}
	}
}

// Stream reads the entries that the websocket of play sends, to its end. The caller closes conn,
// which also ends a read that waits.
func Stream(conn *websocket.Conn) iter.Seq2[Entry, error] { return stream(conn, false) }

// History is Stream to the point that an open session has reached.
func History(conn *websocket.Conn) iter.Seq2[Entry, error] { return stream(conn, true) }

func stream(conn *websocket.Conn, history bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			var m Message
			if err := conn.ReadJSON(&m); err != nil {
				yield(Entry{}, fmt.Errorf("read session: %w", err))
				return
			}
			switch m.Type {
			case "end":
				return
			case "live":
				if history {
					return
				}
			case "error":
				yield(Entry{}, problemError(m.Problem))
				return
			}
			for _, e := range m.Entries {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func problemError(p *problem.Document) error {
	if p == nil {
		return errors.New("the server ended the session without saying why")
	}
	return &schemas.Error{Code: p.Code, Message: p.Detail, Hint: p.Hint}
}
