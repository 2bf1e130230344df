package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shells read scripts in a language that is understood here.
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "rbash", "rzsh"}

// wrapper says how a program names the program that it runs: options, operands, and then its words. An option that is
// not listed makes the text opaque, since where the words begin is then not known.
type wrapper struct {
	flags string   // short options
	takes string   // short options with a value
	long  []string // long options; those with a value end in =
	skip  int      // operands before the words
	sets  bool     // name=value before the words
	alone bool     // without words it starts a shell
	not   []string // options with which it runs nothing
	shell []string // options whose value is a text for a shell
	digit bool     // -10 is an option
}

var wrappers = map[string]wrapper{
	"env": {flags: "i0v", takes: "uC", long: []string{"--ignore-environment", "--null", "--unset=", "--chdir=", "--debug", "--default-signal=", "--ignore-signal=", "--block-signal="}, sets: true},
	"sudo": {
		flags: "ABbEHKklnPSsiVvN", takes: "CDghpRrTtUu", sets: true,
		long: []string{"--askpass", "--background", "--preserve-env", "--set-home", "--login", "--non-interactive", "--preserve-groups", "--stdin", "--shell", "--user=", "--group=", "--chdir=", "--prompt=", "--host=", "--role=", "--type=", "--other-user=", "--command-timeout=", "--close-from=", "--chroot=", "--validate", "--list", "--reset-timestamp", "--remove-timestamp", "--version"},
	},
	"doas":    {flags: "nsL", takes: "uCa"},
	"nohup":   {},
	"setsid":  {flags: "cfw", long: []string{"--ctty", "--fork", "--wait"}},
	"nice":    {takes: "n", long: []string{"--adjustment="}, digit: true},
	"ionice":  {flags: "t", takes: "cn", long: []string{"--class=", "--classdata=", "--ignore"}},
	"chrt":    {flags: "abfiorRmv", takes: "TPD", skip: 1},
	"taskset": {flags: "ac", skip: 1, long: []string{"--all-tasks", "--cpu-list"}},
	"stdbuf":  {takes: "ioe", long: []string{"--input=", "--output=", "--error="}},
	"timeout": {flags: "v", takes: "ks", long: []string{"--foreground", "--preserve-status", "--verbose", "--kill-after=", "--signal="}, skip: 1},
	"time":    {flags: "apvV", takes: "fo", long: []string{"--append", "--portability", "--verbose", "--quiet", "--format=", "--output="}},
	"exec":    {flags: "cl", takes: "a"},
	"command": {flags: "pvV", not: []string{"-v", "-V", "-pv", "-pV"}},
	"builtin": {}, "noglob": {}, "nocorrect": {}, "-": {}, "and": {}, "or": {}, "not": {}, "coproc": {},
	"repeat":  {skip: 1},
	"chroot":  {long: []string{"--userspec=", "--groups=", "--skip-chdir"}, skip: 1, alone: true},
	"unshare": {flags: "mniupUrTCfc", long: []string{"--mount", "--net", "--ipc", "--uts", "--pid", "--user", "--fork", "--map-root-user", "--map-current-user", "--mount-proc"}, alone: true},
	"nsenter": {flags: "aFZe", takes: "tSG", long: []string{"--all", "--target=", "--no-fork"}, alone: true},
	"setpriv": {long: []string{"--reuid=", "--regid=", "--clear-groups", "--keep-groups", "--init-groups", "--groups=", "--no-new-privs", "--reset-env", "--inh-caps=", "--bounding-set=", "--ambient-caps="}},
	"runuser": {takes: "ugG", long: []string{"--user=", "--group="}},
	"gosu":    {skip: 1},
	"su-exec": {skip: 1},
	"chpst":   {takes: "uUbenoplfcrtm/", flags: "vP012"},
	"setarch": {flags: "BFILRSTXZ3v", skip: 1},
	"flock":   {flags: "senuoxFnv", takes: "wE", long: []string{"--shared", "--exclusive", "--nonblock", "--unlock", "--close", "--timeout=", "--wait=", "--conflict-exit-code=", "--no-fork", "--verbose"}, skip: 1, shell: []string{"-c", "--command"}},
	"strace":  {flags: "fFcCdDhiqrtTvVxyzZkn", takes: "abeEIoOpPsSuX"},
	"ltrace":  {flags: "bcCfhiLrStTV", takes: "aADeFlnopsuwxX"},
	"busybox": {}, "toybox": {}, "fakeroot": {}, "eatmydata": {}, "catchsegv": {}, "caffeinate": {flags: "dimsu"},
	"proxychains": {flags: "q"}, "proxychains4": {flags: "q"}, "torsocks": {}, "torify": {},
	"dbus-run-session": {}, "dumb-init": {}, "tini": {flags: "sgv"}, "ssh-agent": {flags: "D"}, "unbuffer": {flags: "p"},
	"systemd-inhibit": {long: []string{"--what=", "--who=", "--why=", "--mode="}},
	"jobs":            {takes: "x"},
	"watch":           {flags: "bcdegptxwr", takes: "nq", long: []string{"--beep", "--color", "--differences", "--differences=", "--errexit", "--chgexit", "--interval=", "--precise", "--no-title", "--exec", "--no-wrap"}},
	"xargs":           {flags: "0rtpxo", takes: "aEdILnPs", long: []string{"--null", "--no-run-if-empty", "--verbose", "--interactive", "--exit", "--open-tty", "--arg-file=", "--delimiter=", "--max-args=", "--max-procs=", "--max-chars=", "--max-lines=", "--replace=", "--eof=", "--process-slot-var=", "--show-limits"}},
}

