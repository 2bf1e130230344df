package enforcer

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"sallyport/schemas/resources"
)

// costLimit bounds one evaluation, in CEL's units: about one a step.
const costLimit = 100_000

// Objects that a `when` sees. A field that is not here is an error when the policy is loaded.
type (
	// Command is what the principal asks the target to do.
	Command struct {
		Protocol string  `cel:"protocol"`
		Text     string  `cel:"text"`
		Digest   string  `cel:"digest"` // hexadecimal
		Kind     string  `cel:"kind"`   // query, prepare, execute, exec, shell, line, subsystem, file, forward
		Observed bool    `cel:"observed"`
		SQL      SQL     `cel:"sql"`
		Exec     Exec    `cel:"exec"`
		File     File    `cel:"file"`
		Forward  Forward `cel:"forward"`
	}
	// SQL is the parsed meaning of the command, empty for protocols without SQL.
	SQL struct {
		Kinds           []string `cel:"kinds"`
		Reads           []string `cel:"reads"`
		Writes          []string `cel:"writes"`
		Columns         []string `cel:"columns"`
		Functions       []string `cel:"functions"`
		Statements      int64    `cel:"statements"`
		UnfilteredWrite bool     `cel:"unfiltered_write"`
		Opaque          bool     `cel:"opaque"`
		Unparsed        bool     `cel:"unparsed"`
	}
	// Principal is who acts.
	Principal struct {
		Name   string   `cel:"name"`
		Kind   string   `cel:"kind"` // user, agent
		Groups []string `cel:"groups"`
	}
	// Run is the task of an agent, empty without one.
	Run struct {
		ID    string `cel:"id"`
		Agent string `cel:"agent"`
	}
	// Target is what is protected.
	Target struct {
		Name   string            `cel:"name"`
		Labels map[string]string `cel:"labels"`
	}
	// Session is the principal's session on the target.
	Session struct {
		ID string `cel:"id"`
	}
)

// PolicyError says what is wrong with an expression of a policy.
type PolicyError struct {
	Policy  string
	Field   string // when, approval.auto
	Line    int    // of the expression's text, from 1
	Column  int    // in characters, from 1
	Message string
	Snippet string
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("policy %s: %s: line %d, column %d: %s\n%s", e.Policy, e.Field, e.Line, e.Column, e.Message, e.Snippet)
}

// CheckPolicy reports, as a *PolicyError, why an expression of a policy does not compile, and what
// is wrong with the time zones of approvals; nil for other resources.
func CheckPolicy(r *resources.Resource) error {
	if r.Kind == resources.KindRole && r.Role != nil && r.Role.Request != nil {
		if err := checkZones(r.Role.Request.Approval); err != nil {
			return fmt.Errorf("role %s: request.approval: %w", r.Metadata.Name, err)
		}
	}
	if r.Kind != resources.KindPolicy || r.Policy == nil {
		return nil
	}
	_, err := compile(r)
	return err
}

// celEnvironment is the same for all policies and never changes.
var celEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(ext.ParseStructTags(true), reflect.TypeFor[Command](), reflect.TypeFor[SQL](), reflect.TypeFor[Exec](),
			reflect.TypeFor[ExecCommand](), reflect.TypeFor[File](), reflect.TypeFor[Forward](),
			reflect.TypeFor[Principal](), reflect.TypeFor[Run](), reflect.TypeFor[Target](), reflect.TypeFor[Session]()),
		ext.Strings(),
		cel.Variable("command", cel.ObjectType("enforcer.Command")),
		cel.Variable("principal", cel.ObjectType("enforcer.Principal")),
		cel.Variable("run", cel.ObjectType("enforcer.Run")),
		cel.Variable("target", cel.ObjectType("enforcer.Target")),
		cel.Variable("session", cel.ObjectType("enforcer.Session")),
		cel.Variable("now", cel.TimestampType),
	)
})

