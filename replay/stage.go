package replay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"sallyport/schemas/screen"
)

// stage is where Play shows a session: text, one line under the other, and while a terminal of the session is open, that
// terminal, on the alternate screen of the viewer's, which is drawn and never handed what the program wrote.
type stage struct {
	out      *bufio.Writer
	o        PlayOptions
	displays *displays
	painter  screen.Painter

	now     time.Time
	reached bool         // From
	drawing bool         // on the alternate screen
	dirty   bool         // what it shows is not what there is
	later   bytes.Buffer // text that comes while a terminal is drawn
}

func newStage(w io.Writer, o PlayOptions) *stage {
	s := &stage{out: bufio.NewWriterSize(w, 64<<10), o: o, displays: newDisplays()}
	if o.Keyframe != nil && o.Size != nil {
		s.displays.begin(o.Keyframe)
		s.dirty = s.displays.shown() != nil
	}
	return s
}

// reach takes the time in, and reports whether what comes now is to be shown.
func (s *stage) reach(at time.Time) bool {
	if s.o.Began.IsZero() {
		s.o.Began = at
	}
	if s.now.Before(at) {
		s.now = at
	}
	s.reached = s.reached || !at.Before(s.o.From)
	return s.reached
}

// Write takes text of the transcript.
func (s *stage) Write(b []byte) (int, error) {
	switch {
	case !s.reached:
	case s.o.Size != nil && s.displays.isOpen():
		return s.later.Write(b)
	default:
		return s.out.Write(b)
	}
	return len(b), nil
}

// entry takes in what is on terminals, and reports whether that is all there is to it.
func (s *stage) entry(e Entry) bool {
	if s.o.Size == nil {
		return false
	}
	switch {
	case e.Kind == KindTerminal:
		s.displays.resize(e.Terminal)
		s.dirty = true
	case e.Kind == KindBytes && e.Bytes.Format == "terminal":
		if _, ok := s.displays.write(e.Bytes); ok {
			s.dirty = true
		}
	case e.Kind == KindBytes && e.Bytes.Format == "withheld":
	case e.Kind == KindResult && s.displays.open[e.Result.Command] != nil:
		last := s.displays.open[e.Result.Command].screen
		s.displays.end(e.Result.Command)
		if !s.displays.isOpen() {
			s.leave()
			s.remains(last)
		}
		return false
	default:
		return false
	}
	return true
}

// leave goes back to the text.
func (s *stage) leave() {
	if s.drawing {
		_, _ = s.out.WriteString("\x1b[0m\x1b[?25h\x1b[?1049l") // show tells its errors
		s.drawing = false
	}
	s.dirty = false
	_, _ = s.later.WriteTo(s.out)
}

// remains writes what stood on a terminal at its end.
func (s *stage) remains(last *screen.Screen) {
	if !s.reached {
		return
	}
	text := strings.TrimRight(strings.Join(last.Text(), "\n"), "\n")
	if text != "" {
		_, _ = s.out.WriteString(plain(text) + "\n")
	}
}

// show shows everything that came.
func (s *stage) show() error {
	if v := s.displays.shown(); s.dirty && s.reached && v != nil {
		s.paint(v)
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("show session: %w", err)
	}
	return nil
}

func (s *stage) paint(v *screen.Screen) {
	columns, rows := s.o.Size()
	if !s.drawing {
		_, _ = s.out.WriteString("\x1b[?1049h")
		s.painter.Forget()
		s.drawing = true
	}
	room := max(rows-1, 1)
	_, _ = s.out.Write(s.painter.Paint(nil, v, columns, room))
	if rows > 1 {
		_, _ = s.out.Write(s.status(v, columns, rows, room))
	}
	s.dirty = false
}

// status draws the last row: how large the recorded terminal is, and when this is. The cursor stays where it is.
func (s *stage) status(v *screen.Screen, columns, rows, room int) []byte {
	text := fmt.Sprintf(" %s  %dx%d", s.now.Sub(s.o.Began).Truncate(time.Second), v.Columns(), v.Rows())
	if v.Columns() > columns || v.Rows() > room {
		text += fmt.Sprintf(", of which %dx%d fit here", min(columns, v.Columns()), min(room, v.Rows()))
	}
	text = text[:min(len(text), columns-1)]
	return fmt.Appendf(nil, "\x1b7\x1b[%d;1H\x1b[0;7m%-*s\x1b[0m\x1b8", rows, columns-1, text)
}
