package replay

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// transcript writes a session as psql would have shown it: prompt and statement, table, tag,
// errors and notices; and what psql does not show, what Sallyport did, in lines that begin with
// "--". Entries come in order. Its output is text with \n, without control characters.
type transcript struct {
	w     io.Writer
	width int

	database string
	commands map[uint64]*running
	texts    map[uint64]*strings.Builder // pieces of long commands, by number of the first

	server string // account and target, of a session on a server
	lines  map[uint64]*plainTerminal
}

// running is a command whose result has not come.
type running struct {
	kind    string
	columns []Column
	table   *table
	copied  byte // last byte of a COPY that was shown
}

// mostShown is how much of a command's text a transcript shows. Exports as NDJSON have all of it.
const mostShown = 1 << 20

func newTranscript(w io.Writer, width int) *transcript {
	return &transcript{w: w, width: width, commands: map[uint64]*running{}, texts: map[uint64]*strings.Builder{}, lines: map[uint64]*plainTerminal{}}
}

func (t *transcript) entry(e Entry) {
	switch e.Kind {
	case KindOpened:
		t.opened(e.Opened)
	case KindText:
		t.piece(e.Text)
	case KindCommand:
		t.command(e.Number, e.Command)
	case KindVerdict:
		t.verdict(e.Verdict)
	case KindHeld:
		t.remark("held until approved (request %s)", e.Held.Approval)
	case KindDecided:
		t.remark("%s%s%s", e.Decided.Decision, by(e.Decided.By), because(e.Decided.Reason))
	case KindColumns:
		t.described(e.Columns)
	case KindRows:
		t.rows(e.Rows)
	case KindBytes:
		t.bytes(e.Bytes)
	case KindObserved:
		t.typed(e.Observed)
	case KindFile:
		t.moved(e.File)
	case KindNotice:
		t.notice(e.Notice)
	case KindResult:
		t.result(e.Result)
	case KindLost:
		for _, r := range e.Lost.Ranges {
			t.remark("entries %d to %d were lost with the gateway", r.First, r.Last)
		}
	case KindClosed:
		t.remark("closed: %s%s%s", e.Closed.Reason, by([]string{e.Closed.By}), because(e.Closed.Message))
	}
}

