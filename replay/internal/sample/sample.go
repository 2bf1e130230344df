package sample

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Begin is when every sample begins.
var Begin = time.Date(2026, 1, 2, 10, 0, 0, 123456789, time.UTC)

// Open opens an embedded log that ends with the test.
func Open(t testing.TB) *journal.Log {
	t.Helper()
	log, err := journal.Open(context.Background(), journal.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("open log: %v", err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// Writer writes one session. Each entry is a second after the one before it.
type Writer struct {
	t  testing.TB
	w  *journal.Writer
	ID schemas.SessionID

	At time.Time
}

// Open opens a session of alice on the target orders.
func (g *Gateway) Open(id schemas.SessionID, change ...func(*schemas.Opened)) *Writer {
	g.t.Helper()
	w := &Writer{t: g.t, w: g.log.NewWriter(g.lease, id), ID: id, At: Begin}
	o := &schemas.Opened{
		Principal: &schemas.Principal{Name: "alice@example.com", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}, TokenId: "tok1"},
		Target:    "orders", TargetLabels: map[string]string{"env": "prod", "team": "shop"}, Protocol: "postgres", Database: "shop",
		ClientAddress: "127.0.0.1:50123", ClientName: "psql", Gateway: "gateway1", UpstreamUser: "app", Tls: true,
	}
	for _, f := range change {
		f(o)
	}
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Opened{Opened: o}})
	return w
}

// Gateway holds a lease.
type Gateway struct {
	t     testing.TB
	log   *journal.Log
	lease *journal.Lease
}

// NewGateway takes a lease.
func NewGateway(t testing.TB, log *journal.Log) *Gateway {
	t.Helper()
	lease, err := log.Lease(context.Background(), "sample")
	if err != nil {
		t.Fatalf("take a lease: %v", err)
	}
	return &Gateway{t: t, log: log, lease: lease}
}

func (w *Writer) stamp(e *schemas.Entry) *schemas.Entry {
	e.At = w.At.UnixNano()
	w.At = w.At.Add(time.Second)
	return e
}

// Fact writes a fact and waits for its acknowledgement.
func (w *Writer) Fact(e *schemas.Entry) uint64 {
	w.t.Helper()
	if err := w.w.Commit(context.Background(), w.stamp(e)); err != nil {
		w.t.Fatalf("write fact: %v", err)
	}
	return e.Number
}

// Frame writes a frame and waits for its acknowledgement.
func (w *Writer) Frame(e *schemas.Entry) uint64 {
	w.t.Helper()
	if _, err := w.w.Frame(context.Background(), w.stamp(e)); err != nil {
		w.t.Fatalf("write frame: %v", err)
	}
	if err := w.w.Flush(context.Background()); err != nil {
		w.t.Fatalf("write frame: %v", err)
	}
	return e.Number
}

// Command writes a command and its verdict.
func (w *Writer) Command(c *schemas.Command, outcome schemas.Outcome, reasons ...*schemas.Reason) uint64 {
	w.t.Helper()
	if c.Kind == 0 {
		c.Kind = schemas.CommandKind_COMMAND_KIND_QUERY
	}
	if c.TextSize == 0 {
		c.TextSize = uint64(len(c.Text))
	}
	c.Digest = []byte{0xAB, 0xCD}
	n := w.Fact(&schemas.Entry{Kind: &schemas.Entry_Command{Command: c}})
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: n, Outcome: outcome, Reasons: reasons, Revision: "r1"}}})
	return n
}

// Pending writes an allowed command and its result without waiting, for bulk.
func (w *Writer) Pending(c *schemas.Command, r *schemas.Result) {
	w.t.Helper()
	c.Kind, c.TextSize = schemas.CommandKind_COMMAND_KIND_QUERY, uint64(len(c.Text))
	n := w.pend(&schemas.Entry{Kind: &schemas.Entry_Command{Command: c}})
	w.pend(&schemas.Entry{Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{Command: n, Outcome: schemas.Outcome_OUTCOME_ALLOW}}})
	r.Command = n
	w.pend(&schemas.Entry{Kind: &schemas.Entry_Result{Result: r}})
}

func (w *Writer) pend(e *schemas.Entry) uint64 {
	w.t.Helper()
	n, err := w.w.Fact(w.stamp(e))
	if err != nil {
		w.t.Fatalf("write fact: %v", err)
	}
	return n
}

// Rows writes rows of text; nil is null.
func (w *Writer) Rows(command uint64, rows ...[]*string) {
	w.t.Helper()
	f := &schemas.Rows{Command: command, Count: uint32(len(rows))}
	for _, row := range rows {
		f.Columns = uint32(len(row))
		for _, c := range row {
			if c == nil {
				f.Cells = binary.BigEndian.AppendUint32(f.Cells, 0xFFFFFFFF)
				continue
			}
			f.Cells = append(binary.BigEndian.AppendUint32(f.Cells, uint32(len(*c))), *c...)
		}
	}
	w.Frame(&schemas.Entry{Kind: &schemas.Entry_Rows{Rows: f}})
}

// Columns writes the description of rows.
func (w *Writer) Columns(command uint64, columns ...*schemas.Column) {
	w.t.Helper()
	w.Frame(&schemas.Entry{Kind: &schemas.Entry_Columns{Columns: &schemas.Columns{Command: command, Columns: columns}}})
}

// Result ends a command.
func (w *Writer) Result(r *schemas.Result) {
	w.t.Helper()
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Result{Result: r}})
}

// Close closes the session. The time of the closing is the log's own.
func (w *Writer) Close(c *schemas.Closed) {
	w.t.Helper()
	if err := w.w.Close(context.Background(), c); err != nil {
		w.t.Fatalf("close session: %v", err)
	}
}

