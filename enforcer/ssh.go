package enforcer

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport/enforcer/internal/shell"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const (
	// ruleForward denies forwarding that nobody allowed.
	ruleForward = "builtin/forward"
	// ruleLine denies what would take the lines of a restricted shell from the gateway.
	ruleLine = "builtin/restricted"
	// ruleTransfer denies a far end of scp whose files could not be told.
	ruleTransfer = "builtin/scp"
)

// Objects that a `when` sees of what runs over SSH, empty for other protocols.
type (
	// Exec is the parsed meaning of a command line.
	Exec struct {
		Programs    []string      `cel:"programs"` // base names; also the path, of one outside the system's directories
		Commands    []ExecCommand `cel:"commands"` // every simple command, nested ones included
		Argv        []string      `cel:"argv"`     // words of the command, when it is exactly one; empty otherwise
		Reads       []string      `cel:"reads"`    // files that redirections read; *: one whose name is not known
		Writes      []string      `cel:"writes"`
		Opaque      bool          `cel:"opaque"`
		Unparsed    bool          `cel:"unparsed"`
		Terminal    bool          `cel:"terminal"`
		Interactive bool          `cel:"interactive"` // a shell, or another program that one types into
		Login       string        `cel:"login"`       // account on the target
	}
	// ExecCommand is one simple command.
	ExecCommand struct {
		Program    string   `cel:"program"` // empty: not known
		Argv       []string `cel:"argv"`    // a word that is not known is empty
		Unknown    bool     `cel:"unknown"` // there are words that are not known
		Background bool     `cel:"background"`
		Piped      bool     `cel:"piped"`
	}
	// File is what is asked of a file.
	File struct {
		Operation string `cel:"operation"`
		Path      string `cel:"path"` // absolute, without . and ..
		To        string `cel:"to"`
		Reads     bool   `cel:"reads"`
		Writes    bool   `cel:"writes"`
	}
	// Forward is a connection through the target.
	Forward struct {
		Direction string `cel:"direction"` // local, remote
		Host      string `cel:"host"`      // in lower case, without a dot at the end
		Port      int64  `cel:"port"`
	}
)

// sshVerdict judges what is asked of a server over SSH.
func (e *Enforcer) sshVerdict(ask *schemas.VerdictAsk) *schemas.VerdictAnswer {
	s := e.current()
	found, refusal := e.sshFacts(ask)
	if refusal != "" {
		return failed(refusal)
	}
	v := &judgement{
		answer: &schemas.VerdictAnswer{
			Outcome: schemas.Outcome_OUTCOME_ALLOW, Revision: string(s.revision), Reuse: schemas.Reuse_REUSE_EXACT,
			Exec: found.exec.Facts, Secrets: found.exec.Secrets, Transfer: found.transfer,
		},
		seen: found.seen,
	}
	t := e.admitted(v, s, ask)
	if t == nil {
		return v.done()
	}
	vars := variables(ask, t, e.c.Now())
	found.show(vars.command, ask)
	if ask.Observed {
		v.observed(t, vars)
		return v.watched()
	}
	v.policies(t, vars)
	if found.exec.Facts.GetInteractive() && restricted(ask.GetKind(), t.resource.Target.SSH) {
		v.deny(ruleLine, "a restricted shell starts no other shell, and nothing else that one types into")
	}
	if found.untold {
		v.deny(ruleTransfer, "scp -t and scp -f run only as scp itself calls them, so that their files are seen")
	}
	v.sshMasked(t.masks, ask)
	if found.seen.named {
		v.forward(t.resource.Target.SSH, vars.command.Forward)
	} else {
		v.unseen(t.resource.Target.Unparsed)
	}
	return v.done()
}

// restricted reports whether a command must not be one that people type into: where lines are decided one by one.
func restricted(kind schemas.CommandKind, target *resources.SSH) bool {
	switch kind {
	case schemas.CommandKind_COMMAND_KIND_LINE:
		return true
	case schemas.CommandKind_COMMAND_KIND_EXEC:
		return target != nil && target.Mode == resources.ModeRestricted
	}
	return false
}

// sshFound is the meaning of what is asked over SSH.
type sshFound struct {
	exec     *shell.Analysis
	transfer *schemas.Transfer
	untold   bool // it runs the far end of scp in a way that cannot be followed
	file     File
	forward  Forward
	seen     seen
}

