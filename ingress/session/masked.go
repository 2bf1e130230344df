package session

import (
	"context"
	"fmt"
	"slices"

	"sallyport/schemas"
)

// Tally counts what masks did. It belongs to one goroutine.
type Tally struct {
	counts []tallied
	last   int
}

type tallied struct {
	rule     uint32
	column   string
	detector string
	revealed bool
	n        uint64
}

// Add counts n values of a column (empty: a message or payload) that a rule masked; revealed: in the
// recording only.
func (t *Tally) Add(rule uint32, column, detector string, revealed bool, n uint64) {
	if n == 0 {
		return
	}
	for i := range t.counts {
		at := (t.last + i) % len(t.counts)
		if c := &t.counts[at]; c.rule == rule && c.revealed == revealed && c.detector == detector && c.column == column {
			c.n += n
			t.last = at
			return
		}
	}
	t.counts = append(t.counts, tallied{rule, column, detector, revealed, n})
}

// Empty reports whether nothing was counted.
func (t *Tally) Empty() bool { return len(t.counts) == 0 }

// maxCounts bounds the counts of one fact.
const maxCounts = 512

// Masked records what masks did to a command's result (0: outside of one), and empties the tally.
func (s *Session) Masked(command uint64, m *Masks, t *Tally) error {
	for len(t.counts) > 0 {
		n := min(len(t.counts), maxCounts)
		fact := &schemas.Masked{Command: command}
		for _, c := range t.counts[:n] {
			fact.Counts = append(fact.Counts, &schemas.MaskCount{
				Mask: m.set.rules[c.rule-1].name, Column: cut(printable(c.column), 63*4), Detector: c.detector, Count: c.n, Revealed: c.revealed})
		}
		t.counts = slices.Delete(t.counts, 0, n)
		if _, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Masked{Masked: fact}}); err != nil {
			return s.fail(err)
		}
	}
	t.last = 0
	return nil
}

// Veil gathers what a client saw of values that the recording has in masked form, until there is enough
// for a frame. It belongs to one goroutine.
type Veil struct {
	command uint64
	masks   *Masks
	groups  []veiled
}

// veiled are values that the same masks cover.
type veiled struct {
	rules  []uint32
	values []*schemas.ConcealedValue
	size   int
}

// Conceal keeps a value of a command (0: outside of one) for people who are excepted from all of rules, numbers
// of m's. Its data is copied.
func (s *Session) Conceal(ctx context.Context, v *Veil, m *Masks, command uint64, rules []uint32, value *schemas.ConcealedValue) error {
	if v.command != command || v.masks != m {
		if err := s.Unveiled(ctx, v); err != nil {
			return err
		}
		v.command, v.masks = command, m
	}
	at := slices.IndexFunc(v.groups, func(g veiled) bool { return slices.Equal(g.rules, rules) })
	if at < 0 {
		at = len(v.groups)
		v.groups = append(v.groups, veiled{rules: slices.Clone(rules)})
	}
	data := value.Data
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), MaxPayload)
		if v.groups[at].size+n > MaxPayload {
			if err := s.unveil(ctx, v.command, m, &v.groups[at]); err != nil {
				return err
			}
		}
		g := &v.groups[at]
		g.values = append(g.values, &schemas.ConcealedValue{Row: value.Row, Column: value.Column, Part: value.Part, Length: value.Length, Data: slices.Clone(data[:n]), Null: value.Null})
		g.size += n + len(value.Part) + 24
		data = data[n:]
	}
	return nil
}

// Unveiled records what is gathered.
func (s *Session) Unveiled(ctx context.Context, v *Veil) error {
	for i := range v.groups {
		if err := s.unveil(ctx, v.command, v.masks, &v.groups[i]); err != nil {
			return err
		}
	}
	v.groups = v.groups[:0]
	return nil
}

func (s *Session) unveil(ctx context.Context, command uint64, m *Masks, g *veiled) error {
	if len(g.values) == 0 {
		return nil
	}
	plain, err := (&schemas.ConcealedValues{Values: g.values}).MarshalVT()
	if err != nil {
		return s.fail(fmt.Errorf("encode concealed values: %w", err))
	}
	s.concealer.Do(func() { s.concealed, err = s.g.conceal.Session(string(s.ID)) })
	if err != nil {
		return s.fail(err)
	}
	frame := &schemas.Concealed{Command: command, Key: s.g.conceal.KeyID(), Data: s.concealed.Seal(plain)}
	for _, r := range g.rules {
		frame.Masks = append(frame.Masks, m.set.rules[r-1].name)
	}
	g.values, g.size = g.values[:0], 0
	_, err = s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Concealed{Concealed: frame}})
	return s.fail(err)
}

// standing is what masks what comes outside of a command, as the last verdict says.
type standing struct {
	masks    *Masks
	revision schemas.Revision
}

// stand notes what a verdict says of masks.
func (s *Session) stand(m *Masks, revision schemas.Revision) {
	if at := s.standing.Load(); at == nil || at.masks != m || at.revision != revision {
		s.standing.Store(&standing{m, revision})
	}
}

// Standing are the masks for what comes outside of a command; nil: none. They are those of the last verdict or, once
// policies have changed since, or when there was none, of a verdict on c, which is asked for and not recorded. ok is
// false when that says nothing of masks: they are then those of the last.
func (s *Session) Standing(ctx context.Context, c Command) (m *Masks, ok bool) {
	current := func() (*Masks, bool) {
		at := s.standing.Load()
		if at == nil {
			return nil, false
		}
		return at.masks, s.g.c.Revision == nil || s.g.c.Revision() == at.revision
	}
	if m, ok = current(); ok {
		return m, true
	}
	d, err := s.Judge(ctx, c)
	if err != nil || d.Failure != "" || d.Masks == nil && d.Plan != nil {
		return m, false
	}
	return d.Masks, true
}
