package replay

import (
	"cmp"
	"fmt"
	"strings"
)

// shell writes what was done on a server: command lines behind a prompt, the rest as remarks.
func (t *transcript) shell(c *Command, text string) {
	switch c.Kind {
	case "exec", "line":
		fmt.Fprintln(t.w, t.prompt()+strings.ReplaceAll(plain(strings.TrimRight(text, " \n")), "\n", "\n> "))
	case "shell":
		t.remark("a shell")
	case "file":
		t.remark("%s", cmp.Or(t.operation(c.Operation), text))
	case "forward":
		if f := c.Forward; f != nil {
			t.remark("forward %s %s:%d", f.Direction, f.Host, f.Port)
		}
	default:
		t.remark("%s %s", c.Kind, text)
	}
}

func (t *transcript) operation(o *Operation) string {
	switch {
	case o == nil:
		return ""
	case o.To != "":
		return fmt.Sprintf("%s %s -> %s", o.Operation, o.Path, o.To)
	}
	return strings.TrimSpace(o.Operation + " " + o.Path + " " + o.Detail)
}

func (t *transcript) prompt() string { return plain(t.server) + "$ " }

// typed writes a command line that was seen to be typed. It stands on the screen as well.
func (t *transcript) typed(o *Observed) {
	status := ""
	if o.Ended {
		status = fmt.Sprintf(", exit %d", o.ExitStatus)
	}
	t.remark("typed (as seen by %s%s): %s", o.Source, status, o.Text)
}

func (t *transcript) moved(f *File) {
	t.remark("%s: %d bytes in, %d bytes out", f.Path, f.BytesIn, f.BytesOut)
}

// terminalOutput writes the lines of a terminal as they scroll by, without what moves the cursor.
func (t *transcript) terminalOutput(b *Bytes) {
	if b.Channel == "in" {
		return
	}
	l := t.lines[b.Command]
	if l == nil {
		l = &plainTerminal{}
		t.lines[b.Command] = l
	}
	fmt.Fprint(t.w, plain(l.write(b.Payload.Bytes())))
}

// plainTerminal takes escape sequences out of output (ECMA-48), and lines that are written anew stand once.
type plainTerminal struct {
	state  int
	line   []rune
	cursor int
	rest   []byte
}

const (
	plainText = iota
	plainEscape
	plainControl
	plainString
	plainStringEnd
	plainCharset
)

// mostLine bounds a line that is not ended.
const mostLine = 64 << 10

// write returns the lines that ended.
func (p *plainTerminal) write(data []byte) string {
	data = append(p.rest, data...)
	whole := len(data) - unfinished(data)
	p.rest = append([]byte(nil), data[whole:]...)
	var out strings.Builder
	for _, r := range string(data[:whole]) {
		if p.put(r) || len(p.line) > mostLine {
			out.WriteString(strings.TrimRight(string(p.line), " "))
			out.WriteByte('\n')
			p.line, p.cursor = p.line[:0], 0
		}
	}
	return out.String()
}

// flush returns the line that has not ended.
func (p *plainTerminal) flush() string {
	s := strings.TrimRight(string(p.line), " ")
	p.line, p.cursor = nil, 0
	if s != "" {
		s += "\n"
	}
	return s
}

// put reports the end of a line.
func (p *plainTerminal) put(r rune) bool {
	switch p.state {
	case plainEscape:
		p.state = plainText
		switch r {
		case '[':
			p.state = plainControl
		case ']', 'P', 'X', '^', '_':
			p.state = plainString
		case '(', ')', '*', '+', '#', '%', ' ':
			p.state = plainCharset
		}
		return false
	case plainControl:
		if r >= 0x40 && r <= 0x7e {
			p.state = plainText
			if r == 'H' || r == 'f' || r == 'J' { // elsewhere, or nothing any more
				return len(p.line) > 0
			}
			if r == 'K' && p.cursor < len(p.line) {
				p.line = p.line[:p.cursor]
			}
		}
		return false
	case plainString:
		if r == 0x07 {
			p.state = plainText
		} else if r == 0x1b {
			p.state = plainStringEnd
		}
		return false
	case plainStringEnd, plainCharset:
		p.state = plainText
		return false
	}
	switch {
	case r == 0x1b:
		p.state = plainEscape
	case r == '\n':
		return true
	case r == '\r':
		p.cursor = 0
	case r == '\b':
		p.cursor = max(0, p.cursor-1)
	case r == '\t' || r >= ' ' && r != 0x7f:
		if p.cursor < len(p.line) {
			p.line[p.cursor] = r
		} else {
			p.line = append(p.line, r)
		}
		p.cursor++
	}
	return false
}