// sshFacts finds what an ask means; refusal says why it cannot be judged at all.
func (e *Enforcer) sshFacts(ask *schemas.VerdictAsk) (found *sshFound, refusal string) {
	found = &sshFound{exec: &shell.Analysis{}}
	switch ask.GetKind() {
	case schemas.CommandKind_COMMAND_KIND_EXEC, schemas.CommandKind_COMMAND_KIND_LINE:
		found.exec = e.shell.Analyze(ask.GetText(), ask.GetTerminal())
		f, ok := found.exec.Facts, true
		found.transfer, ok = e.shell.Transfer(ask.GetText(), ask.GetTerminal(), found.exec)
		found.untold = !ok
		found.seen = seen{opaque: f.Opaque, unparsed: f.Unparsed, why: f.ParseError, of: execUses}
	case schemas.CommandKind_COMMAND_KIND_SHELL:
		found.exec = shell.Shell()
		found.seen = seen{of: execUses}
	case schemas.CommandKind_COMMAND_KIND_SUBSYSTEM:
		found.seen = seen{of: execUses}
	case schemas.CommandKind_COMMAND_KIND_FILE:
		found.file, found.seen = fileFacts(ask.GetOperation())
	case schemas.CommandKind_COMMAND_KIND_FORWARD:
		f := ask.GetForward()
		found.forward = Forward{
			Direction: f.GetDirection(), Host: strings.ToLower(strings.TrimSuffix(f.GetHost(), ".")), Port: int64(f.GetPort()),
		}
		found.seen = seen{of: forwardUses, named: true}
		if f.GetDirection() != "local" && f.GetDirection() != "remote" {
			return nil, fmt.Sprintf("this enforcer does not judge forwarding %q", f.GetDirection())
		}
	default:
		return nil, "this enforcer does not judge commands of this kind over ssh"
	}
	return found, ""
}

// fileFacts normalises names as the target would, symbolic links aside. A name that depends on where the target
// begins is not understood, except where it is only asked for.
func fileFacts(op *schemas.FileOperation) (File, seen) {
	f := File{Operation: op.GetOperation(), Path: clean(op.GetPath()), To: clean(op.GetTo()), Reads: op.GetReads(), Writes: op.GetWrites()}
	s := seen{of: fileUses}
	bad := func(why string) { s.unparsed, s.why = true, why }
	switch {
	case f.Operation == "":
		bad("it does not say what is done to the file")
	case !utf8.ValidString(f.Path) || !utf8.ValidString(f.To) || strings.ContainsRune(f.Path+f.To, 0):
		bad("a name is not UTF-8")
	case f.Operation == "realpath":
	case f.Operation == "extended" && f.Path == "":
	case !path.IsAbs(f.Path):
		bad("the name of the file is not absolute")
	case f.To != "" && !path.IsAbs(f.To) && f.Operation != "symlink":
		bad("the name of the other file is not absolute")
	}
	return f, s
}

func clean(name string) string {
	if name == "" {
		return ""
	}
	name = path.Clean(name)
	if strings.HasPrefix(name, "//") {
		name = name[1:]
	}
	return name
}

// show lets policies see what was found.
func (f *sshFound) show(c *Command, ask *schemas.VerdictAsk) {
	c.File, c.Forward = f.file, f.forward
	facts := f.exec.Facts
	c.Exec = Exec{
		Programs: shell.Programs(facts), Reads: facts.GetReads(), Writes: facts.GetWrites(), Opaque: facts.GetOpaque(), Unparsed: facts.GetUnparsed(),
		Terminal: ask.GetTerminal(), Interactive: facts.GetInteractive(), Login: ask.GetLogin(),
	}
	for _, each := range facts.GetCommands() {
		c.Exec.Commands = append(c.Exec.Commands, ExecCommand{
			Program: each.Program, Argv: each.Argv, Unknown: len(each.Unknown) > 0, Background: each.Background, Piped: each.Piped,
		})
	}
	if len(facts.GetCommands()) == 1 {
		c.Exec.Argv = facts.Commands[0].Argv
	}
}

// forward judges forwarding that policies neither allow nor hold.
func (v *judgement) forward(rules *resources.SSH, f Forward) {
	if len(v.denials) > 0 || v.spoken || rules.AllowsForward(f.Direction == "remote", f.Host, uint32(f.Port)) {
		return
	}
	v.deny(ruleForward, fmt.Sprintf("no policy and no rule of the target lets connections be forwarded there (%s)", f.Direction))
}

// sshMasked plans what is masked in what programs write: content that masks look for. What files and forwarded
// connections hold is not masked: a file that may have it is read only by who is excepted, and its recording masked.
func (v *judgement) sshMasked(masks *maskSet, ask *schemas.VerdictAsk) {
	viewer := masks.viewer(ask.GetPrincipal())
	plan := &schemas.MaskPlan{}
	for i, rule := range viewer.rules {
		if len(rule.Detect) == 0 { // columns, which nothing here has
			continue
		}
		if op := ask.GetOperation(); op.GetReads() && !rule.Revealed {
			v.deny(ruleMask, unmaskable(op, rule))
		}
		if slices.Contains(rule.Detect, "external") {
			v.deny(ruleMask, fmt.Sprintf("mask %s: its external detector needs whole values, which streams are not", masks.all[i].Metadata.Name))
		}
		plan.Rules = append(plan.Rules, rule)
		if !rule.Revealed {
			v.answer.Masks = append(v.answer.Masks, rule.Name)
		}
	}
	if len(plan.Rules) > 0 {
		v.answer.Plan = plan
	}
}

// unmaskable says why something is not read of which a rule would have to mask a part, and what to do.
func unmaskable(op *schemas.FileOperation, rule *schemas.MaskRule) string {
	what, instead := "files that are moved whole", "read it with a command, whose output is masked"
	if op.GetOperation() == "list" {
		what, instead = "the names in a directory", "list it with a command, whose output is masked"
	}
	return fmt.Sprintf("mask %s hides %s, which cannot be masked in %s: %s, or be excepted from the mask", rule.Name, strings.Join(rule.Detect, ", "), what, instead)
}