// policy is a compiled policy.
type policy struct {
	resource  *resources.Resource
	program   cel.Program
	err       error // it does not compile
	uses      uses
	automatic *expression // hold: where the policy itself consents; nil: nowhere
}

// expression is a compiled condition.
type expression struct {
	program cel.Program
	uses    uses
}

func compile(r *resources.Resource) (*policy, error) {
	when, err := condition(r, "when", r.Policy.When)
	if err != nil {
		return nil, err
	}
	if err := checkZones(r.Policy.Approval); err != nil {
		return nil, &PolicyError{Policy: r.Metadata.Name, Field: "approval", Line: 1, Column: 1, Message: err.Error()}
	}
	p := &policy{resource: r, program: when.program, uses: when.uses}
	if a := r.Policy.Approval; a != nil && a.Auto != "" {
		if p.automatic, err = condition(r, "approval.auto", a.Auto); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// condition compiles one field of a policy.
func condition(r *resources.Resource, field, text string) (*expression, error) {
	env, err := celEnvironment()
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues != nil && issues.Err() != nil {
		return nil, policyError(r, field, text, issues)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &PolicyError{
			Policy: r.Metadata.Name, Field: field, Line: 1, Column: 1, Snippet: firstLine(text),
			Message: fmt.Sprintf("must be true or false, not %s", checked.OutputType()),
		}
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, &PolicyError{Policy: r.Metadata.Name, Field: field, Line: 1, Column: 1, Snippet: firstLine(text), Message: err.Error()}
	}
	return &expression{program: program, uses: usesOf(checked)}, nil
}

func policyError(r *resources.Resource, field, text string, issues *cel.Issues) error {
	e := &PolicyError{Policy: r.Metadata.Name, Field: field, Line: 1, Column: 1, Message: issues.Err().Error()}
	if all := issues.Errors(); len(all) > 0 {
		first := all[0]
		e.Message, e.Line, e.Column = first.Message, first.Location.Line(), first.Location.Column()+1
		if len(all) > 1 {
			e.Message += fmt.Sprintf(" (and %d more)", len(all)-1)
		}
	}
	if lines := strings.Split(text, "\n"); e.Line >= 1 && e.Line <= len(lines) {
		e.Snippet = " | " + lines[e.Line-1] + "\n | " + strings.Repeat(" ", max(e.Column-1, 0)) + "^"
	}
	return e
}

// firstLine is the snippet of what is wrong as a whole.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return " | " + line + "\n | ^"
}

var errNotBool = errors.New("the expression is neither true nor false")

// holds evaluates the policy.
func (p *policy) holds(v *vars) (bool, error) {
	if p.err != nil {
		return false, p.err
	}
	return evaluate(p.program, v)
}

// consents reports whether the policy itself consents to the command that it holds. Whatever goes
// wrong leaves that to people, and so does a command whose facts are not whole.
func (p *policy) consents(f seen, v *vars) bool {
	a := p.automatic
	if a == nil || !f.meantBy(a.uses) {
		return false
	}
	truth, err := evaluate(a.program, v)
	return truth && err == nil
}

func evaluate(program cel.Program, v *vars) (bool, error) {
	out, _, err := program.Eval(v)
	if err != nil {
		return false, err
	}
	truth, ok := out.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return truth, nil
}

// vars are the variables of one evaluation; objects are made when they are asked for.
type vars struct {
	command   *Command
	principal *Principal
	run       *Run
	target    *Target
	session   *Session
	now       time.Time
}

// ResolveName implements CEL's Activation.
func (v *vars) ResolveName(name string) (any, bool) {
	switch name {
	case "command":
		return v.command, true
	case "principal":
		return v.principal, true
	case "run":
		return v.run, true
	case "target":
		return v.target, true
	case "session":
		return v.session, true
	case "now":
		return v.now, true
	}
	return nil, false
}

// Parent implements CEL's Activation.
func (v *vars) Parent() cel.Activation { return nil }
