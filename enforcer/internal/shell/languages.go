package shell

import (
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// language says how an interpreter is given a program.
type language struct {
	inline string   // short options that hold it
	long   []string // long ones
	takes  string   // other short options with a value
}

var languages = map[string]language{
	"perl": {inline: "eE", takes: "ICF"}, "ruby": {inline: "e", takes: "rIC"}, "python": {inline: "c", takes: "WXm"},
	"node": {inline: "ep", long: []string{"--eval", "--print", "--require", "--import", "--loader"}, takes: "r"}, "php": {inline: "rRBE", takes: "dcz"},
	"lua": {inline: "e", takes: "l"}, "tclsh": {}, "wish": {}, "expect": {inline: "c"}, "Rscript": {inline: "e"}, "R": {inline: "e"}, "guile": {inline: "c"},
	"julia": {inline: "eE"}, "fish": {inline: "cC"}, "csh": {inline: "c"}, "tcsh": {inline: "c"}, "pwsh": {inline: "ce"}, "powershell": {inline: "ce"},
	"irb": {inline: "r"}, "ghci": {inline: "e"}, "erl": {inline: "e"}, "elixir": {inline: "e"}, "iex": {inline: "e"}, "groovy": {inline: "e"}, "scala": {inline: "e"},
	"jshell": {}, "osascript": {inline: "e"}, "deno": {inline: "e", long: []string{"eval"}}, "bun": {inline: "e"}, "nodejs": {inline: "ep", long: []string{"--eval", "--print", "--require"}},
	"luajit": {inline: "e"}, "pypy": {inline: "c"}, "pypy3": {inline: "c"}, "ipython": {inline: "c"}, "mksh": {inline: "c"}, "es": {inline: "c"}, "rc": {inline: "c"}, "elvish": {inline: "c"}, "nu": {inline: "c"}, "xonsh": {inline: "c"},
}

var versioned = regexp.MustCompile(`^(python|perl|ruby|lua|php|pypy|node|tclsh)[0-9][0-9.]*$`)

func languageOf(name string) (language, bool) {
	if m := versioned.FindStringSubmatch(name); m != nil {
		name = m[1]
	}
	l, ok := languages[name]
	return l, ok
}

// language judges an interpreter: a program within the text, or from input, cannot be seen.
func (w *walker) language(name string, argv []field, at place) {
	l, ok := languageOf(name)
	if !ok {
		return
	}
	for i := 1; i < len(argv); i++ {
		f := argv[i]
		if !f.known {
			w.opaqueIf(!f.glob)
			return
		}
		t := f.text
		switch {
		case slices.ContainsFunc(l.long, func(o string) bool { return t == o || strings.HasPrefix(t, o+"=") }):
			w.found.opaque = true
			return
		case t == "--version" || t == "--help" || t == "-V" || t == "-v" && len(argv) == 2:
			return
		case t == "-m" && l.takes == "WXm": // a module, which is in a file
			return
		case strings.HasPrefix(t, "--"):
		case len(t) > 1 && t[0] == '-':
			if strings.ContainsAny(t[1:], l.inline) && l.inline != "" {
				w.found.opaque = true
				return
			}
			if strings.IndexByte(l.takes, t[len(t)-1]) >= 0 {
				i++
			}
		default:
			w.opaqueIf(isInput(t))
			return
		}
	}
	if at.terminal && !at.piped && !at.elsewhere && at.text == nil {
		w.found.interactive = true
		return
	}
	w.found.opaque = true
}

var (
	// unseen run what cannot be seen, whatever their words.
	unseen = []string{"source", ".", "parallel", "at", "batch", "screen", "tmux", "byobu", "gdb", "lldb", "ed", "ex", "red", "m4", "systemd-run", "entr", "fc", "bind", "enable", "autoload", "zmodload", "sched", "emulate", "socat", "run-parts", "dialog", "ansible", "capsh", "runc", "expect", "zpty"}
	// typed are programs that one types into and that can start others.
	typed = []string{"vi", "vim", "view", "nvim", "emacs", "nano", "pico", "joe", "mcedit", "less", "more", "most", "man", "info", "top", "htop", "mc", "ftp", "lftp", "sftp", "telnet", "mysql", "mariadb", "psql", "sqlite3", "mongo", "mongosh", "redis-cli", "bc", "mutt", "lynx", "w3m", "journalctl", "systemctl", "git", "visudo", "vipw", "crontab", "sudoedit"}
	// options make programs run others.
	options = map[string]*regexp.Regexp{
		"tar":     regexp.MustCompile(`^(--checkpoint-action|--to-command|--use-compress-program|--rsh-command|--info-script|--new-volume-script|--rmt-command|-I|-F|-[A-Za-z]*[IF])`),
		"rsync":   regexp.MustCompile(`^(--rsh|--rsync-path|-[A-Za-z]*e$|--early-input)`),
		"scp":     regexp.MustCompile(`^(-[A-Za-z]*[SoFDJ])`),
		"sftp":    regexp.MustCompile(`^(-[A-Za-z]*[SoFDbJ])`),
		"ssh":     regexp.MustCompile(`(?i)^(-[A-Za-z0-9]*[oFIJ])`),
		"git":     regexp.MustCompile(`^(-c|--config-env|--exec-path|--upload-pack|--receive-pack|-u$|--exec|-x$|-O|--open-files-in-pager|--ext-diff|--textconv|--tool|--extcmd|bisect|filter-branch|rebase|submodule|difftool|mergetool|ext::)`),
		"zip":     regexp.MustCompile(`^(-TT|--unzip-command)`),
		"nc":      regexp.MustCompile(`^-[A-Za-z]*[ec]`),
		"ncat":    regexp.MustCompile(`^(-[A-Za-z]*[ec]|--exec|--sh-exec|--lua-exec)`),
		"netcat":  regexp.MustCompile(`^-[A-Za-z]*[ec]`),
		"split":   regexp.MustCompile(`^--filter`),
		"sort":    regexp.MustCompile(`^--compress-program`),
		"tcpdump": regexp.MustCompile(`^-[A-Za-z]*z`),
		"man":     regexp.MustCompile(`^(-P|--pager|-H|--html)`),
		"make":    regexp.MustCompile(`^(--eval|-f-$|-f$|--file|--makefile|SHELL=|-[A-Za-z]*E)`),
		"gmake":   regexp.MustCompile(`^(--eval|-f-$|-f$|--file|--makefile|SHELL=)`),
		"vi":      regexp.MustCompile(`^(-c|\+|--cmd|-S|-s|-u)`), "vim": regexp.MustCompile(`^(-c|\+|--cmd|-S|-s|-u|-e)`), "nvim": regexp.MustCompile(`^(-c|\+|--cmd|-S|-s|-u|-e|-l)`), "view": regexp.MustCompile(`^(-c|\+|--cmd|-S|-s|-u)`),
		"emacs": regexp.MustCompile(`^(--eval|-eval|--script|-script|-l|--load|-f|--funcall|--batch)`),
		"less":  regexp.MustCompile(`^\+`),
		"psql":  regexp.MustCompile(`\\!|\\o|\\g|\\w|\||(?i)program`), "mysql": regexp.MustCompile(`\\!|(?i)\bsystem\b|pager`), "mariadb": regexp.MustCompile(`\\!|(?i)\bsystem\b|pager`), "sqlite3": regexp.MustCompile(`^-cmd|\.(shell|system|import|load|output|once)|(?i)load_extension|edit\(`),
		"hash":     regexp.MustCompile(`^-[A-Za-z]*p`),
		"complete": regexp.MustCompile(`^-[A-Za-z]*[CF]`), "compgen": regexp.MustCompile(`^-[A-Za-z]*[CFW]`), "mapfile": regexp.MustCompile(`^-[A-Za-z]*C`), "readarray": regexp.MustCompile(`^-[A-Za-z]*C`),
		"alias":   regexp.MustCompile(`=`),
		"wget":    regexp.MustCompile(`^(--use-askpass|-e|--execute)`),
		"openssl": regexp.MustCompile(`^(-engine|-provider|-provider-path)`),
		"dpkg":    regexp.MustCompile(`^--(pre|post)-invoke`), "apt": regexp.MustCompile(`^-o|Invoke`), "apt-get": regexp.MustCompile(`^-o|Invoke`),
		"docker":            regexp.MustCompile(`^--config$`),
		"start-stop-daemon": regexp.MustCompile(`^-`),
		"gcc":               regexp.MustCompile(`^-wrapper`), "cc": regexp.MustCompile(`^-wrapper`),
		"pip": regexp.MustCompile(`^--editable|^-e`),
		"env": regexp.MustCompile(`^-[A-Za-z]*S|^--split-string`),
		"fzf": regexp.MustCompile(`^--(preview|bind|execute)`), "rg": regexp.MustCompile(`^--pre`), "fd": regexp.MustCompile(`^(-[A-Za-z]*[xX]|--exec)`), "fdfind": regexp.MustCompile(`^(-[A-Za-z]*[xX]|--exec)`),
		"awk": awkRuns, "gawk": awkRuns, "mawk": awkRuns, "nawk": awkRuns,
		"crontab": regexp.MustCompile(`^(-$|-u|-e|[^-])`),
	}
	awkRuns = regexp.MustCompile(`system|getline|[^|]\|[^|]|^\||\|$|@(load|include)|print[^;}]*>|/inet`)
	// plainSed are commands of sed that do not run or write anything.
	plainSed = regexp.MustCompile(`^(\s*(([0-9]+|\$|/[^/\n]*/I?)(,([0-9]+|\$|\+[0-9]+|/[^/\n]*/I?))?)?\s*!?\s*(s/([^/\\\n]|\\.)*/([^/\\\n]|\\.)*/[gpIi0-9]*|s\|([^|\\\n]|\\.)*\|([^|\\\n]|\\.)*\|[gpIi0-9]*|s#([^#\\\n]|\\.)*#([^#\\\n]|\\.)*#[gpIi0-9]*|s,([^,\\\n]|\\.)*,([^,\\\n]|\\.)*,[gpIi0-9]*|y/[^/\n]*/[^/\n]*/|[dDgGhHlnNpPqQx=]|[aic]\\?\s*[^\n]*)\s*(;|\n|$))*$`)
)

// options judges programs that can be told to run others.
func (w *walker) options(name string, argv []field) {
	w.opaqueIf(slices.Contains(unseen, name))
	w.typed(name)
	if name == "sed" || name == "gsed" {
		w.sed(argv)
		return
	}
	pattern, ok := options[name]
	if !ok {
		return
	}
	for _, f := range argv[1:] {
		w.opaqueIf(!f.known && !f.glob || f.known && pattern.MatchString(f.text))
	}
}

func (w *walker) typed(name string) {
	if w.start.terminal && slices.Contains(typed, name) {
		w.found.interactive = true
	}
}

// sed judges the scripts of sed: GNU's can run programs (e, s///e) and write files (w).
func (w *walker) sed(argv []field) {
	given := false
	var scripts []field
	for i := 1; i < len(argv); i++ {
		t := argv[i].text
		switch {
		case !argv[i].known && !argv[i].glob:
			w.found.opaque = true
			return
		case strings.HasPrefix(t, "--expression="):
			given, argv[i].text = true, strings.TrimPrefix(t, "--expression=")
			scripts = append(scripts, argv[i])
		case t == "-e" || t == "--expression" || len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.HasSuffix(t, "e") && t[1] != 'i':
			given = true
			if i++; i < len(argv) {
				scripts = append(scripts, argv[i])
			}
		case t == "-f" || t == "--file" || strings.HasPrefix(t, "--file="):
			given = true
			i++
			w.opaqueIf(i >= len(argv) || isInput(argv[i].text))
		}
	}
	for i := 1; i < len(argv) && !given; i++ {
		if t := argv[i].text; !strings.HasPrefix(t, "-") || !argv[i].known {
			scripts, given = append(scripts, argv[i]), true
		}
	}
	for _, s := range scripts {
		w.opaqueIf(!s.known || !plainSed.MatchString(s.text))
	}
}

// naming are builtins that take names of variables, in whose subscripts bash evaluates what it finds.
var naming = []string{"read", "unset", "printf", "export", "readonly", "declare", "typeset", "local", "let", "wait", "getopts", "mapfile", "readarray", "test", "[", "nameref", "integer", "float"}

// builtin judges builtins that evaluate their words.
func (w *walker) builtin(name string, argv []field) {
	if !slices.Contains(naming, name) {
		return
	}
	for i, f := range argv[1:] {
		before := argv[i].text // the one before, as argv[1:] begins at 1
		switch name {
		case "printf", "wait":
			if f.text == "-v" || f.text == "-p" || !f.known && i == 0 && !f.glob && !isStatus(f.word) {
				w.opaqueIf(!f.known || i+2 >= len(argv) || !argv[i+2].known || !plainName.MatchString(argv[i+2].text))
			}
		case "test", "[":
			if before == "-v" || before == "-R" {
				w.opaqueIf(!f.known || !plainName.MatchString(f.text))
			}
		case "let":
			w.found.opaque = true
		case "getopts":
			w.opaqueIf(i == 1 && (!f.known || !plainName.MatchString(f.text)))
		case "declare", "typeset", "local", "export", "readonly", "nameref", "integer", "float":
			steers, _, _ := strings.Cut(f.text, "=")
			w.opaqueIf(!plainSet.MatchString(f.text) && !strings.HasPrefix(f.text, "-") || steering.MatchString(steers) ||
				strings.HasPrefix(f.text, "-") && strings.ContainsAny(f.text, "inTt") || name == "nameref" || name == "integer" || name == "float")
		default:
			steers, _, _ := strings.Cut(f.text, "=")
			w.opaqueIf(!f.known && name == "unset" || !f.known && !plainSet.MatchString(f.text) || f.known && !strings.HasPrefix(f.text, "-") && !plainSet.MatchString(f.text) && !takesValue(before) || steering.MatchString(steers) && name != "unset")
		}
	}
}

// isStatus reports $! and its kin, which are numbers.
func isStatus(word *syntax.Word) bool {
	if word == nil || len(word.Parts) != 1 {
		return false
	}
	p, ok := word.Parts[0].(*syntax.ParamExp)
	return ok && p.Short && strings.Contains("!?#$", p.Param.Value)
}

// takesValue reports options of read and mapfile that are followed by something else than a name.
func takesValue(option string) bool {
	return len(option) > 1 && option[0] == '-' && strings.ContainsAny(option[len(option)-1:], "pdntuicOs")
}