// skip returns where the words begin; false when that is not known, or nothing is run.
func (w *walker) skip(spec wrapper, argv []field) (int, bool) {
	i, left := 1, spec.skip
	for ; i < len(argv); i++ {
		f := argv[i]
		if !f.known && left == 0 {
			break // the program itself
		}
		if !f.known {
			if f.glob || isQuotedWhole(f.word) { // one word, an operand unless it begins with a dash
				left--
				continue
			}
			w.found.opaque = true
			return 0, false
		}
		t := f.text
		switch {
		case slices.Contains(spec.not, t):
			return 0, false
		case t == "--":
			i++
			return min(i+left, len(argv)), true
		case strings.HasPrefix(t, "--"):
			taken, ok := spec.isLong(t)
			if !ok {
				w.found.opaque = true
				return 0, false
			}
			i += taken
		case len(t) > 1 && t[0] == '-':
			taken, ok := spec.short(t[1:])
			if !ok {
				w.found.opaque = true
				return 0, false
			}
			i += taken
		case spec.sets && isSetting(t):
			name, _, _ := strings.Cut(t, "=")
			w.opaqueIf(steering.MatchString(name))
		case left > 0:
			left--
		default:
			return i, true
		}
	}
	return min(i, len(argv)), true
}

func isSetting(t string) bool {
	name, _, ok := strings.Cut(t, "=")
	return ok && name != ""
}

// isLong returns how many words more a long option takes.
func (s wrapper) isLong(t string) (taken int, ok bool) {
	name, _, attached := strings.Cut(t, "=")
	switch {
	case slices.Contains(s.long, name+"=") && attached, slices.Contains(s.long, t):
		return 0, true
	case slices.Contains(s.long, name+"="):
		return 1, true
	case slices.Contains(s.long, name) && attached: // --preserve-env=list
		return 0, true
	}
	return 0, false
}

// short returns how many words more a cluster of short options takes.
func (s wrapper) short(cluster string) (taken int, ok bool) {
	if s.digit && strings.Trim(cluster, "0123456789+-") == "" {
		return 0, true
	}
	for i, c := range cluster {
		switch {
		case strings.ContainsRune(s.takes, c):
			if i == len(cluster)-1 {
				return 1, true
			}
			return 0, true
		case !strings.ContainsRune(s.flags, c):
			return 0, false
		}
	}
	return 0, true
}

