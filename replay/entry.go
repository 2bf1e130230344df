package replay

import (
	"encoding/json"
	"fmt"
	"time"

	"sallyport/schemas"
)

// Kind says which of an entry's parts is set.
type Kind string

// Kinds: facts first, then frames.
const (
	KindOpened  Kind = "opened"
	KindCommand Kind = "command"
	KindVerdict Kind = "verdict"
	KindHeld    Kind = "held"
	KindDecided Kind = "decided"
	KindResult  Kind = "result"
	KindNotice  Kind = "notice"
	KindClosed  Kind = "closed"
	KindLost    Kind = "lost"
	KindState   Kind = "state"

	KindTerminal Kind = "terminal"
	KindObserved Kind = "observed"
	KindFile     Kind = "file"
	KindMasked   Kind = "masked"
	KindMoved    Kind = "moved"

	KindText      Kind = "text"
	KindColumns   Kind = "columns"
	KindRows      Kind = "rows"
	KindBytes     Kind = "bytes"
	KindSealed    Kind = "sealed"
	KindConcealed Kind = "concealed"
	KindUnknown   Kind = "unknown" // written by a newer release
)

// Head is what every entry has.
type Head struct {
	Number   uint64         `json:"number"`
	At       time.Time      `json:"at"`
	Sequence uint64         `json:"sequence"` // of the message that holds it
	Stream   schemas.Stream `json:"stream"`
	Kind     Kind           `json:"kind"`
}

// Entry is an entry of a session as the API speaks it: one flat JSON object of Head and the part
// that Kind names. It is made by a Decoder, or read back from JSON by a client.
type Entry struct {
	Head
	Opened  *Opened
	Command *Command
	Verdict *Verdict
	Held    *Held
	Decided *Decided
	Result  *Result
	Notice  *Notice
	Closed  *Closed
	Lost    *Lost
	State   *State

	Terminal *Terminal
	Observed *Observed
	File     *File
	Masked   *Masked
	Moved    *Moved

	Text    *Text
	Columns *Columns
	Rows    *Rows
	Bytes   *Bytes

	Concealed *Concealed
}

// MarshalJSON writes the flat object.
func (e Entry) MarshalJSON() ([]byte, error) {
	switch e.Kind {
	case KindOpened:
		return flat(e.Head, e.Opened)
	case KindCommand:
		return flat(e.Head, e.Command)
	case KindVerdict:
		return flat(e.Head, e.Verdict)
	case KindHeld:
		return flat(e.Head, e.Held)
	case KindDecided:
		return flat(e.Head, e.Decided)
	case KindResult:
		return flat(e.Head, e.Result)
	case KindNotice:
		return flat(e.Head, e.Notice)
	case KindClosed:
		return flat(e.Head, e.Closed)
	case KindLost:
		return flat(e.Head, e.Lost)
	case KindState:
		return flat(e.Head, e.State)
	case KindTerminal:
		return flat(e.Head, e.Terminal)
	case KindObserved:
		return flat(e.Head, e.Observed)
	case KindFile:
		return flat(e.Head, e.File)
	case KindMasked:
		return flat(e.Head, e.Masked)
	case KindMoved:
		return flat(e.Head, e.Moved)
	case KindText:
		return flat(e.Head, e.Text)
	case KindColumns:
		return flat(e.Head, e.Columns)
	case KindRows:
		return flat(e.Head, e.Rows)
	case KindBytes:
		return flat(e.Head, e.Bytes)
	case KindConcealed:
		return flat(e.Head, e.Concealed)
	}
	return json.Marshal(e.Head)
}

// flat joins two objects; no part has a field of Head's names.
func flat[T any](h Head, part *T) ([]byte, error) {
	if part == nil {
		return nil, fmt.Errorf("entry %d of kind %s is empty", h.Number, h.Kind)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(part)
	if err != nil || len(body) == 2 {
		return head, err
	}
	head[len(head)-1] = ','
	return append(head, body[1:]...), nil
}

// UnmarshalJSON reads the flat object. A kind that is not known here keeps its Head.
func (e *Entry) UnmarshalJSON(data []byte) error {
	*e = Entry{}
	if err := json.Unmarshal(data, &e.Head); err != nil {
		return err
	}
	switch e.Kind {
	case KindOpened:
		return part(data, &e.Opened)
	case KindCommand:
		return part(data, &e.Command)
	case KindVerdict:
		return part(data, &e.Verdict)
	case KindHeld:
		return part(data, &e.Held)
	case KindDecided:
		return part(data, &e.Decided)
	case KindResult:
		return part(data, &e.Result)
	case KindNotice:
		return part(data, &e.Notice)
	case KindClosed:
		return part(data, &e.Closed)
	case KindLost:
		return part(data, &e.Lost)
	case KindState:
		return part(data, &e.State)
	case KindTerminal:
		return part(data, &e.Terminal)
	case KindObserved:
		return part(data, &e.Observed)
	case KindFile:
		return part(data, &e.File)
	case KindMasked:
		return part(data, &e.Masked)
	case KindMoved:
		return part(data, &e.Moved)
	case KindText:
		return part(data, &e.Text)
	case KindColumns:
		return part(data, &e.Columns)
	case KindRows:
		return part(data, &e.Rows)
	case KindBytes:
		return part(data, &e.Bytes)
	case KindConcealed:
		return part(data, &e.Concealed)
	}
	return nil
}

func part[T any](data []byte, p **T) error {
	*p = new(T)
	return json.Unmarshal(data, *p)
}
