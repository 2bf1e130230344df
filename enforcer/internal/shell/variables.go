package shell

import (
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// variables are those whose value the text alone tells: set once, to a constant.
type variables struct {
	assigned map[string]int  // how often the text sets them
	numeric  map[string]bool // whether each time to a number
	values   map[string]string
	off      bool // something sets variables that cannot be seen
}

var (
	plainName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	plainSet   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\+?=.*)?$`)
	integer    = regexp.MustCompile(`^[0-9]+$`)
	setByShell = regexp.MustCompile(`^(BASH.*|COMP_.*|EPOCH.*|DIRSTACK|E?UID|PPID|FUNCNAME|GROUPS|HIST.*|HOST.*|LINENO|MACHTYPE|OLDPWD|OPT.*|OSTYPE|PIPESTATUS|PWD|S?RANDOM|REPLY|SECONDS|SHELLOPTS|SHLVL|_|PATH|IFS|MAILPATH|CDPATH|FPATH|MANPATH|path|fpath|cdpath|manpath|mailpath|status|argv)$`)
	// steering variables change what others run.
	steering = regexp.MustCompile(`^(PATH|path|IFS|LD_.*|DYLD_.*|ENV|BASH_.*|BASHOPTS|SHELLOPTS|PROMPT_COMMAND|PS[0-4]|CDPATH|ZDOTDIR|PYTHON.*|PERL.*|RUBY.*|NODE_.*|LUA_.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GIT_.*|SSH_ASKPASS.*|SUDO_ASKPASS|SUDO_EDITOR|RSYNC_RSH|CVS_RSH|TAR_OPTIONS|.*PAGER|.*EDITOR|VISUAL|BROWSER|SHELL|LESSOPEN|LESSCLOSE|MAKEFLAGS|.*_OPTIONS|GCONV_PATH|LOCPATH|HOME|XDG_.*|TMUX.*|MALLOC_.*|GLIBC_TUNABLES|OPENSSL_.*)$`)
)

// settersUnseen set variables by names that are words, or from input.
var settersUnseen = []string{"read", "unset", "getopts", "mapfile", "readarray", "printf", "wait", "let", "eval", "source", ".", "vared", "sysread", "zparseopts"}

// collect finds what stmts set. It sees more than what is run, which errs on the safe side.
func collect(stmts []*syntax.Stmt) *variables {
	v := &variables{assigned: map[string]int{}, numeric: map[string]bool{}, values: map[string]string{}}
	for _, s := range stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CallExpr:
				v.call(n)
			case *syntax.DeclClause:
				v.declared(n)
			case *syntax.ForClause:
				if loop, ok := n.Loop.(*syntax.WordIter); ok {
					v.set(loop.Name.Value, loop.InPos.IsValid() && !slices.ContainsFunc(loop.Items, func(w *syntax.Word) bool { return !numericWord(w) }))
				}
			case *syntax.ParamExp:
				if n.Exp != nil && (n.Exp.Op == syntax.AssignUnset || n.Exp.Op == syntax.AssignUnsetOrNull) && n.Param != nil {
					v.set(n.Param.Value, numericWord(n.Exp.Word))
				}
			case *syntax.BinaryArithm:
				if isAssign(n.Op) {
					v.arithmetic(n.X)
				}
			case *syntax.UnaryArithm:
				if n.Op == syntax.Inc || n.Op == syntax.Dec {
					v.arithmetic(n.X)
				}
			case *syntax.Redirect:
				if n.N != nil && strings.HasPrefix(n.N.Value, "{") {
					v.set(strings.Trim(n.N.Value, "{}"), true)
				}
			case *syntax.CoprocClause:
				v.off = true
			}
			return true
		})
	}
	return v
}

func (v *variables) call(n *syntax.CallExpr) {
	for _, a := range n.Assigns {
		v.assign(a)
	}
	if len(n.Args) > 0 && slices.Contains(settersUnseen, n.Args[0].Lit()) {
		v.off = v.off || n.Args[0].Lit() != "printf" || len(n.Args) < 2 || n.Args[1].Lit() == "" && !isQuoted(n.Args[1]) || strings.HasPrefix(n.Args[1].Lit(), "-")
	}
}

func isQuoted(w *syntax.Word) bool {
	switch p := w.Parts[0].(type) {
	case *syntax.SglQuoted:
		return !p.Dollar && !strings.HasPrefix(p.Value, "-")
	case *syntax.DblQuoted:
		if len(p.Parts) == 0 {
			return false
		}
		l, ok := p.Parts[0].(*syntax.Lit)
		return ok && !strings.HasPrefix(l.Value, "-")
	}
	return false
}

func (v *variables) declared(n *syntax.DeclClause) {
	for _, a := range n.Args {
		if a.Name != nil {
			v.assign(a)
			continue
		}
		// An option: only those that leave values as they are.
		if lit := a.Value.Lit(); !slices.Contains([]string{"-r", "-x", "-g", "-rx", "-gx", "-xr", "--"}, lit) {
			v.off = true
		}
	}
}

func (v *variables) assign(a *syntax.Assign) {
	switch {
	case a.Name == nil:
	case a.Naked:
		v.assigned[a.Name.Value]++ // local x: empty, or what it was
		v.numeric[a.Name.Value] = false
	case a.Array != nil || a.Index != nil || a.Append:
		v.set(a.Name.Value, false)
		v.assigned[a.Name.Value]++ // never a constant
	default:
		v.set(a.Name.Value, numericWord(a.Value))
	}
}

func (v *variables) set(name string, number bool) {
	if was, ok := v.numeric[name]; ok {
		number = number && was
	}
	v.numeric[name] = number
	v.assigned[name]++
}

func (v *variables) arithmetic(x syntax.ArithmExpr) {
	if word, ok := x.(*syntax.Word); ok {
		v.set(word.Lit(), true)
		v.assigned[word.Lit()]++
	}
}

// numericWord reports whether a word is a number whatever happens.
func numericWord(w *syntax.Word) bool {
	if w == nil || len(w.Parts) != 1 {
		return false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		return integer.MatchString(p.Value)
	case *syntax.ArithmExp:
		return true
	}
	return false
}

func isAssign(op syntax.BinAritOperator) bool {
	return op >= syntax.Assgn && op <= syntax.PowAssgn
}

// constant remembers what a statement sets that is run once, before all that follows.
func (v *variables) constant(name, value string) {
	if !v.off && v.assigned[name] == 1 && !setByShell.MatchString(name) && !steering.MatchString(name) {
		v.values[name] = value
	}
}

// value is what an expansion gives, if that is known.
func (v *variables) value(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.IsSet || p.Index != nil || p.Slice != nil || p.Repl != nil ||
		p.Exp != nil || p.NestedParam != nil || p.Flags != nil || len(p.Modifiers) > 0 || p.Names != 0 {
		return "", false
	}
	name := p.Param.Value
	if name == "IFS" && !v.off && v.assigned[name] == 0 {
		return " \t\n", true // shells set it themselves (XCU 2.5.3)
	}
	value, ok := v.values[name]
	return value, ok
}

// isNumber reports whether arithmetic on a variable is arithmetic on a number.
func (v *variables) isNumber(name string) bool {
	switch name {
	case "#", "?", "$", "!", "LINENO", "RANDOM", "SECONDS", "UID", "EUID", "PPID", "SHLVL", "BASHPID":
		return v.assigned[name] == 0
	}
	return !v.off && v.assigned[name] > 0 && v.numeric[name]
}
