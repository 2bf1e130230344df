package session

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/trace"
)

// Bounds of what one entry holds. Larger texts and parameters go into Text frames.
const (
	maxText   = 64 << 10
	maxName   = 1 << 10
	maxFacts  = 64 << 10
	maxValues = 4096
	piece     = 128 << 10
	// MaxPayload is how much payload a protocol puts into one frame.
	MaxPayload = 128 << 10
	// MaxMoved is how much of it Moved puts into one: output goes in smaller pieces, so that one can be on its way
	// while the next is recorded, within what may be unacknowledged.
	MaxMoved = 256 << 10
)

// Parameter is a value bound to a statement.
type Parameter struct {
	Data   []byte
	Null   bool
	Binary bool
	Type   uint32 // OID; 0: unknown
}

// Command is what a client wants to run.
type Command struct {
	Kind       schemas.CommandKind
	Text       string
	Statement  string
	Portal     string
	Parameters []Parameter

	// What follows is not SQL's.
	Operation *schemas.FileOperation
	Forward   *schemas.Forward
	Terminal  bool   // it has a terminal
	Login     string // account on the target
	Parent    uint64 // the command that it is part of; 0: none
	Observed  bool   // it was seen to run already: see Observe
}

// Command records a command and its verdict, and returns its number. It is on the log for sure
// after the next Commit that returns nil.
func (s *Session) Command(ctx context.Context, c Command, d *Decision) (number uint64, err error) {
	fact := &schemas.Command{
		Kind: c.Kind, Statement: name(c.Statement), Portal: name(c.Portal), Sql: fit(d.Sql),
		Digest: s.Digest(c.Text, c.Parameters),
		Exec:   d.exec(ctx), Operation: c.Operation, Forward: c.Forward, Parent: c.Parent,
	}
	if err := s.text(ctx, fact, s.shown(ctx, c, d)); err != nil {
		return 0, s.fail(err)
	}
	if err := s.parameters(ctx, fact, c.Parameters, d); err != nil {
		return 0, s.fail(err)
	}
	number, err = s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Command{Command: fact}})
	if err != nil {
		return 0, s.fail(err)
	}
	s.Totals.Commands.Add(1)
	_, err = s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{
		Command: number, Outcome: d.Outcome, Reasons: d.Reasons, Revision: d.Revision, Reused: d.Reused, Masks: d.VerdictAnswer.Masks,
	}}})
	return number, s.fail(err)
}

// shown is a command's text as it is recorded: without its secrets, and without what masks detect.
func (s *Session) shown(ctx context.Context, c Command, d *Decision) string {
	return d.hidden(ctx, mark(c.Text, d.Secrets))
}

// hidden is a text without what masks detect in it.
func (d *Decision) hidden(ctx context.Context, text string) string {
	if d.Masks == nil || d.Masks.texts() == nil {
		return text
	}
	out, hits, null := d.Masks.texts().Apply(ctx, nil, []byte(text))
	switch {
	case null:
		return maskedMarker
	case len(hits) > 0:
		return string(out)
	}
	return text
}

const (
	secretMarker = "[secret]"
	maskedMarker = "[masked]"
)

// marker is what is recorded instead of a parameter (counted from 0); empty: it is recorded itself.
func (s *Session) marker(ctx context.Context, p Parameter, i int, d *Decision) string {
	switch {
	case p.Null:
		return ""
	case len(d.Secrets) > 0:
		return secretMarker
	case slices.Contains(d.SecretParameters, uint32(i+1)):
		return maskedMarker
	case d.Masks == nil || d.Masks.texts() == nil:
		return ""
	}
	if _, hits, _ := d.Masks.texts().Apply(ctx, nil, p.Data); len(hits) > 0 {
		return maskedMarker
	}
	return ""
}

// name shortens what only names something.
func name(n string) string { return cut(printable(n), maxName) }

