package pgsql

import (
	"runtime"
	"sort"
	"strings"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/schemas"
)

// Config bounds the work. Zero means the default.
type Config struct {
	MaxText    int // bytes of text that are parsed; 2 MiB by default
	MaxTokens  int // tokens of it; 200,000 by default
	CacheBytes int // of texts and their facts that are kept; 32 MiB by default
	Parsers    int // texts parsed at once; the number of processors by default
}

// Analyzer finds facts. It is safe for concurrent use.
type Analyzer struct {
	c     Config
	slots chan struct{}
	cache *cache
}

// Analysis is what was found in one text. It is shared: nobody changes it.
type Analysis struct {
	Facts    *schemas.SqlFacts
	Effects  []*schemas.StateEffect
	Secrets  []*schemas.Span
	CopiesIn bool
	Before   []Before // what each statement finds; none when the text is not parsed
	// ByShape says that every text that differs in its plain numbers only has the same facts,
	// effects and no secrets, under the same state.
	ByShape bool
}

// New returns an Analyzer. Warm makes the first parses fast.
func New(c Config) *Analyzer {
	if c.MaxText <= 0 {
		c.MaxText = 2 << 20
	}
	if c.MaxTokens <= 0 {
		c.MaxTokens = 200_000
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 32 << 20
	}
	if c.Parsers <= 0 {
		c.Parsers = runtime.GOMAXPROCS(0)
	}
	return &Analyzer{c: c, slots: make(chan struct{}, c.Parsers), cache: newCache(c.CacheBytes)}
}

// Analyze finds the facts of text as a server in that state would understand it.
// The catalogue may be nil: then names alone tell what there is.
func (a *Analyzer) Analyze(text string, state *schemas.SessionState, c *catalogue.Catalogue) *Analysis {
	if state == nil {
		state = &schemas.SessionState{}
	}
	key := cacheKey{text: text, state: signature(state), catalogue: c.Digest()}
	if found, ok := a.cache.get(key); ok {
		return found
	}
	result, prepared := a.analyze(text, state, c)
	if !prepared { // what a prepared statement says is not part of the key
		a.cache.put(key, result)
	}
	return result
}

// analyze reports besides whether the state's prepared statements were looked at.
func (a *Analyzer) analyze(text string, state *schemas.SessionState, c *catalogue.Catalogue) (*Analysis, bool) {
	if why := foreign(text, state); why != "" {
		return unparsed(text, why), false
	}
	w := newWalker(a, text, state, c)
	if err := w.run(text); err != nil {
		return unparsed(text, err.Error()), w.usedPrepared
	}
	return w.result(), w.usedPrepared
}

// signature is the part of the state that facts depend on, prepared statements aside.
func signature(s *schemas.SessionState) string {
	var b strings.Builder
	for _, part := range append([]string{s.User, s.Role, s.ClientEncoding}, s.SearchPath...) {
		b.WriteString(part)
		b.WriteByte(0)
	}
	for _, t := range s.Temporary {
		b.WriteByte(3)
		b.WriteString(strings.Join(append([]string{t.Name}, t.Columns...), "\x00"))
	}
	for _, flag := range []bool{s.SearchPathKnown, s.StandardConformingStrings, s.SearchPathChanged} {
		if flag {
			b.WriteByte(1)
		} else {
			b.WriteByte(2)
		}
	}
	return b.String()
}

func unparsed(text, why string) *Analysis {
	a := &Analysis{
		Facts:   &schemas.SqlFacts{Unparsed: true, ParseError: why},
		Effects: []*schemas.StateEffect{{Kind: schemas.StateEffect_KIND_UNKNOWN}},
	}
	if text != "" {
		a.Secrets = []*schemas.Span{{Length: uint64(len(text)), Marker: MarkerUnparsed}}
	}
	return a
}

// set is a set of names.
type set map[string]struct{}

func (s set) add(names ...string) {
	for _, n := range names {
		s[n] = struct{}{}
	}
}

func (s set) sorted() []string {
	if len(s) == 0 {
		return nil
	}
	names := make([]string, 0, len(s))
	for n := range s {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Before is what a statement of a text finds: what names mean, and what was prepared.
type Before struct {
	Path      []string // "$user" not expanded
	Known     bool
	User      string
	Temporary []*schemas.Temporary
	Prepared  map[string]string
	Cursors   map[string]string
}