// behind sees through a wrapper.
func (w *walker) behind(spec wrapper, argv []field, at place) {
	for i, f := range argv {
		if f.known && slices.Contains(spec.shell, f.text) && i+1 < len(argv) {
			w.join(argv[i+1:i+2], at)
			return
		}
	}
	name := path.Base(argv[0].text)
	i, ok := w.skip(spec, argv)
	switch {
	case !ok:
	case i < len(argv):
		w.simple(argv[i:], at)
	case spec.alone, name == "sudo" && (hasOption(argv, "-i") || hasOption(argv, "-s") || hasOption(argv, "--login") || hasOption(argv, "--shell")), name == "doas" && hasOption(argv, "-s"):
		w.fromInput(at)
	}
}

// xargs sees through xargs: words from the input follow, or take the place of a word.
func (w *walker) xargs(argv []field, at place) {
	i, ok := w.skip(wrappers["xargs"], argv)
	if !ok || i >= len(argv) {
		return
	}
	replace := ""
	for j, f := range argv[:i] {
		switch {
		case f.text == "-I" && j+1 < len(argv):
			replace = argv[j+1].text
		case strings.HasPrefix(f.text, "-I"):
			replace = f.text[2:]
		case strings.HasPrefix(f.text, "--replace="):
			replace = strings.TrimPrefix(f.text, "--replace=")
		case strings.HasPrefix(f.text, "-") && !strings.HasPrefix(f.text, "--") && strings.Contains(f.text, "I") && j > 0:
			w.found.opaque = true
			return
		}
	}
	rest := slices.Clone(argv[i:])
	for j := range rest {
		if replace != "" && strings.Contains(rest[j].text, replace) {
			rest[j].known = false
		}
	}
	if replace == "" {
		rest = append(rest, field{word: &syntax.Word{Parts: []syntax.WordPart{&syntax.CmdSubst{}}}})
	}
	at.input = input{elsewhere: true}
	w.simple(rest, at)
}

// find sees through find -exec and its kin.
func (w *walker) find(argv []field, at place) {
	for i := 1; i < len(argv); i++ {
		f := argv[i]
		switch {
		case !f.known:
			w.opaqueIf(!f.glob && !isQuotedWhole(f.word))
		case slices.Contains([]string{"-exec", "-execdir", "-ok", "-okdir"}, f.text):
			end := i + 1
			for end < len(argv) && argv[end].text != ";" && !(argv[end].text == "+" && argv[end-1].text == "{}") {
				end++
			}
			run := slices.Clone(argv[i+1 : end])
			for j := range run {
				run[j].known = run[j].known && !strings.Contains(run[j].text, "{}")
			}
			inner := at
			inner.input = input{elsewhere: true}
			w.simple(run, inner)
			i = end
		case slices.Contains([]string{"-fprint", "-fprint0", "-fprintf", "-fls"}, f.text) && i+1 < len(argv):
			w.writes(argv[i+1])
		}
	}
}

func (w *walker) writes(f field) {
	name := Any
	if f.known {
		name = path.Clean(f.text)
	}
	w.found.writes = append(w.found.writes, name)
}

// copies notes what the far side of scp (-f, -t) and rsync (--server) reads and writes: the names after the options.
func (w *walker) copies(program string, argv []field) {
	reads := hasCluster(argv, 'f')
	writes := hasCluster(argv, 't')
	if program == "rsync" {
		if !hasOption(argv, "--server") {
			return
		}
		reads = hasOption(argv, "--sender")
		writes = !reads
	}
	if !reads && !writes {
		return
	}
	operand, options := false, true
	for _, f := range argv[1:] {
		if options && f.known && strings.HasPrefix(f.text, "-") {
			options = f.text != "--"
			continue
		}
		if program == "rsync" && !operand { // a dot comes first
			operand = true
			continue
		}
		name := Any
		if f.known {
			name = path.Clean(f.text)
		}
		if reads {
			w.found.reads = append(w.found.reads, name)
		} else {
			w.found.writes = append(w.found.writes, name)
		}
	}
}

// hasCluster reports a short option, alone or with others.
func hasCluster(argv []field, option rune) bool {
	return slices.ContainsFunc(argv[1:], func(f field) bool {
		return f.known && len(f.text) > 1 && f.text[0] == '-' && f.text[1] != '-' && strings.ContainsRune(f.text[1:], option)
	})
}
