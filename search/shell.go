package search

import (
	"context"
	"path"
	"strings"

	"sallyport/schemas"
	"sallyport/search/internal/query"
)

// meaning is what facts say of a command before it runs.
func meaning(c *schemas.Command) about {
	a := about{
		Kinds:   c.GetSql().GetKinds(),
		Tables:  union(c.GetSql().GetReads(), c.GetSql().GetWrites()),
		Columns: c.GetSql().GetColumns(),
	}
	if kind, ok := shellKinds[c.GetKind()]; ok {
		a.Kinds = append([]string{kind}, a.Kinds...)
	}
	a.executes(c.GetExec())
	if op := c.GetOperation(); op != nil {
		a.Kinds = append(a.Kinds, strings.ToUpper(op.Operation))
		a.Paths = union(a.Paths, present(op.Path, op.To))
	}
	if f := c.GetForward(); f != nil {
		a.Kinds = append(a.Kinds, strings.ToUpper(f.Direction))
	}
	return a
}

// shellKinds are what kind: calls commands that are not SQL.
var shellKinds = map[schemas.CommandKind]string{
	schemas.CommandKind_COMMAND_KIND_EXEC: "EXEC", schemas.CommandKind_COMMAND_KIND_SHELL: "SHELL", schemas.CommandKind_COMMAND_KIND_LINE: "LINE",
	schemas.CommandKind_COMMAND_KIND_SUBSYSTEM: "SUBSYSTEM", schemas.CommandKind_COMMAND_KIND_FILE: "FILE", schemas.CommandKind_COMMAND_KIND_FORWARD: "FORWARD",
}

// executes adds the programs and files of a command line.
func (a *about) executes(f *schemas.ExecFacts) {
	for _, c := range f.GetCommands() {
		a.Programs = union(a.Programs, present(c.Program))
		if len(c.Argv) > 0 && strings.Contains(c.Argv[0], "/") {
			a.Programs = union(a.Programs, present(path.Clean(c.Argv[0])))
		}
	}
	a.Paths = union(a.Paths, union(f.GetReads(), f.GetWrites()))
}

func present(names ...string) []string {
	var out []string
	for _, n := range names {
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}

// pathTails adds to each path its shorter ends: passwd and etc/passwd for /etc/passwd.
func pathTails(paths []string) []string {
	out := make([]string, 0, 3*len(paths))
	for _, p := range paths {
		out = append(out, p)
		for rest, more := strings.TrimPrefix(p, "/"), true; more; _, rest, more = strings.Cut(rest, "/") {
			if rest != "" && rest != p {
				out = append(out, rest)
			}
		}
	}
	return out
}

// observed adds a command line that was seen to be typed. What is said of it is of itself, not of its shell.
func (b *batch) observed(ctx context.Context, id schemas.SessionID, l located, o *schemas.Observed) error {
	s, err := b.session(ctx, id)
	if err != nil {
		return err
	}
	r := newRecord(query.Observed, s, l)
	r.Command, r.Text = o.Command, split(o.Text)[0]
	r.About.Kinds = []string{"OBSERVED"}
	r.About.executes(o.Exec)
	b.put(r)
	return nil
}

// file adds a file that went by.
func (b *batch) file(ctx context.Context, id schemas.SessionID, l located, f *schemas.File) error {
	s, err := b.session(ctx, id)
	if err != nil {
		return err
	}
	r := newRecord(query.File, s, l)
	r.Command, r.Text = f.Command, split(f.Path)[0]
	r.About.Kinds, r.About.Paths = []string{"TRANSFER"}, present(f.Path)
	b.put(r)
	return nil
}
