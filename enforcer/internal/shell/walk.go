package shell

import (
	"errors"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"sallyport/schemas"
)

// input is where a command's input comes from.
type input struct {
	terminal bool
	piped    bool
	// text is what a here-document says; elsewhere says that a redirection gives another.
	text      *string
	elsewhere bool
	script    *syntax.Word // of text
}

// place is where a command stands.
type place struct {
	input
	background bool
	straight   bool // it runs once, before all that follows
	feeds      bool // its output goes to a program that takes passwords
}

// walker walks one reading of a text.
type walker struct {
	a     *Analyzer
	lang  syntax.LangVariant
	left  *work
	depth int
	found *findings
	vars  *variables
	start place
	// recorded are the commands whose words stand in this text itself.
	recorded []recorded
}

func newWalker(a *Analyzer, lang syntax.LangVariant, in input, left *work, depth int) *walker {
	return &walker{a: a, lang: lang, left: left, depth: depth, found: &findings{}, start: place{input: in, straight: true}}
}

func (w *walker) run(stmts []*syntax.Stmt) {
	w.vars = collect(stmts)
	for name := range w.vars.assigned {
		w.found.opaque = w.found.opaque || steering.MatchString(name)
	}
	for _, s := range stmts {
		w.stmt(s, w.start)
	}
	w.hide()
}

var errTooMany = errors.New("it has too many commands")

// stmt visits a statement and, in the order of the text, everything in it.
func (w *walker) stmt(s *syntax.Stmt, at place) {
	if s == nil || w.found.err != nil {
		return
	}
	at.background = at.background || s.Background || s.Disown
	at.straight = at.straight && !s.Background && !s.Negated
	for _, r := range s.Redirs {
		w.redirected(r, &at)
	}
	w.command(s.Cmd, at)
	for _, r := range s.Redirs {
		w.inside(r, at)
	}
}

// redirected notes what a redirection reads and writes (XCU 2.7).
func (w *walker) redirected(r *syntax.Redirect, at *place) {
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		text, known := w.hereDocument(r)
		at.input = input{elsewhere: !known, script: r.Hdoc}
		if known {
			at.text = &text
		}
		return
	case syntax.WordHdoc:
		text, known := w.literal(r.Word, false)
		at.input = input{elsewhere: !known, script: r.Word}
		if text += "\n"; known {
			at.text = &text
		}
		return
	case syntax.DplIn, syntax.DplOut:
		if word := r.Word.Lit(); word == "-" || strings.Trim(word, "0123456789-") == "" && word != "" {
			if r.Op == syntax.DplIn && (r.N == nil || r.N.Value == "0") {
				at.input = input{elsewhere: true}
			}
			return
		}
	}
	name, known := w.literal(r.Word, true)
	if name = path.Clean(name); !known {
		name = Any
	}
	switch r.Op {
	case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn:
		w.found.reads = append(w.found.reads, name)
		at.input = input{elsewhere: true}
	}
	switch r.Op {
	case syntax.RdrIn, syntax.DplIn:
	default:
		w.found.writes = append(w.found.writes, name)
	}
}

