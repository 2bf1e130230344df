package search

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/values"
	"sallyport/search/internal/query"
)

func (b *batch) opened(id schemas.SessionID, o *schemas.Opened) {
	b.put(&record{Part: partSession, Session: newSession(id, o)})
}

func (b *batch) command(ctx context.Context, id schemas.SessionID, l located, c *schemas.Command) error {
	s, err := b.session(ctx, id)
	if err != nil {
		return err
	}
	whole, err := b.whole(ctx, id, l.Entry.Number, c)
	if err != nil {
		return err
	}
	r := newRecord(query.Command, s, l)
	r.Command = r.Number
	r.About = meaning(c)
	r.About.Attributes = c.GetAttributes()
	chunks := split(whole.text)
	r.Text = chunks[0]
	b.rest(r, query.Command, chunks[1:])
	for _, p := range whole.parameters {
		chunks := split(p)
		if chunks[0] != "" {
			r.Params = append(r.Params, chunks[0])
		}
		b.rest(r, query.Parameter, chunks[1:])
	}
	b.put(r)
	return nil
}

// rest adds the documents of what is too long for the command's own.
func (b *batch) rest(r *record, part string, chunks []string) {
	for _, text := range chunks {
		r.Chunks++
		b.put(&record{
			Part: part, Session: r.Session, Number: r.Number, Chunk: r.Chunks, Command: r.Command,
			Sequence: r.Sequence, Time: r.Time, About: r.About, Text: text,
		})
	}
}

// judge changes what a command's documents say about its verdict.
func (b *batch) judge(ctx context.Context, id schemas.SessionID, command uint64, change func(*about)) error {
	r, err := b.get(recordKey(id, command, 0))
	if err != nil || r == nil {
		return err // nil: the log no longer has the command
	}
	a := r.About
	a.Verdicts, a.Policies = slices.Clone(a.Verdicts), slices.Clone(a.Policies)
	change(&a)
	r.About = a
	b.put(r)
	for i := range r.Chunks {
		c, err := b.get(recordKey(id, command, i+1))
		if err != nil {
			return err
		}
		if c != nil {
			c.About = a
			b.put(c)
		}
	}
	return nil
}

func (b *batch) verdict(ctx context.Context, id schemas.SessionID, v *schemas.Verdict) error {
	return b.judge(ctx, id, v.Command, func(a *about) {
		a.Verdict = outcomes[v.Outcome]
		a.judged(a.Verdict)
		for _, r := range v.Reasons {
			if r.Policy != "" && !slices.Contains(a.Policies, r.Policy) {
				a.Policies = append(a.Policies, r.Policy)
			}
		}
	})
}

var outcomes = map[schemas.Outcome]string{
	schemas.Outcome_OUTCOME_ALLOW: "allow",
	schemas.Outcome_OUTCOME_DENY:  "deny",
	schemas.Outcome_OUTCOME_HOLD:  "hold",
}

// decided adds to a hold what became of it, so that both verdict:held and verdict:denied find a
// command that nobody approved.
func (b *batch) decided(ctx context.Context, id schemas.SessionID, d *schemas.Decided) error {
	return b.judge(ctx, id, d.Command, func(a *about) {
		if d.Decision == "approved" {
			a.judged("allow")
		} else {
			a.judged("deny")
		}
	})
}

func (b *batch) result(ctx context.Context, id schemas.SessionID, l located, res *schemas.Result) error {
	f := newFailure(l, res.Error)
	r, err := b.get(recordKey(id, res.Command, 0))
	if err != nil {
		return err
	}
	if r != nil && res.Command != 0 {
		if res.Tag != "" {
			r.Tag = res.Tag
		}
		if f != nil {
			r.Failure = f
		}
		b.put(r)
		return nil
	}
	if f == nil {
		return nil
	}
	return b.own(ctx, id, l, &record{Part: query.Failure, Command: res.Command, Failure: f})
}

