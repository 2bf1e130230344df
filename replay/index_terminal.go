package replay

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"maps"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/screen"
)

// mostTerminals bounds the terminals of a session that are followed at once. Of those beyond it no
// keyframe is made: a player reads them from their beginning.
const mostTerminals = 16

// scrollback is how many lines that scrolled away a keyframe has.
const scrollback = 200

// Keyframe is what terminals showed after an entry.
type Keyframe struct {
	Number    uint64
	At        int64  // nanoseconds since the first entry
	Current   uint64 // command whose terminal was written last; 0: none
	Terminals []Shot
}

// Shot is one terminal.
type Shot struct {
	Command       uint64
	Columns, Rows int
	Drawing       []byte // deflated: what draws it on a fresh terminal
}

// followed is a terminal as it is now.
type followed struct {
	screen *screen.Screen
	used   uint64 // number of the entry that wrote last
}

// sized is the beginning of a terminal, or a new size.
func (x *Index) sized(t *schemas.Terminal) {
	x.Sized = true
	if s := x.terminals[t.GetCommand()]; s != nil {
		s.screen.Resize(int(t.GetColumns()), int(t.GetRows()))
		return
	}
	if len(x.terminals) >= mostTerminals {
		return
	}
	if x.terminals == nil {
		x.terminals = map[uint64]*followed{}
	}
	x.terminals[t.GetCommand()] = &followed{used: x.Number, screen: screen.New(screen.Config{Columns: int(t.GetColumns()), Rows: int(t.GetRows()), History: scrollback})}
}

// bytes counts payload, and draws what is for a terminal.
func (x *Index) bytes(b *schemas.Bytes, t int64) {
	i := x.Activity.at(t)
	if b.GetChannel() == schemas.Channel_CHANNEL_IN {
		x.Activity.In[i] += uint64(len(b.GetData()))
		return
	}
	x.Activity.Out[i] += uint64(len(b.GetData()))
	if s := x.terminals[b.GetCommand()]; s != nil {
		_, _ = s.screen.Write(b.GetData()) // never fails
		s.used = x.Number
		x.Since.Bytes += len(b.GetData())
	}
}

// ended lets the terminal of a command go.
func (x *Index) ended(r *schemas.Result) { delete(x.terminals, r.GetCommand()) }

// keyframe makes one where it is due.
func (x *Index) keyframe(t int64) {
	s := &x.Since
	due := s.Bytes >= x.Spacing.Bytes || s.Entries >= x.Spacing.Entries || s.Bytes > 0 && t-s.At >= int64(x.Spacing.Every)
	if len(x.terminals) > 0 && !due {
		return
	}
	s.Bytes, s.Entries, s.At = 0, 0, t
	if len(x.terminals) == 0 {
		return
	}
	if x.Keyframes.Stride > 1 && x.Keyframes.Seen%x.Keyframes.Stride != 0 {
		x.Keyframes.Seen++ // it would not be kept
		return
	}
	x.Keyframes.add(x.shoot(t), mostKeyframes)
}

// shoot returns what the terminals show now.
func (x *Index) shoot(t int64) Keyframe {
	k := Keyframe{Number: x.Number, At: t}
	last := uint64(0)
	for _, command := range slices.Sorted(maps.Keys(x.terminals)) {
		s := x.terminals[command]
		k.Terminals = append(k.Terminals, Shot{Command: command, Columns: s.screen.Columns(), Rows: s.screen.Rows(), Drawing: deflate(s.screen.Snapshot())})
		if s.used >= last {
			k.Current, last = command, s.used
		}
	}
	return k
}

// put makes the index fit to be stored: Resume is what fold goes on from.
func (x *Index) put() {
	x.Resume = Keyframe{}
	if len(x.terminals) > 0 {
		x.Resume = x.shoot(x.Last)
	}
}

// take makes a stored index go on.
func (x *Index) take() error {
	x.terminals = map[uint64]*followed{}
	for _, t := range x.Resume.Terminals {
		drawing, err := inflate(t.Drawing)
		if err != nil {
			return err
		}
		s := screen.New(screen.Config{Columns: t.Columns, Rows: t.Rows, History: scrollback})
		_, _ = s.Write(drawing)
		x.terminals[t.Command] = &followed{screen: s}
	}
	if s := x.terminals[x.Resume.Current]; s != nil {
		s.used = x.Resume.Number
	}
	return nil
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is known
	}
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return out.Bytes()
}

// mostDrawing bounds what a drawing inflates to: the largest screen and its history.
const mostDrawing = 64 << 20

func inflate(b []byte) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), mostDrawing))
	if err != nil {
		return nil, fmt.Errorf("read keyframe: %w", err)
	}
	return out, nil
}
