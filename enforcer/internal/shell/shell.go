package shell

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"sallyport/schemas"
)

// What is recorded instead.
const (
	MarkerSecret   = "‹secret›"
	MarkerUnparsed = "‹unparsed›"
)

// Any stands in reads and writes for a file whose name is not known.
const Any = "*"

// Config bounds the work. Zero means the default.
type Config struct {
	MaxText     int // bytes of a text that is parsed; 128 KiB by default, the longest word that Linux lets a shell be given
	MaxNesting  int // brackets and backquotes of it; 2,000 by default
	MaxCommands int // commands found in it; 10,000 by default
	MaxDepth    int // texts within texts; 8 by default
}

// Analyzer finds facts. It is safe for concurrent use.
type Analyzer struct{ c Config }

// Analysis is what was found in one text.
type Analysis struct {
	Facts   *schemas.ExecFacts
	Secrets []*schemas.Span // in order, apart from each other
}

// New returns an Analyzer.
func New(c Config) *Analyzer {
	for _, d := range []struct {
		v       *int
		initial int
	}{{&c.MaxText, 128 << 10}, {&c.MaxNesting, 2000}, {&c.MaxCommands, 10_000}, {&c.MaxDepth, 8}} {
		if *d.v <= 0 {
			*d.v = d.initial
		}
	}
	return &Analyzer{c}
}

// Analyze finds the facts of text. terminal says that it runs with one, so that a shell without a script is
// for typing.
func (a *Analyzer) Analyze(text string, terminal bool) *Analysis {
	if why := a.foreign(text); why != "" {
		return unparsed(text, why)
	}
	found := a.read(text, input{terminal: terminal}, &work{bytes: textsWithin * a.c.MaxText, words: wordsPerCommand * a.c.MaxCommands}, 0)
	if found.err != nil {
		return unparsed(text, found.err.Error())
	}
	return &Analysis{Facts: found.facts(), Secrets: found.spans(len(text))}
}

// work is what is left to spend on a text and the texts within it.
type work struct{ bytes, words int }

const (
	textsWithin     = 16 // texts of the greatest length that are read within one
	wordsPerCommand = 20
)

// Shell is the analysis of an interactive shell, of which there is no text.
func Shell() *Analysis { return &Analysis{Facts: &schemas.ExecFacts{Interactive: true}} }

// foreign says why a text is not even parsed.
func (a *Analyzer) foreign(text string) string {
	if len(text) > a.c.MaxText {
		return fmt.Sprintf("it is longer than %d bytes", a.c.MaxText)
	}
	if !utf8.ValidString(text) {
		return "it is not UTF-8"
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }); i >= 0 {
		return fmt.Sprintf("it has a control character (0x%02x)", text[i])
	}
	n := 0
	for i := range len(text) {
		if strings.IndexByte("({`[?!-", text[i]) >= 0 {
			n++
		}
	}
	if n > a.c.MaxNesting {
		return fmt.Sprintf("it has more than %d brackets and signs", a.c.MaxNesting)
	}
	return ""
}

func unparsed(text, why string) *Analysis {
	a := &Analysis{Facts: &schemas.ExecFacts{Unparsed: true, ParseError: why}}
	if text != "" {
		a.Secrets = []*schemas.Span{{Length: uint64(len(text)), Marker: MarkerUnparsed}}
	}
	return a
}

// read reads text in each grammar and merges what is found.
func (a *Analyzer) read(text string, in input, left *work, depth int) *findings {
	bash := a.readAs(syntax.LangBash, text, in, left, depth)
	posix := a.readAs(syntax.LangPOSIX, text, in, left, depth)
	failure := bash.err
	if posix.err == nil {
		failure = nil
	}
	// In sh, ((x)) runs x; and where sh is not understood to the end, it is not known to be listed.
	bash.opaque = bash.opaque || posix.err != nil && bash.arithmetic
	bash.merge(posix)
	bash.err = failure
	return bash
}

