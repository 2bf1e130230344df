package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// simple lists a simple command and sees through it, if it runs another.
func (w *walker) simple(argv []field, at place) {
	if len(argv) == 0 || w.found.err != nil {
		return
	}
	name := path.Base(argv[0].text)
	if w.lang == syntax.LangPOSIX && argv[0].known && (name == "[[" || strings.HasPrefix(name, "-") && len(name) > 1) {
		return // a condition of bash, read as sh does
	}
	w.hideSecrets(name, argv, at)
	w.record(argv, at)
	if f := argv[0]; !f.known || f.escape || f.text == "" || strings.IndexFunc(f.text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) >= 0 {
		w.found.opaque = true
		return
	}
	w.builtin(name, argv)
	switch {
	case slices.Contains(shells, name):
		w.shell(argv, at)
	case name == "find" || name == "gfind":
		w.find(argv, at)
	case name == "xargs":
		w.xargs(argv, at)
	case name == "su" || name == "runuser" && !hasOption(argv, "-u"):
		w.su(argv, at)
	case name == "eval":
		w.eval(argv, at)
	case name == "trap":
		w.trap(argv, at)
	case name == "watch" || name == "script":
		w.joined(name, argv, at)
	case name == "scp" || name == "rsync":
		w.copies(name, argv)
		w.options(name, argv)
	default:
		if spec, ok := wrappers[name]; ok {
			w.behind(spec, argv, at)
			return
		}
		if strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || name == "ld.so" {
			w.behind(wrapper{}, argv, at)
			return
		}
		w.language(name, argv, at)
		w.options(name, argv)
	}
}

func hasOption(argv []field, option string) bool {
	return slices.ContainsFunc(argv, func(f field) bool { return f.text == option })
}

// opaqueIf marks the text opaque.
func (w *walker) opaqueIf(is bool) { w.found.opaque = w.found.opaque || is }

// nested reads a text that is given to a shell in words.
func (w *walker) nested(text string, words []*syntax.Word, in input) {
	w.left.bytes -= len(text)
	if w.left.bytes < 0 || w.depth+1 > w.a.c.MaxDepth || w.a.foreign(text) != "" {
		w.found.opaque = true
		for _, word := range words { // nobody looked for secrets in it
			w.secret(word, "", "")
		}
		return
	}
	in.script = nil
	inner := w.a.read(text, in, w.left, w.depth+1)
	if len(w.found.commands)+len(inner.commands) > w.a.c.MaxCommands {
		w.found.err = errTooMany
		return
	}
	w.found.opaque = w.found.opaque || inner.opaque || inner.err != nil
	w.found.interactive = w.found.interactive || inner.interactive
	w.found.commands = append(w.found.commands, inner.commands...)
	w.found.reads, w.found.writes = append(w.found.reads, inner.reads...), append(w.found.writes, inner.writes...)
	if len(inner.secrets) > 0 || inner.err != nil {
		for _, word := range words {
			w.secret(word, "", "")
		}
	}
}

// fromInput is a shell whose script is its input.
func (w *walker) fromInput(at place) {
	switch {
	case at.text != nil:
		w.nested(*at.text, []*syntax.Word{at.script}, input{elsewhere: true})
	case at.terminal && !at.piped && !at.elsewhere:
		w.found.interactive = true
	default:
		w.found.opaque = true
	}
}

// isInput reports files that stand for the input.
func isInput(name string) bool {
	name = path.Clean(name)
	return name == "-" || strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/")
}

// shell sees through a shell (bash 5.2, "Invoking Bash"; XCU sh).
func (w *walker) shell(argv []field, at place) {
	var command, script bool
	i := 1
	for ; i < len(argv); i++ {
		f := argv[i]
		if !f.known {
			w.found.opaque = true
			return
		}
		t := f.text
		if t == "--" || t == "-" {
			i++
			break
		}
		if strings.HasPrefix(t, "--") {
			if !slices.Contains([]string{"--login", "--norc", "--noprofile", "--posix", "--restricted", "--verbose", "--noediting", "--version", "--help"}, t) {
				w.found.opaque = true
				return
			}
			continue
		}
		if len(t) < 2 || t[0] != '-' && t[0] != '+' {
			break
		}
		if strings.Trim(t[1:], "abcefhiklmnoprstuvxBCDEHOPT") != "" {
			w.found.opaque = true
			return
		}
		command = command || t[0] == '-' && strings.Contains(t, "c")
		script = script || strings.Contains(t, "s")
		i += strings.Count(t, "o") + strings.Count(t, "O")
	}
	switch {
	case command && i < len(argv):
		if !argv[i].known {
			w.found.opaque = true
			return
		}
		w.nested(argv[i].text, []*syntax.Word{argv[i].word}, at.input)
	case command: // the shell says that the command is missing
	case i >= len(argv) || script:
		w.fromInput(at)
	case !argv[i].known:
		w.found.opaque = true
	case isInput(argv[i].text):
		w.fromInput(place{input: input{text: at.text, script: at.script, elsewhere: true}})
	}
}