// fit leaves the long lists of facts out where they would not fit: the text they are made from is
// recorded anyway.
func fit(f *schemas.SqlFacts) *schemas.SqlFacts {
	if f == nil || f.SizeVT() <= maxFacts {
		return f
	}
	out := &schemas.SqlFacts{Kinds: f.Kinds, Reads: f.Reads, Writes: f.Writes, Statements: f.Statements,
		UnfilteredWrite: f.UnfilteredWrite, Opaque: f.Opaque, Unparsed: f.Unparsed, ParseError: f.ParseError}
	if out.SizeVT() > maxFacts {
		out.Kinds, out.Reads, out.Writes = nil, nil, nil
	}
	out.ParseError = name(out.ParseError)
	return out
}

// text puts text into the fact, and into acknowledged frames first when it is large.
func (s *Session) text(ctx context.Context, fact *schemas.Command, text string) error {
	fact.TextSize, fact.Attributes = uint64(len(text)), attributes(fact, text)
	if len(text) <= maxText {
		fact.Text = text
		return nil
	}
	first, err := s.pieces(ctx, []byte(text), 0)
	if err != nil {
		return err
	}
	fact.Text, fact.TextFirst = cut(text, maxText), first
	return s.w.Flush(ctx)
}

// attributes are what the last comment of SQL says of where it comes from, in the text as it is
// recorded. Where text cannot be parsed, nobody can tell what is a comment.
func attributes(c *schemas.Command, text string) map[string]string {
	if c.GetSql().GetUnparsed() {
		return nil
	}
	switch c.Kind {
	case schemas.CommandKind_COMMAND_KIND_QUERY, schemas.CommandKind_COMMAND_KIND_PREPARE, schemas.CommandKind_COMMAND_KIND_EXECUTE:
		return trace.Comment(text)
	}
	return nil
}

// cut shortens text at a rune's boundary.
func cut(text string, n int) string {
	if n >= len(text) {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// parameters puts as much of the values into the fact as fits, the rest into frames before it.
// Beyond maxValues there are frames alone; a value without one is null.
func (s *Session) parameters(ctx context.Context, fact *schemas.Command, ps []Parameter, d *Decision) error {
	room := maxText
	for i, p := range ps {
		v := &schemas.Value{Null: p.Null, Binary: p.Binary, Type: p.Type, Size: uint64(len(p.Data)), Data: p.Data}
		marker := s.marker(ctx, p, i, d)
		switch beyond := i >= maxValues; {
		case marker != "":
			v.Data, v.Marker = nil, marker
		case len(p.Data) > room || beyond && !p.Null:
			first, err := s.pieces(ctx, p.Data, uint32(i+1))
			if err != nil {
				return err
			}
			if fact.ParametersFirst == 0 {
				fact.ParametersFirst = first
			}
			v.Data = p.Data[:min(room, 1024, len(p.Data))]
		}
		room -= min(room, len(v.Data)+16)
		if i < maxValues {
			fact.Parameters = append(fact.Parameters, v)
		}
	}
	if fact.ParametersFirst != 0 {
		return s.w.Flush(ctx)
	}
	return nil
}

func (s *Session) pieces(ctx context.Context, data []byte, parameter uint32) (first uint64, err error) {
	for at := 0; at < len(data) || at == 0; at += piece {
		t := &schemas.Text{First: first, Offset: uint64(at), Data: data[at:min(at+piece, len(data))], Parameter: parameter}
		n, err := s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Text{Text: t}})
		if err != nil {
			return 0, err
		}
		if first == 0 {
			first = n
		}
	}
	return first, nil
}

// Commit returns once everything recorded so far that is a fact is acknowledged: what the facts
// are about may then be forwarded. It fails when the session must end, even if the log took all.
// The log gives up by itself when it gets no acknowledgement: a deadline of the session's own
// would cost every command a timer, five allocations and a select, together 1 µs.
func (s *Session) Commit(ctx context.Context) error {
	if !s.g.c.Lease.Valid() {
		s.Stop(End{Reason: ReasonError, Message: "the gateway cannot renew its lease on the log: the session cannot be recorded, so it was ended"})
		return s.Err()
	}
	if err := s.w.Commit(ctx); err != nil {
		return s.fail(err)
	}
	return s.Err()
}

// Flush returns once everything recorded so far is acknowledged, frames too.
func (s *Session) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.g.c.CommitTimeout)
	defer cancel()
	return s.fail(s.w.Flush(ctx))
}

// Columns records the description of rows.
func (s *Session) Columns(ctx context.Context, c *schemas.Columns) error {
	_, err := s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Columns{Columns: c}})
	return s.fail(err)
}

