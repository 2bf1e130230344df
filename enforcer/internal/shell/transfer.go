package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"sallyport/schemas"
)

// Transfer returns what text asks of the far end of the old scp, which clients run as scp -t or scp -f over a command
// (OpenSSH's scp.c; its manual does not have the options). found is what Analyze made of text. ok is false where such
// an end is run in a way in which it cannot be followed: among other commands, with a terminal, by options
// that no client gives. It is nil and true when there is none.
func (a *Analyzer) Transfer(text string, terminal bool, found *Analysis) (t *schemas.Transfer, ok bool) {
	if !slices.ContainsFunc(found.Facts.GetCommands(), farEnd) {
		return nil, true
	}
	words := alone(text)
	if words == nil || terminal || slices.ContainsFunc(found.Facts.Commands, func(c *schemas.ExecCommand) bool { return c.Program != "scp" }) {
		return nil, false
	}
	w := newWalker(a, syntax.LangBash, input{}, &work{words: len(words)}, 0)
	w.vars = collect(nil)
	t = &schemas.Transfer{}
	download, ended := false, false
	for i, word := range words {
		option := word.Lit()
		if option == "--" {
			words, ended = words[i+1:], true
			break
		}
		if !strings.HasPrefix(option, "-") || len(option) < 2 {
			words = words[i:]
			break
		}
		if strings.Trim(option[1:], "dfpqrtv") != "" {
			return nil, false
		}
		t.Upload, t.Preserve = t.Upload || strings.Contains(option, "t"), t.Preserve || strings.Contains(option, "p")
		download = download || strings.Contains(option, "f")
		if i == len(words)-1 {
			words = nil
		}
	}
	if t.Upload == download || len(words) == 0 || t.Upload && len(words) > 1 {
		return nil, false
	}
	certain := len(found.Facts.Commands) == 1 // all shells read it in the same way
	for _, word := range words {
		p := w.transferPath(word)
		if strings.HasPrefix(p.Path, "-") && !ended {
			return nil, false
		}
		if !certain || t.Upload && p.Pattern {
			p = &schemas.TransferPath{Unknown: true}
		}
		t.Paths = append(t.Paths, p)
	}
	return t, true
}

// farEnd reports scp with -t or -f, wherever among its words: some of its versions sort them.
func farEnd(c *schemas.ExecCommand) bool {
	if c.Program != "scp" {
		return false
	}
	for i := 1; i < len(c.Argv); i++ {
		word := c.Argv[i]
		if word == "--" {
			return false
		}
		if len(word) < 2 || word[0] != '-' {
			continue
		}
		for j := 1; j < len(word); j++ {
			if strings.IndexByte("tf", word[j]) >= 0 {
				return true
			}
			if strings.IndexByte("DFJMPSXcilo", word[j]) >= 0 { // with a value: the rest of the word, or the next
				if j == len(word)-1 {
					i++
				}
				break
			}
		}
	}
	return false
}

// alone returns the words after the first of a text that is one simple command and nothing else; nil: it is more.
func alone(text string) []*syntax.Word {
	stmts, err := parse(syntax.LangBash, text)
	if err != nil || len(stmts) != 1 {
		return nil
	}
	s := stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Negated || s.Background || s.Coprocess || s.Disown || len(s.Redirs) > 0 || len(call.Assigns) > 0 || len(call.Args) < 2 {
		return nil
	}
	return call.Args[1:]
}

// transferPath is what a word becomes, as far as that is known.
func (w *walker) transferPath(word *syntax.Word) *schemas.TransferPath {
	unknown := &schemas.TransferPath{Unknown: true}
	pieces, escape := w.pieces(word.Parts, false)
	var b strings.Builder
	pattern := false
	for _, p := range pieces {
		if !p.known && !p.glob || p.split {
			return unknown
		}
		pattern = pattern || p.glob
		b.WriteString(p.text)
	}
	text := b.String()
	if lit, ok := word.Parts[0].(*syntax.Lit); ok && strings.HasPrefix(lit.Value, "~") {
		if text != "~" && !strings.HasPrefix(text, "~/") { // of somebody else
			return unknown
		}
		text = "." + text[1:]
	}
	if escape || text == "" || strings.ContainsRune(text, '\n') {
		return unknown
	}
	if !pattern {
		return &schemas.TransferPath{Path: text}
	}
	dir := text[:strings.LastIndexByte(text, '/')+1]
	if strings.ContainsAny(dir, "*?[{}") || strings.ContainsAny(text, "{}") {
		return unknown
	}
	if dir == "" {
		dir = "."
	}
	return &schemas.TransferPath{Path: dir, Pattern: true}
}
