// Package prompts makes prompts of agents fit for the log. A prompt is content like any other: what
// the declared masks detect is taken out of it before it is recorded, and nobody is excepted. As in
// the texts of commands, external detectors are not asked. Where a mask would leave no value (null),
// the find is redacted instead, since the rest of the prompt is still to be read.
package prompts

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"sallyport/ingress/mask"
	"sallyport/schemas"
	"sallyport/schemas/registry"
	"sallyport/schemas/resources"
)

// Config is what New needs.
type Config struct {
	Declared  func() *registry.Snapshot
	MaskKey   []byte // of masks that hash, so that equal values are equal everywhere
	DigestKey []byte // of digests of payloads
}

// Prompts masks prompts. Its methods are safe for concurrent use.
type Prompts struct {
	c Config

	mu   sync.Mutex
	made map[string]*mask.Set // by the rules that it is made of
}

// rule is one detector of one mask.
type rule struct {
	mask   string
	detect string
	with   string
	keep   int
}

// New returns a Prompts.
func New(c Config) *Prompts { return &Prompts{c: c, made: map[string]*mask.Set{}} }

// Digest is the keyed digest of a prompt as it was given.
func (p *Prompts) Digest(prompt string) []byte {
	m := hmac.New(sha256.New, p.c.DigestKey)
	m.Write([]byte(prompt))
	return m.Sum(nil)
}

// Mask returns a prompt as the masks of the targets leave it (no targets: of all), and what they found.
func (p *Prompts) Mask(prompt string, targets []string) (masked string, counts []*schemas.MaskCount, err error) {
	rules := p.rules(targets)
	if len(rules) == 0 {
		return prompt, nil, nil
	}
	s, err := p.ready(rules)
	if err != nil {
		return "", nil, err
	}
	out, hits, null := s.Apply(nil, []byte(prompt))
	if null {
		return "", nil, fmt.Errorf("mask a prompt: a rule leaves nothing")
	}
	for _, h := range hits {
		counts = append(counts, &schemas.MaskCount{Mask: rules[h.Rule].mask, Detector: rules[h.Rule].detect, Count: uint64(h.Count)})
	}
	if len(hits) == 0 {
		return prompt, nil, nil
	}
	return string(out), counts, nil
}

// rules are the detectors in force, those that leave less first: of two for the same find, the first counts.
func (p *Prompts) rules(targets []string) []rule {
	s := p.c.Declared()
	var rules []rule
	for _, r := range s.All(resources.KindMask) {
		if !over(s, r.Mask, targets) {
			continue
		}
		for _, d := range r.Mask.Detect {
			if d != string(mask.ExternalDetector) {
				rules = append(rules, rule{mask: r.Metadata.Name, detect: d, with: r.Mask.With, keep: r.Mask.Keep})
			}
		}
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return a.leaves() - b.leaves() })
	return rules
}

func over(s *registry.Snapshot, m *resources.Mask, targets []string) bool {
	if len(targets) == 0 {
		return true
	}
	return slices.ContainsFunc(targets, func(name string) bool {
		t, ok := s.Target(name)
		return ok && m.Targets.Matches(name, t.Metadata.Labels)
	})
}

func (r rule) method() mask.Method {
	m, err := mask.ParseMethod(r.with)
	if err != nil || m == mask.Null { // empty: redact, as for results
		return mask.Redact
	}
	return m
}

func (r rule) leaves() int {
	switch r.method() {
	case mask.Partial:
		return 2
	case mask.Hash:
		return 1
	}
	return 0
}

// kept bounds how many sets are kept.
const kept = 16

func (p *Prompts) ready(rules []rule) (*mask.Set, error) {
	key := fmt.Sprintf("%+v", rules)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.made[key]; s != nil {
		return s, nil
	}
	of := make([]mask.Rule, len(rules))
	for i, r := range rules {
		of[i] = mask.Rule{Name: r.mask, Transform: mask.NewTransform(r.method(), r.keep, p.c.MaskKey, r.mask), Detect: []mask.Detector{mask.Detector(r.detect)}}
	}
	made, err := mask.NewSet(of...)
	if err != nil {
		return nil, fmt.Errorf("mask prompts: %w", err)
	}
	if len(p.made) >= kept {
		clear(p.made)
	}
	p.made[key] = made
	return made, nil
}
