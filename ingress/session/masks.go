package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sallyport/ingress/mask"
	"sallyport/schemas"
)

// Masks is a verdict's plan made ready. It does not change, and is safe for concurrent use.
type Masks struct {
	*schemas.MaskPlan
	set *maskSet
}

// maskSet is what rules ask for, whatever the statement.
type maskSet struct {
	rules    []maskRule
	recorded *Content // nil: nothing is looked for
	client   *Content
	texts    *Content
	covered  bool // somebody excepted may be shown what a rule detects
}

type maskRule struct {
	name     string
	revealed bool
	alone    func() (*Content, error) // what it alone detects; nil: it detects nothing
	plain    *mask.Transform          // of values as they are stored
	computed *mask.Transform          // of what was made from them: no part and no hash, which would tell them
}

// Rule returns how the rule of that number (from 1) masks: a value as it is stored (plain), or one that was
// computed. For a number that stands for no rule, 0 too, it is nil.
func (m *Masks) Rule(number uint32, plain bool) *mask.Transform {
	if number == 0 || int(number) > len(m.set.rules) {
		return nil
	}
	r := &m.set.rules[number-1]
	if plain {
		return r.plain
	}
	return r.computed
}

// Revealed reports whether the principal is excepted from the rule of that number.
func (m *Masks) Revealed(number uint32) bool { return m.set.rules[number-1].revealed }

// Same reports whether m and other hold the same rules, with the same exceptions.
func (m *Masks) Same(other *Masks) bool { return m != nil && other != nil && m.set == other.set }

// Covering adds, to the rules that a value is concealed for, those which the principal is excepted from and
// which would find something in the value, too: whoever is to see it later must be excepted from these as well.
// finds looks in the value. A rule that asks an external detector is taken to find something.
func (m *Masks) Covering(rules []uint32, finds func(*Content) bool) []uint32 {
	if !m.set.covered {
		return rules
	}
	all := rules
	for i := range m.set.rules {
		r, n := &m.set.rules[i], uint32(i+1)
		if !r.revealed || r.alone == nil || slices.Contains(all, n) {
			continue
		}
		if c, err := r.alone(); err == nil && !c.external && !finds(c) {
			continue
		}
		if len(all) == len(rules) {
			all = slices.Clone(rules)
		}
		all = append(all, n)
	}
	if len(all) > len(rules) {
		slices.Sort(all)
	}
	return all
}

// Revealing returns, of those that mask a value, the rules whose excepted members were shown it.
func Revealing(by *schemas.MaskedBy) []uint32 {
	switch {
	case by.GetRecorded() == by.GetClient():
		return nil
	case len(by.Revealed) == 0:
		return []uint32{by.Recorded}
	}
	return by.Revealed
}

// Stricter returns that of two rules (0: none) which leaves less of a value.
func (m *Masks) Stricter(a, b uint32) uint32 {
	switch {
	case a == 0:
		return b
	case b == 0 || leaves(m.Rules[a-1]) <= leaves(m.Rules[b-1]):
		return a
	}
	return b
}

// Whole is m for a result that cannot be told from the statement: all of it is masked.
func (m *Masks) WholeResult() *Masks {
	return &Masks{set: m.set, MaskPlan: &schemas.MaskPlan{
		Rules: m.Rules, Messages: max(m.Messages, schemas.Messages_MESSAGES_GUARDED), Origins: m.Origins, Whole: m.MaskPlan.Whole, Notifications: m.Notifications}}
}

// NeedColumns reports whether the columns of a result must be known to mask it.
func (m *Masks) NeedColumns() bool {
	return m.set.recorded != nil || len(m.Origins) > 0 || len(m.Results) != 1 || !m.Results[0].Clear
}

// Recorded is what is looked for in values for the recording; nil: nothing.
func (m *Masks) Recorded() *Content { return m.set.recorded }

// Client is what is looked for in values for the client; nil: nothing. When nobody is excepted, it
// is the same as Recorded.
func (m *Masks) Client() *Content { return m.set.client }

// texts is what is looked for in commands' own texts: not what an external detector finds, whose silence
// would leave reviewers with nothing to read.
func (m *Masks) texts() *Content { return m.set.texts }

// Content looks for content in values, and masks it.
type Content struct {
	set      *mask.Set
	finders  []finder // by rule of the set
	external bool
}

// finder is a detector of a rule.
type finder struct {
	rule     uint32 // number
	plain    *mask.Transform
	detector string
}

// Apply is mask.Set.ApplyContext.
func (c *Content) Apply(ctx context.Context, dst, value []byte) (out []byte, hits []mask.Hit, null bool) {
	return c.set.ApplyContext(ctx, dst, value)
}

// External reports whether values are sent to an external detector.
func (c *Content) External() bool { return c.external }

// Transform is that of the rule that found something.
func (c *Content) Transform(h mask.Hit) *mask.Transform { return c.finders[h.Rule].plain }

// Finder says whose a find is.
func (c *Content) Finder(h mask.Hit) (rule uint32, detector string) {
	f := c.finders[h.Rule]
	return f.rule, f.detector
}

// maskMaker makes plans ready. It keeps what it made of rules: scanners are costly.
type maskMaker struct {
	key      []byte
	external *mask.External

	mu   sync.Mutex
	sets map[string]*maskSet
}

// keptSets bounds the sets of rules that are kept: those of targets, with who is excepted.
const keptSets = 64

