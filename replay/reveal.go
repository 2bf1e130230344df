package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/values"
)

// Revealer opens what a recording has only concealed.
type Revealer interface {
	// Excepted reports whether the principal whose request ctx belongs to is excepted from all of the
	// masks, as they are now. One that is no more excepts nobody.
	Excepted(ctx context.Context, masks []string) bool
	// Open opens the data of a schemas.Concealed that was sealed with the key of that id.
	Open(session schemas.SessionID, key string, data []byte) ([]byte, error)
}

const viewReveal = "reveal"

// Revealed is a value that the client of a session saw and the recording has in masked form.
type Revealed struct {
	Command uint64   `json:"command"`
	Row     uint64   `json:"row"`              // from 1; of a part: which of the messages that conceal something; of a stream: at which recorded byte
	Column  uint32   `json:"column"`           // from 1; 0: it is no cell
	Part    string   `json:"part,omitempty"`   // of a message, as "error message" or "notification payload"; "output" and "error output" are streams
	Length  *uint64  `json:"length,omitempty"` // of a stream only: recorded bytes that stand in its place
	Name    string   `json:"name"`             // of the column; empty: not known
	Masks   []string `json:"masks"`
	Null    bool     `json:"null"`
	Text    string   `json:"text"` // rendered
}

// Concealed says that there is something that the client saw and the recording has in masked form only, and not what.
type Concealed struct {
	Command uint64   `json:"command"` // 0: outside of one
	Masks   []string `json:"masks"`   // who is excepted from all of these may have it revealed
}

func concealed(c *schemas.Concealed) *Concealed {
	return &Concealed{Command: c.GetCommand(), Masks: append([]string{}, c.GetMasks()...)}
}

// mostRevealed bounds the values of an answer.
const mostRevealed = 5000

// reveal answers with the concealed values of a session, or of one of its commands, that the reader is
// excepted for. It is a fact, with the reason that the reader must give, before anything is given. It is never
// part of a stream or export.
func (s *Service) reveal(w http.ResponseWriter, r *http.Request) error {
	command, err := number(r, "command", 0, 1<<62)
	if err != nil {
		return err
	}
	from, err := number(r, "from", 1, 1<<62)
	if err != nil {
		return err
	}
	reason, err := said(w, r, "reason", mostReason)
	if err != nil {
		return err
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return invalid("say why: what is revealed, and the reason, are on record")
	}
	if s.Revealer == nil {
		return &schemas.Error{Code: schemas.CodeUnsupported, Message: "this service has no key to reveal with"}
	}
	page := revealing{s: s, one: one, command: command, columns: map[uint64][]*schemas.Column{}, Values: []Revealed{}}
	err = s.Log.ReadSession(r.Context(), one.ID, journal.ReadOptions{}, func(l journal.Located) error { return page.entry(r.Context(), l.Entry, from) })
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if page.Withheld > 0 && len(page.Values) == 0 {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "nobody reveals this to you: you are not excepted from the masks"}
	}
	if len(page.Values) > 0 {
		if err := s.confirm(r.Context(), Confirmer.Reveal); err != nil {
			return err
		}
		if err := s.viewing(r.Context(), one, &schemas.Viewed{How: viewReveal, Reason: reason, Command: command}); err != nil {
			return err
		}
	}
	slices.SortStableFunc(page.Values, inPlace)
	return reply(w, page)
}

// inPlace orders values as the client got them, whatever masks they are sealed for; texts come after rows.
func inPlace(a, b Revealed) int {
	text := func(r Revealed) int { return min(len(r.Part), 1) }
	stream := func(r Revealed) string {
		if r.Length == nil {
			return ""
		}
		return r.Part
	}
	return cmp.Or(cmp.Compare(a.Command, b.Command), text(a)-text(b), -cmp.Compare(stream(a), stream(b)), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column))
}

// revealing is an answer that is being made.
type revealing struct {
	s       *Service
	one     Session
	command uint64 // 0: all
	columns map[uint64][]*schemas.Column

	Values   []Revealed `json:"values"`
	Withheld int        `json:"withheld"` // frames that the reader is not excepted for
	Next     uint64     `json:"next"`     // from which entry on there is more; 0: there is none
}

func (p *revealing) entry(ctx context.Context, e *schemas.Entry, from uint64) error {
	if c := e.GetColumns(); c != nil {
		p.columns[c.GetCommand()] = c.GetColumns()
		return nil
	}
	f := e.GetConcealed()
	if f == nil || p.command != 0 && f.GetCommand() != p.command || e.GetNumber() < from {
		return nil
	}
	if len(p.Values) >= mostRevealed {
		p.Next = e.GetNumber()
		return errEnough
	}
	if !p.s.Revealer.Excepted(ctx, f.GetMasks()) {
		p.Withheld++
		return nil
	}
	plain, err := p.s.Revealer.Open(p.one.ID, f.GetKey(), f.GetData())
	if err != nil {
		return fmt.Errorf("open what entry %d conceals: %w", e.GetNumber(), err)
	}
	found := &schemas.ConcealedValues{}
	if err := found.UnmarshalVT(plain); err != nil {
		return fmt.Errorf("read what entry %d conceals: %w", e.GetNumber(), err)
	}
	var whole []*schemas.ConcealedValue
	for _, v := range found.Values {
		if n := len(whole); n > 0 && samePlace(whole[n-1], v) { // a value in pieces
			whole[n-1].Data = append(whole[n-1].Data, v.Data...)
			continue
		}
		whole = append(whole, v)
	}
	for _, v := range whole {
		p.Values = append(p.Values, p.value(f, v))
	}
	return nil
}

func samePlace(a, b *schemas.ConcealedValue) bool {
	return a.Row == b.Row && a.Column == b.Column && a.Part == b.Part && a.Length == b.Length
}

func (p *revealing) value(f *schemas.Concealed, v *schemas.ConcealedValue) Revealed {
	out := Revealed{Command: f.GetCommand(), Row: v.Row, Column: v.Column, Part: v.Part, Masks: f.GetMasks(), Null: v.Null}
	if v.OfStream() {
		out.Length = &v.Length
	}
	if all := p.columns[f.GetCommand()]; v.Column > 0 && int(v.Column) <= len(all) {
		c := all[v.Column-1]
		out.Name, out.Text = c.Name, values.Text(c.Type, c.Binary, v.Data)
		return out
	}
	out.Text = values.Clean(v.Data)
	return out
}
