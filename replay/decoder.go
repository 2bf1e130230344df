package replay

import (
	"encoding/hex"
	"time"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/values"
)

// mostDescribed is how many commands' columns a Decoder remembers; pipelines are shorter.
const mostDescribed = 64

// Decoder turns the entries of one session, in order, into what the API speaks. It remembers the
// columns of commands, because rows are rendered by type. It is not safe for concurrent use.
type Decoder struct {
	// Find returns the columns of a command that were described before the entries that the
	// Decoder has seen; nil, or a nil result, means that they are not known.
	Find func(command, before uint64) *schemas.Columns

	// Begun returns the joiner of a command's rows after those entries that came before number, where the
	// Decoder has not seen them; nil, or a nil result, means that no row goes on there.
	Begun func(command, number uint64) *values.Joiner

	columns map[uint64][]*schemas.Column
	order   []uint64 // of columns' keys, oldest first

	first  uint64                    // entry seen
	joins  map[uint64]*values.Joiner // of commands whose last row goes on
	looked map[uint64]bool           // commands of before first that have been asked for
}

// Entry decodes one.
func (d *Decoder) Entry(l journal.Located) Entry {
	if d.first == 0 {
		d.first = l.Entry.GetNumber()
	}
	e := Entry{Head: Head{Number: l.Entry.GetNumber(), Sequence: l.Sequence, Stream: l.Stream, At: at(l)}}
	switch k := l.Entry.GetKind().(type) {
	case *schemas.Entry_Opened:
		e.Kind, e.Opened = KindOpened, opened(k.Opened)
	case *schemas.Entry_Command:
		e.Kind, e.Command = KindCommand, command(k.Command)
	case *schemas.Entry_Verdict:
		e.Kind, e.Verdict = KindVerdict, verdict(k.Verdict)
	case *schemas.Entry_Held:
		e.Kind, e.Held = KindHeld, &Held{Command: k.Held.GetCommand(), Approval: k.Held.GetApproval(), Expires: nanos(k.Held.GetExpires())}
	case *schemas.Entry_Decided:
		e.Kind, e.Decided = KindDecided, decided(k.Decided)
	case *schemas.Entry_Result:
		delete(d.joins, k.Result.GetCommand()) // what did not end by now never will
		e.Kind, e.Result = KindResult, result(k.Result)
	case *schemas.Entry_Notice:
		e.Kind, e.Notice = KindNotice, notice(k.Notice)
	case *schemas.Entry_Closed:
		e.Kind, e.Closed = KindClosed, closed(k.Closed)
	case *schemas.Entry_Lost:
		e.Kind, e.Lost = KindLost, lost(k.Lost)
	case *schemas.Entry_State:
		e.Kind, e.State = KindState, &State{Name: k.State.GetName(), Value: k.State.GetValue()}
	case *schemas.Entry_Terminal:
		e.Kind, e.Terminal = KindTerminal, terminal(k.Terminal)
	case *schemas.Entry_Observed:
		e.Kind, e.Observed = KindObserved, observed(k.Observed)
	case *schemas.Entry_File:
		e.Kind, e.File = KindFile, file(k.File)
	case *schemas.Entry_Masked:
		e.Kind, e.Masked = KindMasked, masked(k.Masked)
	case *schemas.Entry_Moved:
		e.Kind, e.Moved = KindMoved, &Moved{BytesIn: k.Moved.GetBytesIn(), BytesOut: k.Moved.GetBytesOut()}
	default:
		d.frame(&e, l.Entry)
	}
	return e
}

