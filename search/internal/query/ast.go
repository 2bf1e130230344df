// Package query is Sallyport's search language: words and field:value pairs, with AND (or nothing
// between), OR, NOT (or -), parentheses, "phrases" and prefix*. It parses, checks and prints; what
// a query means for the index is the search package's.
//
//	query   = and { "OR" and }
//	and     = unary { [ "AND" ] unary }
//	unary   = ( "-" | "NOT" ) unary | "(" query ")" | [ field ":" ] value
//	value   = word [ "*" ] | '"' text '"' | "(" query without fields ")"
//
// Operators are upper case; field names are not case-sensitive. In quotes, \" and \\ stand for a
// quote and a backslash.
package query

import "strings"

// Field is what a term is looked for in; empty: the text.
type Field string

// Fields.
const (
	Text      Field = ""
	Who       Field = "who"
	Group     Field = "group"
	Agent     Field = "agent"
	Run       Field = "run"
	Prompt    Field = "prompt"
	Target    Field = "target"
	Label     Field = "label"
	Protocol  Field = "protocol"
	Database  Field = "database"
	Client    Field = "client"
	Session   Field = "session"
	Kind      Field = "kind"
	Table     Field = "table"
	Column    Field = "column"
	Program   Field = "program"
	Path      Field = "path"
	Verdict   Field = "verdict"
	Policy    Field = "policy"
	Attribute Field = "attribute"
	Trace     Field = "trace"
	Error     Field = "error"
	In        Field = "field"
	After     Field = "after"
	Before    Field = "before"
)

// Fields are all named fields, in the order in which messages list them.
var fields = []Field{
	Who, Group, Agent, Run, Prompt, Target, Label, Protocol, Database, Client, Session, Kind, Table,
	Column, Program, Path, Verdict, Policy, Attribute, Trace, Error, In, After, Before,
}

// Known returns the field of a name.
func Known(name string) (Field, bool) {
	for _, f := range fields {
		if strings.EqualFold(string(f), name) {
			return f, true
		}
	}
	return Text, false
}

// Node is And, Or, Not or Term.
type Node interface {
	// String prints the node so that it parses to the same node.
	String() string
	node()
}

// And matches what all its nodes match. It has at least two.
type And struct{ Nodes []Node }

// Or matches what any of its nodes matches. It has at least two.
type Or struct{ Nodes []Node }

// Not matches what its node does not.
type Not struct{ Node Node }

// Term is one thing to look for. Value is checked and in the form that the field wants: a text
// value has something to search for, a verdict is allow, deny or hold, a time can be resolved.
type Term struct {
	Field  Field
	Value  string
	Prefix bool // what begins with Value
}

func (And) node()  {}
func (Or) node()   {}
func (Not) node()  {}
func (Term) node() {}

// String implements Node.
func (a And) String() string { return join(a.Nodes, " ") }

// String implements Node.
func (o Or) String() string { return join(o.Nodes, " OR ") }

// String implements Node.
func (n Not) String() string { return "-" + inner(n.Node) }

// String implements Node.
func (t Term) String() string {
	v := t.Value
	if !t.bare() {
		v = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
	}
	if t.Prefix {
		v += "*"
	}
	if t.Field == Text {
		return v
	}
	return string(t.Field) + ":" + v
}

// bare reports whether the value needs no quotes.
func (t Term) bare() bool {
	v := t.Value
	if v == "" || v[0] == '-' || v == "AND" || v == "OR" || v == "NOT" || strings.IndexFunc(v, special) >= 0 {
		return false
	}
	return t.Field != Text || fieldEnd(v) < 0
}

func inner(n Node) string {
	switch n.(type) {
	case And, Or:
		return "(" + n.String() + ")"
	}
	return n.String()
}

func join(nodes []Node, by string) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = inner(n)
	}
	return strings.Join(parts, by)
}