// Cells makes a row of text.
func Cells(cells ...string) (row []*string) {
	for _, c := range cells {
		row = append(row, &c)
	}
	return row
}

// Story writes what a small session may hold: a SELECT with a null, a hostile cell and a binary
// column, a refused DROP, an error, a parameter, a COPY, a notice; and leaves it open.
func (g *Gateway) Story(id schemas.SessionID, change ...func(*schemas.Opened)) *Writer {
	g.t.Helper()
	w := g.Open(id, change...)
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_State{State: &schemas.State{Name: "TimeZone", Value: "UTC"}}})
	n := w.Command(&schemas.Command{Text: "SELECT id, name, note\nFROM customers;", Sql: &schemas.SqlFacts{Kinds: []string{"SELECT"}, Reads: []string{"public.customers"}, Statements: 1}}, schemas.Outcome_OUTCOME_ALLOW)
	w.Columns(n, &schemas.Column{Name: "id", Type: 23, TypeName: "int4", Binary: true}, &schemas.Column{Name: "name", Type: 25}, &schemas.Column{Name: "note", Type: 25, Masked: true})
	note := "</script><script>alert(1)</script> \x1b[2J"
	w.Rows(n, []*string{four(1), ref("Ada"), nil}, []*string{four(2), ref("Grace Müller"), &note})
	w.Result(&schemas.Result{Command: n, Tag: "SELECT 2", Rows: 2, Bytes: 64, Duration: 1_500_000})
	n = w.Command(&schemas.Command{Text: "DROP TABLE customers", Sql: &schemas.SqlFacts{Kinds: []string{"DROP"}, Writes: []string{"public.customers"}, Statements: 1}}, schemas.Outcome_OUTCOME_DENY, &schemas.Reason{Policy: "no-drops", Message: "tables stay"})
	w.Result(&schemas.Result{Command: n, Refused: true, Error: &schemas.Failure{Severity: "ERROR", Code: "42501", Message: "refused by policy no-drops: tables stay", Hint: "ask the DBAs"}})
	n = w.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_EXECUTE, Text: "SELECT * FROM nowhere WHERE id = $1 AND s = $2", Statement: "s1", Parameters: []*schemas.Value{
		{Data: []byte{0, 0, 0, 7}, Binary: true, Type: 23, Size: 4}, {Marker: "bound for a masked column"},
	}}, schemas.Outcome_OUTCOME_ALLOW)
	w.Result(&schemas.Result{Command: n, Duration: 300_000, Error: &schemas.Failure{Severity: "ERROR", Code: "42P01", Message: `relation "nowhere" does not exist`}})
	n = w.Command(&schemas.Command{Text: "COPY customers TO STDOUT"}, schemas.Outcome_OUTCOME_ALLOW)
	w.Frame(&schemas.Entry{Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: n, Channel: schemas.Channel_CHANNEL_OUT, Format: "text", Data: []byte("1\tAda\t\\N\n2\tGrace\tx\n")}}})
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Notice{Notice: &schemas.Notice{Command: n, Kind: "notice", Body: &schemas.Failure{Severity: "NOTICE", Message: "that was all"}}}})
	w.Result(&schemas.Result{Command: n, Tag: "COPY 2", Rows: 2, Bytes: 19, Duration: 900_000})
	return w
}

func four(n uint32) *string {
	return ref(string(binary.BigEndian.AppendUint32(nil, n)))
}

func ref(s string) *string { return &s }

// Terminal writes a shell's session of a length, in which something happens all the time: a
// command line is typed, and output follows, of some bytes in all. The shell is open in the end.
func (w *Writer) Terminal(length time.Duration, lines, bytes int) (shell uint64) {
	w.t.Helper()
	shell = w.Command(&schemas.Command{Kind: schemas.CommandKind_COMMAND_KIND_SHELL}, schemas.Outcome_OUTCOME_ALLOW)
	w.Fact(&schemas.Entry{Kind: &schemas.Entry_Terminal{Terminal: &schemas.Terminal{Command: shell, Type: "xterm-256color", Columns: 100, Rows: 30}}})
	begin := w.At
	for i := range lines {
		w.At = begin.Add(length * time.Duration(i) / time.Duration(lines))
		text := fmt.Sprintf("make step-%d", i)
		w.output(shell, schemas.Channel_CHANNEL_IN, text+"\r")
		w.output(shell, schemas.Channel_CHANNEL_OUT, text+"\r\n")
		w.pend(&schemas.Entry{Kind: &schemas.Entry_Observed{Observed: &schemas.Observed{Command: shell, Text: text, Source: "marks", Ended: true, ExitStatus: int32(i % 5 / 4)}}})
		for left, n := bytes/lines, 0; left > 0; n++ {
			line := fmt.Sprintf("\x1b[3%dmstep %d\x1b[0m line %d of what it says %s\r\n", n%7+1, i, n, strings.Repeat("·", n%40))
			w.output(shell, schemas.Channel_CHANNEL_OUT, line)
			left -= len(line)
		}
		w.output(shell, schemas.Channel_CHANNEL_OUT, "$ ")
	}
	if err := w.w.Flush(context.Background()); err != nil {
		w.t.Fatalf("write terminal: %v", err)
	}
	return shell
}

// output writes a frame without waiting; a millisecond passes.
func (w *Writer) output(command uint64, channel schemas.Channel, text string) {
	w.t.Helper()
	e := &schemas.Entry{At: w.At.UnixNano(), Kind: &schemas.Entry_Bytes{Bytes: &schemas.Bytes{Command: command, Channel: channel, Format: "terminal", Data: []byte(text)}}}
	w.At = w.At.Add(time.Millisecond)
	if _, err := w.w.Frame(context.Background(), e); err != nil {
		w.t.Fatalf("write output: %v", err)
	}
}