// Rows records rows, as the client gets them. The buffers stay the caller's.
func (s *Session) Rows(ctx context.Context, r *schemas.Rows) error {
	_, err := s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Rows{Rows: r}})
	return s.fail(err)
}

// Bytes records payload without row structure. Bytes towards the target are acknowledged when
// it returns.
func (s *Session) Bytes(ctx context.Context, b *schemas.Bytes) error {
	if _, err := s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Bytes{Bytes: b}}); err != nil {
		return s.fail(err)
	}
	s.moved(b.Channel, len(b.Data))
	if b.Channel != schemas.Channel_CHANNEL_IN {
		s.w.Hasten()
		return nil
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	return s.Err()
}

// Moved records payload towards the target piece by piece, and returns the number of what it recorded: it is forwarded
// only after Acknowledged. It does not block; the caller bounds what waits for that.
func (s *Session) Moved(b *schemas.Bytes) (number uint64, err error) {
	number, err = s.w.Ahead(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Bytes{Bytes: b}})
	s.moved(b.Channel, len(b.Data))
	return number, s.fail(err)
}

// Acknowledged returns once what Moved recorded under that number, and before, is acknowledged (0: nothing needs to be). It
// fails when the session must end, even if the log took all.
func (s *Session) Acknowledged(ctx context.Context, number uint64) error {
	if number > 0 {
		if err := s.w.Await(ctx, number); err != nil {
			return s.fail(err)
		}
	}
	return s.Err()
}

// Result records how a command ended. It travels with the next Commit.
func (s *Session) Result(r *schemas.Result) error {
	var err error
	if r.Error, err = s.spill(r.Command, r.Error); err != nil {
		return s.fail(err)
	}
	_, err = s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Result{Result: r}})
	s.Totals.Rows.Add(r.Rows)
	s.Totals.BytesOut.Add(r.Bytes)
	return s.fail(err)
}

// Notice records what the client was told outside of a result.
func (s *Session) Notice(command uint64, kind string, body *schemas.Failure) error {
	body, err := s.spill(command, body)
	if err == nil {
		_, err = s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Notice{Notice: &schemas.Notice{Command: command, Kind: kind, Body: body}}})
	}
	return s.fail(err)
}

// spill puts what is too long for a fact into frames, and returns what the fact says instead: the
// beginning of each text.
func (s *Session) spill(command uint64, f *schemas.Failure) (*schemas.Failure, error) {
	if f == nil || f.SizeVT() <= maxText {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.g.c.CommitTimeout)
	defer cancel()
	for _, text := range []string{f.Message, f.Detail, f.Hint} {
		for at := 0; at < len(text) && len(text) > maxName; at += piece {
			b := &schemas.Bytes{Command: command, Channel: schemas.Channel_CHANNEL_ERR, Format: "text", Data: []byte(text[at:min(at+piece, len(text))])}
			if _, err := s.w.Frame(ctx, &schemas.Entry{At: s.now(), Kind: &schemas.Entry_Bytes{Bytes: b}}); err != nil {
				return nil, err
			}
		}
	}
	return &schemas.Failure{Severity: name(f.Severity), Code: name(f.Code), Message: name(f.Message), Detail: name(f.Detail), Hint: name(f.Hint)}, nil
}

// Notification records a message of another session that the client listens for.
func (s *Session) Notification(channel, payload string) error {
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Notice{Notice: &schemas.Notice{
		Kind: "notification", Channel: name(channel), Payload: cut(printable(payload), maxText)}}})
	return s.fail(err)
}

// Reported takes, and records, a session parameter that the target reports.
func (s *Session) Reported(parameter, value string) error {
	s.State.Reported(parameter, value)
	_, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_State{State: &schemas.State{Name: cut(printable(parameter), maxName), Value: cut(printable(value), maxText)}}})
	return s.fail(err)
}

// Now is the gateway's clock.
func (s *Session) Now() time.Time { return s.g.c.Now() }

// Elapsed is the duration since start on the gateway's clock, in nanoseconds.
func (s *Session) Elapsed(start time.Time) int64 { return int64(s.g.c.Now().Sub(start)) }
