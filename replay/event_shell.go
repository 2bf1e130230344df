package replay

import (
	"encoding/hex"
	"fmt"
	"path"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Classes of what happens over SSH.
func classSSH(activity string) class { return class{4, 4007, "SSH Activity", 99, activity} }

func classFile(activity int, name string) class {
	return class{1, 1001, "File System Activity", activity, name}
}

// ocsfFile is a file of the target.
type ocsfFile struct {
	Name   string     `json:"name"`
	Path   string     `json:"path"`
	TypeID int        `json:"type_id"` // 0: not known
	Size   uint64     `json:"size,omitempty"`
	Hashes []ocsfHash `json:"hashes,omitempty"`
}

type ocsfHash struct {
	AlgorithmID int    `json:"algorithm_id"` // 3: SHA-256
	Value       string `json:"value"`
}

// ocsfDevice is the target that a file is on.
type ocsfDevice struct {
	TypeID   int    `json:"type_id"` // 1: a server
	Hostname string `json:"hostname"`
}

const (
	high             = 4
	actionObserved   = 3
	dispositionAlert = 19
	deviceServer     = 1
	hashSHA256       = 3
)

// classOf is what a command is to OCSF.
func classOf(c *schemas.Command) class {
	switch c.GetKind() {
	case schemas.CommandKind_COMMAND_KIND_EXEC, schemas.CommandKind_COMMAND_KIND_LINE:
		return classSSH("Execute")
	case schemas.CommandKind_COMMAND_KIND_SHELL:
		return classSSH("Shell")
	case schemas.CommandKind_COMMAND_KIND_SUBSYSTEM:
		return classSSH("Subsystem")
	case schemas.CommandKind_COMMAND_KIND_FORWARD:
		return classSSH("Forward")
	case schemas.CommandKind_COMMAND_KIND_FILE:
		return fileClass(c.GetOperation())
	}
	return classDatabase
}

func fileClass(o *schemas.FileOperation) class {
	switch o.GetOperation() {
	case "mkdir", "symlink", "link":
		return classFile(1, "Create")
	case "open":
		if o.GetWrites() {
			return classFile(3, "Update")
		}
		return classFile(2, "Read")
	case "read", "list":
		return classFile(2, "Read")
	case "write":
		return classFile(3, "Update")
	case "remove", "rmdir":
		return classFile(4, "Delete")
	case "rename":
		return classFile(5, "Rename")
	case "setstat":
		return classFile(6, "Set Attributes")
	case "stat", "readlink", "realpath":
		return classFile(8, "Get Attributes")
	}
	return classFile(99, "Other")
}

// aboutShell fills in what is told of a command that is not SQL.
func (t *told) aboutShell(e *event, c *schemas.Command) {
	d := &e.data
	if text := c.GetText(); !c.GetExec().GetUnparsed() { // nobody could look for secrets in that
		d.Unmapped.CommandLine = text
	}
	d.Unmapped.Exec, d.Unmapped.Operation, d.Unmapped.Forward = exec(c.GetExec()), operation(c.GetOperation()), forward(c.GetForward())
	d.Unmapped.Parent = c.GetParent()
	if o := c.GetOperation(); o != nil {
		t.onFile(d, o.GetPath())
	}
}

func (t *told) onFile(d *ocsf, name string) {
	d.File = &ocsfFile{Name: known(path.Base(name)), Path: known(name)}
	d.Device = &ocsfDevice{TypeID: deviceServer, Hostname: known(t.opened.GetTarget())}
}

// mostObserved is how many observed command lines are remembered for the verdict that follows each.
const mostObserved = 16

func (t *told) observedEvent(l journal.Located, o *schemas.Observed) *event {
	number := l.Entry.GetNumber()
	t.observed = append(t.observed, observedLine{number, o})
	if len(t.observed) > mostObserved {
		t.observed = t.observed[1:]
	}
	e := t.event(l, "command", "observed", classSSH("Observe"))
	t.seen(e, number, o)
	e.data.Message = fmt.Sprintf("%s was seen to type a command on %s", t.opened.GetPrincipal().GetName(), t.opened.GetTarget())
	return e
}

// observedLine is an observed command line and the number of its entry.
type observedLine struct {
	number uint64
	fact   *schemas.Observed
}

func (t *told) seen(e *event, number uint64, o *schemas.Observed) {
	d := &e.data
	d.Actor = &ocsfActor{User: user(t.opened.GetPrincipal()), Session: t.session(), AppName: t.opened.GetClientName()}
	d.Unmapped.Command, d.Unmapped.Parent, d.Unmapped.ObservedBy = number, o.GetCommand(), o.GetSource()
	d.Unmapped.Exec, d.Unmapped.CommandDigest = exec(o.GetExec()), digest(o.GetDigest())
	d.Unmapped.CommandLine = o.GetText()
	if o.GetEnded() {
		status := o.GetExitStatus()
		d.Unmapped.ExitStatus = &status
	}
}

// alert is the event of a verdict about an observed command line; nil when the verdict is about another or says nothing
// against it.
func (t *told) alert(l journal.Located, v *schemas.Verdict) (e *event, observed bool) {
	for _, o := range t.observed {
		if o.number != v.GetCommand() {
			continue
		}
		if v.GetOutcome() == schemas.Outcome_OUTCOME_ALLOW {
			return nil, true
		}
		e := t.event(l, "command", "alerted", classSSH("Alert"))
		t.seen(e, o.number, o.fact)
		d, action, ends := &e.data, actionObserved, v.GetOutcome() == schemas.Outcome_OUTCOME_DENY
		d.Metadata.Profiles = []string{"security_control"}
		d.ActionID, d.DispositionID, d.SeverityID = &action, dispositionAlert, medium
		if ends {
			d.SeverityID = high
		}
		d.Unmapped.EndsSession = &ends
		said := verdict(v)
		d.Unmapped.Reasons, d.Unmapped.Revision = said.Reasons, said.Revision
		if len(said.Reasons) > 0 {
			d.Policy = &ocsfEntity{Name: known(said.Reasons[0].Policy)}
			d.StatusDetail = said.Reasons[0].Message
		}
		d.Message = fmt.Sprintf("what %s was seen to type on %s is against a policy", t.opened.GetPrincipal().GetName(), t.opened.GetTarget())
		return e, true
	}
	return nil, false
}

// transferred is the event of a file that went by.
func (t *told) transferred(l journal.Located, f *schemas.File) *event {
	c := classFile(2, "Read")
	if f.GetBytesIn() > 0 || f.GetBytesOut() == 0 {
		c = classFile(3, "Update")
	}
	e := t.event(l, "file", "transferred", c)
	d := &e.data
	d.Actor = &ocsfActor{User: user(t.opened.GetPrincipal()), Session: t.session(), AppName: t.opened.GetClientName()}
	t.onFile(d, f.GetPath())
	in, out := f.GetBytesIn(), f.GetBytesOut()
	d.File.Size = max(in, out)
	for _, h := range [][]byte{f.GetDigestIn(), f.GetDigestOut()} {
		if len(h) > 0 {
			d.File.Hashes = append(d.File.Hashes, ocsfHash{AlgorithmID: hashSHA256, Value: hex.EncodeToString(h)})
		}
	}
	d.StatusID, d.Unmapped.Command, d.Unmapped.BytesIn, d.Unmapped.BytesOut = success, f.GetCommand(), &in, &out
	d.Message = fmt.Sprintf("%s moved a file of %s", t.opened.GetPrincipal().GetName(), t.opened.GetTarget())
	return e
}
