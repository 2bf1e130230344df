package session

import (
	"context"
	"encoding/binary"
	"strings"

	"sallyport/schemas"
)

// sql reports whether the command is one of a database.
func (c Command) sql() bool {
	switch c.Kind {
	case schemas.CommandKind_COMMAND_KIND_QUERY, schemas.CommandKind_COMMAND_KIND_PREPARE, schemas.CommandKind_COMMAND_KIND_EXECUTE:
		return true
	}
	return false
}

// circumstances appends what of a command, besides kind and text, a verdict depends on.
func (c Command) circumstances(dst []byte) []byte {
	if c.sql() {
		return dst
	}
	terminal := byte(0)
	if c.Terminal {
		terminal = 1
	}
	if c.Observed {
		terminal |= 2
	}
	dst = append(dst, terminal)
	dst = appendSized(dst, []byte(c.Login))
	for _, m := range []interface {
		MarshalVT() ([]byte, error)
	}{c.Operation, c.Forward} {
		b, err := m.MarshalVT() // of a nil message: nothing
		if err != nil {
			b = []byte(schemas.NewID("unlike any ")) // it is never reused
		}
		dst = appendSized(dst, b)
	}
	return dst
}

func appendSized(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// exec is what a verdict says of a command line, as it is recorded: without what masks detect in its words.
func (d *Decision) exec(ctx context.Context) *schemas.ExecFacts {
	f := fitExec(d.Exec)
	if f == nil || d.Masks == nil || d.Masks.texts() == nil {
		return f
	}
	out := &schemas.ExecFacts{
		Opaque: f.Opaque, Unparsed: f.Unparsed, Interactive: f.Interactive, ParseError: d.hidden(ctx, f.ParseError),
		Reads: d.words(ctx, f.Reads), Writes: d.words(ctx, f.Writes),
	}
	for _, c := range f.Commands {
		out.Commands = append(out.Commands, &schemas.ExecCommand{
			Program: d.hidden(ctx, c.Program), Argv: d.words(ctx, c.Argv), Unknown: c.Unknown, Background: c.Background, Piped: c.Piped})
	}
	return out
}

// words hides what masks detect in words. Where a value goes over several of them, as a card's number in groups
// does, none of them is left.
func (d *Decision) words(ctx context.Context, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = d.hidden(ctx, w)
	}
	if line := strings.Join(out, " "); d.hidden(ctx, line) != line {
		for i := range out {
			out[i] = maskedMarker
		}
	}
	return out
}

// fitExec leaves the words of a command line out where they would not fit: its text is recorded
// anyway.
func fitExec(f *schemas.ExecFacts) *schemas.ExecFacts {
	if f == nil || f.SizeVT() <= maxFacts {
		return f
	}
	out := &schemas.ExecFacts{Opaque: f.Opaque, Unparsed: f.Unparsed, Interactive: f.Interactive, ParseError: name(f.ParseError)}
	for _, c := range f.Commands {
		short := &schemas.ExecCommand{Program: name(c.Program), Background: c.Background, Piped: c.Piped}
		if out.SizeVT()+short.SizeVT() > maxFacts {
			break
		}
		out.Commands = append(out.Commands, short)
	}
	return out
}

// Terminal records the size of a command's terminal. It travels with the next Commit.
func (s *Session) Terminal(t *schemas.Terminal) error {
	t.Type = name(t.Type)
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Terminal{Terminal: t}})
	return s.fail(err)
}

// File records a file that went by. It travels with the next Commit.
func (s *Session) File(f *schemas.File) error {
	f.Path = cut(printable(f.Path), maxText)
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_File{File: f}})
	return s.fail(err)
}