func (b *batch) notice(ctx context.Context, id schemas.SessionID, l located, n *schemas.Notice) error {
	words := []string{n.Channel, n.Payload}
	if n.Body != nil {
		words = append([]string{failureText(n.Body)}, words...)
	}
	text := strings.TrimSpace(strings.Join(words, " "))
	for i, chunk := range split(text) {
		if err := b.own(ctx, id, l, &record{Part: query.Notice, Command: n.Command, Chunk: i, Text: chunk}); err != nil {
			return err
		}
	}
	return nil
}

// own adds a record of its own for an entry, with what is known of its session and command.
func (b *batch) own(ctx context.Context, id schemas.SessionID, l located, r *record) error {
	if r.Text == "" && r.Failure == nil {
		return nil
	}
	s, err := b.session(ctx, id)
	if err != nil {
		return err
	}
	command, err := b.get(recordKey(id, r.Command, 0))
	if err != nil {
		return err
	}
	if command != nil {
		r.About = command.About
	}
	r.Session, r.Number, r.Sequence, r.Time = s, l.Entry.Number, l.Sequence, l.Time.UnixNano()
	b.put(r)
	return nil
}

func newFailure(l located, f *schemas.Failure) *failure {
	if f == nil {
		return nil
	}
	return &failure{Number: l.Entry.Number, Sequence: l.Sequence, Code: f.Code, Text: failureText(f)}
}

func failureText(f *schemas.Failure) string {
	lines := []string{strings.TrimSpace(f.Severity+" "+f.Code) + ": " + f.Message}
	for _, more := range []string{f.Detail, f.Hint} {
		if more != "" {
			lines = append(lines, more)
		}
	}
	return strings.Join(lines, "\n")
}

func union(a, b []string) []string {
	var out []string
	for _, s := range slices.Concat(a, b) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// wholeCommand is a command with what Text frames hold of it.
type wholeCommand struct {
	text       string
	parameters []string
}

// whole reads what is too long for the Command itself. It was acknowledged before the Command.
func (b *batch) whole(ctx context.Context, id schemas.SessionID, number uint64, c *schemas.Command) (wholeCommand, error) {
	text := []byte(c.Text)
	data := make([][]byte, len(c.Parameters))
	long := make([]bool, len(c.Parameters))
	from := firstOf(c.TextFirst, c.ParametersFirst)
	for i, p := range c.Parameters {
		data[i] = p.Data
		if long[i] = p.Size > uint64(len(p.Data)) && from > 0; long[i] {
			data[i] = nil
		}
	}
	if c.TextFirst > 0 {
		text = nil
	}
	if from > 0 {
		if err := b.texts(ctx, id, from, number, func(t *schemas.Text) {
			switch i := int(t.Parameter); {
			case i == 0 && c.TextFirst > 0:
				text = append(text, t.Data...)
			case i > 0 && i <= len(data) && long[i-1]:
				data[i-1] = append(data[i-1], t.Data...)
			}
		}); err != nil {
			return wholeCommand{}, err
		}
	}
	if text == nil {
		text = []byte(c.Text) // the frames are gone
	}
	w := wholeCommand{text: values.Clean(text)}
	for i, p := range c.Parameters {
		if !p.Null && p.Marker == "" {
			w.parameters = append(w.parameters, values.Text(p.Type, p.Binary, data[i]))
		}
	}
	return w, nil
}

func firstOf(a, b uint64) uint64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// texts reads the Text frames with numbers in [from, until).
func (b *batch) texts(ctx context.Context, id schemas.SessionID, from, until uint64, f func(*schemas.Text)) error {
	err := b.log.ReadSession(ctx, id, journal.ReadOptions{From: from}, func(l located) error {
		if l.Entry.Number >= until {
			return errDone
		}
		if t := l.Entry.GetText(); t != nil {
			f(t)
		}
		return nil
	})
	if errors.Is(err, errDone) || errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	return err
}