// joined sees through programs that give their words, or one of them, to a shell.
func (w *walker) joined(name string, argv []field, at place) {
	if name == "script" {
		w.script(argv, at)
	} else if i, ok := w.skip(wrappers[name], argv); ok {
		w.join(argv[i:], at)
	}
}

// join reads words as one text.
func (w *walker) join(rest []field, at place) {
	var text []string
	var words []*syntax.Word
	for _, f := range rest {
		if !f.known {
			w.found.opaque = true
			return
		}
		text, words = append(text, f.text), append(words, f.word)
	}
	if len(text) > 0 {
		w.nested(strings.Join(text, " "), words, at.input)
	}
}

// script sees through script(1).
func (w *walker) script(argv []field, at place) {
	for i, f := range argv {
		switch {
		case !f.known:
			w.found.opaque = true
			return
		case i > 0 && strings.HasPrefix(f.text, "--command="):
			w.nested(strings.TrimPrefix(f.text, "--command="), []*syntax.Word{f.word}, at.input)
			return
		case i > 0 && (f.text == "--command" || strings.HasPrefix(f.text, "-") && !strings.HasPrefix(f.text, "--") && strings.HasSuffix(f.text, "c")) && i+1 < len(argv):
			w.join(argv[i+1:i+2], at)
			return
		case i > 0 && strings.HasPrefix(f.text, "-") && strings.Contains(f.text, "c"):
			w.found.opaque = true
			return
		}
	}
	w.fromInput(at)
}

// eval is opaque: what it runs is read with what the shell knows by then. It is read all the same.
func (w *walker) eval(argv []field, at place) {
	w.found.opaque = true
	w.join(argv[1:], at)
}

func (w *walker) trap(argv []field, at place) {
	rest := argv[1:]
	if len(rest) > 0 && rest[0].known && rest[0].text == "--" {
		rest = rest[1:]
	}
	if len(rest) > 1 && !(rest[0].known && rest[0].text == "-") {
		w.join(rest[:1], at)
	}
	w.opaqueIf(len(rest) == 1 && !rest[0].known)
}

// su sees through su(1) and runuser(1).
func (w *walker) su(argv []field, at place) {
	users, login := 0, true
	for i := 1; i < len(argv); i++ {
		f := argv[i]
		if !f.known && users == 0 {
			users++ // somebody
			w.opaqueIf(f.word == nil || !f.glob && len(f.word.Parts) > 0 && !isQuotedWhole(f.word))
			continue
		}
		if !f.known {
			w.found.opaque = true
			return
		}
		option, value, attached := strings.Cut(f.text, "=")
		switch {
		case option == "-c" || option == "--command" || option == "--session-command":
			login = false
			if attached && option != "-c" {
				w.nested(value, []*syntax.Word{f.word}, at.input)
			} else if i+1 < len(argv) {
				i++
				w.join(argv[i:i+1], at)
			}
		case f.text == "-" || f.text == "-l" || f.text == "--login" || f.text == "-m" || f.text == "-p" || f.text == "--preserve-environment" || f.text == "-P" || f.text == "--pty" || f.text == "-f" || f.text == "--fast":
		case option == "-g" || option == "-G" || option == "--group" || option == "--supp-group":
			if !attached {
				i++
			}
		case strings.HasPrefix(f.text, "-"):
			w.found.opaque = true
			return
		default:
			if users++; users > 1 { // words for the shell
				w.found.opaque = true
				return
			}
		}
	}
	if login {
		w.fromInput(at)
	}
}

func isQuotedWhole(word *syntax.Word) bool {
	_, ok := word.Parts[0].(*syntax.DblQuoted)
	return ok && len(word.Parts) == 1
}