func (d *Decoder) frame(e *Entry, from *schemas.Entry) {
	switch k := from.GetKind().(type) {
	case *schemas.Entry_Text:
		e.Kind, e.Text = KindText, &Text{First: k.Text.GetFirst(), Offset: k.Text.GetOffset(), Parameter: k.Text.GetParameter(), Payload: payload(k.Text.GetData())}
	case *schemas.Entry_Columns:
		d.remember(k.Columns)
		e.Kind, e.Columns = KindColumns, columns(k.Columns)
	case *schemas.Entry_Rows:
		e.Kind, e.Rows = KindRows, d.rows(k.Rows, from.GetNumber())
	case *schemas.Entry_Bytes:
		e.Kind, e.Bytes = KindBytes, &Bytes{Command: k.Bytes.GetCommand(), Channel: channel(k.Bytes.GetChannel()), Format: k.Bytes.GetFormat(), Offset: k.Bytes.GetOffset(), Payload: payload(k.Bytes.GetData())}
	case *schemas.Entry_Sealed:
		e.Kind = KindSealed
	case *schemas.Entry_Concealed:
		e.Kind, e.Concealed = KindConcealed, concealed(k.Concealed)
	default:
		e.Kind = KindUnknown
	}
}

func (d *Decoder) remember(c *schemas.Columns) {
	if d.columns == nil {
		d.columns = map[uint64][]*schemas.Column{}
	}
	if _, known := d.columns[c.GetCommand()]; !known {
		d.order = append(d.order, c.GetCommand())
	}
	d.columns[c.GetCommand()] = c.GetColumns()
	if len(d.order) > mostDescribed {
		delete(d.columns, d.order[0])
		d.order = d.order[1:]
	}
}

func (d *Decoder) described(command, before uint64) []*schemas.Column {
	cs, known := d.columns[command]
	if known || d.Find == nil {
		return cs
	}
	found := d.Find(command, before)
	if found == nil {
		found = &schemas.Columns{}
	}
	d.remember(&schemas.Columns{Command: command, Columns: found.GetColumns()})
	return found.GetColumns()
}

func (d *Decoder) rows(r *schemas.Rows, number uint64) *Rows {
	described := d.described(r.GetCommand(), number)
	out := &Rows{Command: r.GetCommand(), Rows: [][]*string{}, More: r.GetMore()}
	whole, err := d.join(r, number)
	if err != nil {
		out.Problem = err.Error()
	}
	if whole == nil {
		return out
	}
	for row, err := range values.Rows(whole) {
		if err != nil {
			out.Problem = err.Error()
			break
		}
		cells := make([]*string, len(row))
		for i, c := range row {
			if c.Null {
				continue
			}
			s := cell(described, i, c.Data)
			cells[i] = &s
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// join makes rows whole: they stand in the entry in which they end.
func (d *Decoder) join(r *schemas.Rows, number uint64) (*schemas.Rows, error) {
	command := r.GetCommand()
	j := d.joins[command]
	if j == nil && command < d.first && d.Begun != nil && !d.looked[command] {
		if len(d.looked) >= mostDescribed {
			d.looked = nil
		}
		if d.looked == nil {
			d.looked = map[uint64]bool{}
		}
		d.looked[command] = true
		j = d.Begun(command, number)
	}
	if j == nil {
		if !r.GetMore() {
			return r, nil
		}
		j = &values.Joiner{}
	}
	whole, err := j.Join(r)
	if !j.Going() {
		delete(d.joins, command)
		return whole, err
	}
	if d.joins == nil {
		d.joins = map[uint64]*values.Joiner{}
	}
	d.joins[command] = j
	return whole, err
}

// cell renders bytes of which nothing is known as text if they can be, else as bytes.
func cell(described []*schemas.Column, i int, data []byte) string {
	if i >= len(described) {
		return values.Text(0, !utf8.Valid(data), data)
	}
	return values.Text(described[i].GetType(), described[i].GetBinary(), data)
}

func at(l journal.Located) time.Time {
	if l.Entry.GetAt() == 0 {
		return l.Time.UTC()
	}
	return nanos(l.Entry.GetAt())
}

func nanos(n int64) time.Time { return time.Unix(0, n).UTC() }

func payload(b []byte) Payload {
	if !utf8.Valid(b) {
		return Payload{Base64: b}
	}
	s := string(b)
	return Payload{Text: &s}
}

func digest(b []byte) string { return hex.EncodeToString(b) }
