package ssh

import (
	"context"
	"errors"
	"strings"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// operand is a name that the target's scp is given, or makes of one.
type operand struct {
	path    string // as scp has it
	pattern bool   // the files that are meant are in the directory path
	unknown bool   // nobody can tell; path is then as much as shows, and not absolute
}

func operands(t *schemas.Transfer) (out []operand) {
	for _, p := range t.Paths {
		o := operand{path: p.Path, pattern: p.Pattern, unknown: p.Unknown}
		if o.unknown {
			o.path = "*"
		}
		out = append(out, o)
	}
	return out
}

// within is a file in a directory.
func (o operand) within(name string) operand {
	return operand{path: strings.TrimRight(o.path, "/") + "/" + name, unknown: o.unknown}
}

// base is the last part of the name, as scp shows it.
func (o operand) base() string {
	p := strings.TrimRight(o.path, "/")
	return p[strings.LastIndexByte(p, '/')+1:]
}

// nameless reports a directory that scp shows under another name than it has.
func (o operand) nameless() bool {
	b := o.base()
	return b == "" || b == "."
}

// look asks the target what the name means. What cannot be told stays a name that policies do not take for one.
func (o operand) look(ctx context.Context, n *names) (place, error) {
	if o.unknown {
		return place{path: o.path}, nil
	}
	at, err := n.look(ctx, o.path)
	if err != nil {
		at.path = o.path
	}
	return at, err
}

// unlooked is the denial of what the target does not tell the meaning of; nil: it does.
func unlooked(err error) *session.Decision {
	if !errors.Is(err, errNames) {
		return nil
	}
	return session.Deny("builtin/scp", errNames.Error())
}

// refusalText is what scp says of a refusal.
func refusalText(e *schemas.Error) string { return strings.Join(said(e), "; ") }
