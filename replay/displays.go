package replay

import (
	"strings"
	"unicode/utf8"

	"sallyport/schemas/screen"
)

// displays follows the terminals of a session. A session may have several at once, one for each shell, and
// whoever plays it has one: it shows the one that wrote last.
type displays struct {
	open    map[uint64]*display
	current uint64 // the one that is shown; 0: none yet
}

// display is one terminal.
type display struct {
	screen *screen.Screen
	rest   []byte // of a character that is not whole yet
}

// step is what a player has to do: change the size when it is not 0 by 0, then write text.
type step struct {
	columns, rows int
	text          string
}

func newDisplays() *displays { return &displays{open: map[uint64]*display{}} }

// isOpen reports whether any terminal is.
func (t *displays) isOpen() bool { return len(t.open) > 0 }

// resize takes a size in; a terminal that has one for the first time is open from now on.
func (t *displays) resize(n *Terminal) (step, bool) {
	v := t.open[n.Command]
	if v == nil {
		t.open[n.Command] = &display{screen: screen.New(screen.Config{Columns: int(n.Columns), Rows: int(n.Rows)})}
		return step{}, false
	}
	v.screen.Resize(int(n.Columns), int(n.Rows))
	if t.current != n.Command {
		return step{}, false
	}
	return step{columns: v.screen.Columns(), rows: v.screen.Rows()}, true
}

// write takes output in. Output of a terminal that is not shown brings back its screen first.
func (t *displays) write(b *Bytes) (step, bool) {
	if b.Format != "terminal" || b.Channel == "in" {
		return step{}, false
	}
	v := t.open[b.Command]
	if v == nil { // its beginning is not here
		v = &display{screen: screen.New(screen.Config{})}
		t.open[b.Command] = v
	}
	var s step
	var out strings.Builder
	if t.current != b.Command {
		s.columns, s.rows = v.screen.Columns(), v.screen.Rows()
		if t.current != 0 {
			out.WriteString("\x1bc")
			out.Write(v.screen.Snapshot())
		}
		t.current = b.Command
	}
	data := b.Payload.Bytes()
	_, _ = v.screen.Write(data)
	data = append(v.rest, data...)
	whole := len(data) - unfinished(data)
	out.WriteString(strings.ToValidUTF8(string(data[:whole]), "\uFFFD"))
	v.rest = append([]byte(nil), data[whole:]...)
	s.text = out.String()
	return s, true
}

// end forgets the terminal of a command that is over.
func (t *displays) end(command uint64) {
	delete(t.open, command)
}

// unfinished is how many bytes at the end begin a character that is not whole.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// begin takes in what terminals showed at a keyframe.
func (t *displays) begin(k *KeyframeAnswer) {
	for _, shot := range k.Terminals {
		s := screen.New(screen.Config{Columns: shot.Columns, Rows: shot.Rows})
		_, _ = s.Write(shot.Drawing) // never fails
		t.open[shot.Command] = &display{screen: s}
	}
	t.current = k.Current
}

// shown is the terminal that wrote last, of those that are open; nil: there is none.
func (t *displays) shown() *screen.Screen {
	if v := t.open[t.current]; v != nil {
		return v.screen
	}
	return nil
}