func (a *Analyzer) readAs(lang syntax.LangVariant, text string, in input, left *work, depth int) *findings {
	w := newWalker(a, lang, in, left, depth)
	stmts, failure := parse(lang, text)
	w.run(stmts)
	if failure != nil && w.found.err == nil {
		w.found.err = parseError(failure)
	}
	return w.found
}

// parse returns the statements of a text, with an error those before it.
func parse(lang syntax.LangVariant, text string) (stmts []*syntax.Stmt, err error) {
	defer func() { // a grammar that fails has not understood the text
		if p := recover(); p != nil {
			err = errors.New("the grammar failed")
		}
	}()
	for s, e := range syntax.NewParser(syntax.Variant(lang)).StmtsSeq(strings.NewReader(text)) {
		switch { // the parser may go on after an error, even when it is told to stop
		case e != nil && err == nil:
			err = e
		case err == nil && s != nil:
			stmts = append(stmts, s)
		}
	}
	return stmts, err
}

// parseError leaves out what the text says.
func parseError(err error) error {
	switch e := err.(type) {
	case syntax.ParseError:
		return fmt.Errorf("syntax error at line %d, column %d", e.Pos.Line(), e.Pos.Col())
	case syntax.LangError:
		return fmt.Errorf("syntax error at line %d, column %d", e.Pos.Line(), e.Pos.Col())
	}
	return fmt.Errorf("syntax error")
}

// findings is what a walk gathers.
type findings struct {
	commands    []*schemas.ExecCommand
	reads       []string
	writes      []string
	opaque      bool
	interactive bool
	arithmetic  bool // (( … ))
	secrets     []span
	err         error
}

// span is a part of the text, in bytes. keep is what of its word is shown before the marker.
type span struct {
	from, to int
	keep     string
}

// merge adds what the other reading has beyond this one.
func (f *findings) merge(o *findings) {
	f.opaque, f.interactive = f.opaque || o.opaque, f.interactive || o.interactive
	have := map[string]bool{}
	for _, c := range f.commands {
		have[key(c)] = true
	}
	for _, c := range o.commands {
		if !have[key(c)] {
			f.commands = append(f.commands, c)
		}
	}
	f.reads, f.writes = append(f.reads, o.reads...), append(f.writes, o.writes...)
	f.secrets = append(f.secrets, o.secrets...)
}

// key tells commands apart.
func key(c *schemas.ExecCommand) string {
	return fmt.Sprintf("%q %v %t %t", c.Argv, c.Unknown, c.Background, c.Piped)
}

func (f *findings) facts() *schemas.ExecFacts {
	return &schemas.ExecFacts{
		Commands: f.commands, Opaque: f.opaque, Interactive: f.interactive,
		Reads: unique(f.reads), Writes: unique(f.writes),
	}
}

// spans joins what overlaps.
func (f *findings) spans(size int) []*schemas.Span {
	slices.SortFunc(f.secrets, func(a, b span) int { return a.from - b.from })
	var out []*schemas.Span
	end := -1
	for _, s := range f.secrets {
		s.to = min(s.to, size)
		switch {
		case s.from >= s.to:
		case s.from <= end && s.to > end:
			out[len(out)-1].Length += uint64(s.to - end)
			end = s.to
		case s.from > end:
			out = append(out, &schemas.Span{Offset: uint64(s.from), Length: uint64(s.to - s.from), Marker: MarkerSecret})
			end = s.to
		}
	}
	return out
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// systemDirectories hold the programs that a name alone means.
var systemDirectories = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}

// Programs returns what commands run, by base name; what is called by a path outside the system's
// directories is there by its path as well, so that a list of what is allowed does not mean a file of the
// same name elsewhere.
func Programs(f *schemas.ExecFacts) []string {
	var names []string
	for _, c := range f.GetCommands() {
		if c.Program == "" {
			continue
		}
		names = append(names, c.Program)
		if first := c.Argv[0]; strings.Contains(first, "/") && !slices.Contains(systemDirectories, path.Dir(path.Clean(first))) {
			names = append(names, path.Clean(first))
		}
	}
	return unique(names)
}