func by(names []string) string {
	if s := strings.Join(names, ", "); s != "" {
		return " by " + s
	}
	return ""
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func (t *transcript) line(s string) { fmt.Fprintln(t.w, plain(s)) }

func (t *transcript) remark(format string, args ...any) {
	t.line("-- " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n-- "))
}

func (t *transcript) opened(o *Opened) {
	t.database = cmp.Or(o.Database, o.Target)
	if o.Protocol == "ssh" {
		t.server = o.UpstreamUser + "@" + o.Target
	}
	t.remark("%s on %s%s, from %s", o.Principal, o.Target, because(o.Protocol), o.ClientAddress)
}

func (t *transcript) of(command uint64) *running {
	r := t.commands[command]
	if r == nil {
		r = &running{}
		t.commands[command] = r
	}
	return r
}

func (t *transcript) piece(p *Text) {
	if p.Parameter != 0 {
		return
	}
	b := t.texts[p.First]
	if b == nil {
		b = &strings.Builder{}
		t.texts[p.First] = b
	}
	if b.Len() < mostShown {
		b.Write(p.Bytes())
	}
}

func (t *transcript) command(number uint64, c *Command) {
	t.of(number).kind = c.Kind
	text := c.Text
	if b := t.texts[c.TextFirst]; b != nil && c.TextSize > uint64(len(c.Text)) {
		text = b.String()
		delete(t.texts, c.TextFirst)
	}
	if uint64(len(text)) < c.TextSize {
		text += fmt.Sprintf(" … (%d bytes in all)", c.TextSize)
	}
	if t.server != "" {
		t.shell(c, text)
		return
	}
	prompt, further := plain(t.database)+"=> ", plain(t.database)+"-> "
	fmt.Fprintln(t.w, prompt+strings.ReplaceAll(plain(strings.TrimRight(text, " \n")), "\n", "\n"+further))
	if c.Kind == "prepare" {
		t.remark("prepared as %q", c.Statement)
	}
	for i, p := range c.Parameters {
		t.remark("$%d = %s", i+1, shownParameter(p))
	}
}

func shownParameter(p Parameter) string {
	switch {
	case p.Marker != "":
		return "(" + p.Marker + ")"
	case p.Null || p.Text == nil:
		return "null"
	case p.Size > uint64(len(*p.Text)) && !p.Binary:
		return fmt.Sprintf("'%s … (%d bytes in all)", *p.Text, p.Size)
	}
	return "'" + *p.Text + "'"
}

// verdict says what psql does not: an allowed command speaks for itself.
func (t *transcript) verdict(v *Verdict) {
	if v.Outcome == "allow" {
		return
	}
	word := map[string]string{"deny": "denied", "hold": "held"}[v.Outcome]
	if len(v.Reasons) == 0 {
		t.remark("%s", word)
	}
	for _, r := range v.Reasons {
		t.remark("%s by %s%s", word, r.Policy, because(r.Message))
	}
}

// described begins a table: a command of several statements has several.
func (t *transcript) described(c *Columns) {
	r := t.of(c.Command)
	t.endTable(r)
	r.columns, r.table = c.Columns, nil
}

// endTable ends the table that was begun, if one was; it may have no rows.
func (t *transcript) endTable(c *running) {
	if c.table == nil && c.columns != nil && c.kind != "prepare" {
		c.table = newTable(t.w, t.width, c.columns)
	}
	if c.table != nil {
		c.table.end()
		fmt.Fprintf(t.w, "(%d %s)\n", c.table.rows, plural(c.table.rows, "row"))
	}
}

func (t *transcript) rows(r *Rows) {
	c := t.of(r.Command)
	if c.table == nil {
		c.table = newTable(t.w, t.width, c.columns)
	}
	for _, row := range r.Rows {
		c.table.add(row)
	}
	if r.Problem != "" {
		t.remark("%s", r.Problem)
	}
}

func (t *transcript) bytes(b *Bytes) {
	switch {
	case b.Format == "terminal":
		t.terminalOutput(b)
		return
	case b.Format == "withheld", t.server != "" && (b.Channel == "in" || b.Format == "file"):
		return
	}
	if b.Text == nil {
		t.remark("%d bytes %s", len(b.Base64), b.Channel)
		return
	}
	if b.Format == "binary" {
		t.remark("%d bytes %s", len(*b.Text), b.Channel)
		return
	}
	if *b.Text != "" {
		fmt.Fprint(t.w, plainLines(*b.Text))
		t.of(b.Command).copied = (*b.Text)[len(*b.Text)-1]
	}
}

func plainLines(s string) string { return plain(strings.ReplaceAll(s, "\r\n", "\n")) }

func (t *transcript) notice(n *Notice) {
	switch {
	case n.Kind == "notification":
		t.line(fmt.Sprintf("Asynchronous notification %q with payload %q received.", n.Channel, n.Payload))
	case n.Body != nil:
		t.failure(n.Body)
	}
}

func (t *transcript) failure(f *Failure) {
	t.line(f.Severity + ":  " + f.Message)
	if f.Detail != "" {
		t.line("DETAIL:  " + f.Detail)
	}
	if f.Hint != "" {
		t.line("HINT:  " + f.Hint)
	}
}

func (t *transcript) result(r *Result) {
	c := t.of(r.Command)
	if l := t.lines[r.Command]; l != nil {
		fmt.Fprint(t.w, plain(l.flush()))
		delete(t.lines, r.Command)
	}
	if c.copied != 0 && c.copied != '\n' {
		fmt.Fprintln(t.w)
	}
	if c.table != nil || r.Error == nil {
		t.endTable(c)
	}
	switch {
	case r.Error != nil:
		t.failure(r.Error)
	case (c.table == nil || strings.Contains(r.Tag, "; ")) && r.Tag != "":
		t.line(r.Tag)
	case r.Suspended:
		t.remark("more rows follow when they are asked for")
	}
	fmt.Fprintln(t.w)
	delete(t.commands, r.Command)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