func (w *walker) hereDocument(r *syntax.Redirect) (string, bool) {
	if r.Hdoc == nil {
		return "", true
	}
	raw := true // a quoted delimiter: as it stands
	for _, p := range r.Word.Parts {
		if lit, ok := p.(*syntax.Lit); ok && !strings.Contains(lit.Value, `\`) {
			raw = false
		}
	}
	var b strings.Builder
	for _, p := range r.Hdoc.Parts {
		lit, ok := p.(*syntax.Lit)
		if !ok {
			return "", false
		}
		text := lit.Value
		if !raw {
			if text = strings.ReplaceAll(text, "\\\n", ""); strings.Contains(text, `\`) {
				return "", false
			}
		}
		b.WriteString(text)
	}
	return b.String(), true
}

func (w *walker) command(c syntax.Command, at place) {
	inner := at
	inner.straight = false
	switch c := c.(type) {
	case nil:
	case *syntax.CallExpr:
		w.call(c, at)
	case *syntax.DeclClause:
		w.declare(c, at)
	case *syntax.BinaryCmd:
		w.binary(c, inner)
	case *syntax.TimeClause:
		w.stmt(c.Stmt, at)
	case *syntax.FuncDecl:
		inner.input = input{elsewhere: true}
		w.stmt(c.Body, inner)
	case *syntax.CoprocClause:
		inner.background, inner.input = true, input{elsewhere: true}
		w.stmt(c.Stmt, inner)
		w.inside(c.Name, inner)
	case *syntax.Block:
		w.stmts(c.Stmts, at)
	case *syntax.Subshell:
		w.stmts(c.Stmts, inner)
	case *syntax.IfClause:
		w.branch(c, inner)
	case *syntax.WhileClause:
		w.stmts(c.Cond, inner)
		w.stmts(c.Do, inner)
	case *syntax.ForClause:
		w.inside(c.Loop, inner)
		w.stmts(c.Do, inner)
	case *syntax.CaseClause:
		w.inside(c.Word, inner)
		for _, item := range c.Items {
			for _, p := range item.Patterns {
				w.inside(p, inner)
			}
			w.stmts(item.Stmts, inner)
		}
	case *syntax.ArithmCmd, *syntax.TestClause, *syntax.LetClause:
		w.inside(c, inner)
	default: // of another language
		w.found.opaque = true
		w.inside(c, inner)
	}
}

func (w *walker) stmts(all []*syntax.Stmt, at place) {
	for _, s := range all {
		w.stmt(s, at)
	}
}

func (w *walker) branch(c *syntax.IfClause, at place) {
	for ; c != nil; c = c.Else {
		w.stmts(c.Cond, at)
		w.stmts(c.Then, at)
	}
}

func (w *walker) binary(c *syntax.BinaryCmd, at place) {
	if c.Op != syntax.Pipe && c.Op != syntax.PipeAll {
		w.stmt(c.X, at)
		w.stmt(c.Y, at)
		return
	}
	left, right := at, at
	left.feeds = at.feeds || takesPasswords(c.Y)
	right.input = input{piped: true}
	w.stmt(c.X, left)
	w.stmt(c.Y, right)
}

// inside visits the substitutions in a part of the text, and what evaluates.
func (w *walker) inside(n syntax.Node, at place) {
	if isNil(n) {
		return
	}
	at.straight, at.feeds = false, false
	syntax.Walk(n, func(n syntax.Node) bool {
		if n == nil {
			return true
		}
		w.evaluates(n)
		switch n := n.(type) {
		case *syntax.CmdSubst:
			w.stmts(n.Stmts, at)
			return false
		case *syntax.ProcSubst:
			piped := at
			if n.Op == syntax.CmdOut {
				piped.input = input{piped: true}
			}
			w.stmts(n.Stmts, piped)
			return false
		}
		return true
	})
}

func isNil(n syntax.Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case *syntax.Word:
		return n == nil
	}
	return false
}

// call visits a simple command.
func (w *walker) call(c *syntax.CallExpr, at place) {
	for _, a := range c.Assigns {
		w.assigned(a, at.straight && len(c.Args) == 0)
	}
	fields := w.fields(c.Args)
	if len(fields) > 0 {
		w.simple(fields, at)
	}
	w.inside(c, at)
}

// assigned notes a constant and hides a secret.
func (w *walker) assigned(a *syntax.Assign, once bool) {
	if a.Name == nil || a.Value == nil {
		return
	}
	if isSecretName(a.Name.Value) {
		w.secret(a.Value, "", a.Name.Value+"=")
	}
	if value, known := w.literal(a.Value, false); known && once && !a.Append {
		w.vars.constant(a.Name.Value, value)
	}
}

// declare visits export, readonly, declare, local and typeset, which are simple commands as well.
func (w *walker) declare(c *syntax.DeclClause, at place) {
	argv := []field{{text: c.Variant.Value, known: true, word: &syntax.Word{Parts: []syntax.WordPart{c.Variant}}}}
	for _, a := range c.Args {
		switch {
		case a.Name == nil:
			argv = append(argv, w.fields([]*syntax.Word{a.Value})...)
		case a.Naked:
			argv = append(argv, field{text: a.Name.Value, known: true, word: &syntax.Word{Parts: []syntax.WordPart{a.Name}}})
		default:
			w.assigned(a, at.straight && (c.Variant.Value == "export" || c.Variant.Value == "readonly"))
			value, known := w.literal(a.Value, false)
			known = known && a.Array == nil && a.Index == nil
			argv = append(argv, field{text: a.Name.Value + "=" + value, known: known, word: a.Value})
		}
	}
	w.record(argv, at)
	w.builtin(c.Variant.Value, argv)
	w.inside(c, at)
}

// record lists a simple command.
func (w *walker) record(argv []field, at place) {
	if w.left.words -= len(argv); len(w.found.commands) >= w.a.c.MaxCommands || w.left.words < 0 {
		w.found.err = errTooMany
		return
	}
	c := &schemas.ExecCommand{Background: at.background, Piped: at.piped}
	for i, f := range argv {
		if !f.known {
			f.text = ""
			c.Unknown = append(c.Unknown, uint32(i))
		}
		c.Argv = append(c.Argv, f.text)
	}
	if f := argv[0]; f.known {
		c.Program = path.Base(f.text)
	}
	w.found.commands = append(w.found.commands, c)
	w.recorded = append(w.recorded, recorded{c, argv})
}

// recorded is a command of this text with the words that it came from.
type recorded struct {
	command *schemas.ExecCommand
	argv    []field
}

// hide replaces in the facts what is secret in the text.
func (w *walker) hide() {
	if len(w.found.secrets) == 0 {
		return
	}
	slices.SortFunc(w.found.secrets, func(a, b span) int { return a.from - b.from })
	for _, r := range w.recorded {
		for i, f := range r.argv {
			if f.word == nil || !f.known {
				continue
			}
			s, ok := w.secretWithin(rangeOf(f.word))
			if !ok {
				continue
			}
			if !strings.HasPrefix(f.text, s.keep) {
				s.keep = ""
			}
			r.command.Argv[i] = s.keep + MarkerSecret
			if i == 0 {
				r.command.Program = ""
			}
		}
	}
}

// secretWithin returns the first secret in a range; one begins within the word that it is of.
func (w *walker) secretWithin(from, to int) (span, bool) {
	all := w.found.secrets
	i, _ := slices.BinarySearchFunc(all, from, func(s span, from int) int { return s.from - from })
	if i < len(all) && all[i].from < to {
		return all[i], true
	}
	return span{}, false
}

// rangeOf returns where a word stands, in bytes of the text.
func rangeOf(word *syntax.Word) (from, to int) {
	return int(word.Pos().Offset()), int(word.End().Offset())
}