// ready sorts the plan's origins, and returns nil for no plan, or one without rules.
func (m *maskMaker) ready(p *schemas.MaskPlan) (*Masks, error) {
	if p == nil || len(p.Rules) == 0 {
		return nil, nil
	}
	var b strings.Builder
	for _, r := range p.Rules {
		fmt.Fprintf(&b, "%q %q %d %q %t\n", r.Name, r.With, r.Keep, r.Detect, r.Revealed)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	set := m.sets[b.String()]
	if set == nil {
		var err error
		if set, err = m.build(p.Rules); err != nil {
			return nil, err
		}
		if m.sets == nil || len(m.sets) >= keptSets {
			m.sets = map[string]*maskSet{}
		}
		m.sets[b.String()] = set
	}
	if err := numbered(p); err != nil {
		return nil, err
	}
	byPlace := func(a, b *schemas.Origin) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Attribute, b.Attribute))
	}
	if !slices.IsSortedFunc(p.Origins, byPlace) {
		slices.SortFunc(p.Origins, byPlace)
	}
	return &Masks{MaskPlan: p, set: set}, nil
}

// numbered checks that a plan names rules that it has.
func numbered(p *schemas.MaskPlan) error {
	all := []*schemas.MaskedBy{p.Whole, p.Notifications}
	for _, r := range p.Results {
		for _, c := range r.Columns {
			all = append(all, c.By)
		}
	}
	for _, o := range p.Origins {
		all = append(all, o.By)
	}
	for _, by := range all {
		if slices.ContainsFunc(by.GetRevealed(), func(n uint32) bool { return n == 0 || int(n) > len(p.Rules) }) {
			return errNoRule
		}
		if n := len(p.Rules); int(by.GetRecorded()) > n || int(by.GetClient()) > n || by.GetClient() != 0 && by.GetRecorded() == 0 {
			return errNoRule
		}
	}
	return nil
}

// ReadyMasks makes a plan ready outside of a session, for tests of what executes plans: hashes are under
// a key of no use, and there is no external detector.
func ReadyMasks(p *schemas.MaskPlan) (*Masks, error) {
	return (&maskMaker{key: make([]byte, keySize)}).ready(p)
}

func (m *maskMaker) build(rules []*schemas.MaskRule) (*maskSet, error) {
	s := &maskSet{}
	for _, r := range rules {
		method, err := mask.ParseMethod(r.With)
		if err != nil {
			return nil, fmt.Errorf("mask %s: %w", r.Name, err)
		}
		computed := method
		if method != mask.Null {
			computed = mask.Redact
		}
		s.rules = append(s.rules, maskRule{
			name: r.Name, revealed: r.Revealed,
			plain:    mask.NewTransform(method, int(r.Keep), m.key, r.Name),
			computed: mask.NewTransform(computed, 0, m.key, r.Name),
		})
		if r.Revealed && len(r.Detect) > 0 {
			s.covered = true
			last := &s.rules[len(s.rules)-1]
			last.alone = sync.OnceValues(func() (*Content, error) {
				return m.content(s, rules, func(o *schemas.MaskRule) bool { return o == r })
			})
		}
	}
	var err error
	if s.recorded, err = m.content(s, rules, func(*schemas.MaskRule) bool { return true }); err != nil {
		return nil, err
	}
	if s.texts, err = m.content(s, inner(rules), func(*schemas.MaskRule) bool { return true }); err != nil {
		return nil, err
	}
	if s.client = s.recorded; s.covered {
		s.client, err = m.content(s, rules, func(r *schemas.MaskRule) bool { return !r.Revealed })
	}
	return s, err
}

// inner are the rules without the external detector.
func inner(rules []*schemas.MaskRule) []*schemas.MaskRule {
	out := make([]*schemas.MaskRule, len(rules))
	for i, r := range rules {
		detect := slices.DeleteFunc(slices.Clone(r.Detect), func(d string) bool { return d == string(mask.ExternalDetector) })
		out[i] = &schemas.MaskRule{Name: r.Name, With: r.With, Keep: r.Keep, Detect: detect, Revealed: r.Revealed}
	}
	return out
}

// content returns what looks for what rules detect, nil when that is nothing. Of two rules with the
// same detector the stricter counts.
func (m *maskMaker) content(s *maskSet, rules []*schemas.MaskRule, with func(*schemas.MaskRule) bool) (*Content, error) {
	order := make([]int, 0, len(rules))
	for i, r := range rules {
		if with(r) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return leaves(rules[a]) - leaves(rules[b]) })
	c := &Content{}
	var parts []mask.Rule
	for _, i := range order {
		for _, d := range rules[i].Detect {
			part := mask.Rule{Name: rules[i].Name, Transform: s.rules[i].plain}
			switch mask.Detector(d) {
			case mask.ExternalDetector:
				if m.external == nil {
					return nil, errNoExternal
				}
				part.External, c.external = m.external, true
			default:
				part.Detect = []mask.Detector{mask.Detector(d)}
			}
			parts = append(parts, part)
			c.finders = append(c.finders, finder{rule: uint32(i + 1), plain: s.rules[i].plain, detector: d})
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	var err error
	c.set, err = mask.NewSet(parts...)
	return c, err
}

var errNoRule = errors.New("the plan of masks names a rule that it does not have")

var errNoExternal = errors.New("a mask asks for the external detector, and this gateway has none")

// leaves orders rules by how much is left of a value.
func leaves(r *schemas.MaskRule) int {
	switch r.With {
	case mask.Null.String():
		return 0
	case mask.Hash.String():
		return 2
	case mask.Partial.String():
		return 3 + int(r.Keep)
	}
	return 1
}
