package enforcer

import (
	"sync"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/enforcer/internal/lineage"
	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// maskSet is the masks of one target.
type maskSet struct {
	all     []*resources.Resource
	columns []lineage.Mask // those that name columns
	rules   []int          // their places in all

	mu     sync.Mutex
	worlds map[string]*lineage.World // by digest of the catalogue
	order  []string
}

// keptWorlds is how many catalogues of a target its masks are laid over at once.
const keptWorlds = 8

func newMaskSet(all []*resources.Resource) *maskSet {
	s := &maskSet{all: all, worlds: map[string]*lineage.World{}}
	for i, r := range all {
		m := lineage.Mask{Name: r.Metadata.Name}
		for _, text := range r.Mask.Columns {
			p, ok := lineage.ParsePattern(text)
			if !ok { // it should have been refused when it was applied: rather all than none
				p, _ = lineage.ParsePattern("*")
			}
			m.Columns = append(m.Columns, p)
		}
		if len(m.Columns) > 0 {
			s.columns, s.rules = append(s.columns, m), append(s.rules, i)
		}
	}
	return s
}

// world lays the masks over a catalogue.
func (s *maskSet) world(parser *pgsql.Analyzer, database string, c *catalogue.Catalogue) *lineage.World {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := database + "\x00" + c.Digest()
	if w, ok := s.worlds[key]; ok {
		return w
	}
	if len(s.order) == keptWorlds {
		delete(s.worlds, s.order[0])
		s.order = s.order[1:]
	}
	w := lineage.NewWorld(parser, c, s.columns)
	s.worlds[key], s.order = w, append(s.order, key)
	return w
}

// viewer is the masks as they concern one principal.
type viewer struct {
	set      *maskSet
	rules    []*schemas.MaskRule
	interest uint64 // the masks of columns that the principal is not excepted from
}

// unseenBit is interesting to whom any mask of columns concerns.
const unseenBit = uint64(1) << 63

func (s *maskSet) viewer(p *schemas.Principal) *viewer {
	v := &viewer{set: s}
	for _, r := range s.all {
		m := r.Mask
		rule := &schemas.MaskRule{Name: r.Metadata.Name, With: m.With, Detect: m.Detect}
		if rule.With == "" {
			rule.With = withRedact
		}
		if rule.With == withPartial {
			rule.Keep = uint32(m.Keep)
			if rule.Keep == 0 {
				rule.Keep = defaultKeep
			}
		}
		rule.Revealed = m.Except != nil && m.Except.Match(p)
		v.rules = append(v.rules, rule)
	}
	for i, at := range s.rules {
		if !v.rules[at].Revealed {
			v.interest |= lineage.Bit(i) | unseenBit
		}
	}
	return v
}

const (
	withNull    = "null"
	withRedact  = "redact"
	withHash    = "hash"
	withPartial = "partial"
	defaultKeep = 4
)

// strictness orders what masks do: the less is left, the more.
func strictness(r *schemas.MaskRule) int {
	switch r.With {
	case withNull:
		return 1 << 34
	case withHash:
		return 1 << 32
	case withPartial:
		return -int(r.Keep)
	}
	return 1 << 33
}

// by returns the strictest rules of a value, nil when it is shown.
func (v *viewer) by(t lineage.Taint) *schemas.MaskedBy {
	if !t.Any() {
		return nil
	}
	b := &schemas.MaskedBy{}
	for i, at := range v.set.rules {
		if t.Masks&lineage.Bit(i) == 0 {
			continue
		}
		rule, n := v.rules[at], uint32(at+1)
		if b.Recorded == 0 || strictness(rule) > strictness(v.rules[b.Recorded-1]) {
			b.Recorded = n
		}
		if rule.Revealed {
			b.Revealed = append(b.Revealed, n)
		}
		if !rule.Revealed && (b.Client == 0 || strictness(rule) > strictness(v.rules[b.Client-1])) {
			b.Client = n
		}
	}
	return b
}

// everything is what masks what cannot be vouched for.
func (v *viewer) everything() *schemas.MaskedBy { return v.by(lineage.Taint{Masks: ^uint64(0)}) }

// concerned names, for people, a mask among those that a taint has and the principal is not excepted
// from.
func (v *viewer) concerned(t lineage.Taint, with func(*resources.Mask) bool) *resources.Resource {
	for i, at := range v.set.rules {
		if t.Masks&lineage.Bit(i) != 0 && !v.rules[at].Revealed && with(v.set.all[at].Mask) {
			return v.set.all[at]
		}
	}
	return nil
}
